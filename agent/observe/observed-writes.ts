/**
 * Writes and calls, told as the first of each (client, point) per interval plus a count (FIELDS.md
 * section 4): a controller that writes its set point each second is one row, not sixty.
 */
import type { Observation, ObservationKind } from '../../protocols/interval-report.ts';
import { FOLDED, type ObservationLog } from './observation-log.ts';

/** Points remembered within an interval; writes to further ones are only counted. */
export const WRITE_POINTS_MAX = 4096;

export class ObservedWrites {
  readonly #log: ObservationLog;
  readonly #rowByPoint = new Map<string, number>();

  constructor(log: ObservationLog) {
    this.#log = log;
  }

  /** `point` names what was touched within the conversation of that row. */
  see(row: number, point: string, kind: ObservationKind, describe: () => Observation): void {
    const key = `${row} ${point}`;
    const known = this.#rowByPoint.get(key);
    if (known !== undefined) {
      this.#log.repeat(known, kind);
      return;
    }
    if (this.#rowByPoint.size >= WRITE_POINTS_MAX) {
      this.#log.repeat(FOLDED, kind);
      return;
    }
    this.#rowByPoint.set(key, this.#log.add(describe()));
  }

  /** The log was taken: its rows are gone. */
  endInterval(): void {
    this.#rowByPoint.clear();
  }
}
