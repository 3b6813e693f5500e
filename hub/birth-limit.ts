/**
 * A birth is unsigned, and brings an agent's receipts again: at most so often, however many are
 * sent in its name. After a broker's restart all agents are born in the same minute. The word that
 * a key is revoked is said no more often either.
 */
import type { TableUse } from './table-use.ts';

const BIRTH_INTERVAL_MS = 1000;
/** Agents remembered; the one born longest ago leaves, and may be born once more at once. */
export const BIRTHS_REMEMBERED_MAX = 10_000;

export class BirthLimit {
  /** The time of each agent's last birth, the oldest first. */
  readonly #births = new Map<string, number>();
  readonly #table: string;
  #evicted = 0;

  /** `table`: as the metrics call it. */
  constructor(table = 'births') {
    this.#table = table;
  }

  /** Whether this birth counts. `nowMs`: monotonic. */
  isDue(agentId: string, nowMs: number): boolean {
    const lastMs = this.#births.get(agentId);
    if (lastMs !== undefined && nowMs - lastMs < BIRTH_INTERVAL_MS) return false;
    this.#births.delete(agentId);
    if (this.#births.size >= BIRTHS_REMEMBERED_MAX) {
      const [oldest] = this.#births;
      this.#births.delete(oldest[0]);
      if (nowMs - oldest[1] < BIRTH_INTERVAL_MS) this.#evicted += 1;
    }
    this.#births.set(agentId, nowMs);
    return true;
  }

  /** `evicted`: those that left before their time. */
  get use(): TableUse {
    const { size: used } = this.#births;
    return { table: this.#table, used, max: BIRTHS_REMEMBERED_MAX, evicted: this.#evicted };
  }
}
