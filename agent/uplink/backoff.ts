/**
 * How long to wait before the next attempt to connect: full jitter, so that a thousand gateways
 * whose hub comes back don't come back in the same second.
 */
import type { Random } from '../platform/random.ts';

export const BACKOFF_MIN_MS = 1000;
export const BACKOFF_MAX_MS = 300_000;

export class Backoff {
  readonly #random: Random;
  #ceilingMs = BACKOFF_MIN_MS;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Between BACKOFF_MIN_MS and a ceiling that doubles with each call, up to BACKOFF_MAX_MS. */
  nextMs(): number {
    this.#ceilingMs = Math.min(BACKOFF_MAX_MS, this.#ceilingMs * 2);
    return BACKOFF_MIN_MS + this.#random.fraction() * (this.#ceilingMs - BACKOFF_MIN_MS);
  }

  /** After a connection that proved good. */
  reset(): void {
    this.#ceilingMs = BACKOFF_MIN_MS;
  }
}
