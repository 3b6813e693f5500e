/**
 * The rare facts of an interval, one by one (FIELDS.md section 4), within hard budgets: what does
 * not fit is folded into a count, and the fold itself is told.
 */
import {
  OBSERVATIONS_PER_REPORT_MAX,
  type Observation,
  type ObservationKind,
} from '../../protocols/interval-report.ts';

/** No kind may crowd out the others: writes at 1,000/s must not hide a new asset. */
export const OBSERVATIONS_PER_KIND_MAX = 128;
/** Over intervals: observations in one minute of capture time. */
export const OBSERVATIONS_PER_MINUTE_MAX = 3000;
const MINUTE_US = 60_000_000;

/** `add` found no room. */
export const FOLDED = -1;

interface Entry {
  readonly observation: Observation;
  repeats: number;
}

export interface TakenObservations {
  readonly observations: readonly Observation[];
  readonly folded: number;
}

export class ObservationLog {
  /** Facts since start by kind, the folded ones included. */
  readonly totals: Partial<Record<ObservationKind, number>> = {};
  foldedTotal = 0;

  #entries: Entry[] = [];
  #kept: Partial<Record<ObservationKind, number>> = {};
  #folded = 0;
  #minute = 0;
  #minuteCount = 0;

  /** Keeps the fact, or folds it; the number is for `repeat`, or FOLDED. */
  add(observation: Observation): number {
    const { kind } = observation;
    this.totals[kind] = (this.totals[kind] ?? 0) + 1;
    const kept = this.#kept[kind] ?? 0;
    const isFull =
      this.#entries.length >= OBSERVATIONS_PER_REPORT_MAX || kept >= OBSERVATIONS_PER_KIND_MAX;
    if (isFull || !this.#withinMinute(observation.timeUs)) {
      this.#folded++;
      this.foldedTotal++;
      return FOLDED;
    }
    this.#kept[kind] = kept + 1;
    this.#entries.push({ observation, repeats: 0 });
    return this.#entries.length - 1;
  }

  /** The same fact again in this interval: `details.count` says how often in all. */
  repeat(index: number, kind: ObservationKind): void {
    this.totals[kind] = (this.totals[kind] ?? 0) + 1;
    // Once full, every write comes here with FOLDED: an index of -1 is a search by name.
    const entry = index < 0 ? undefined : this.#entries[index];
    if (entry !== undefined) {
      entry.repeats++;
      return;
    }
    this.#folded++;
    this.foldedTotal++;
  }

  /** What is there now, without ending the interval. */
  peek(): readonly Observation[] {
    return this.#entries.map(withCount);
  }

  /** Ends the interval. */
  take(): TakenObservations {
    const taken = { observations: this.peek(), folded: this.#folded };
    this.#entries = [];
    this.#kept = {};
    this.#folded = 0;
    return taken;
  }

  #withinMinute(timeUs: number): boolean {
    const minute = Math.floor(timeUs / MINUTE_US);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#minuteCount = 0;
    }
    return this.#minuteCount++ < OBSERVATIONS_PER_MINUTE_MAX;
  }
}

function withCount({ observation, repeats }: Entry): Observation {
  if (repeats === 0) return observation;
  return { ...observation, details: { ...observation.details, count: repeats + 1 } };
}
