/**
 * Receipts on their way out. Of two for the same stream only the later one matters, and no more
 * than the broker takes at once are under way: the package keeps no such limit itself.
 */

import type { TableUse } from './table-use.ts';

/** Streams with a receipt waiting; the one waiting longest makes room (a birth brings it again). */
export const RECEIPTS_WAITING_MAX = 50_000;
const IN_FLIGHT_MAX = 64;

export interface OutgoingReceipt {
  /** Which stream it speaks of. */
  readonly name: string;
  readonly topic: string;
  readonly bytes: Uint8Array;
  /** A receipt stays at the broker for an agent that is away; a request doesn't. */
  readonly isRetained: boolean;
}

/** Publishes one receipt and calls back once the broker has answered or the link is gone. */
export type SendReceipt = (receipt: OutgoingReceipt, done: () => void) => void;

export class ReceiptQueue {
  readonly #waiting = new Map<string, OutgoingReceipt>();
  #send: SendReceipt | undefined;
  #inFlight = 0;
  #inFlightMax = IN_FLIGHT_MAX;
  /** Rises with each link, so that answers of an old one don't count for the new. */
  #linkNumber = 0;
  #evicted = 0;

  put(receipt: OutgoingReceipt): void {
    this.#waiting.delete(receipt.name);
    if (this.#waiting.size >= RECEIPTS_WAITING_MAX) {
      const oldest = this.#waiting.keys().next();
      if (!oldest.done) this.#waiting.delete(oldest.value);
      this.#evicted += 1;
    }
    this.#waiting.set(receipt.name, receipt);
    this.#pump();
  }

  /** `receiveMaximum`: the broker's limit of unanswered messages. */
  linkUp(send: SendReceipt, receiveMaximum: number): void {
    this.#linkNumber += 1;
    this.#inFlight = 0;
    this.#inFlightMax = Math.min(IN_FLIGHT_MAX, receiveMaximum);
    this.#send = send;
    this.#pump();
  }

  linkDown(): void {
    this.#send = undefined;
    this.#linkNumber += 1;
  }

  get isIdle(): boolean {
    return this.#send === undefined || (this.#waiting.size === 0 && this.#inFlight === 0);
  }

  get use(): TableUse {
    const { size: used } = this.#waiting;
    return { table: 'receiptsWaiting', used, max: RECEIPTS_WAITING_MAX, evicted: this.#evicted };
  }

  #pump(): void {
    for (const [name, receipt] of this.#waiting) {
      if (this.#send === undefined || this.#inFlight >= this.#inFlightMax) return;
      this.#waiting.delete(name);
      this.#inFlight += 1;
      const linkNumber = this.#linkNumber;
      this.#send(receipt, () => {
        if (linkNumber !== this.#linkNumber) return;
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }
}
