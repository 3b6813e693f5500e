/**
 * The link as the uplink sees it: one attempt at a time, messages out, messages in, and word of
 * what the broker refused. Outbox, window and backoff are ours: a link keeps nothing and repeats
 * nothing.
 */
import type { OperatorFault } from '../platform/operator-fault.ts';

export interface LinkHandlers {
  /** Connected, subscribed to the receipts, birth published. */
  onUp(facts: LinkFacts): void;
  /** The attempt failed or the link is gone; called once for each `connect`. */
  onDown(fault: OperatorFault | undefined): void;
  onMessage(topic: string, bytes: Uint8Array): void;
  /** The broker gives no requests or advisories; the link goes on without them. */
  onRefused?(fault: OperatorFault): void;
}

export interface LinkFacts {
  /** Unanswered QoS 1 messages that the broker takes (MQTT 5 section 3.2.2.3.3). */
  readonly receiveMaximum: number;
}

export type PublishOutcome =
  /** The broker has it. That proves nothing of the hub. */
  | { readonly kind: 'accepted' }
  /** PUBACK with a reason code of 0x80 or more. */
  | { readonly kind: 'refused'; readonly fault: OperatorFault }
  /** The link went away first; the message may have arrived or not. */
  | { readonly kind: 'lost' };

export interface UplinkLink {
  /** Begins one attempt; call again only after `onDown`. */
  connect(handlers: LinkHandlers): void;
  /** QoS 1. Only between `onUp` and `onDown`; `done` is called once. */
  publish(topic: string, bytes: Uint8Array, done: (outcome: PublishOutcome) => void): void;
  /** Ends the link within `timeoutMs`, in order where the broker still answers. */
  close(timeoutMs: number): Promise<void>;
}
