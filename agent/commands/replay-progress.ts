/**
 * How far `replay` is, on standard error: only for work that takes long enough to wonder about.
 * A terminal gets one line that changes; a log gets a line every few seconds.
 */
import type { Clock } from '../platform/clock.ts';

/** From this size on, progress is told wherever standard error goes. */
const LARGE_FILE_BYTES = 64 * 1024 * 1024;
/** On a terminal, also for whatever takes longer than this. */
const PATIENCE_MS = 1000;
const TERMINAL_INTERVAL_MS = 250;
const LOG_INTERVAL_MS = 5000;
/** In a log, also each time this share more has been read. */
const LOG_PERCENT = 25;
const MEGABYTE = 1_000_000;

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class ReplayProgress {
  readonly #label: string;
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  readonly #startMs: number;
  #toldMs: number;
  #toldPercent = 0;
  #isShown = false;

  /** `label` names the file, already safe to print. */
  constructor(label: string, stream: ProgressStream, clock: Clock) {
    this.#label = label;
    this.#stream = stream;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#toldMs = this.#startMs;
  }

  update(bytesRead: number, bytesTotal?: number): void {
    const nowMs = this.#clock.monotonicMs();
    const isTerminal = this.#stream.isTTY === true;
    const isLarge = (bytesTotal ?? bytesRead) > LARGE_FILE_BYTES;
    if (!isLarge && !(isTerminal && nowMs - this.#startMs > PATIENCE_MS)) return;
    const percent = bytesTotal ? Math.min(100, Math.floor((bytesRead * 100) / bytesTotal)) : 0;
    const intervalMs = isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
    const isFurther = !isTerminal && percent >= this.#toldPercent + LOG_PERCENT;
    if (!isFurther && nowMs - this.#toldMs < intervalMs) return;
    this.#toldMs = nowMs;
    this.#toldPercent = percent;
    this.#isShown = true;
    const text = this.#describe(bytesRead, bytesTotal, nowMs - this.#startMs);
    this.#stream.write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  }

  /** Takes the changing line away. */
  end(): void {
    if (this.#isShown && this.#stream.isTTY === true) this.#stream.write('\r\u001b[K');
  }

  #describe(bytesRead: number, bytesTotal: number | undefined, elapsedMs: number): string {
    const bytesPerSecond = elapsedMs > 0 ? (bytesRead * 1000) / elapsedMs : 0;
    const rate = `${(bytesPerSecond / MEGABYTE).toFixed(0)} MB/s`;
    const read = `${(bytesRead / MEGABYTE).toFixed(0)} MB`;
    if (bytesTotal === undefined || bytesTotal === 0) return `${this.#label}: ${read}, ${rate}`;
    const percent = Math.min(100, Math.floor((bytesRead * 100) / bytesTotal));
    const left = bytesPerSecond > 0 ? (bytesTotal - bytesRead) / bytesPerSecond : 0;
    const seconds = Math.max(0, Math.ceil(left));
    const total = `${(bytesTotal / MEGABYTE).toFixed(0)} MB`;
    return `${this.#label}: ${percent} % of ${total}, ${rate}, ${seconds} s left`;
  }
}
