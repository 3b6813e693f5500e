/**
 * A detection doesn't wait for the end of its second: the worker hands over a report at once, an
 * ordinary one over a shorter interval, so that counts and their order stay what they are. Bounded,
 * because whoever can cause detections could else cause a flood of reports.
 */
import type { Clock } from './platform/clock.ts';

/** Urgent reports that may follow each other quickly; one more each second. */
export const URGENT_REPORTS_MAX = 3;
const REFILL_MS = 1000;
/** What is found within so long of the last report goes out together. */
const GAP_MS = 100;

export interface UrgentReportsOptions {
  readonly clock: Clock;
  /** A detection is waiting that no report has told. */
  readonly isWaiting: () => boolean;
  /** The main thread can take a report and one more: the ordinary one is never held up. */
  readonly hasRoom: () => boolean;
  readonly report: () => void;
}

export class UrgentReports {
  readonly #options: UrgentReportsOptions;
  #tokens = URGENT_REPORTS_MAX;
  #refilledMs: number;
  #reportedMs: number;
  #isLookPlanned = false;
  #isStopped = false;
  #cancelLook = (): void => {};

  constructor(options: UrgentReportsOptions) {
    this.#options = options;
    this.#refilledMs = options.clock.monotonicMs();
    this.#reportedMs = this.#refilledMs;
  }

  /** After each block of frames: what it brought may be urgent. */
  look(): void {
    const { clock, isWaiting } = this.#options;
    if (this.#isStopped || this.#isLookPlanned || !isWaiting()) return;
    const waitMs = this.#reportedMs + GAP_MS - clock.monotonicMs();
    if (waitMs <= 0) {
      this.#reportNow();
      return;
    }
    this.#isLookPlanned = true;
    this.#cancelLook = clock.after(waitMs, () => {
      this.#isLookPlanned = false;
      if (isWaiting()) this.#reportNow();
    });
  }

  /** A report has gone out, for whatever reason. */
  reported(): void {
    this.#reportedMs = this.#options.clock.monotonicMs();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook();
  }

  /** Without a token or room the detection goes with the ordinary report, within a second. */
  #reportNow(): void {
    const { clock, hasRoom, report } = this.#options;
    const nowMs = clock.monotonicMs();
    const refills = Math.floor((nowMs - this.#refilledMs) / REFILL_MS);
    this.#refilledMs += refills * REFILL_MS;
    this.#tokens = Math.min(URGENT_REPORTS_MAX, this.#tokens + refills);
    if (this.#tokens === 0 || !hasRoom()) return;
    this.#tokens--;
    report();
  }
}
