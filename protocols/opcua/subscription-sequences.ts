/**
 * Do the notifications of a subscription come without a gap? Each has a sequence number one higher
 * than the last; a keep-alive has the number that comes next and uses none up (OPC 10000-4
 * §5.13.1.1 and §7.26). What is missing was lost, or went unseen by the tap.
 */

/** Subscriptions followed; when full, the one heard longest ago makes room. */
export const SUBSCRIPTIONS_MAX = 4096;
/** After the last one comes 1, not 0 (OPC 10000-4 §7.9, Counter). */
const SEQUENCE_NUMBER_MAX = 0xffffffff;

export class SubscriptionSequences {
  /** The number that comes next, by server and subscription. */
  readonly #next = new Map<string, number>();

  /** Notifications missing before this one; 0: none, or it is the first, or comes once more. */
  gapBefore(
    server: string,
    subscriptionId: number,
    sequenceNumber: number,
    isKeepAlive: boolean,
  ): number {
    const key = `${server} ${subscriptionId}`;
    const next = this.#next.get(key);
    const gap = next === undefined ? 0 : distance(next, sequenceNumber);
    if (gap < 0) return 0;
    this.#next.delete(key);
    this.#next.set(key, isKeepAlive ? sequenceNumber : following(sequenceNumber));
    const [oldest] = this.#next.keys();
    if (this.#next.size > SUBSCRIPTIONS_MAX && oldest !== undefined) this.#next.delete(oldest);
    return gap;
  }
}

function following(sequenceNumber: number): number {
  return sequenceNumber >= SEQUENCE_NUMBER_MAX ? 1 : sequenceNumber + 1;
}

/** Steps from one number to another, the short way around the wrap; negative: backwards. */
function distance(from: number, to: number): number {
  const steps = to - from;
  if (steps > SEQUENCE_NUMBER_MAX / 2) return steps - SEQUENCE_NUMBER_MAX;
  return steps < -SEQUENCE_NUMBER_MAX / 2 ? steps + SEQUENCE_NUMBER_MAX : steps;
}
