/**
 * What has been deleted on the hub's word, read from the traces that deleting leaves: the highest
 * proven `cumulative`, and behind it the hash of each deleted range's last message. Needed where a
 * hub has lost what it had: who deleted has to say what is gone.
 */
import type { Database, Statement } from 'better-sqlite3';
import { messageId } from './message-id.ts';

/** Ranges behind the cumulative one that are looked at; the lowest first. */
const ENDS_MAX = 512;
/** Ranges that are told one by one; what lies beyond them is told together. */
export const GONE_RANGES_MAX = 16;

export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

/** `count` is less than the range is long where ranges are told together. */
export interface GoneRange extends SequenceRange {
  readonly count: number;
}

/** `pending`: those that still wait for their receipt; the others may be lost at the hub. */
export type Tombstones = 'all' | 'pending';

export interface DeletedFrom {
  readonly epoch: number;
  readonly stream: number;
  /** Of the epoch in this file. */
  readonly ordinal: number;
  /** All up to here were deleted on a receipt. */
  readonly cumulative: number;
}

export class DeletedRanges {
  readonly #ends: Statement<[number, number, number], number>;
  readonly #below: Statement<[number, number], number>;
  readonly #kept: Statement<[number, number], SequenceRange>;
  readonly #evicted: Readonly<Record<Tombstones, Statement<number[], SequenceRange>>>;

  constructor(database: Database) {
    this.#ends = database
      .prepare<[number, number, number], number>(
        'SELECT id FROM stored_hash WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?',
      )
      .pluck();
    this.#below = database
      .prepare<[number, number], number>(
        'SELECT id FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
      )
      .pluck();
    this.#kept = database.prepare(
      'SELECT sequence AS "from", sequence AS "to" FROM refused WHERE id BETWEEN ? AND ?',
    );
    const evicted = `SELECT firstSequence AS "from", lastSequence AS "to" FROM tombstone
      WHERE id BETWEEN ? AND ? AND epochOf = ?`;
    this.#evicted = {
      all: database.prepare(evicted),
      pending: database.prepare(`${evicted} AND id IN (SELECT id FROM outbox)`),
    };
  }

  /** Within `from`..`to`, ascending; without what is kept as refused or named by `tombstones`. */
  within(place: DeletedFrom, { from, to }: SequenceRange, tombstones: Tombstones): SequenceRange[] {
    const { epoch, stream, ordinal, cumulative } = place;
    const idOf = (sequence: number): number => messageId(stream, ordinal, sequence);
    const base = idOf(0);
    const found: SequenceRange[] = cumulative > 0 ? [{ from: 1, to: cumulative }] : [];
    const first = Math.max(cumulative + 1, 1);
    for (const end of this.#ends.all(idOf(first), idOf(SEQUENCE_MAX), ENDS_MAX)) {
      const below = this.#below.get(base, end) ?? base;
      const begins = Math.max(first, below - base + 1);
      if (begins <= end - base) found.push({ from: begins, to: end - base });
    }
    const clipped = clip(found, { from, to });
    if (clipped.length === 0) return [];
    const kept = this.#kept.all(base, idOf(SEQUENCE_MAX));
    const firstOfStream = messageId(stream, 0, 0);
    const lastOfStream = messageId(stream + 1, 0, 0) - 1;
    const evicted = this.#evicted[tombstones].all(firstOfStream, lastOfStream, epoch);
    return subtract(clipped, [...kept, ...evicted]);
  }
}

/** What a row id can hold (message-id.ts). */
const SEQUENCE_MAX = 2 ** 36 - 1;

/** At most GONE_RANGES_MAX, the last one for all that are left. */
export function toldRanges(ranges: readonly SequenceRange[]): GoneRange[] {
  const counted = ranges.map(({ from, to }) => ({ from, to, count: to - from + 1 }));
  if (counted.length <= GONE_RANGES_MAX) return counted;
  const rest = counted.slice(GONE_RANGES_MAX - 1);
  const count = rest.reduce((sum, range) => sum + range.count, 0);
  const last = rest[rest.length - 1];
  return [...counted.slice(0, GONE_RANGES_MAX - 1), { from: rest[0].from, to: last.to, count }];
}

/** What of `ranges` isn't in `taken`; ascending and without overlap. */
export function subtract(
  ranges: readonly SequenceRange[],
  taken: readonly SequenceRange[],
): SequenceRange[] {
  const sorted = taken.toSorted((a, b) => a.from - b.from);
  return merged(ranges).flatMap((range) => {
    const left: SequenceRange[] = [];
    let { from } = range;
    for (const cut of sorted) {
      if (cut.to < from || cut.from > range.to) continue;
      if (cut.from > from) left.push({ from, to: cut.from - 1 });
      from = Math.max(from, cut.to + 1);
    }
    if (from <= range.to) left.push({ from, to: range.to });
    return left;
  });
}

function clip(ranges: readonly SequenceRange[], to: SequenceRange): SequenceRange[] {
  return ranges
    .map((range) => ({ from: Math.max(range.from, to.from), to: Math.min(range.to, to.to) }))
    .filter((range) => range.from <= range.to);
}

function merged(ranges: readonly SequenceRange[]): SequenceRange[] {
  const whole: { from: number; to: number }[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = whole[whole.length - 1];
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else whole.push({ ...range });
  }
  return whole;
}
