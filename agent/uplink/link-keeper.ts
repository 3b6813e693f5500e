/** Keeps one link up: attempts with backoff, and remembers why the last one ended. */
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { Random } from '../platform/random.ts';
import { Backoff } from './backoff.ts';
import { BirthAgain } from './birth-again.ts';
import type { LinkFacts, UplinkLink } from './link.ts';

export interface LinkKeeperOptions {
  readonly agentId: string;
  readonly link: UplinkLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onUp: (facts: LinkFacts) => void;
  readonly onDown: () => void;
  readonly onMessage: (topic: string, bytes: Uint8Array) => void;
  readonly onRefused: (fault: OperatorFault) => void;
}

export class LinkKeeper {
  readonly #options: LinkKeeperOptions;
  readonly #backoff: Backoff;
  readonly #births: BirthAgain;
  #isUp = false;
  #isStopped = false;
  #ups = 0;
  #fault: OperatorFault | undefined;
  #cancelAttempt: () => void = () => {};

  constructor(options: LinkKeeperOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#births = new BirthAgain(options);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Connections after the first. */
  get reconnects(): number {
    return Math.max(0, this.#ups - 1);
  }

  /** Why the link is not up; undefined while it is, or before the first attempt ended. */
  get fault(): OperatorFault | undefined {
    return this.#fault;
  }

  start(): void {
    this.#attempt();
  }

  /** The hub answered over this link: the next failure begins with short waits again. */
  proveGood(): void {
    this.#backoff.reset();
  }

  /** The hub may have less than it had: all receipts are wanted, now or with the next link. */
  wantBirth(): void {
    this.#births.want();
  }

  /** Call about once a second. */
  tick(): void {
    if (this.#isUp) this.#births.tick();
  }

  /** Ends the link and begins a new one at once. */
  async reconnect(timeoutMs: number): Promise<void> {
    if (!this.#isUp || this.#isStopped) return;
    this.#isUp = false;
    this.#options.onDown();
    await this.#options.link.close(timeoutMs);
    if (!this.#isStopped) this.#attempt();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    this.#cancelAttempt();
    this.#isUp = false;
    this.#options.onDown();
    await this.#options.link.close(timeoutMs);
  }

  #attempt(): void {
    const { link, clock, log, onUp, onDown, onMessage, onRefused } = this.#options;
    link.connect({
      onUp: (facts) => {
        if (this.#isStopped) return;
        this.#isUp = true;
        this.#ups++;
        this.#births.linkUp();
        this.#fault = undefined;
        log.info({ receiveMaximum: facts.receiveMaximum }, 'uplinkConnected');
        onUp(facts);
      },
      onDown: (fault) => {
        if (this.#isStopped) return;
        this.#isUp = false;
        this.#fault = fault;
        onDown();
        const waitMs = this.#backoff.nextMs();
        log.warn({ code: fault?.code, waitMs: Math.round(waitMs) }, fault?.problem ?? 'uplinkLost');
        this.#cancelAttempt = clock.after(waitMs, () => this.#attempt());
      },
      onMessage,
      onRefused,
    });
  }
}
