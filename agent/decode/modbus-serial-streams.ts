/**
 * RTU and ASCII frames inside TCP, as serial device servers send them: one framer a direction.
 * Spec: MODBUS over Serial Line V1.02, section 2.5, carried as it is, check included.
 */
import type { DecodeSink, ModbusCounters } from '../../protocols/decode-sink.ts';
import { CLIENT_TO_SERVER, type FlowFacts } from '../../protocols/flow.ts';
import type { ModbusAnalyzerOptions } from './modbus-analyzer.ts';
import {
  ModbusSerialFrames,
  type SerialFramer,
  type SerialFraming,
} from './modbus-serial-frames.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** Connections with serial frames at one time; about 20 kB each. */
export const SERIAL_STREAMS_MAX = 256;
const REQUEST_TIMEOUT_MS = 5000;

interface SerialStream {
  readonly client: SerialFramer;
  readonly server: SerialFramer;
}

export class ModbusSerialStreams {
  readonly #frames: ModbusSerialFrames;
  /** By slot. */
  readonly #streams = new Map<number, SerialStream>();
  #refusedCount = 0;

  constructor(options: ModbusAnalyzerOptions, sink: DecodeSink, counters: ModbusCounters) {
    const limits = {
      flowsMax: options.flowsMax,
      transactionsPendingMax: 1,
      requestsMax: SERIAL_STREAMS_MAX,
      requestTimeoutUs: (options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS) * 1000,
    };
    this.#frames = new ModbusSerialFrames(limits, sink, counters);
  }

  /** Connections that were not decoded because so many others were. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  get pendingEvictedCount(): number {
    return this.#frames.pendingEvictedCount;
  }

  get bytesNotFramed(): number {
    return this.#frames.bytesNotFramed;
  }

  /** `flow` gets its transport. Its bytes are passed over where there is no room. */
  flowBegan(flow: FlowFacts, framing: SerialFraming): void {
    flow.transport = framing === 'rtu' ? 'rtuOverTcp' : 'asciiOverTcp';
    this.#streams.delete(flow.slot);
    if (this.#streams.size >= SERIAL_STREAMS_MAX) {
      this.#refusedCount += 1;
      return;
    }
    this.#frames.flowBegan(flow);
    this.#streams.set(flow.slot, {
      client: this.#frames.createFramer(framing, 'client'),
      server: this.#frames.createFramer(framing, 'server'),
    });
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const stream = this.#streams.get(context.slot);
    if (stream === undefined) return;
    this.#frames.begin(context);
    framerOf(stream, context).push(bytes, offset, length, context.timeUs);
  }

  gap(context: SegmentContext): void {
    const stream = this.#streams.get(context.slot);
    if (stream === undefined) return;
    this.#frames.begin(context);
    this.#frames.flush(framerOf(stream, context), true);
  }

  /** A last frame that was cut by the end of the capture is no fault of the sender. */
  flowEnded(context: SegmentContext): void {
    const stream = this.#streams.get(context.slot);
    if (stream === undefined) return;
    this.#frames.begin(context);
    this.#frames.flush(stream.client, true);
    this.#frames.flush(stream.server, true);
    this.#frames.flowEnded(context.slot);
    this.#streams.delete(context.slot);
  }

  advance(timeUs: number): void {
    this.#frames.advance(timeUs);
  }
}

function framerOf(stream: SerialStream, context: SegmentContext): SerialFramer {
  return context.direction === CLIENT_TO_SERVER ? stream.client : stream.server;
}
