/**
 * The world of one seed: simulated time, the queue of what happens next, chance, and the trace. All
 * that a run does follows from its seed, so the hash over the trace is the same each time.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { SeededRandom } from '../seeded-random.ts';

/** 2026-09-21: the true time at which every run begins, UTC milliseconds. */
export const BEGIN_MS = 1_790_000_000_000;
/** Turns of the event loop in which promises of the hub and the agent settle. */
const TURNS = 2;

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void | Promise<void>;
}

export class World {
  readonly random: SeededRandom;
  readonly #hash = createHash('sha256');
  readonly #print: ((line: string) => void) | undefined;
  /** Sorted, the next one last. */
  readonly #queue: Happening[] = [];
  #order = 0;
  #nowMs = 0;
  #steps = 0;
  #lines = 0;

  /** `print` gets each line of the trace. */
  constructor(seed: number, print?: (line: string) => void) {
    this.random = new SeededRandom(seed);
    this.#print = print;
  }

  /** Milliseconds since the begin. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Happenings so far. */
  get steps(): number {
    return this.#steps;
  }

  get traceLines(): number {
    return this.#lines;
  }

  /** Calls once, `delayMs` from now; the answer cancels. Equal times keep their order. */
  after(delayMs: number, run: () => void | Promise<void>): () => void {
    const happening = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1].atMs <= happening.atMs) at -= 1;
    this.#queue.splice(at, 0, happening);
    return () => {
      const found = this.#queue.indexOf(happening);
      if (found >= 0) this.#queue.splice(found, 1);
    };
  }

  /** One happening; false when `untilMs` is reached first, or nothing is left. */
  async step(untilMs: number): Promise<boolean> {
    const next = this.#queue.at(-1);
    if (next === undefined || next.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#queue.pop();
    this.#nowMs = next.atMs;
    this.#steps += 1;
    await next.run();
    return true;
  }

  /** Lets promises settle that wait for nothing but each other. */
  async settle(turns = TURNS): Promise<void> {
    for (let count = 0; count < turns; count++) await turn();
  }

  tell(text: string): void {
    const line = `${this.#nowMs.toFixed(3)} ${text}\n`;
    this.#hash.update(line);
    this.#lines += 1;
    this.#print?.(line);
  }

  /** For the eye of who reads the trace; not part of the hash. */
  explain(text: () => string): void {
    this.#print?.(`${this.#nowMs.toFixed(3)}   ${text()}\n`);
  }

  /** Over all that was told so far. */
  traceHash(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  chance(share: number): boolean {
    return this.random.fraction() < share;
  }

  /** From `from` up to below `to`. */
  between(from: number, to: number): number {
    return from + this.random.fraction() * (to - from);
  }
}
