/**
 * Feeds the service manager's watchdog, but only while every part of the program makes progress: a
 * sensor whose capture hangs is worse than one that is restarted, since nobody sees that it is
 * blind. Trouble that a restart can't cure (no link, a full disk) is progress: the part works on.
 */
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Notifier } from './notify-socket.ts';

/** What must go on for the program to be of use. */
export type Part = 'capture' | 'buffer' | 'uplink';

/**
 * A part may be silent for so many times of the watchdog: 45 s of the unit's 30 s, longer than the
 * longest pause of a part that works (a worker is started again after 30 s).
 */
const SILENCE_TIMES = 1.5;
const WATCHDOG_MS_DEFAULT = 30_000;
/** sd_watchdog_enabled(3) advises half of the time; a third leaves room for a late timer. */
const FEEDS_IN_TIME = 3;

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Absent where no service manager listens; then only `stuck` is kept. */
  readonly notifier?: Notifier | undefined;
  /** Absent where nobody watches. */
  readonly watchdogMs?: number | undefined;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #silenceMsMax: number;
  readonly #lastMs = new Map<Part, number>();
  #cancelFeed = (): void => {};
  #wasStuck = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#silenceMsMax = (options.watchdogMs ?? WATCHDOG_MS_DEFAULT) * SILENCE_TIMES;
  }

  /** The part has worked just now; the first call makes it one that must go on. */
  readonly progress = (part: Part): void => {
    this.#lastMs.set(part, this.#options.clock.monotonicMs());
  };

  /** Everything has started: from now on the watchdog is fed. */
  ready(parts: readonly Part[]): void {
    for (const part of parts) this.progress(part);
    this.#options.notifier?.notify('READY=1', 'STATUS=capturing');
    this.#feedLater();
  }

  /** The stop has begun; it is bounded elsewhere. */
  stopping(): void {
    this.#cancelFeed();
    this.#options.notifier?.notify('STOPPING=1', 'STATUS=stopping');
  }

  /** Parts that have been silent too long. */
  stuck(): Part[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#lastMs]
      .filter(([, lastMs]) => nowMs - lastMs > this.#silenceMsMax)
      .map(([part]) => part);
  }

  #feedLater(): void {
    const { clock, watchdogMs, notifier } = this.#options;
    if (watchdogMs === undefined || notifier === undefined) return;
    this.#cancelFeed = clock.after(watchdogMs / FEEDS_IN_TIME, () => {
      this.#feed(notifier);
      this.#feedLater();
    });
  }

  #feed(notifier: Notifier): void {
    const stuck = this.stuck();
    const isStuck = stuck.length > 0;
    if (!isStuck) notifier.notify('WATCHDOG=1');
    if (isStuck === this.#wasStuck) return;
    this.#wasStuck = isStuck;
    const status = isStuck ? `no progress: ${stuck.join(', ')}` : 'capturing';
    notifier.notify(`STATUS=${status}`);
    const fields = { event: isStuck ? 'stuck' : 'unstuck', parts: stuck };
    if (isStuck) this.#options.log.error(fields, 'no progress; the watchdog is no longer fed');
    else this.#options.log.info(fields, 'progress again');
  }
}
