/**
 * What was lost, and our signed word about it. A loss is a row in the same transaction as what
 * caused it; the statement follows in the same transaction where a signer is there, or as soon as
 * one is. No loss is ever told twice or forgotten in between.
 */
import type { Database, Statement as SqlStatement } from 'better-sqlite3';
import type { Statement, Stream, Tombstone } from '../protocols/uplink/messages.ts';
import type { GoneRange } from './deleted-ranges.ts';
import { schemaVersionOf } from './migrations.ts';

/** What a statement says beside its place in the chain. */
export type StatementFacts = Pick<
  Statement,
  'code' | 'fromUs' | 'toUs' | 'epochOf' | 'streamOf' | 'from' | 'to' | 'count' | 'text'
>;

/** What a tombstone says beside its place in the chain. */
export type TombstoneFacts = Pick<
  Tombstone,
  'epochOf' | 'from' | 'to' | 'lastSha256' | 'messages' | 'bytes' | 'reason'
>;

/** Losses that wait for a signer; more are folded into the counters alone. */
const LOSSES_DUE_MAX = 64;
/** Told ones are kept for `fieldtap buffer stats`. */
const LOSSES_KEPT_MAX = 256;

export interface DueLoss {
  readonly rowId: number;
  readonly facts: StatementFacts;
}

interface LossRow {
  id: number;
  /** Null in rows of schema 3: `bufferLost`. */
  code?: StatementFacts['code'] | null;
  fromUs: number | null;
  toUs: number | null;
  epochOf: number | null;
  streamOf: 1 | 2 | 3 | null;
  firstSequence: number | null;
  lastSequence: number | null;
  count: number | null;
  text: string;
}

/** The hub no longer has what it had receipted, and neither have we. */
export function hubLostFacts(
  { epoch, stream }: { readonly epoch: number; readonly stream: Stream },
  { from, to, count }: GoneRange,
): StatementFacts {
  const place = { epochOf: epoch, streamOf: stream, from, to, count };
  const range = `Messages ${from} to ${to} of stream ${stream}`;
  const text = `${range} had the hub's receipt and were deleted.`;
  return { code: 'hubLost', ...place, text };
}

/** Writing methods are to be called inside a transaction. */
export class LossBook {
  readonly #database: Database;
  readonly #due: SqlStatement<[number], LossRow>;

  constructor(database: Database) {
    this.#database = database;
    this.#due = database.prepare('SELECT * FROM loss WHERE toldAs IS NULL ORDER BY id LIMIT ?');
  }

  record(facts: StatementFacts, nowMs: number): void {
    const waiting = this.#database
      .prepare<[], number>('SELECT count(*) FROM loss WHERE toldAs IS NULL')
      .pluck();
    if ((waiting.get() ?? 0) >= LOSSES_DUE_MAX) return;
    const { code, fromUs, toUs, epochOf, streamOf, from, to, count, text } = facts;
    const whole = (value: number | undefined): number | null =>
      value === undefined ? null : Math.max(0, Math.round(value));
    this.#database
      .prepare(
        `INSERT INTO loss (recordedMs, code, fromUs, toUs, epochOf, streamOf, firstSequence,
           lastSequence, count, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        nowMs,
        code,
        whole(fromUs),
        whole(toUs),
        epochOf ?? null,
        streamOf ?? null,
        from ?? null,
        to ?? null,
        count ?? null,
        text,
      );
  }

  /** Oldest first. */
  due(lossesMax: number): DueLoss[] {
    return this.#due.all(lossesMax).map((row) => ({ rowId: row.id, facts: factsOf(row) }));
  }

  /** `messageId`: of the statement. */
  markTold(rowId: number, messageId: number): void {
    this.#database.prepare('UPDATE loss SET toldAs = ? WHERE id = ?').run(messageId, rowId);
    this.#database
      .prepare(`DELETE FROM loss WHERE toldAs IS NOT NULL AND id <= (SELECT max(id) FROM loss) - ?`)
      .run(LOSSES_KEPT_MAX);
  }
}

/** Newest first; for `fieldtap buffer stats`. */
export function readLosses(database: Database, lossesMax: number): readonly StatementFacts[] {
  // Read-only doors also open files that no newer version has touched yet.
  if (schemaVersionOf(database) < 2) return [];
  return database
    .prepare<[number], LossRow>('SELECT * FROM loss ORDER BY id DESC LIMIT ?')
    .all(lossesMax)
    .map(factsOf);
}

function factsOf(row: LossRow): StatementFacts {
  return {
    code: row.code ?? 'bufferLost',
    ...(row.fromUs !== null && { fromUs: row.fromUs }),
    ...(row.toUs !== null && { toUs: row.toUs }),
    ...(row.epochOf !== null && { epochOf: row.epochOf }),
    ...(row.streamOf !== null && { streamOf: row.streamOf }),
    ...(row.firstSequence !== null && { from: row.firstSequence }),
    ...(row.lastSequence !== null && { to: row.lastSequence }),
    ...(row.count !== null && { count: row.count }),
    text: row.text,
  };
}
