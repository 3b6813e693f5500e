/** Figures of the buffer for status, metrics and the summaries' health part. */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Stream } from '../protocols/uplink/messages.ts';
import { STREAMS } from '../protocols/uplink/topics.ts';
import { currentEpoch } from './epochs.ts';
import { firstIdOf } from './message-id.ts';
import { schemaVersionOf } from './migrations.ts';
import { prepared, preparedPluck } from './prepared.ts';
import { bytesWrittenOn, DAY_MS } from './wear-meter.ts';

export interface BufferStatistics {
  /** Signed and not receipted; refused ones are not among them. */
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  /** Wall time of the oldest pending message; absent when the outbox is empty. */
  readonly oldestPendingMs?: number;
  readonly refusedMessages: number;
  /** In blocks that have not been evicted. */
  readonly observationsStored: number;
  /** Detections, and those of them whose frames are still there. */
  readonly casesStored: number;
  readonly evidenceStored: number;
  /** Database and WAL together. */
  readonly databaseBytes: number;
  /** To the storage by this process and those before it, on the UTC day. */
  readonly bytesWrittenToday: number;
  readonly bytesWrittenYesterday: number;
  readonly epoch: number;
  /** Why the epoch began and when (wall clock). */
  readonly epochFacts?: { readonly reason: string; readonly beganMs: number };
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

/** Cheap whatever the size of the file: nothing here walks a table that grows without a limit. */
export function readStatistics(database: Database, path: string, nowMs: number): BufferStatistics {
  const epoch = currentEpoch(database)?.epoch ?? 0;
  const epochFacts = prepared<[number], { reason: string; beganMs: number }>(
    database,
    'SELECT reason, beganMs FROM epoch WHERE epoch = ?',
  ).get(epoch);
  const totals = prepared<[], { messages: number; bytes: number; refused: number }>(
    database,
    `SELECT coalesce(sum(pendingMessages), 0) AS messages,
         coalesce(sum(pendingBytes), 0) AS bytes, coalesce(sum(refusedMessages), 0) AS refused
       FROM stream_head`,
  ).get() ?? { messages: 0, bytes: 0, refused: 0 };
  const oldest = preparedPluck<[number, number], number>(
    database,
    'SELECT createdMs FROM outbox WHERE id > ? AND id < ? ORDER BY id LIMIT 1',
  );
  const oldestPendingMs = STREAMS.flatMap(
    (stream) => oldest.get(firstIdOf(stream), firstIdOf(stream + 1)) ?? [],
  ).toSorted((a, b) => a - b)[0];
  const lastReceipt = prepared<[], { appliedMs: number; hubTimeMs: number }>(
    database,
    'SELECT appliedMs, hubTimeMs FROM receipt ORDER BY appliedMs DESC LIMIT 1',
  ).get();
  return {
    outboxMessages: totals.messages,
    outboxBytes: totals.bytes,
    ...(oldestPendingMs !== undefined && { oldestPendingMs }),
    refusedMessages: totals.refused,
    observationsStored: observationsStored(database),
    casesStored: rowsOf(database, 'detection'),
    evidenceStored: schemaVersionOf(database) < 2 ? 0 : rowsOf(database, 'evidence_block'),
    databaseBytes: sizeOf(path) + sizeOf(`${path}-wal`),
    bytesWrittenToday: bytesWrittenOn(database, nowMs),
    bytesWrittenYesterday: bytesWrittenOn(database, nowMs - DAY_MS),
    epoch,
    ...(epochFacts !== undefined && { epochFacts }),
    streams: prepared<[number], StreamStatistics>(
      database,
      'SELECT stream, lastSequence FROM stream_head WHERE epoch = ? ORDER BY stream',
    ).all(epoch),
    ...(lastReceipt !== undefined && { lastReceipt }),
    counters: Object.fromEntries(
      prepared<[], { name: string; value: number }>(database, 'SELECT name, value FROM counter')
        .all()
        .map(({ name, value }) => [name, value]),
    ),
  };
}

/** Each block holds the running total, so the first and the last one tell. */
function observationsStored(database: Database): number {
  const end = (order: 'ASC' | 'DESC'): { count: number; total: number } | undefined =>
    prepared<[], { count: number; total: number }>(
      database,
      `SELECT count, total FROM observation_block ORDER BY id ${order} LIMIT 1`,
    ).get();
  const first = end('ASC');
  const last = end('DESC');
  return first === undefined || last === undefined ? 0 : last.total - first.total + first.count;
}

/** Of tables that hold 10,000 rows at most. */
function rowsOf(database: Database, table: 'detection' | 'evidence_block'): number {
  return preparedPluck<[], number>(database, `SELECT count(*) FROM ${table}`).get() ?? 0;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
