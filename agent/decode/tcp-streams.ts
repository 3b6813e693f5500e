/**
 * TCP segments in, bytes in order out: each stream byte once, whatever was captured twice, late,
 * overlapping or never. This half knows connections: how they begin, end and follow each other on
 * one pair of ports; TcpSequences puts their bytes in order.
 * Spec: RFC 9293 section 3.10.7 (segment arrives).
 */
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import { int32At } from '../../protocols/link/network-order.ts';
import {
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_FIN,
  TCP_FLAGS,
  TCP_RST,
  TCP_SEQUENCE,
  TCP_SYN,
} from '../../protocols/link/tcp.ts';
import type { DecoderOptions } from './decoder-options.ts';
import { type FlowTable, SIDE_UNKNOWN, SIDES } from './flow-table.ts';
import type { RecentSegments } from './recent-segments.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { SegmentContext } from './stream-analyzer.ts';
import {
  type InOrderSink,
  STATUS_ENDED,
  STATUS_FIN_REACHED,
  STATUS_FIN_WAITING,
  STATUS_UNKNOWN,
  TcpSequences,
} from './tcp-sequences.ts';

/** Only the acknowledgment flag of these is set in the ordinary segment. */
const TCP_TELLING = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK;
const STATUS_FIN = STATUS_FIN_WAITING | STATUS_FIN_REACHED;
/** More than a SYN can carry: an acknowledgment further off belongs to another connection. */
const SYN_PAYLOAD_BYTES_MAX = 65_536;
/** A SYN is retransmitted while nothing was answered; behind data and such a pause it is new. */
const SYN_REPEATED_WITHIN_US = 5_000_000;
/** A reset counts when it is this near to the next byte expected. */
const RESET_WINDOW_BYTES = 65_536;
/** Segments this far behind the end of a closed connection are late copies. */
const LATE_BYTES_MAX = 65_536;

export class TcpStreams {
  readonly #table: FlowTable;
  readonly #sink: InOrderSink;
  readonly #context: SegmentContext;
  readonly sequences: TcpSequences;
  readonly #recent: RecentSegments;
  readonly #onDiffering: (direction: number) => void;
  readonly #status: Uint8Array;
  readonly #next: Int32Array;
  readonly #initial: Int32Array;
  readonly #isSynSeen: Uint8Array;

  constructor(
    options: DecoderOptions,
    table: FlowTable,
    pool: SegmentPool,
    context: SegmentContext,
    counters: DecodeCounters,
    sink: InOrderSink,
    recent: RecentSegments,
    onDiffering: (direction: number) => void,
  ) {
    const directions = table.flowsMax * SIDES;
    this.#table = table;
    this.#sink = sink;
    this.#context = context;
    this.#recent = recent;
    this.#onDiffering = onDiffering;
    this.sequences = new TcpSequences(directions, options, pool, context, counters, sink);
    this.#status = this.sequences.status;
    this.#next = this.sequences.next;
    this.#initial = new Int32Array(directions);
    this.#isSynSeen = new Uint8Array(directions);
  }

  /**
   * One segment: its header at `tcp`, its payload in `bytes[payload, end)`; `cutBytes` more were
   * sent and cut off by the snap length. False when it is the copy of the frame before.
   */
  segment(
    direction: number,
    bytes: Uint8Array,
    tcp: number,
    payload: number,
    end: number,
    cutBytes: number,
  ): boolean {
    const flags = bytes[tcp + TCP_FLAGS];
    const sequence = int32At(bytes, tcp + TCP_SEQUENCE);
    if (
      payload >= end ||
      (flags & TCP_TELLING) !== TCP_ACK ||
      cutBytes > 0 ||
      this.#status[direction] !== 0 ||
      this.#next[direction] !== sequence
    ) {
      return this.#notSimplyNext(direction, bytes, tcp, payload, end, cutBytes);
    }
    this.#recent.note(direction, bytes, tcp, payload, end);
    this.acknowledge(direction ^ 1, int32At(bytes, tcp + TCP_ACKNOWLEDGMENT));
    this.sequences.deliver(direction, bytes, payload, end - payload);
    return true;
  }

  /** A row is new: nothing of the flow before is left. */
  begin(row: number): void {
    for (let direction = row * SIDES; direction < (row + 1) * SIDES; direction++) {
      this.sequences.forget(direction);
      this.#recent.forget(direction);
      this.#isSynSeen[direction] = 0;
      this.#status[direction] = STATUS_UNKNOWN;
    }
  }

  /** The flow is over (or its row is wanted): what waits is delivered, holes are told. */
  end(row: number): void {
    const first = row * SIDES;
    if ((this.#status[first] & STATUS_ENDED) !== 0) return;
    this.sequences.finish(first);
    this.sequences.finish(first + 1);
    this.#status[first] |= STATUS_ENDED;
    this.#status[first + 1] |= STATUS_ENDED;
    this.#sink.ended(row);
  }

  /** About once a second of traffic. */
  tick(): void {
    if (this.sequences.isIdle) return;
    for (let direction = 0; direction < this.#status.length; direction++) {
      this.sequences.tick(direction);
      this.#checkFin(direction);
    }
  }

  /** An acknowledgment alone, the copy of a frame, or whatever else isn't the next payload. */
  #notSimplyNext(
    direction: number,
    bytes: Uint8Array,
    tcp: number,
    payload: number,
    end: number,
    cutBytes: number,
  ): boolean {
    const isOrdinary =
      (bytes[tcp + TCP_FLAGS] & TCP_TELLING) === TCP_ACK &&
      cutBytes === 0 &&
      this.#status[direction] === 0 &&
      this.#next[direction] === int32At(bytes, tcp + TCP_SEQUENCE);
    const { timeUs } = this.#context;
    if (this.#recent.isCopy(direction, bytes, tcp, end, timeUs, isOrdinary)) return false;
    if (isOrdinary) this.acknowledge(direction ^ 1, int32At(bytes, tcp + TCP_ACKNOWLEDGMENT));
    else this.#unusual(direction, bytes, tcp, payload, end, cutBytes);
    // Behind the rest, which may have begun another flow in this row.
    this.#recent.note(direction, bytes, tcp, payload, end);
    return true;
  }

  /** The peer of `direction` acknowledges its bytes up to here. */
  acknowledge(direction: number, acknowledgment: number): void {
    if (this.sequences.acknowledge(direction, acknowledgment)) this.#checkFin(direction);
  }

  #unusual(
    direction: number,
    bytes: Uint8Array,
    tcp: number,
    payload: number,
    end: number,
    cutBytes: number,
  ): void {
    const flags = bytes[tcp + TCP_FLAGS];
    const acknowledgment = int32At(bytes, tcp + TCP_ACKNOWLEDGMENT);
    const hasAcknowledgment = (flags & TCP_ACK) !== 0;
    const length = end - payload;
    let sequence = int32At(bytes, tcp + TCP_SEQUENCE);
    if ((flags & TCP_SYN) !== 0) {
      if (!this.#synchronize(direction, sequence, hasAcknowledgment, acknowledgment)) return;
      sequence = (sequence + 1) | 0;
    }
    const isEnded = (this.#status[direction] & STATUS_ENDED) !== 0;
    if (isEnded && !this.#revives(direction, sequence, length)) return;
    if (hasAcknowledgment) this.acknowledge(direction ^ 1, acknowledgment);
    if (length + cutBytes > 0) {
      this.#payload(direction, sequence, bytes, payload, length, cutBytes);
    }
    if ((flags & TCP_RST) !== 0) this.#reset(direction, sequence);
    else if ((flags & TCP_FIN) !== 0) this.#finish(direction, (sequence + length + cutBytes) | 0);
  }

  #payload(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    cutBytes: number,
  ): void {
    this.#compare(direction, sequence, bytes, offset, length);
    if (!this.sequences.place(direction, sequence, bytes, offset, length, cutBytes)) {
      // A connection whose beginning we missed has taken the same ports.
      this.#restart(direction);
      this.sequences.place(direction, sequence, bytes, offset, length, cutBytes);
    }
    if (this.sequences.takeDiffering()) this.#onDiffering(direction);
    this.#checkFin(direction);
  }

  /** Bytes that came before must be the same ones again. */
  #compare(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (this.sequences.isUnknown(direction)) return;
    const behind = (this.#next[direction] - sequence) | 0;
    // One byte before the next is a keep-alive, and its byte is anything (RFC 9293 3.8.4).
    if (behind <= 0 || (behind === 1 && length === 1)) return;
    const isDiffering = this.#recent.isDiffering(direction, sequence, bytes, offset, length);
    if (isDiffering) this.#onDiffering(direction);
  }

  /** The SYN of either side; false when it repeats one that was seen. */
  #synchronize(
    direction: number,
    sequence: number,
    hasAcknowledgment: boolean,
    acknowledgment: number,
  ): boolean {
    if (this.#isRepeatedSyn(direction, sequence)) return false;
    const peer = direction ^ 1;
    // Without an acknowledgment both have opened at once (RFC 9293 section 3.5): the first asks.
    const isAnswer =
      this.#isSynSeen[direction] === 0 &&
      this.sequences.isUnknown(direction) &&
      this.#isSynSeen[peer] !== 0 &&
      (!hasAcknowledgment || this.#isFirstAcknowledgment(peer, acknowledgment));
    if (!isAnswer) this.#restart(direction);
    this.#isSynSeen[direction] = 1;
    this.#initial[direction] = sequence;
    this.sequences.setKnown(direction, (sequence + 1) | 0);
    if (isAnswer) return true;
    this.#table.originatorSide[direction >> 1] = (hasAcknowledgment ? peer : direction) & 1;
    if (hasAcknowledgment) this.sequences.setKnown(peer, acknowledgment);
    return true;
  }

  /**
   * A SYN with the number of the one before is its retransmission, unless the connection is over
   * or has long been silent: then the same capture is played once more (tcpreplay --loop).
   */
  #isRepeatedSyn(direction: number, sequence: number): boolean {
    if (this.#isSynSeen[direction] === 0 || this.#initial[direction] !== sequence) return false;
    if ((this.#status[direction] & STATUS_ENDED) !== 0) return false;
    const flow = this.#table.facts[direction >> 1];
    if (flow === undefined) return true;
    return Math.abs(this.#context.timeUs - flow.lastSeenUs) < SYN_REPEATED_WITHIN_US;
  }

  /** Of the SYN alone, or of payload that came with it (RFC 7413) too. */
  #isFirstAcknowledgment(direction: number, acknowledgment: number): boolean {
    const bytes = (acknowledgment - this.#initial[direction]) | 0;
    return bytes > 0 && bytes <= SYN_PAYLOAD_BYTES_MAX;
  }

  /** Another connection takes the row over. */
  #restart(direction: number): void {
    const row = direction >> 1;
    this.end(row);
    this.begin(row);
    this.#table.isSeen[direction ^ 1] = 0;
    this.#table.originatorSide[row] = SIDE_UNKNOWN;
    this.#table.startTimeUs[row] = this.#context.timeUs;
  }

  /** A segment after the end: a late copy is left alone, new bytes begin a flow of their own. */
  #revives(direction: number, sequence: number, length: number): boolean {
    if (length === 0) return false;
    const behind = (this.#next[direction] - sequence) | 0;
    const isKnown = !this.sequences.isUnknown(direction);
    if (isKnown && behind > 0 && behind <= LATE_BYTES_MAX) return false;
    this.#restart(direction);
    return true;
  }

  #reset(direction: number, sequence: number): void {
    const distance = (sequence - this.#next[direction]) | 0;
    const isKnown = !this.sequences.isUnknown(direction);
    if (isKnown && Math.abs(distance) > RESET_WINDOW_BYTES) return;
    this.end(direction >> 1);
  }

  #finish(direction: number, finSequence: number): void {
    if ((this.#status[direction] & (STATUS_FIN | STATUS_ENDED)) !== 0) return;
    this.#status[direction] |= STATUS_FIN_WAITING;
    this.sequences.finSequence[direction] = finSequence;
    this.#checkFin(direction);
  }

  /** Closes the direction when everything before its FIN has been delivered or given up. */
  #checkFin(direction: number): void {
    if ((this.#status[direction] & (STATUS_FIN_WAITING | STATUS_ENDED)) !== STATUS_FIN_WAITING) {
      return;
    }
    if (!this.sequences.isUnknown(direction)) {
      const finSequence = this.sequences.finSequence[direction];
      if (this.#next[direction] !== finSequence) return;
      this.#next[direction] = (finSequence + 1) | 0;
    }
    this.#status[direction] ^= STATUS_FIN;
    const row = direction >> 1;
    const isPeerDone = (this.#status[direction ^ 1] & STATUS_FIN_REACHED) !== 0;
    if (isPeerDone || !this.#table.isAnswered(row)) this.end(row);
  }
}
