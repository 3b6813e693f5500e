/**
 * Which message goes out next. A window in messages and bytes, as wide as two seconds of the link
 * are; alerts first, in a window of their own, so that no backlog delays them; then one fresh
 * summary, then evidence that the hub asked for, then the backlog, oldest first. What got no
 * receipt in time is sent again, the same bytes: a PUBACK is the broker's word, not the hub's.
 */
import type { PendingMessage } from '../../buffer/outbox.ts';
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import {
  type ResendRange,
  STREAM_ALERTS,
  STREAM_EVIDENCE,
  STREAM_SUMMARIES,
  type Stream,
} from '../../protocols/uplink/messages.ts';
import type { Clock } from '../platform/clock.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { Goodput } from './goodput.ts';
import type { UplinkLink } from './link.ts';

export interface WindowSettings {
  /** Summaries and evidence under way to the hub and not receipted. */
  readonly messagesMax: number;
  /** Their bytes together, less on a slow link; one message is always allowed. */
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
  /** The hub has asked for it once more. */
  isWanted: boolean;
}

export interface PublisherOptions {
  readonly buffer: SiteBuffer;
  readonly clock: Clock;
  readonly window: WindowSettings;
  readonly goodput: Goodput;
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
  /** A new key's announcement, and the newest message of each stream that the old one signed. */
  #gate: { readonly id: number; readonly newest: ReadonlyMap<Stream, number> } | undefined;
  /** The summary that went before the backlog on this link; only a newer one does so again. */
  #freshId = 0;
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
    this.#freshId = 0;
    this.#options.goodput.lost();
  }

  /** After a receipt was applied: what is no longer pending makes room. */
  settle(): void {
    for (const [id] of this.#underWay) {
      if (!this.#options.buffer.isPending(id)) this.#underWay.delete(id);
    }
    this.fill();
  }

  /**
   * What a new key has signed waits until the hub has the message that announces it, or would be
   * refused as nobody's. `announcementId`: that message, which the old key has signed.
   */
  holdBehind(announcementId: number): void {
    const { buffer } = this.#options;
    const newest = new Map<Stream, number>([[STREAM_ALERTS, announcementId]]);
    for (const stream of [STREAM_SUMMARIES, STREAM_EVIDENCE] as const) {
      newest.set(stream, buffer.newest(stream)?.id ?? 0);
    }
    this.#gate = { id: announcementId, newest };
    this.fill();
  }

  /** The hub misses these: what has been sent of them goes again now, the rest in its turn. */
  sendAgain({ epoch, stream, from, to }: ResendRange): void {
    for (const entry of this.#underWay.values()) {
      const { message } = entry;
      if (message.epoch !== epoch || message.stream !== stream) continue;
      if (message.sequence >= from && message.sequence <= to) entry.isWanted = true;
    }
    this.fill();
  }

  /** Sends what the window allows. Cheap when there is nothing to do. */
  fill(): void {
    // A link that answers at once would call back into the loop that is sending.
    if (this.#link === undefined || this.#isFilling) return;
    this.#isFilling = true;
    if (this.#gate !== undefined && !this.#options.buffer.isPending(this.#gate.id)) {
      this.#gate = undefined;
    }
    try {
      this.#resend(STREAM_ALERTS);
      this.#fillAlerts();
      this.#resend(STREAM_SUMMARIES);
      this.#resend(STREAM_EVIDENCE);
      this.#fillBulk();
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
    if (entry.isUnanswered) return false;
    if (entry.isWanted) return true;
    const { clock, window } = this.#options;
    const waitMs = Math.min(RESEND_MAX_MS, window.receiptTimeoutMs * 2 ** (entry.timesSent - 1));
    return clock.monotonicMs() - entry.sentAtMs >= waitMs;
  }

  /** One by one on a slow link, as the first time: bulk that is repeated is bulk. */
  #resend(stream: Stream): void {
    for (const entry of this.#underWay.values()) {
      if (entry.message.stream !== stream || !this.#isOverdue(entry)) continue;
      if (!this.#hasSlot(stream)) return;
      if (stream !== STREAM_ALERTS && !this.#fitsUnanswered(entry.message.bytes)) return;
      this.#resent++;
      this.#send(entry);
    }
  }

  #fillAlerts(): void {
    const room = ALERTS_WINDOW - this.#countUnderWay((stream) => stream === STREAM_ALERTS);
    this.#fillOldest(STREAM_ALERTS, room, () => true);
  }

  #fillBulk(): void {
    const { window, buffer } = this.#options;
    const isBulk = (stream: Stream): boolean => stream !== STREAM_ALERTS;
    const fits = (message: PendingMessage): boolean => this.#fits(message.bytes);
    let room = window.messagesMax - this.#countUnderWay(isBulk);
    if (room <= 0) return;
    const fresh = buffer.newest(STREAM_SUMMARIES);
    if (fresh !== undefined && fresh.id > this.#freshId && !this.#isHeld(fresh)) {
      if (!this.#hasSlot(STREAM_SUMMARIES) || !fits(fresh)) return;
      this.#freshId = fresh.id;
      if (!this.#underWay.has(fresh.id)) {
        this.#begin(fresh);
        room--;
      }
    }
    room -= this.#fillOldest(STREAM_EVIDENCE, room, fits);
    this.#fillOldest(STREAM_SUMMARIES, room, fits);
  }

  /** Answers how many were sent. */
  #fillOldest(
    stream: Stream,
    roomMessages: number,
    fits: (message: PendingMessage) => boolean,
  ): number {
    if (roomMessages <= 0) return 0;
    const asked = roomMessages + this.#countUnderWay((each) => each === stream);
    let sent = 0;
    for (const message of this.#options.buffer.pending(stream, 0, asked)) {
      if (this.#underWay.has(message.id)) continue;
      if (this.#isHeld(message)) break;
      if (sent >= roomMessages || !this.#hasSlot(stream) || !fits(message)) break;
      this.#begin(message);
      sent++;
    }
    return sent;
  }

  #isHeld({ id, stream }: PendingMessage): boolean {
    return this.#gate !== undefined && id > (this.#gate.newest.get(stream) ?? 0);
  }

  #begin(message: PendingMessage): void {
    const entry = { message, sentAtMs: 0, timesSent: 0, isUnanswered: false, isWanted: false };
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
    const { goodput } = this.#options;
    entry.sentAtMs = this.#options.clock.monotonicMs();
    entry.timesSent++;
    entry.isUnanswered = true;
    entry.isWanted = false;
    goodput.sent();
    link.publish(this.#options.topicOf(entry.message.stream), read.message, (outcome) => {
      entry.isUnanswered = false;
      if (outcome.kind === 'lost') return;
      goodput.answered(read.message.byteLength);
      if (outcome.kind === 'refused') this.#options.onRefused(outcome.fault);
      if (outcome.kind === 'accepted') this.fill();
    });
  }

  /** Bulk without a receipt within the settings, and what the broker hasn't answered within 2 s. */
  #fits(bytes: number): boolean {
    const bulk = [...this.#underWay.values()].filter(
      ({ message }) => message.stream !== STREAM_ALERTS,
    );
    const underWay = bulk.reduce((sum, { message }) => sum + message.bytes, 0);
    if (underWay > 0 && underWay + bytes > this.#options.window.bytesMax) return false;
    return this.#fitsUnanswered(bytes);
  }

  /** What is in the pipe delays the next alert: two seconds of it, or one message. */
  #fitsUnanswered(bytes: number): boolean {
    let inFlight = 0;
    for (const { message, isUnanswered } of this.#underWay.values()) {
      if (isUnanswered && message.stream !== STREAM_ALERTS) inFlight += message.bytes;
    }
    const { goodput, window } = this.#options;
    return inFlight === 0 || inFlight + bytes <= goodput.windowBytes(window.bytesMax);
  }

  /** The broker's Receive Maximum; bulk leaves the last slot to an alert. */
  #hasSlot(stream: Stream): boolean {
    let unanswered = 0;
    for (const entry of this.#underWay.values()) if (entry.isUnanswered) unanswered++;
    const reserved = stream === STREAM_ALERTS || this.#receiveMaximum === 1 ? 0 : 1;
    return unanswered < this.#receiveMaximum - reserved;
  }

  #countUnderWay(isCounted: (stream: Stream) => boolean): number {
    let count = 0;
    for (const { message } of this.#underWay.values()) if (isCounted(message.stream)) count++;
    return count;
  }
}
