/**
 * Which message goes out next. A window in messages and bytes; alerts first, in a window of their
 * own, so that no backlog delays them; then one fresh summary, then the backlog, oldest first. What
 * got no receipt in time is sent again, the same bytes: a PUBACK is the broker's word, not the
 * hub's.
 */
import type { PendingMessage } from '../../buffer/outbox.ts';
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES, type Stream } from '../../protocols/uplink/messages.ts';
import type { Clock } from '../platform/clock.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { UplinkLink } from './link.ts';

export interface WindowSettings {
  /** Summaries under way to the hub and not receipted. */
  readonly messagesMax: number;
  /** Their bytes together; one message is always allowed. */
  readonly bytesMax: number;
  /** Wait for a receipt before the first repetition; doubles with each, up to RESEND_MAX_MS. */
  readonly receiptTimeoutMs: number;
}

export const DEFAULT_WINDOW: WindowSettings = {
  messagesMax: 16,
  bytesMax: 64 * 1024,
  receiptTimeoutMs: 15_000,
};

const ALERTS_WINDOW = 8;
const RESEND_MAX_MS = 300_000;

interface UnderWay {
  readonly message: PendingMessage;
  sentAtMs: number;
  timesSent: number;
  /** The broker has not answered yet. */
  isUnanswered: boolean;
}

export interface PublisherOptions {
  readonly buffer: SiteBuffer;
  readonly clock: Clock;
  readonly window: WindowSettings;
  readonly topicOf: (stream: Stream) => string;
  /** The broker refused a message. */
  readonly onRefused: (fault: OperatorFault) => void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #underWay = new Map<number, UnderWay>();
  #link: UplinkLink | undefined;
  #receiveMaximum = 0;
  #isFilling = false;
  #resent = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Messages sent more than once since start. */
  get resent(): number {
    return this.#resent;
  }

  /** Messages sent and not receipted. */
  get underWayCount(): number {
    return this.#underWay.size;
  }

  linkUp(link: UplinkLink, receiveMaximum: number): void {
    this.#link = link;
    this.#receiveMaximum = Math.max(1, receiveMaximum);
    this.fill();
  }

  /** What was under way may have arrived or not: all of it is sent again on the next link. */
  linkDown(): void {
    this.#link = undefined;
    this.#underWay.clear();
  }

  /** After a receipt was applied: what is no longer pending makes room. */
  settle(): void {
    for (const [id] of this.#underWay) {
      if (!this.#options.buffer.isPending(id)) this.#underWay.delete(id);
    }
    this.fill();
  }

  /** Sends what the window allows. Cheap when there is nothing to do. */
  fill(): void {
    // A link that answers at once would call back into the loop that is sending.
    if (this.#link === undefined || this.#isFilling) return;
    this.#isFilling = true;
    try {
      this.#resend();
      this.#fillAlerts();
      this.#fillSummaries();
    } finally {
      this.#isFilling = false;
    }
  }

  /** Sends again what is overdue; asks the disk only when something is. */
  tick(): void {
    for (const entry of this.#underWay.values()) {
      if (this.#isOverdue(entry)) {
        this.fill();
        return;
      }
    }
  }

  #isOverdue(entry: UnderWay): boolean {
    const { clock, window } = this.#options;
    const waitMs = Math.min(RESEND_MAX_MS, window.receiptTimeoutMs * 2 ** (entry.timesSent - 1));
    return !entry.isUnanswered && clock.monotonicMs() - entry.sentAtMs >= waitMs;
  }

  #resend(): void {
    for (const entry of this.#underWay.values()) {
      if (!this.#isOverdue(entry)) continue;
      if (!this.#hasSlot(entry.message.stream)) return;
      this.#resent++;
      this.#send(entry);
    }
  }

  #fillAlerts(): void {
    const room = ALERTS_WINDOW - this.#countUnderWay(STREAM_ALERTS);
    this.#fillOldest(STREAM_ALERTS, room, () => true);
  }

  #fillSummaries(): void {
    const { messagesMax, bytesMax } = this.#options.window;
    let bytes = 0;
    for (const { message } of this.#underWay.values()) {
      if (message.stream === STREAM_SUMMARIES) bytes += message.bytes;
    }
    const fits = (message: PendingMessage): boolean => {
      if (bytes > 0 && bytes + message.bytes > bytesMax) return false;
      bytes += message.bytes;
      return true;
    };
    const room = messagesMax - this.#countUnderWay(STREAM_SUMMARIES);
    if (room <= 0) return;
    const fresh = this.#options.buffer.newest(STREAM_SUMMARIES);
    let used = 0;
    if (fresh !== undefined && !this.#underWay.has(fresh.id)) {
      if (!this.#hasSlot(STREAM_SUMMARIES) || !fits(fresh)) return;
      this.#begin(fresh);
      used = 1;
    }
    this.#fillOldest(STREAM_SUMMARIES, room - used, fits);
  }

  #fillOldest(
    stream: Stream,
    roomMessages: number,
    fits: (message: PendingMessage) => boolean,
  ): void {
    if (roomMessages <= 0) return;
    const asked = roomMessages + this.#countUnderWay(stream);
    let room = roomMessages;
    for (const message of this.#options.buffer.pending(stream, 0, asked)) {
      if (this.#underWay.has(message.id)) continue;
      if (room <= 0 || !this.#hasSlot(stream) || !fits(message)) return;
      this.#begin(message);
      room--;
    }
  }

  #begin(message: PendingMessage): void {
    const entry = { message, sentAtMs: 0, timesSent: 0, isUnanswered: false };
    this.#underWay.set(message.id, entry);
    this.#send(entry);
  }

  #send(entry: UnderWay): void {
    const link = this.#link;
    const read = this.#options.buffer.read(entry.message.id);
    if (link === undefined || read.kind !== 'message') {
      this.#underWay.delete(entry.message.id);
      return;
    }
    entry.sentAtMs = this.#options.clock.monotonicMs();
    entry.timesSent++;
    entry.isUnanswered = true;
    link.publish(this.#options.topicOf(entry.message.stream), read.message, (outcome) => {
      entry.isUnanswered = false;
      if (outcome.kind === 'refused') this.#options.onRefused(outcome.fault);
      if (outcome.kind === 'accepted') this.fill();
    });
  }

  /** The broker's Receive Maximum; summaries leave the last slot to an alert. */
  #hasSlot(stream: Stream): boolean {
    let unanswered = 0;
    for (const entry of this.#underWay.values()) if (entry.isUnanswered) unanswered++;
    const reserved = stream === STREAM_ALERTS || this.#receiveMaximum === 1 ? 0 : 1;
    return unanswered < this.#receiveMaximum - reserved;
  }

  #countUnderWay(stream: Stream): number {
    let count = 0;
    for (const { message } of this.#underWay.values()) if (message.stream === stream) count++;
    return count;
  }
}
