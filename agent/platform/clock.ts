/**
 * The only place that reads a clock or sets a timer. Everything else receives a `Clock`, so that a
 * day of backoff passes in a test's millisecond.
 */
export interface Clock {
  /** UTC milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Milliseconds that only rise. */
  monotonicMs(): number;
  /** Calls once after `delayMs`; the returned function cancels. */
  after(delayMs: number, call: () => void): () => void;
}

export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  }
}

/** A clock that moves only when a test says so; timers fire in order of their time. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #timers: { atMs: number; order: number; call: () => void }[] = [];
  #order = 0;

  constructor(wallMs = 1_790_000_000_000) {
    this.#wallMs = wallMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + delayMs, order: this.#order++, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Steps the wall clock alone, as an operator or NTP would. */
  step(deltaMs: number): void {
    this.#wallMs += deltaMs;
  }

  advance(deltaMs: number): void {
    const untilMs = this.#monotonicMs + deltaMs;
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#move(next.atMs - this.#monotonicMs);
      next.call();
    }
    this.#move(untilMs - this.#monotonicMs);
  }

  #move(deltaMs: number): void {
    this.#monotonicMs += deltaMs;
    this.#wallMs += deltaMs;
  }
}
