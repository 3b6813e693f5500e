/**
 * What the link carries, measured by the broker's answers: bytes answered over the time in which
 * something was unanswered. A single small message measures the delay rather than the rate, so the
 * best of the recent samples counts; more in flight then shows more.
 */
import type { Clock } from '../platform/clock.ts';

const SAMPLES_MAX = 16;
/** Samples age, so that a link that has become slow is believed. */
const SAMPLE_AGE_MS = 60_000;
/** A long busy time is cut into samples. */
const SAMPLE_MS_MAX = 10_000;

/** A message at most: two seconds of the link, within these bounds (docs/architecture.md). */
export const MESSAGE_BYTES_MAX = 48 * 1024;
export const MESSAGE_BYTES_MIN = 1024;
const MESSAGE_SECONDS = 2;

interface Sample {
  readonly atMs: number;
  readonly bytesPerSecond: number;
}

export class Goodput {
  readonly #clock: Clock;
  readonly #samples: Sample[] = [];
  #inFlight = 0;
  #busySinceMs = 0;
  #answeredBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message was handed to the link. */
  sent(): void {
    if (this.#inFlight++ === 0) this.#begin();
  }

  /** The broker has answered it. */
  answered(bytes: number): void {
    if (this.#inFlight === 0) return;
    this.#inFlight--;
    this.#answeredBytes += bytes;
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = Math.max(1, nowMs - this.#busySinceMs);
    this.#samples.push({ atMs: nowMs, bytesPerSecond: (this.#answeredBytes * 1000) / elapsedMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    if (elapsedMs > SAMPLE_MS_MAX) this.#begin();
  }

  /** The link is gone: what was in flight says nothing. */
  lost(): void {
    this.#inFlight = 0;
  }

  /** Undefined until the first answer. The last sample stays, whatever its age. */
  get bytesPerSecond(): number | undefined {
    const oldestMs = this.#clock.monotonicMs() - SAMPLE_AGE_MS;
    const last = this.#samples.at(-1);
    if (last === undefined) return undefined;
    const recent = this.#samples.filter(({ atMs }) => atMs >= oldestMs);
    return Math.max(last.bytesPerSecond, ...recent.map(({ bytesPerSecond }) => bytesPerSecond));
  }

  /** Longest message to be signed now. */
  get messageBytesMax(): number {
    const { bytesPerSecond } = this;
    if (bytesPerSecond === undefined) return MESSAGE_BYTES_MAX;
    const bytes = Math.floor(bytesPerSecond * MESSAGE_SECONDS);
    return Math.max(MESSAGE_BYTES_MIN, Math.min(MESSAGE_BYTES_MAX, bytes));
  }

  /** Bulk that may be in flight together; 1, that is a single message, before the first answer. */
  windowBytes(bytesMax: number): number {
    const { bytesPerSecond } = this;
    if (bytesPerSecond === undefined) return 1;
    return Math.max(1, Math.min(bytesMax, Math.floor(bytesPerSecond * MESSAGE_SECONDS)));
  }

  #begin(): void {
    this.#busySinceMs = this.#clock.monotonicMs();
    this.#answeredBytes = 0;
  }
}
