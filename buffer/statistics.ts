/** Figures of the buffer for status, metrics and the summaries' health part. */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Stream } from '../protocols/uplink/messages.ts';
import { currentEpoch } from './epochs.ts';

export interface BufferStatistics {
  /** Signed and not receipted; refused ones are not among them. */
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  /** Wall time of the oldest pending message; absent when the outbox is empty. */
  readonly oldestPendingMs?: number;
  readonly refusedMessages: number;
  /** In blocks that have not been evicted. */
  readonly observationsStored: number;
  /** Database and WAL together. */
  readonly databaseBytes: number;
  readonly epoch: number;
  readonly streams: readonly StreamStatistics[];
  /** Wall time at which the last receipt was applied, and the hub's own time in it. */
  readonly lastReceipt?: { readonly appliedMs: number; readonly hubTimeMs: number };
  /** Since the file was made: `observationsEvicted`, `summariesRefused`, `forks`... */
  readonly counters: Readonly<Record<string, number>>;
}

export interface StreamStatistics {
  readonly stream: Stream;
  /** Highest sequence signed in the current epoch; sequence 1 is `epochBegins`. */
  readonly lastSequence: number;
}

export interface StoredTotals {
  readonly messages: number;
  readonly bytes: number;
  readonly refused: number;
  readonly observations: number;
}

/** Walks the whole outbox and all blocks: at open, not on each question. */
export function countStored(database: Database): StoredTotals {
  const totals = database
    .prepare<[], { state: string; messages: number; bytes: number }>(
      'SELECT state, count(*) AS messages, sum(bytes) AS bytes FROM outbox GROUP BY state',
    )
    .all();
  const pending = totals.find(({ state }) => state === 'pending');
  return {
    messages: pending?.messages ?? 0,
    bytes: pending?.bytes ?? 0,
    refused: totals.find(({ state }) => state === 'refused')?.messages ?? 0,
    observations:
      database
        .prepare<[], number>('SELECT coalesce(sum(count), 0) FROM observation_block')
        .pluck()
        .get() ?? 0,
  };
}

export function readStatistics(
  database: Database,
  path: string,
  totals: StoredTotals,
): BufferStatistics {
  const epoch = currentEpoch(database)?.epoch ?? 0;
  const oldestPendingMs = database
    .prepare<[], number>(
      `SELECT min(createdMs) FROM (
         SELECT createdMs FROM (SELECT createdMs FROM outbox
           WHERE stream = 1 AND state = 'pending' ORDER BY id LIMIT 1)
         UNION ALL SELECT createdMs FROM (SELECT createdMs FROM outbox
           WHERE stream = 2 AND state = 'pending' ORDER BY id LIMIT 1))`,
    )
    .pluck()
    .get();
  const lastReceipt = database
    .prepare<[], { appliedMs: number; hubTimeMs: number }>(
      'SELECT appliedMs, hubTimeMs FROM receipt ORDER BY appliedMs DESC LIMIT 1',
    )
    .get();
  return {
    outboxMessages: totals.messages,
    outboxBytes: totals.bytes,
    ...(typeof oldestPendingMs === 'number' && { oldestPendingMs }),
    refusedMessages: totals.refused,
    observationsStored: totals.observations,
    databaseBytes: sizeOf(path) + sizeOf(`${path}-wal`),
    epoch,
    streams: database
      .prepare<[number], StreamStatistics>(
        'SELECT stream, lastSequence FROM stream_head WHERE epoch = ? ORDER BY stream',
      )
      .all(epoch),
    ...(lastReceipt !== undefined && { lastReceipt }),
    counters: Object.fromEntries(
      database
        .prepare<[], { name: string; value: number }>('SELECT name, value FROM counter')
        .all()
        .map(({ name, value }) => [name, value]),
    ),
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
