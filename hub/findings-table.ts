/**
 * What the hub has to tell its operator: messages refused, forks, gaps, silence. One row a case
 * with a count, so that a flood of forgeries costs one row.
 */
import type Database from 'better-sqlite3';
import type { DroppedRange, MessageKey } from './store.ts';

export type FindingKind = 'refused' | 'forked' | 'gap' | 'silent';

/** Rows; further cases are only counted in the log. */
export const FINDINGS_MAX = 100_000;
const DETAIL_CHARACTERS_MAX = 200;
/** Agents newly silent in one look; the next look finds the others. */
export const SILENT_FOUND_MAX = 1000;

export class FindingsTable {
  readonly #count: Database.Statement<[], number>;
  readonly #repeat: Database.Statement<unknown[]>;
  readonly #insert: Database.Statement<unknown[]>;
  readonly #closeGaps: Database.Statement<unknown[]>;
  readonly #back: Database.Statement<unknown[]>;
  readonly #silent: Database.Statement<[number], { agentId: string; lastMs: number }>;
  #rows: number;

  constructor(database: Database.Database) {
    this.#count = database.prepare<[], number>('SELECT count(*) FROM finding').pluck();
    this.#repeat = database.prepare(
      `UPDATE finding SET occurrencesCount = occurrencesCount + 1, lastSeenAtMs = ?, detail = ?,
         closedAtMs = NULL
       WHERE agentId = ? AND kind = ? AND reason = ? AND epoch = ? AND stream = ? AND sequence = ?`,
    );
    this.#insert = database.prepare(
      `INSERT INTO finding (lastSeenAtMs, detail, agentId, kind, reason, epoch, stream, sequence,
         firstSeenAtMs, occurrencesCount) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
    );
    this.#closeGaps = database.prepare(
      `UPDATE finding SET closedAtMs = ? WHERE agentId = ? AND kind = 'gap' AND reason = 'missing'
         AND epoch = ? AND stream = ? AND sequence <= ? AND closedAtMs IS NULL`,
    );
    this.#back = database.prepare(
      `UPDATE finding SET closedAtMs = ? WHERE kind = 'silent' AND closedAtMs IS NULL
         AND EXISTS (SELECT 1 FROM stream_state AS state WHERE state.agentId = finding.agentId
           AND lastReceivedAtMs > ?)`,
    );
    this.#silent = database.prepare(
      `SELECT agentId, max(lastReceivedAtMs) AS lastMs FROM stream_state
       WHERE NOT EXISTS (SELECT 1 FROM finding WHERE finding.agentId = stream_state.agentId
         AND kind = 'silent' AND closedAtMs IS NULL)
       GROUP BY agentId HAVING lastMs <= ? LIMIT ${SILENT_FOUND_MAX}`,
    );
    this.#rows = this.#count.get() ?? 0;
  }

  /** Inside the caller's transaction; `key` without sequence 0 names one message. */
  add(kind: FindingKind, reason: string, key: MessageKey, detail: string, nowMs: number): void {
    const place = [key.agentId, kind, reason, key.epoch, key.stream, key.sequence];
    const short = detail.slice(0, DETAIL_CHARACTERS_MAX);
    if (this.#repeat.run(nowMs, short, ...place).changes > 0) return;
    if (this.#rows >= FINDINGS_MAX) return;
    this.#insert.run(nowMs, short, ...place, nowMs);
    this.#rows += 1;
  }

  /** Every hole up to `cumulative` is filled. */
  closeGaps(key: Omit<MessageKey, 'sequence'>, cumulative: number, nowMs: number): void {
    this.#closeGaps.run(nowMs, key.agentId, key.epoch, key.stream, cumulative);
  }

  /** Opens a finding for each agent that fell silent, closes those that are back. */
  watchSilence(nowMs: number, silentAfterMs: number): readonly string[] {
    this.#back.run(nowMs, nowMs - silentAfterMs);
    const silent = this.#silent.all(nowMs - silentAfterMs);
    for (const { agentId, lastMs } of silent) {
      const detail = `nothing received since ${new Date(lastMs).toISOString()}`;
      const place = { agentId, epoch: 0, stream: 1, sequence: 0 } as const;
      this.add('silent', 'silentAgent', place, detail, nowMs);
    }
    return silent.map(({ agentId }) => agentId);
  }
}

/** What a revoked key goes on sending is one case, however many messages it is. */
export function findingPlace(key: MessageKey, reason: string): MessageKey {
  const { agentId } = key;
  return reason === 'revoked' ? { agentId, epoch: 0, stream: 1, sequence: 0 } : key;
}

/** What is told of a hole that the agent itself has announced. */
export function droppedText({ reason, from, to, messages }: DroppedRange): string {
  const what =
    reason === 'tombstone' ? 'dropped by the agent unreceipted' : 'receipted, and lost by the hub';
  return `${messages} of ${from} to ${to} ${what}, by its signed word`;
}
