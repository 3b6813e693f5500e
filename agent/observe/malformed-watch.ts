/** Malformed messages are told once per flow and hour; all of them are counted by decode. */
import type { FlowFacts } from '../../protocols/flow.ts';

/** Flows remembered; when full, the one remembered longest makes room. */
export const MALFORMED_FLOWS_MAX = 4096;
const HOUR_US = 3_600_000_000;

export class MalformedWatch {
  /** Hour of capture time in which the flow was told last. */
  readonly #hourByFlow = new Map<number, number>();

  isFirst(flow: FlowFacts, timeUs: number): boolean {
    const hour = Math.floor(timeUs / HOUR_US);
    if (this.#hourByFlow.get(flow.flowNumber) === hour) return false;
    if (this.#hourByFlow.size >= MALFORMED_FLOWS_MAX) {
      for (const oldest of this.#hourByFlow.keys()) {
        this.#hourByFlow.delete(oldest);
        break;
      }
    }
    this.#hourByFlow.set(flow.flowNumber, hour);
    return true;
  }

  forget(flow: FlowFacts): void {
    this.#hourByFlow.delete(flow.flowNumber);
  }
}
