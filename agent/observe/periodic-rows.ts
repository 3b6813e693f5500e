/**
 * How regularly something comes: count, first and last time, period and jitter of many rows in
 * typed arrays, so that a poll costs a handful of additions and no object.
 */

/** Weight of a new interval in the running period; the first ones count more. */
const SMOOTHING = 16;
const PERIOD_SHARE = 1 / SMOOTHING;
const JITTER_SHARE = 1 / (SMOOTHING - 1);
/** An interval this many periods long is a pause (a gap, a restart), not a slow poll. */
const PAUSE_PERIODS = 10;
const US_A_MS = 1000;

export interface Regularity {
  readonly count: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  /** Absent before the third time. */
  readonly periodMs?: number;
  /** Mean distance of an interval from the period. */
  readonly periodJitterMs?: number;
}

/** Numbers of a row, side by side: one line of the processor's cache holds them all. */
const ROW_NUMBERS = 8;
const COUNT = 0;
const FIRST_SEEN_US = 1;
const LAST_SEEN_US = 2;
const INTERVALS = 3;
const PERIOD_US = 4;
const JITTER_US = 5;
/** Two more whole numbers, for whoever owns the rows; they stand in the same line. */
const NOTES = 12;
const ROW_WORDS = ROW_NUMBERS * 2;

export class PeriodicRows {
  readonly #numbers: Float64Array;
  readonly #words: Int32Array;

  constructor(rowsMax: number) {
    this.#numbers = new Float64Array(rowsMax * ROW_NUMBERS);
    this.#words = new Int32Array(this.#numbers.buffer);
  }

  /** A note of the owner's, `which` 0 or 1; 0 until it is set, and after `free`. */
  noteOf(row: number, which: 0 | 1): number {
    return this.#words[row * ROW_WORDS + NOTES + which];
  }

  /** A whole number of 32 bits. */
  setNote(row: number, which: 0 | 1, value: number): void {
    this.#words[row * ROW_WORDS + NOTES + which] = value;
  }

  countOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + COUNT];
  }

  /** UTC µs; without meaning while the count is 0. */
  lastSeenUsOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + LAST_SEEN_US];
  }

  /** One more time; UTC µs. A stamp before the last one counts, but tells no interval. */
  see(row: number, timeUs: number): void {
    const numbers = this.#numbers;
    const at = row * ROW_NUMBERS;
    const count = numbers[at + COUNT];
    numbers[at + COUNT] = count + 1;
    const interval = timeUs - numbers[at + LAST_SEEN_US];
    if (count === 0) numbers[at + FIRST_SEEN_US] = timeUs;
    else if (interval < 0) return;
    numbers[at + LAST_SEEN_US] = timeUs;
    if (count === 0) return;
    const seen = numbers[at + INTERVALS];
    const period = numbers[at + PERIOD_US];
    if (seen > 1 && interval > period * PAUSE_PERIODS) return;
    numbers[at + INTERVALS] = seen + 1;
    const distance = interval - period;
    const jitter = numbers[at + JITTER_US];
    const step = Math.abs(distance) - jitter;
    if (seen >= SMOOTHING) {
      // A division is slow, and nearly every time comes here.
      numbers[at + PERIOD_US] = period + distance * PERIOD_SHARE;
      numbers[at + JITTER_US] = jitter + step * JITTER_SHARE;
      return;
    }
    numbers[at + PERIOD_US] = period + distance / (seen + 1);
    if (seen > 0) numbers[at + JITTER_US] = jitter + step / seen;
  }

  of(row: number): Regularity {
    const [count, firstSeenUs, lastSeenUs, intervals, periodUs, jitterUs] = this.state(row);
    const known = { count, firstSeenUs, lastSeenUs };
    if (intervals < 2) return known;
    return {
      ...known,
      periodMs: Math.round(periodUs) / US_A_MS,
      periodJitterMs: Math.round(jitterUs) / US_A_MS,
    };
  }

  /** What `restore` takes back. */
  state(row: number): readonly number[] {
    const at = row * ROW_NUMBERS;
    return [...this.#numbers.subarray(at, at + REGULARITY_STATE_NUMBERS)];
  }

  /** Numbers of `state`; the caller has checked that there are six of them. */
  restore(row: number, state: readonly number[]): void {
    this.#numbers.set(state.slice(0, REGULARITY_STATE_NUMBERS), row * ROW_NUMBERS);
  }

  /** What was seen `count` times, the first time at `firstSeenUs`, before the row began. */
  addEarlier(row: number, count: number, firstSeenUs: number): void {
    const at = row * ROW_NUMBERS;
    this.#numbers[at + COUNT] += count;
    this.#numbers[at + FIRST_SEEN_US] = Math.min(this.#numbers[at + FIRST_SEEN_US], firstSeenUs);
  }

  free(row: number): void {
    this.#numbers.fill(0, row * ROW_NUMBERS, (row + 1) * ROW_NUMBERS);
  }
}

/** Numbers in a `state`. */
export const REGULARITY_STATE_NUMBERS = 6;
