/**
 * What the hub has to tell its operator: messages refused, forks, gaps. One row a case with a
 * count, so that a flood of forgeries costs one row.
 */
import type Database from 'better-sqlite3';
import type { MessageKey } from './store.ts';

export type FindingKind = 'refused' | 'forked' | 'gap';

/** Rows; further cases are only counted in the log. */
export const FINDINGS_MAX = 100_000;
const DETAIL_CHARACTERS_MAX = 200;

export class FindingsTable {
  readonly #count: Database.Statement<[], number>;
  readonly #repeat: Database.Statement<unknown[]>;
  readonly #insert: Database.Statement<unknown[]>;
  readonly #closeGaps: Database.Statement<unknown[]>;
  #rows: number;

  constructor(database: Database.Database) {
    this.#count = database.prepare<[], number>('SELECT count(*) FROM finding').pluck();
    this.#repeat = database.prepare(
      `UPDATE finding SET occurrencesCount = occurrencesCount + 1, lastSeenAtMs = ?, detail = ?
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
  closeGaps(key: MessageKey, cumulative: number, nowMs: number): void {
    this.#closeGaps.run(nowMs, key.agentId, key.epoch, key.stream, cumulative);
  }
}
