/**
 * Times without sight, out of the reports: a link that was down, a worker that was started again, a
 * process that stood still. Silence of the plant and silence of the sensor must never look alike.
 */
import type { IntervalReport } from '../../protocols/interval-report.ts';
import type { BlindInterval } from '../../protocols/uplink/messages.ts';
import { BLIND_MAX } from '../../protocols/uplink/summary.ts';

/** Between two reports, beyond which something was amiss: a report comes each second. */
const GAP_US_MIN = 2_000_000;
/** Covered time of an interval may fall short of it by the work of taking over a block. */
const UNCOVERED_MS_MIN = 50;
/** Intervals that touch within this are one. */
const JOIN_US = 100_000;

export interface BlindFacts {
  readonly blind?: readonly BlindInterval[];
  readonly blindFolded?: number;
}

export class BlindLog {
  #intervals: BlindInterval[] = [];
  #folded = 0;
  #lastReportNumber: number | undefined;
  #lastToUs = 0;

  add(report: IntervalReport): void {
    this.#gapBefore(report);
    for (const { interfaceName, linkUp, coveredMs, intervalMs } of report.coverage) {
      const uncoveredUs = (intervalMs - coveredMs) * 1000;
      if (uncoveredUs < UNCOVERED_MS_MIN * 1000) continue;
      const fromUs = Math.max(report.fromUs, report.toUs - uncoveredUs);
      const cause = linkUp ? 'overload' : 'linkDown';
      this.#note({ interfaceName, fromUs: Math.round(fromUs), toUs: report.toUs, cause });
    }
  }

  facts(): BlindFacts {
    if (this.#intervals.length === 0) return {};
    return {
      blind: this.#intervals,
      ...(this.#folded > 0 && { blindFolded: this.#folded }),
    };
  }

  /** After they were signed. */
  clear(): void {
    this.#intervals = [];
    this.#folded = 0;
  }

  #gapBefore({ reportNumber, fromUs, toUs }: IntervalReport): void {
    const last = this.#lastReportNumber;
    const lastToUs = this.#lastToUs;
    this.#lastReportNumber = reportNumber;
    this.#lastToUs = toUs;
    if (last === undefined) return;
    const isNewWorker = reportNumber <= last;
    if (fromUs - lastToUs < (isNewWorker ? 1 : GAP_US_MIN)) return;
    const cause = isNewWorker ? 'workerRestart' : 'suspended';
    this.#note({ fromUs: lastToUs, toUs: fromUs, cause });
  }

  #note(interval: BlindInterval): void {
    const { interfaceName, cause } = interval;
    const known = this.#intervals.findLastIndex(
      (each) => each.interfaceName === interfaceName && each.cause === cause,
    );
    const before = this.#intervals[known];
    if (before !== undefined && interval.fromUs - before.toUs <= JOIN_US) {
      this.#intervals[known] = { ...before, toUs: Math.max(before.toUs, interval.toUs) };
    } else if (this.#intervals.length < BLIND_MAX) this.#intervals.push(interval);
    else this.#folded++;
  }
}
