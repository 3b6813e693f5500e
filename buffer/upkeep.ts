/**
 * What the file needs beside reading and writing, in steps that never take long: ballast, limits
 * that follow the disk, salvage of what was set aside. Each step is taken by a report's arrival.
 */
import type { Clock } from '../agent/platform/clock.ts';
import { Ballast } from './ballast.ts';
import type { BufferSession } from './buffer-session.ts';
import { Checker } from './checker.ts';
import type { ChainSigner } from './outbox.ts';
import { Salvager } from './salvager.ts';

const FIT_INTERVAL_MS = 10_000;
const STEP_INTERVAL_MS = 1000;

/** For the log: what happened, in one sentence. */
export interface UpkeepNotice {
  readonly event: 'ballastDropped' | 'salvaged' | 'salvageFailed' | 'checkFailed';
  readonly text: string;
}

export interface UpkeepOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly childWords?: readonly string[];
  readonly onNotice?: (notice: UpkeepNotice) => void;
  /** After the start, the first look at the whole file; for tests. */
  readonly firstCheckMs?: number;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #salvager: Salvager;
  readonly #checker: Checker;
  #ballast: Ballast | undefined;
  #stepAtMs = 0;
  #fitAtMs = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#salvager = new Salvager(options);
    this.#checker = new Checker(options);
  }

  tend(session: BufferSession, signer: ChainSigner | undefined): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#stepAtMs) return;
    this.#stepAtMs = nowMs + STEP_INTERVAL_MS;
    this.#ballast ??= new Ballast(this.#options.path);
    this.#ballast.grow();
    if (nowMs >= this.#fitAtMs) {
      this.#fitAtMs = nowMs + FIT_INTERVAL_MS;
      session.fitToDisk();
    }
    this.#salvager.step(session, signer);
    this.#checker.step(session, signer);
  }

  /** Size of the ballast file. */
  get ballastBytes(): number {
    return this.#ballast?.bytes ?? 0;
  }

  /** True: the disk has room again for deleting. */
  dropBallast(): boolean {
    this.#ballast ??= new Ballast(this.#options.path);
    if (!this.#ballast.drop()) return false;
    const text = 'The disk is full; the ballast file was given up so that old data can be deleted.';
    this.#options.onNotice?.({ event: 'ballastDropped', text });
    return true;
  }

  stop(): void {
    this.#salvager.stop();
    this.#checker.stop();
  }
}
