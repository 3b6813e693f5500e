/**
 * How regularly something comes: count, first and last time, period and jitter of many rows in
 * typed arrays, so that a poll costs a handful of additions and no object.
 */

/** Weight of a new interval in the running period; the first ones count more. */
const SMOOTHING = 16;
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

export class PeriodicRows {
  readonly count: Uint32Array;
  readonly firstSeenUs: Float64Array;
  readonly lastSeenUs: Float64Array;
  readonly #intervals: Uint32Array;
  readonly #periodUs: Float64Array;
  readonly #jitterUs: Float64Array;

  constructor(rowsMax: number) {
    this.count = new Uint32Array(rowsMax);
    this.firstSeenUs = new Float64Array(rowsMax);
    this.lastSeenUs = new Float64Array(rowsMax);
    this.#intervals = new Uint32Array(rowsMax);
    this.#periodUs = new Float64Array(rowsMax);
    this.#jitterUs = new Float64Array(rowsMax);
  }

  /** One more time; UTC µs. A stamp before the last one counts, but tells no interval. */
  see(row: number, timeUs: number): void {
    if (this.count[row]++ === 0) {
      this.firstSeenUs[row] = timeUs;
      this.lastSeenUs[row] = timeUs;
      return;
    }
    const interval = timeUs - this.lastSeenUs[row];
    if (interval < 0) return;
    this.lastSeenUs[row] = timeUs;
    const seen = this.#intervals[row];
    const period = this.#periodUs[row];
    if (seen > 1 && interval > period * PAUSE_PERIODS) return;
    this.#intervals[row] = seen + 1;
    const weight = seen < SMOOTHING ? seen + 1 : SMOOTHING;
    const distance = interval - period;
    this.#periodUs[row] = period + distance / weight;
    if (seen > 0) {
      const jitter = this.#jitterUs[row];
      this.#jitterUs[row] = jitter + (Math.abs(distance) - jitter) / (weight - 1);
    }
  }

  of(row: number): Regularity {
    const known = {
      count: this.count[row],
      firstSeenUs: this.firstSeenUs[row],
      lastSeenUs: this.lastSeenUs[row],
    };
    if (this.#intervals[row] < 2) return known;
    return {
      ...known,
      periodMs: Math.round(this.#periodUs[row]) / US_A_MS,
      periodJitterMs: Math.round(this.#jitterUs[row]) / US_A_MS,
    };
  }

  /** What `restore` takes back. */
  state(row: number): readonly number[] {
    return [
      this.count[row],
      this.firstSeenUs[row],
      this.lastSeenUs[row],
      this.#intervals[row],
      this.#periodUs[row],
      this.#jitterUs[row],
    ];
  }

  /** Numbers of `state`; the caller has checked that there are six of them. */
  restore(row: number, state: readonly number[]): void {
    this.count[row] = state[0];
    this.firstSeenUs[row] = state[1];
    this.lastSeenUs[row] = state[2];
    this.#intervals[row] = state[3];
    this.#periodUs[row] = state[4];
    this.#jitterUs[row] = state[5];
  }

  free(row: number): void {
    this.count[row] = 0;
    this.#intervals[row] = 0;
    this.#periodUs[row] = 0;
    this.#jitterUs[row] = 0;
  }
}

/** Numbers in a `state`. */
export const REGULARITY_STATE_NUMBERS = 6;
