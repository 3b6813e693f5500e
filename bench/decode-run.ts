/**
 * The decode stage alone on frames held in memory, and every message that came out of it as a line
 * of text: who sent it, what it is, and a hash of its bytes. What the drop sweep compares.
 */
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { Decoder } from '../agent/decode/decoder.ts';
import { ModbusCarriers } from '../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import type { StreamAnalyzer } from '../agent/decode/stream-analyzer.ts';
import { TlsAnalyzer } from '../agent/decode/tls-analyzer.ts';
import type { DecodeCounters, DecodeSink } from '../protocols/decode-sink.ts';
import type { ByteSpan } from '../protocols/decoded.ts';
import type { FlowFacts } from '../protocols/flow.ts';
import type { FrameBlock } from '../protocols/frame-block.ts';
import type { OpcuaSide } from '../protocols/opcua/transaction.ts';

/** Bytes of one direction that the core handed to an analyzer. */
export interface DeliveredSegment {
  readonly stream: string;
  readonly frame: number;
  readonly length: number;
}

export interface SeenMessage {
  readonly text: string;
  /** Flow and direction. */
  readonly stream: string;
  /** The frame that ended it; 0: a repetition, of which records keep no frame. */
  readonly frame: number;
  /** On the stream, headers included. */
  readonly bytes: number;
}

export interface DecodeRun {
  readonly messages: readonly SeenMessage[];
  readonly counters: DecodeCounters;
  /** A flow of which one side was never heard. */
  readonly isOneSided: boolean;
  /** Malformed messages, or chunks without their others. */
  readonly malformedCount: number;
}

export interface DecodeRunOptions {
  readonly modbusPorts?: readonly number[];
  /** Is told every segment in the order of delivery. */
  readonly segments?: DeliveredSegment[];
}

const FLOWS_MAX = 64;
const SMALL_POOLS = { flowsMax: FLOWS_MAX, reassemblyBlocksMax: 256 } as const;
const MBAP_BYTES = 7;

/** `blocks` in their order; the tables are small, because each run makes its own. */
export function decodeFrames(
  blocks: readonly FrameBlock[],
  options: DecodeRunOptions = {},
): DecodeRun {
  const sink = new MessageSink();
  const counters = createDecodeCounters();
  const { segments, modbusPorts } = options;
  const modbus = new ModbusCarriers(
    { flowsMax: FLOWS_MAX, requestsPendingMax: 512, partialMessagesMax: 128 },
    sink,
    counters.modbus,
  );
  const opcua = new OpcuaAnalyzer({ flowsMax: FLOWS_MAX }, sink, counters.opcua);
  const analyzers = {
    modbus: segments === undefined ? modbus : listening(modbus, segments),
    opcua: segments === undefined ? opcua : listening(opcua, segments),
    tls: new TlsAnalyzer(sink),
  };
  const ports = modbusPorts === undefined ? {} : { modbusPorts };
  const decoder = new Decoder({ ...SMALL_POOLS, ...ports }, analyzers, sink, counters);
  for (const block of blocks) decoder.block(block);
  decoder.end();
  const { messages, isOneSided, malformedCount } = sink;
  return { messages, counters, isOneSided, malformedCount };
}

/** The same analyzer, with every segment written down. */
function listening(analyzer: StreamAnalyzer, segments: DeliveredSegment[]): StreamAnalyzer {
  return {
    protocol: analyzer.protocol,
    recognize: (...bytes) => analyzer.recognize(...bytes),
    senderOf: (...bytes) => analyzer.senderOf(...bytes),
    confirm: (...bytes) => analyzer.confirm(...bytes),
    flowBegan: (flow) => analyzer.flowBegan(flow),
    flowEnded: (flow, timeUs) => analyzer.flowEnded(flow, timeUs),
    gap: (context, bytesMissed) => analyzer.gap(context, bytesMissed),
    advance: (timeUs) => analyzer.advance(timeUs),
    segment: (context, bytes, offset, length) => {
      const { flow, direction, frameNumber } = context;
      segments.push({ stream: streamOf(flow, direction === 0), frame: frameNumber, length });
      analyzer.segment(context, bytes, offset, length);
    },
  };
}

/** Not the flow's number, which changes when a frame before it is gone. */
function streamOf(flow: FlowFacts, fromClient: boolean): string {
  const [a, b] = fromClient ? [flow.client, flow.server] : [flow.server, flow.client];
  return `${a.ipAddress}:${a.port}>${b.port}`;
}

class MessageSink implements DecodeSink {
  readonly messages: SeenMessage[] = [];
  isOneSided = false;
  malformedCount = 0;

  modbusTransaction: DecodeSink['modbusTransaction'] = (transaction) => {
    const { flow, transactionId, unitId, requestPdu, responsePdu } = transaction;
    const head = `${transactionId} ${unitId}`;
    this.#add(flow, true, transaction.requestFrameNumber, head, requestPdu, MBAP_BYTES);
    for (let repeat = 0; repeat < transaction.retriesCount; repeat += 1) {
      this.#add(flow, true, 0, head, requestPdu, MBAP_BYTES);
    }
    this.#add(flow, false, transaction.responseFrameNumber, head, responsePdu, MBAP_BYTES);
  };

  opcuaTransaction: DecodeSink['opcuaTransaction'] = ({ flow, requestId, request, response }) => {
    this.#addSide(flow, true, requestId, request);
    this.#addSide(flow, false, requestId, response);
  };

  opcuaTransportMessage: DecodeSink['opcuaTransportMessage'] = (message) => {
    const { flow, fromClient, frameNumber, messageType } = message;
    this.#add(flow, fromClient, frameNumber, messageType, message.message, 0);
  };

  malformed: DecodeSink['malformed'] = () => {
    this.malformedCount += 1;
  };

  gap: DecodeSink['gap'] = () => {};

  flowEnded: DecodeSink['flowEnded'] = (flow) => {
    if (flow.clientSegmentsCount === 0 || flow.serverSegmentsCount === 0) this.isOneSided = true;
  };

  #addSide(flow: FlowFacts, fromClient: boolean, requestId: number, side: OpcuaSide): void {
    if (!side.present) return;
    const stream = streamOf(flow, fromClient);
    const { messageType, sequenceNumber, messageBytes, frameNumber } = side;
    const text = `${stream} ${messageType} ${requestId} ${sequenceNumber} ${messageBytes}`;
    this.messages.push({ text, stream, frame: frameNumber, bytes: messageBytes });
  }

  #add(
    flow: FlowFacts,
    fromClient: boolean,
    frame: number,
    head: string,
    span: ByteSpan,
    headerBytes: number,
  ): void {
    if (span.length === 0) return;
    const stream = streamOf(flow, fromClient);
    const bytes = span.length + headerBytes;
    this.messages.push({
      text: `${stream} ${head} ${bytes} ${hashOf(span)}`,
      stream,
      frame,
      bytes,
    });
  }
}

/** FNV-1a, 32 bits. */
function hashOf(span: ByteSpan): number {
  let hash = 0x811c9dc5;
  for (let at = span.offset; at < span.offset + span.length; at += 1) {
    hash = Math.imul(hash ^ span.bytes[at], 0x01000193);
  }
  return hash >>> 0;
}
