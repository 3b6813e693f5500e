/**
 * The sequence space of each direction: what comes next, what waits behind a hole, what the peer
 * has acknowledged without our seeing it. Puts segments in order; knows nothing of connections.
 * Spec: RFC 9293 section 3.4 (sequence numbers), 3.8.4 (keep-alives).
 */
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import type { DecoderOptions } from './decoder-options.ts';
import { ReorderLists } from './reorder-lists.ts';
import { copyOrigin, createSegmentContext } from './segment-origin.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** Takes what comes out. `direction` is row * 2 + side. */
export interface InOrderSink {
  /** The next bytes; false: these lead nowhere, begin anew with the next segment. */
  inOrder(direction: number, bytes: Uint8Array, offset: number, length: number): boolean;
  /** Bytes that will never come; the next `inOrder` follows the hole. */
  hole(direction: number, bytesMissed: number): void;
  /** The connection is over; its row may get another. */
  ended(row: number): void;
}

/**
 * Status bits of a direction. None set is the ordinary case, which one comparison tells: the next
 * byte is known, nothing waits, nobody has closed.
 */
export const STATUS_UNKNOWN = 1;
const STATUS_WAITING = 2;
export const STATUS_FIN_WAITING = 4;
export const STATUS_FIN_REACHED = 8;
/** Of both directions of a connection that is over. */
export const STATUS_ENDED = 16;

/** A sequence number further off than any window in use belongs to another connection. */
const JUMP_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes that an acknowledgment may be ahead of what we saw: a loss of so much is believable. */
const ACKNOWLEDGED_AHEAD_MAX = 64 * 1024 * 1024;

/** Acknowledged bytes are missing since the last tick, or since the one before. */
const AHEAD_NO = 0;
const AHEAD_NEW = 1;
const AHEAD_OLD = 2;

export class TcpSequences {
  readonly status: Uint8Array;
  /** Sequence number of the next byte; without meaning while STATUS_UNKNOWN is set. */
  readonly next: Int32Array;
  /** Sequence number of the FIN while STATUS_FIN_WAITING is set. */
  readonly finSequence: Int32Array;
  readonly #sink: InOrderSink;
  readonly #counters: DecodeCounters;
  readonly #context: SegmentContext;
  readonly #spareContext: SegmentContext = createSegmentContext();
  readonly #reorder: ReorderLists;
  readonly #holdUs: number;
  readonly #ahead: Uint8Array;
  readonly #acknowledged: Int32Array;
  #aheadCount = 0;

  constructor(
    directions: number,
    options: DecoderOptions,
    pool: SegmentPool,
    context: SegmentContext,
    counters: DecodeCounters,
    sink: InOrderSink,
  ) {
    this.#sink = sink;
    this.#counters = counters;
    this.#context = context;
    this.#reorder = new ReorderLists(directions, options.reorderBlocksPerDirectionMax, pool);
    this.#holdUs = options.reorderHoldMs * 1000;
    this.status = new Uint8Array(directions).fill(STATUS_UNKNOWN);
    this.next = new Int32Array(directions);
    this.finSequence = new Int32Array(directions);
    this.#ahead = new Uint8Array(directions);
    this.#acknowledged = new Int32Array(directions);
  }

  /** Whether time alone can change anything. */
  get isIdle(): boolean {
    return this.#reorder.directionsUsed + this.#aheadCount === 0;
  }

  /** Whether a segment since the last call differed from its copy that waits behind a hole. */
  takeDiffering(): boolean {
    const isDiffering = this.#reorder.isDiffering;
    if (isDiffering) this.#reorder.isDiffering = false;
    return isDiffering;
  }

  isUnknown(direction: number): boolean {
    return (this.status[direction] & STATUS_UNKNOWN) !== 0;
  }

  setKnown(direction: number, next: number): void {
    this.status[direction] &= ~STATUS_UNKNOWN;
    this.next[direction] = next;
  }

  /** Hands on bytes that begin at `next`. */
  deliver(direction: number, bytes: Uint8Array, offset: number, length: number): void {
    this.next[direction] = (this.next[direction] + length) | 0;
    if (length > 0 && !this.#sink.inOrder(direction, bytes, offset, length)) {
      this.forget(direction);
    }
  }

  /**
   * The peer acknowledges up to `acknowledgment`: holes before it will never fill. True when that
   * released segments which waited behind one.
   */
  acknowledge(direction: number, acknowledgment: number): boolean {
    const ahead = (acknowledgment - this.next[direction]) | 0;
    return ahead > 0 && this.#acknowledgeAhead(direction, acknowledgment, ahead);
  }

  /**
   * A segment that is not simply the next: the first one, a retransmission, an overlap, one behind
   * a hole. False when its sequence number belongs to another connection; then nothing was done.
   */
  place(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    cutBytes: number,
  ): boolean {
    if (this.isUnknown(direction)) {
      if (!this.#join(direction, sequence, length)) return true;
    } else if (!this.#isNear(direction, sequence)) {
      return false;
    }
    this.#placeNear(direction, sequence, bytes, offset, length);
    // The snap length cut the end off: that hole will not fill.
    const sequenceOfCut = (sequence + length) | 0;
    if (cutBytes > 0 && !this.isUnknown(direction) && this.next[direction] === sequenceOfCut) {
      this.#skipTo(direction, (sequenceOfCut + cutBytes) | 0);
      this.#drain(direction);
    }
    return true;
  }

  /** About once a second of traffic: gives up holes that nobody fills. */
  tick(direction: number): void {
    if (this.#reorder.isWaiting(direction)) this.#giveUpOldHoles(direction);
    if (this.#ahead[direction] === AHEAD_OLD) {
      this.#tellAhead(direction);
      this.#clearAhead(direction);
    } else if (this.#ahead[direction] === AHEAD_NEW) {
      this.#ahead[direction] = AHEAD_OLD;
    }
  }

  /** Nothing more will come: delivers what waits and tells what is missing. */
  finish(direction: number): void {
    this.#giveUpHoles(direction);
    this.#tellAhead(direction);
    this.#clearAhead(direction);
  }

  forget(direction: number): void {
    this.status[direction] |= STATUS_UNKNOWN;
    this.status[direction] &= ~STATUS_WAITING;
    this.#clearAhead(direction);
    this.#reorder.clear(direction);
  }

  /** The first payload of a direction whose SYN we didn't see; false when there is none to keep. */
  #join(direction: number, sequence: number, length: number): boolean {
    if (length === 0) return false;
    // One byte alone in the middle of a connection is the ghost byte of a keep-alive, already
    // delivered before we came, far more often than the first byte of a message.
    this.setKnown(direction, length === 1 ? (sequence + 1) | 0 : sequence);
    return length > 1;
  }

  #isNear(direction: number, sequence: number): boolean {
    const ahead = (sequence - this.next[direction]) | 0;
    if (ahead > JUMP_BYTES_MAX) return this.#isAcknowledged(direction, sequence);
    return ahead >= -JUMP_BYTES_MAX;
  }

  #isAcknowledged(direction: number, sequence: number): boolean {
    if (this.#ahead[direction] === AHEAD_NO) return false;
    return ((this.#acknowledged[direction] - sequence) | 0) >= 0;
  }

  #acknowledgeAhead(direction: number, acknowledgment: number, ahead: number): boolean {
    if (this.isUnknown(direction) || ahead > ACKNOWLEDGED_AHEAD_MAX) return false;
    this.#acknowledged[direction] = acknowledgment;
    // Without segments behind the hole there is no hurry: two ports of a tap can swap the
    // acknowledgment with what it acknowledges. #placeNear and tick look at it again.
    if (this.#ahead[direction] === AHEAD_NO) {
      this.#ahead[direction] = AHEAD_NEW;
      this.#aheadCount++;
    }
    let isReleased = false;
    while (
      this.#reorder.isWaiting(direction) &&
      ((acknowledgment - this.#reorder.firstSequence(direction)) | 0) >= 0
    ) {
      this.#skipToFirst(direction);
      isReleased = true;
    }
    return isReleased;
  }

  #placeNear(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (((sequence - this.next[direction]) | 0) > 0) {
      if (this.#isAcknowledged(direction, sequence)) this.#skipTo(direction, sequence);
      else if (this.#hold(direction, sequence, bytes, offset, length)) return;
    }
    // Negative where the beginning has been delivered before.
    const ahead = (sequence - this.next[direction]) | 0;
    if (length + ahead <= 0) return;
    this.deliver(direction, bytes, offset - ahead, length + ahead);
    this.#drain(direction);
  }

  /** Keeps a segment until the hole before it fills; false when it can be delivered now. */
  #hold(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (this.#reorder.isWaiting(direction)) this.#giveUpOldHoles(direction);
    // What was released may have been no protocol of ours: this segment is the next beginning.
    if (this.isUnknown(direction)) return !this.#join(direction, sequence, length);
    if (((sequence - this.next[direction]) | 0) <= 0) return false;
    if (this.#reorder.add(direction, sequence, this.#context, bytes, offset, length)) {
      this.status[direction] |= STATUS_WAITING;
      return true;
    }
    this.#counters.reassemblyRefusedCount++;
    this.#giveUpHoles(direction);
    if (this.isUnknown(direction)) return !this.#join(direction, sequence, length);
    if (((sequence - this.next[direction]) | 0) > 0) this.#skipTo(direction, sequence);
    return false;
  }

  #skipTo(direction: number, sequence: number): void {
    const bytesMissed = (sequence - this.next[direction]) | 0;
    this.next[direction] = sequence;
    this.#sink.hole(direction, bytesMissed);
  }

  #skipToFirst(direction: number): void {
    this.#skipTo(direction, this.#reorder.firstSequence(direction));
    this.#drain(direction);
  }

  /** Delivers what waits and is next, each with the frame that carried it. */
  #drain(direction: number): void {
    const { pool } = this.#reorder;
    while (this.#reorder.isReady(direction, this.next[direction])) {
      const skip = (this.next[direction] - this.#reorder.firstSequence(direction)) | 0;
      const block = this.#reorder.take(direction);
      const length = this.#reorder.lengthOf(block) - skip;
      if (length > 0) {
        copyOrigin(this.#context, this.#spareContext);
        pool.restoreOrigin(block, this.#context);
        this.deliver(direction, pool.bytes, this.#reorder.offsetOf(block) + skip, length);
        copyOrigin(this.#spareContext, this.#context);
      }
      pool.give(block);
    }
    if (!this.#reorder.isWaiting(direction)) this.status[direction] &= ~STATUS_WAITING;
  }

  #giveUpHoles(direction: number): void {
    while (this.#reorder.isWaiting(direction)) this.#skipToFirst(direction);
  }

  #giveUpOldHoles(direction: number): void {
    while (
      this.#reorder.isWaiting(direction) &&
      this.#context.timeUs - this.#reorder.firstTimeUs(direction) > this.#holdUs
    ) {
      this.#skipToFirst(direction);
    }
  }

  /** Bytes that were acknowledged and never came, with nothing behind them. */
  #tellAhead(direction: number): void {
    if (this.#ahead[direction] === AHEAD_NO || this.isUnknown(direction)) return;
    let target = this.#acknowledged[direction];
    if ((this.status[direction] & STATUS_FIN_WAITING) !== 0) {
      const fin = this.finSequence[direction];
      if (((target - fin) | 0) > 0) target = fin;
    } else if (((target - this.next[direction]) | 0) === 1) {
      // The FIN takes a sequence number; one that the capture lost is no missing byte.
      return;
    }
    if (((target - this.next[direction]) | 0) <= 0) return;
    this.#skipTo(direction, target);
    this.#drain(direction);
  }

  #clearAhead(direction: number): void {
    if (this.#ahead[direction] === AHEAD_NO) return;
    this.#ahead[direction] = AHEAD_NO;
    this.#aheadCount--;
  }
}
