/**
 * One life of a process, from its start to the crash that ends it. Whatever the process asks of the
 * outside world passes here, and a crash happens at one of these calls: the disk is photographed as
 * it is at that moment, and from then on nothing that this life does is seen by anybody.
 */
import type { Clock } from '../../agent/platform/clock.ts';
import type { Random } from '../../agent/platform/random.ts';
import { SeededRandom } from '../seeded-random.ts';
import { BEGIN_MS, type World } from './world.ts';

/** Waits that a dead process still gets, so that it can be taken down; longer ones never end. */
const LAST_WAIT_MS_MAX = 999;

interface Armed {
  readonly atCall: number;
  /** One call before: what was on the disk then is there after any crash that follows. */
  readonly before: () => void;
  readonly crash: () => void;
}

export class Life {
  readonly #world: World;
  readonly beganMs: number;
  #isAlive = true;
  #calls = 0;
  #armed: Armed | undefined;

  constructor(world: World) {
    this.#world = world;
    this.beganMs = world.nowMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Calls to the outside world so far. */
  get calls(): number {
    return this.#calls;
  }

  /** Crashes at the call after the next `calls`; it comes sooner or later. */
  arm(calls: number, before: () => void, crash: () => void): void {
    this.#armed ??= { atCall: this.#calls + 2 + calls, before, crash };
  }

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  end(): void {
    this.#isAlive = false;
    this.#armed = undefined;
  }

  /** The process asks something of the outside world. */
  pass(): void {
    if (!this.#isAlive) return;
    this.#calls += 1;
    const armed = this.#armed;
    if (armed === undefined) return;
    if (this.#calls === armed.atCall - 1) armed.before();
    if (this.#calls < armed.atCall) return;
    this.end();
    armed.crash();
  }

  /** `offsetMs`: of its wall clock against the true time. */
  clock(offsetMs: () => number): Clock {
    const world = this.#world;
    const nowMs = (): number => world.nowMs;
    return {
      wallMs: () => {
        this.pass();
        return Math.round(BEGIN_MS + nowMs() + offsetMs());
      },
      monotonicMs: () => {
        this.pass();
        return nowMs() - this.beganMs;
      },
      after: (delayMs, call) => {
        if (!this.#isAlive) return lastWait(delayMs, call);
        return world.after(delayMs, async () => {
          if (!this.#isAlive) return;
          call();
          await world.settle(1);
        });
      },
    };
  }

  /** Chance of this process, out of the world's; a dead one takes nothing from it. */
  chance(): Random {
    const { random } = this.#world;
    const dead = new SeededRandom(1);
    const drawn = (): SeededRandom => {
      this.pass();
      return this.#isAlive ? random : dead;
    };
    return {
      fraction: () => drawn().fraction(),
      bytes: (count) => {
        const source = drawn();
        return Uint8Array.from({ length: count }, () => source.below(256));
      },
    };
  }
}

function lastWait(delayMs: number, call: () => void): () => void {
  if (delayMs > LAST_WAIT_MS_MAX) return () => {};
  const timer = setImmediate(call);
  return () => clearImmediate(timer);
}
