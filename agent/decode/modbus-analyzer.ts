/**
 * Modbus/TCP and Modbus/UDP: cuts the bytes of a flow into messages, counts them, and hands them
 * to pairing. The ordinary case, one message in one segment, is read where it lies; whatever else
 * comes (several messages, parts, holes, broken headers) goes the slow way round.
 * Spec: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3; FIELDS.md 1.6.
 */
import type { DecodeSink, ModbusCounters } from '../../protocols/decode-sink.ts';
import type { Malformed } from '../../protocols/decoded.ts';
import { CLIENT_TO_SERVER, type FlowFacts } from '../../protocols/flow.ts';
import { LENGTH_COUNTS_FROM, PDU, plausibleLengthBytes } from '../../protocols/modbus/mbap.ts';
import type { FlowTable } from './flow-table.ts';
import { datagramFault, leftOver, streamFault } from './modbus-faults.ts';
import { ModbusPairing } from './modbus-pairing.ts';
import { ModbusPartials } from './modbus-partials.ts';
import { createTakePlainPoll, type TakePlainPoll } from './modbus-plain-polls.ts';
import {
  aduBytesAt,
  confirmModbus,
  isPlausiblePrefix,
  recognizeModbus,
  senderOfModbus,
} from './modbus-recognition.ts';
import { findAfterLoss, isNearlyHeader } from './modbus-resync.ts';
import type { Recognition, SegmentContext, Sender, StreamAnalyzer } from './stream-analyzer.ts';

export interface ModbusAnalyzerOptions {
  /** Rows of the flow table. */
  readonly flowsMax: number;
  /** Requests of one flow that may wait for an answer; 255 at most. */
  readonly transactionsPendingMax?: number;
  /** Requests of all flows that may wait; 256 bytes each. */
  readonly requestsPendingMax?: number;
  /** After so long without an answer a request leaves alone. */
  readonly requestTimeoutMs?: number;
  /** Flow directions that may hold the first part of a message at one time; 260 bytes each. */
  readonly partialMessagesMax?: number;
}

/** Twice FIELDS.md 1.6: clients with 24 open requests are real (docs/decisions). */
const TRANSACTIONS_PENDING_MAX = 32;
const REQUESTS_PENDING_MAX = 8192;
const REQUEST_TIMEOUT_MS = 5000;
const PARTIAL_MESSAGES_MAX = 2048;

/** Bytes that a report of a malformed message shows. */
const MALFORMED_BYTES_MAX = 64;

/** The next byte begins a message. */
const IN_STEP = 0;
/** The first part of a message is held. */
const HOLDING = 1;
/** A hole: where the next message begins is to be found. */
const AFTER_LOSS = 2;
/** A broken header: what follows it in the stream can't be told apart until a segment begins. */
const AFTER_FAULT = 3;
/** The flow isn't read here. */
const NOT_OURS = 4;

const UNKNOWN = -1;

/** The engine folds a constant of this file, but loads an imported one at each use. */
const PDU_AT = PDU;
const LENGTH_FROM = LENGTH_COUNTS_FROM;
const FROM_CLIENT = CLIENT_TO_SERVER;

export class ModbusAnalyzer implements StreamAnalyzer {
  readonly protocol = 'modbus';
  readonly #sink: DecodeSink;
  readonly #counters: ModbusCounters;
  readonly #pairing: ModbusPairing;
  /** By flow direction (slot * 2 + direction): IN_STEP and so on. */
  readonly #states: Uint8Array;
  readonly #partials: ModbusPartials;
  /** After a loss inside a message: bytes of it that still come, or UNKNOWN. */
  readonly #restBytes: Int32Array;
  #bytesSkippedCount = 0;

  constructor(options: ModbusAnalyzerOptions, sink: DecodeSink, counters: ModbusCounters) {
    this.#sink = sink;
    this.#counters = counters;
    this.#pairing = new ModbusPairing(
      {
        flowsMax: options.flowsMax,
        transactionsPendingMax: options.transactionsPendingMax ?? TRANSACTIONS_PENDING_MAX,
        requestsMax: options.requestsPendingMax ?? REQUESTS_PENDING_MAX,
        requestTimeoutUs: (options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS) * 1000,
      },
      sink,
      counters,
    );
    const directions = options.flowsMax * 2;
    this.#states = new Uint8Array(directions);
    this.#restBytes = new Int32Array(directions).fill(UNKNOWN);
    const partialsMax = options.partialMessagesMax ?? PARTIAL_MESSAGES_MAX;
    this.#partials = new ModbusPartials(directions, partialsMax);
  }

  /** Requests that left without an answer because a table was full. */
  get pendingEvictedCount(): number {
    return this.#pairing.evictedCount;
  }

  /** First parts of messages that found no room; their messages count as missed. */
  get partialsRefusedCount(): number {
    return this.#partials.refusedCount;
  }

  /** Bytes seen but passed over on the way to the next header, of all flows. */
  get bytesSkippedCount(): number {
    return this.#bytesSkippedCount;
  }

  recognize(
    bytes: Uint8Array,
    offset: number,
    length: number,
    portConfigured: boolean,
  ): Recognition {
    return recognizeModbus(bytes, offset, length, portConfigured);
  }

  senderOf(bytes: Uint8Array, offset: number, length: number): Sender {
    return senderOfModbus(bytes, offset, length);
  }

  confirm(
    first: Uint8Array,
    firstOffset: number,
    firstLength: number,
    second: Uint8Array,
    secondOffset: number,
    secondLength: number,
  ): boolean {
    return confirmModbus(first, firstOffset, firstLength, second, secondOffset, secondLength);
  }

  flowBegan(flow: FlowFacts): void {
    this.#pairing.flowBegan(flow);
    this.#resetDirection(flow.slot * 2);
    this.#resetDirection(flow.slot * 2 + 1);
  }

  flowEnded(flow: FlowFacts, _timeUs: number): void {
    this.#pairing.flowEnded(flow.slot);
    this.#resetDirection(flow.slot * 2);
    this.#resetDirection(flow.slot * 2 + 1);
  }

  /** The flow in this slot has another framing; no segment of it comes. */
  leaveAlone(slot: number): void {
    this.#states.fill(NOT_OURS, slot * 2, slot * 2 + 2);
  }

  createTakePlainPoll(flows: FlowTable, context: SegmentContext): TakePlainPoll {
    return createTakePlainPoll(this.#states, this.#pairing, flows, context);
  }

  beginBlock(bytes: Uint8Array): void {
    this.#pairing.answered.beginBlock(bytes);
  }

  endBlock(): void {
    this.#pairing.answered.endBlock();
  }

  advance(timeUs: number): void {
    this.#pairing.advance(timeUs);
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const direction = context.slot * 2 + context.direction;
    if (this.#states[direction] === IN_STEP && length > PDU_AT) {
      const lengthBytes = plausibleLengthBytes(bytes, offset);
      if (lengthBytes !== 0 && lengthBytes + LENGTH_FROM === length) {
        this.#message(context, bytes, offset, length - PDU_AT);
        return;
      }
    }
    if (context.isDatagram) this.#datagram(context, bytes, offset, length);
    else this.#stream(context, direction, bytes, offset, offset + length);
  }

  gap(context: SegmentContext, bytesMissed: number): void {
    const direction = context.slot * 2 + context.direction;
    const state = this.#states[direction];
    let restBytes = state === AFTER_LOSS ? this.#restBytes[direction] : UNKNOWN;
    if (state === HOLDING) {
      const heldBytes = this.#partials.heldBytesOf(direction);
      if (heldBytes >= LENGTH_COUNTS_FROM) {
        const aduBytes = aduBytesAt(this.#partials.bytes, this.#partials.offsetOf(direction));
        restBytes = aduBytes - heldBytes;
      }
      this.#partials.release(direction);
      this.#skip(context, heldBytes);
    }
    this.#restBytes[direction] = restBytes >= bytesMissed ? restBytes - bytesMissed : UNKNOWN;
    this.#states[direction] = AFTER_LOSS;
  }

  /** One whole ADU; its last byte is in the capture. Every PDU is counted here and nowhere else. */
  #message(context: SegmentContext, bytes: Uint8Array, at: number, pduBytes: number): void {
    const counters = this.#counters;
    const functionByte = bytes[at + PDU_AT];
    counters.byFunctionCode[functionByte & 0x7f] += 1;
    if (context.direction === FROM_CLIENT) {
      counters.requests += 1;
      this.#pairing.request(context, bytes, at, pduBytes);
      return;
    }
    if ((functionByte & 0x80) !== 0) counters.exceptions += 1;
    else counters.responses += 1;
    this.#pairing.response(context, bytes, at, pduBytes);
  }

  /** A datagram is one message, whole: what is left over or missing makes it none (FIELDS 1.6). */
  #datagram(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const fault = datagramFault(bytes, offset, length);
    this.#report(context, bytes, offset, length, fault);
  }

  #stream(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    let at = start;
    const state = this.#states[direction];
    if (state === HOLDING) {
      at = this.#completeHeld(context, direction, bytes, start, end);
    } else if (state === AFTER_LOSS) {
      at = this.#findAfterLoss(context, direction, bytes, start, end);
    } else if (state === AFTER_FAULT) {
      at = this.#findAfterFault(context, direction, bytes, start, end);
    }
    this.#messages(context, direction, bytes, at, end);
  }

  /** Messages one after the other; the first part of one that isn't whole yet is held. */
  #messages(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    let at = start;
    while (at < end) {
      if (!isPlausiblePrefix(bytes, at, end - at)) {
        const isLeftOver = at > start && !isNearlyHeader(bytes, at, end - at);
        const fault = isLeftOver ? leftOver(end - at) : streamFault(bytes, at, end - at);
        this.#fault(context, direction, bytes, at, end, fault);
        return;
      }
      if (end - at < LENGTH_COUNTS_FROM) break;
      const aduBytes = aduBytesAt(bytes, at);
      if (end - at < aduBytes) break;
      this.#message(context, bytes, at, aduBytes - PDU);
      at += aduBytes;
    }
    if (at < end) this.#hold(context, direction, bytes, at, end);
  }

  #hold(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): void {
    if (this.#partials.begin(direction)) {
      this.#partials.fill(direction, bytes, at, end, end - at);
      this.#states[direction] = HOLDING;
      return;
    }
    this.#skip(context, end - at);
    const isHeader = end - at >= LENGTH_COUNTS_FROM;
    this.#restBytes[direction] = isHeader ? aduBytesAt(bytes, at) - (end - at) : UNKNOWN;
    this.#states[direction] = AFTER_LOSS;
  }

  /** Adds to the held part until its message is whole; returns where the next one begins. */
  #completeHeld(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const partials = this.#partials;
    const base = partials.offsetOf(direction);
    let at = partials.fill(direction, bytes, start, end, LENGTH_COUNTS_FROM);
    const heldBytes = partials.heldBytesOf(direction);
    if (!isPlausiblePrefix(partials.bytes, base, heldBytes)) {
      // The part and this segment don't belong together; the segment may begin a message itself.
      const fault = streamFault(partials.bytes, base, heldBytes);
      this.#report(context, partials.bytes, base, heldBytes, fault);
      partials.release(direction);
      this.#states[direction] = AFTER_FAULT;
      return this.#findAfterFault(context, direction, bytes, start, end);
    }
    if (heldBytes < LENGTH_COUNTS_FROM) return end;
    const aduBytes = aduBytesAt(partials.bytes, base);
    at = partials.fill(direction, bytes, at, end, aduBytes);
    if (partials.heldBytesOf(direction) < aduBytes) return end;
    this.#message(context, partials.bytes, base, aduBytes - PDU);
    partials.release(direction);
    this.#states[direction] = IN_STEP;
    return at;
  }

  #findAfterLoss(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const restBytes = this.#restBytes[direction];
    if (restBytes >= end - start) {
      this.#restBytes[direction] = restBytes - (end - start);
      this.#skip(context, end - start);
      return end;
    }
    const at = findAfterLoss(bytes, start, end, restBytes, context.direction);
    this.#restBytes[direction] = UNKNOWN;
    this.#skip(context, at - start);
    if (at < end) this.#states[direction] = IN_STEP;
    return at;
  }

  #findAfterFault(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const length = end - start;
    if (length > PDU && plausibleLengthBytes(bytes, start) !== 0) {
      this.#states[direction] = IN_STEP;
      return start;
    }
    if (isNearlyHeader(bytes, start, length)) {
      this.#fault(context, direction, bytes, start, end, streamFault(bytes, start, length));
    } else {
      this.#bytesSkippedCount += length;
    }
    return end;
  }

  #fault(
    context: SegmentContext,
    direction: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    fault: Malformed,
  ): void {
    this.#report(context, bytes, at, end - at, fault);
    this.#states[direction] = AFTER_FAULT;
  }

  #report(
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
    fault: Malformed,
  ): void {
    this.#counters.malformed += 1;
    this.#bytesSkippedCount += length;
    const { name, field, offsetBytes, expected, actual } = fault;
    this.#sink.malformed({
      flow: context.flow,
      protocol: 'modbus',
      timeUs: context.timeUs,
      fromClient: context.direction === CLIENT_TO_SERVER,
      anomalies: [{ name, field, offsetBytes, expected, actual }],
      bytes: { bytes, offset, length: Math.min(length, MALFORMED_BYTES_MAX) },
      frameNumber: context.frameNumber,
      frameAddress: context.frameAddress,
      frameBytes: context.frameBytes,
    });
  }

  /** Seen, but of a message whose other part is lost: told as missed (FIELDS.md 1.6). */
  #skip(context: SegmentContext, bytes: number): void {
    this.#bytesSkippedCount += bytes;
    if (context.direction === CLIENT_TO_SERVER) context.flow.clientBytesMissed += bytes;
    else context.flow.serverBytesMissed += bytes;
  }

  #resetDirection(direction: number): void {
    this.#partials.release(direction);
    this.#restBytes[direction] = UNKNOWN;
    this.#states[direction] = IN_STEP;
  }
}
