/**
 * The hub answers a birth with the receipts of all streams, and only these tell of a stream with
 * nothing more to say: that the hub, back from an older copy, no longer has its last alert. A link
 * that stays up for weeks therefore says birth again now and then, and at once where one stream has
 * shown such a loss (docs/decisions/0016).
 */
import { encodeStatus, STATUS_BIRTH } from '../../protocols/uplink/status.ts';
import { statusTopic } from '../../protocols/uplink/topics.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { UplinkLink } from './link.ts';

/** A quarter sooner or later, so that a broker's restart doesn't set all agents to one minute. */
export const BIRTH_INTERVAL_MS = 6 * 3_600_000;
const SPREAD = 0.5;
/** The hub takes one birth a second of an agent (hub/birth-limit.ts); on its way it may be late. */
const REPEAT_MS = 5_000;

export interface BirthAgainOptions {
  readonly link: UplinkLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly agentId: string;
}

export class BirthAgain {
  readonly #options: BirthAgainOptions;
  /** Monotonic. */
  #dueMs = 0;
  #saidMs = 0;

  constructor(options: BirthAgainOptions) {
    this.#options = options;
  }

  /** The link has just said birth itself. */
  linkUp(): void {
    const { clock, random } = this.#options;
    const spread = 1 + SPREAD * (random.fraction() - 0.5);
    this.#saidMs = clock.monotonicMs();
    this.#dueMs = this.#saidMs + BIRTH_INTERVAL_MS * spread;
  }

  /** Soon, and once; a new link says it anyway. */
  want(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#saidMs + REPEAT_MS);
  }

  /** Only while the link is up. */
  tick(): void {
    const { link, clock, agentId } = this.#options;
    if (clock.monotonicMs() < this.#dueMs) return;
    this.linkUp();
    // Nothing waits for it: a birth that is lost is said by the next one.
    link.publish(statusTopic(agentId), encodeStatus(STATUS_BIRTH), () => {});
  }
}
