/**
 * What time it is on the wire: the last frame's own stamp and what has passed since by the steady
 * clock. A step of the wall clock, or frames that waited in the kernel's ring on a busy gateway,
 * would otherwise age requests out between their frame and their answer's.
 */
import type { Clock } from './platform/clock.ts';

const US_A_MS = 1000;

export class CaptureTime {
  readonly #clock: Clock;
  /** UTC microseconds; -1 until a frame came. */
  #frameUs = -1;
  #decodedAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Frames up to this stamp (UTC microseconds, -1: none yet) are decoded now. */
  decoded(frameUs: number): void {
    this.#frameUs = frameUs;
    this.#decodedAtMs = this.#clock.monotonicMs();
  }

  /** UTC microseconds; by the wall clock until a frame came. */
  nowUs(): number {
    if (this.#frameUs < 0) return Math.round(this.#clock.wallMs() * US_A_MS);
    const passedMs = this.#clock.monotonicMs() - this.#decodedAtMs;
    return this.#frameUs + Math.round(passedMs * US_A_MS);
  }
}
