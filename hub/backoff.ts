/** How long to wait before the next try: full jitter under a ceiling that doubles. */
import type { Random } from '../agent/platform/random.ts';

const FIRST_CEILING_MS = 500;
const CEILING_MS_MAX = 60_000;

export class Backoff {
  readonly #random: Random;
  #ceilingMs = FIRST_CEILING_MS;

  constructor(random: Random) {
    this.#random = random;
  }

  nextMs(): number {
    const waitMs = this.#random.fraction() * this.#ceilingMs;
    this.#ceilingMs = Math.min(this.#ceilingMs * 2, CEILING_MS_MAX);
    return waitMs;
  }

  reset(): void {
    this.#ceilingMs = FIRST_CEILING_MS;
  }
}
