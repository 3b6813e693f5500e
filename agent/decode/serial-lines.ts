/**
 * Tapped serial lines: bytes of one pair of wires, both directions mixed, to the same transactions
 * as on the network. One framer and one pending request a line.
 * Spec: MODBUS over Serial Line V1.02, sections 2.1 and 2.5.
 */
import type { DecodeCounters, DecodeSink } from '../../protocols/decode-sink.ts';
import type { Endpoint, FlowFacts, SerialLineFacts } from '../../protocols/flow.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { RESPONSE_EXPECTED_MS } from '../../protocols/modbus/serial-turn.ts';
import {
  ModbusSerialFrames,
  type SerialFramer,
  type SerialFraming,
} from './modbus-serial-frames.ts';
import { createSegmentContext } from './segment-origin.ts';
import type { SegmentContext } from './stream-analyzer.ts';

export interface SerialLineOptions extends Omit<SerialLineFacts, 'bytesNotFramed'> {
  readonly framing: SerialFraming;
  /** By which its blocks are known: position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
}

/** Counts of one line since start. */
export interface SerialLineCounts {
  /** Frames with a right check. */
  readonly framesCount: number;
  readonly bytesNotFramed: number;
}

/**
 * Flow numbers of lines begin here, far above those of connections: both share tables of observers.
 */
const FLOW_NUMBER_BASE = 2 ** 40;
/** A silence after which what is held will never become a frame (ASCII allows one second). */
const IDLE_US = 1_100_000;

interface SerialLine {
  readonly frames: ModbusSerialFrames;
  readonly framer: SerialFramer;
  readonly context: SegmentContext;
  lastByteUs: number;
  isIdle: boolean;
}

export class SerialLines {
  readonly #counters: DecodeCounters;
  /** By interface index. */
  readonly #lines = new Map<number, SerialLine>();

  constructor(lines: readonly SerialLineOptions[], sink: DecodeSink, counters: DecodeCounters) {
    this.#counters = counters;
    lines.forEach((line, number) => {
      this.#lines.set(line.interfaceIndex, createLine(line, number, sink, counters));
    });
  }

  /** Decodes a block of LINKTYPE_SERIAL_BYTES; one of no line of ours is passed over. */
  block(block: FrameBlock): void {
    const line = this.#lines.get(block.interfaceIndex);
    if (line === undefined) return;
    const framesBefore = line.frames.framesCount;
    const { index, bytes, historyAddress } = block;
    const words = Math.min(block.framesCount * FRAME_WORDS, index.length);
    for (let word = 0; word + FRAME_WORDS <= words; word += FRAME_WORDS) {
      const offset = index[word + FRAME_OFFSET];
      const length = Math.min(index[word + FRAME_CAPTURED_BYTES], bytes.length - offset);
      if (length <= 0) continue;
      const nanoseconds = index[word + FRAME_NANOSECONDS];
      const timeUs = index[word + FRAME_SECONDS] * 1_000_000 + ((nanoseconds / 1000) >>> 0);
      const { context } = line;
      context.timeUs = timeUs;
      context.frameNumber = index[word + FRAME_NUMBER];
      context.frameAddress = historyAddress < 0 ? -1 : historyAddress + offset;
      context.frameBytes = historyAddress < 0 ? 0 : length;
      line.frames.begin(context);
      line.framer.push(bytes, offset, length, timeUs);
      line.lastByteUs = timeUs;
      line.isIdle = false;
      this.#counters.bytesCount += length;
    }
    this.#counters.framesCount += line.frames.framesCount - framesBefore;
  }

  /** Capture time goes on: what waits in vain is given up. About once a second. */
  advance(timeUs: number): void {
    for (const line of this.#lines.values()) {
      const silenceUs = timeUs - line.lastByteUs;
      if (!line.isIdle && (silenceUs > IDLE_US || silenceUs < 0)) this.#flush(line);
      line.frames.advance(timeUs);
    }
  }

  /** End of input: what is pending leaves now. */
  end(): void {
    for (const line of this.#lines.values()) {
      this.#flush(line);
      line.frames.flowEnded(0);
    }
  }

  countsOf(interfaceIndex: number): SerialLineCounts {
    const frames = this.#lines.get(interfaceIndex)?.frames;
    return { framesCount: frames?.framesCount ?? 0, bytesNotFramed: frames?.bytesNotFramed ?? 0 };
  }

  #flush(line: SerialLine): void {
    const framesBefore = line.frames.framesCount;
    line.frames.begin(line.context);
    line.frames.flush(line.framer, false);
    line.isIdle = true;
    this.#counters.framesCount += line.frames.framesCount - framesBefore;
  }
}

function createLine(
  options: SerialLineOptions,
  number: number,
  sink: DecodeSink,
  counters: DecodeCounters,
): SerialLine {
  const limits = {
    flowsMax: 1,
    transactionsPendingMax: 1,
    requestsMax: 2,
    requestTimeoutUs: RESPONSE_EXPECTED_MS * 1000,
  };
  const frames = new ModbusSerialFrames(limits, sink, counters.modbus);
  const flow = createLineFacts(options, number);
  frames.flowBegan(flow);
  const context = createSegmentContext();
  context.flow = flow;
  const framer = frames.createFramer(options.framing, 'both');
  return { frames, framer, context, lastByteUs: 0, isIdle: true };
}

function createLineFacts(options: SerialLineOptions, number: number): FlowFacts {
  const { lineName, baudRate, parity, stopBits, framing, interfaceIndex } = options;
  const end: Endpoint = { ipAddress: lineName, ipBytes: new Uint8Array(0), port: 0 };
  return {
    flowNumber: FLOW_NUMBER_BASE + number,
    slot: 0,
    protocol: 'modbus',
    ipProtocol: 'tcp',
    interfaceIndex,
    client: end,
    server: end,
    vlanIds: [],
    startTimeUs: 0,
    // Nobody saw how the talk on a line began, so nothing is called unsolicited.
    midstream: true,
    roleSource: 'pduShape',
    roleConfidence: 0.9,
    originator: 'client',
    clientSegmentsCount: 0,
    serverSegmentsCount: 0,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: 0,
    transport: framing,
    line: { lineName, baudRate, parity, stopBits, bytesNotFramed: 0 },
  };
}
