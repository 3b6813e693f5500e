/**
 * Modbus in TCP and UDP, whatever it is wrapped in: MBAP messages, or RTU or ASCII frames as they
 * are on a serial line. Which one it is, the first bytes of a flow tell for the whole of it.
 */
import type { DecodeSink, ModbusCounters } from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import { PDU } from '../../protocols/modbus/mbap.ts';
import { requestShape, responseShape, SHAPE_FITS } from '../../protocols/modbus/pdu-shape.ts';
import type { FlowTable } from './flow-table.ts';
import { ModbusAnalyzer, type ModbusAnalyzerOptions } from './modbus-analyzer.ts';
import type { TakePlainPoll } from './modbus-plain-polls.ts';
import { aduBytesAt } from './modbus-recognition.ts';
import type { SerialFraming } from './modbus-serial-frames.ts';
import { confirmSerial, recognizeSerial, senderOfSerial } from './modbus-serial-recognition.ts';
import { ModbusSerialStreams } from './modbus-serial-streams.ts';
import { createSegmentContext } from './segment-origin.ts';
import {
  RECOGNIZED_MORE,
  RECOGNIZED_NO,
  RECOGNIZED_TENTATIVE,
  RECOGNIZED_YES,
  type Recognition,
  type SegmentContext,
  type Sender,
  type StreamAnalyzer,
} from './stream-analyzer.ts';

const CARRIER_MBAP = 0;
const CARRIER_SERIAL = 1;

export class ModbusCarriers implements StreamAnalyzer {
  readonly protocol = 'modbus';
  readonly #mbap: ModbusAnalyzer;
  readonly #serial: ModbusSerialStreams;
  /** By slot: CARRIER_MBAP, CARRIER_SERIAL. */
  readonly #carriers: Uint8Array;
  readonly #context: SegmentContext = createSegmentContext();
  /** Framing of the bytes that were recognised last, which are those of the flow that begins. */
  #judged: SerialFraming | 'mbap' = 'mbap';

  constructor(options: ModbusAnalyzerOptions, sink: DecodeSink, counters: ModbusCounters) {
    this.#mbap = new ModbusAnalyzer(options, sink, counters);
    this.#serial = new ModbusSerialStreams(options, sink, counters);
    this.#carriers = new Uint8Array(options.flowsMax);
  }

  /** Requests that left without an answer because a table was full. */
  get pendingEvictedCount(): number {
    return this.#mbap.pendingEvictedCount + this.#serial.pendingEvictedCount;
  }

  /** First parts of MBAP messages that found no room. */
  get partialsRefusedCount(): number {
    return this.#mbap.partialsRefusedCount;
  }

  /** Flows of serial frames that found no room. */
  get serialStreamsRefusedCount(): number {
    return this.#serial.refusedCount;
  }

  /** Bytes seen that belonged to no message, of all flows. */
  get bytesSkippedCount(): number {
    return this.#mbap.bytesSkippedCount + this.#serial.bytesNotFramed;
  }

  recognize(
    bytes: Uint8Array,
    offset: number,
    length: number,
    portConfigured: boolean,
  ): Recognition {
    const mbap = this.#mbap.recognize(bytes, offset, length, portConfigured);
    this.#judged = 'mbap';
    const isMbap = mbap === RECOGNIZED_YES || mbap === RECOGNIZED_TENTATIVE;
    if (isMbap && isPduOfItsFunction(bytes, offset)) return mbap;
    // A read request of RTU can begin like an MBAP header: the right CRC counts for more.
    const serial = recognizeSerial(bytes, offset, length);
    switch (serial) {
      case 'no':
        return mbap;
      case 'more':
        return mbap === RECOGNIZED_NO ? RECOGNIZED_MORE : mbap;
      case 'rtu':
      case 'ascii':
        this.#judged = serial;
        return portConfigured ? RECOGNIZED_YES : RECOGNIZED_TENTATIVE;
      default:
        return serial satisfies never;
    }
  }

  senderOf(bytes: Uint8Array, offset: number, length: number): Sender {
    return this.#judged === 'mbap'
      ? this.#mbap.senderOf(bytes, offset, length)
      : senderOfSerial(this.#judged, bytes, offset, length);
  }

  confirm(
    first: Uint8Array,
    firstOffset: number,
    firstLength: number,
    second: Uint8Array,
    secondOffset: number,
    secondLength: number,
  ): boolean {
    if (this.#judged === 'mbap') {
      const mbap = this.#mbap;
      return mbap.confirm(first, firstOffset, firstLength, second, secondOffset, secondLength);
    }
    return confirmSerial(
      this.#judged,
      [first, firstOffset, firstLength],
      [second, secondOffset, secondLength],
    );
  }

  flowBegan(flow: FlowFacts): void {
    if (this.#judged === 'mbap') {
      this.#carriers[flow.slot] = CARRIER_MBAP;
      this.#mbap.flowBegan(flow);
    } else {
      this.#carriers[flow.slot] = CARRIER_SERIAL;
      this.#mbap.leaveAlone(flow.slot);
      this.#serial.flowBegan(flow, this.#judged);
    }
  }

  createTakePlainPoll(flows: FlowTable, context: SegmentContext): TakePlainPoll {
    return this.#mbap.createTakePlainPoll(flows, context);
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    if (this.#carriers[context.slot] === CARRIER_MBAP) {
      this.#mbap.segment(context, bytes, offset, length);
    } else {
      this.#serial.segment(context, bytes, offset, length);
    }
  }

  gap(context: SegmentContext, bytesMissed: number): void {
    if (this.#carriers[context.slot] === CARRIER_MBAP) this.#mbap.gap(context, bytesMissed);
    else this.#serial.gap(context);
  }

  flowEnded(flow: FlowFacts, timeUs: number): void {
    if (this.#carriers[flow.slot] === CARRIER_MBAP) {
      this.#mbap.flowEnded(flow, timeUs);
      return;
    }
    const context = this.#context;
    context.slot = flow.slot;
    context.flow = flow;
    context.timeUs = timeUs;
    this.#serial.flowEnded(context);
  }

  beginBlock(bytes: Uint8Array): void {
    this.#mbap.beginBlock(bytes);
  }

  endBlock(): void {
    this.#mbap.endBlock();
  }

  advance(timeUs: number): void {
    this.#mbap.advance(timeUs);
    this.#serial.advance(timeUs);
  }
}

/** The PDU behind a whole MBAP header has the size that its function code asks for. */
function isPduOfItsFunction(bytes: Uint8Array, offset: number): boolean {
  const pduBytes = aduBytesAt(bytes, offset) - PDU;
  return (
    requestShape(bytes, offset + PDU, pduBytes) === SHAPE_FITS ||
    responseShape(bytes, offset + PDU, pduBytes) === SHAPE_FITS
  );
}
