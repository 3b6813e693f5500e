/**
 * From frames of RTU and ASCII to pairing: counts each PDU once, tells what was no frame, and hands
 * the rest on as if it had come over the network. The same for a serial line and for its bytes
 * inside TCP.
 */
import type { DecodeSink, ModbusCounters } from '../../protocols/decode-sink.ts';
import { CLIENT_TO_SERVER, type FlowFacts, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import { AsciiFramer } from '../../protocols/modbus/ascii.ts';
import { ADU_BYTES_MAX, PDU, UNIT_ID } from '../../protocols/modbus/mbap.ts';
import { RtuFramer } from '../../protocols/modbus/rtu-framer.ts';
import type { SerialFrame, SerialFrameSink } from '../../protocols/modbus/serial-frame-sink.ts';
import { type SerialSide, SerialTurn } from '../../protocols/modbus/serial-turn.ts';
import { ModbusPairing, type PairingLimits } from './modbus-pairing.ts';
import { copyOrigin, createSegmentContext } from './segment-origin.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** How the bytes of a stream are cut into frames. */
export type SerialFraming = 'rtu' | 'ascii';

/** What both framers are. */
export interface SerialFramer {
  push(bytes: Uint8Array, offset: number, length: number, timeUs: number): void;
  flush(): void;
}

/** Bytes that a report of a malformed message shows. */
const MALFORMED_BYTES_MAX = 64;

export class ModbusSerialFrames implements SerialFrameSink {
  readonly #sink: DecodeSink;
  readonly #counters: ModbusCounters;
  readonly #pairing: ModbusPairing;
  readonly #context: SegmentContext = createSegmentContext();
  /** Six zeros in place of the MBAP header's first fields, then unit identifier and PDU. */
  readonly #adu = new Uint8Array(ADU_BYTES_MAX);
  #isLosing = false;
  #framesCount = 0;
  #bytesNotFramed = 0;

  constructor(limits: Omit<PairingLimits, 'isSerial'>, sink: DecodeSink, counters: ModbusCounters) {
    this.#sink = sink;
    this.#counters = counters;
    this.#pairing = new ModbusPairing({ ...limits, isSerial: true }, sink, counters);
  }

  /** Requests that left without an answer because a table was full. */
  get pendingEvictedCount(): number {
    return this.#pairing.evictedCount;
  }

  /** Frames with a right check since start, of all streams. */
  get framesCount(): number {
    return this.#framesCount;
  }

  /** Bytes since start that belonged to no frame, of all streams. */
  get bytesNotFramed(): number {
    return this.#bytesNotFramed;
  }

  /** A framer whose frames come here; between calls of `begin` it must not be fed. */
  createFramer(framing: SerialFraming, side: SerialSide): SerialFramer {
    const turn = new SerialTurn(side);
    return framing === 'rtu' ? new RtuFramer(turn, this) : new AsciiFramer(turn, this);
  }

  /** Where the bytes that a framer is given next come from. */
  begin(origin: SegmentContext): void {
    const context = this.#context;
    copyOrigin(origin, context);
    context.slot = origin.slot;
    context.flow = origin.flow;
    context.direction = origin.direction;
  }

  /** The rest of the frame will never come: what is held belongs to no frame. */
  flush(framer: SerialFramer, isLoss: boolean): void {
    this.#isLosing = isLoss;
    framer.flush();
    this.#isLosing = false;
  }

  flowBegan(flow: FlowFacts): void {
    this.#pairing.flowBegan(flow);
  }

  flowEnded(slot: number): void {
    this.#pairing.flowEnded(slot);
  }

  advance(timeUs: number): void {
    this.#pairing.advance(timeUs);
  }

  frame(frame: SerialFrame): void {
    const { bytes, offset, pduBytes, isRequest } = frame;
    const adu = this.#adu;
    for (let index = 0; index <= pduBytes; index += 1) {
      adu[UNIT_ID + index] = bytes[offset + index];
    }
    const context = this.#context;
    context.timeUs = frame.timeUs;
    context.direction = isRequest ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
    const counters = this.#counters;
    const functionByte = adu[PDU];
    this.#framesCount += 1;
    counters.byFunctionCode[functionByte & 0x7f] += 1;
    this.#pairing.setFrame(frame.check, frame.hasGap);
    const { flow } = context;
    if (flow.line !== undefined) this.#seenOnLine(flow, isRequest, frame.timeUs);
    if (isRequest) {
      counters.requests += 1;
      this.#pairing.request(context, adu, 0, pduBytes);
      return;
    }
    if ((functionByte & 0x80) !== 0) counters.exceptions += 1;
    else counters.responses += 1;
    this.#pairing.response(context, adu, 0, pduBytes);
  }

  /** What the decode core keeps up to date of a flow in TCP. */
  #seenOnLine(flow: FlowFacts, isRequest: boolean, timeUs: number): void {
    flow.lastSeenUs = timeUs;
    if (isRequest) flow.clientSegmentsCount += 1;
    else flow.serverSegmentsCount += 1;
  }

  notFramed(
    bytes: Uint8Array,
    offset: number,
    shownBytes: number,
    length: number,
    timeUs: number,
    name: 'crcInvalid' | 'lrcInvalid' | undefined,
  ): void {
    const { flow, direction, frameNumber, frameAddress, frameBytes } = this.#context;
    this.#bytesNotFramed += length;
    if (flow.line !== undefined) flow.line.bytesNotFramed += length;
    else if (direction === CLIENT_TO_SERVER) flow.clientBytesMissed += length;
    else flow.serverBytesMissed += length;
    if (name === undefined || this.#isLosing) return;
    this.#counters.malformed += 1;
    const field = name === 'crcInvalid' ? 'crc' : 'lrc';
    const expected = `the ${field.toUpperCase()} of the bytes before it`;
    this.#sink.malformed({
      flow,
      protocol: 'modbus',
      timeUs,
      fromClient: flow.line !== undefined || direction === CLIENT_TO_SERVER,
      anomalies: [
        { name, field, offsetBytes: Math.max(0, length - 2), expected, actual: 'another' },
      ],
      bytes: { bytes, offset, length: Math.min(shownBytes, MALFORMED_BYTES_MAX) },
      frameNumber,
      frameAddress,
      frameBytes,
    });
  }
}
