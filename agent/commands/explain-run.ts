/**
 * Reads frames through the decode stage and explains those that are wanted, with what came before
 * them in their streams. `replay --explain` wants one; the corpus test wants many in one pass.
 */
import { IGNORING_SINK } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { clipFields, type ExplainedField, FieldList, hiddenText } from '../../protocols/explain.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  type FrameBlockSink,
} from '../../protocols/frame-block.ts';
import { type ApplicationBytes, explainFrame } from '../../protocols/link/explain-frame.ts';
import { createDecodeCounters } from '../decode/decode-counters.ts';
import { Decoder } from '../decode/decoder.ts';
import { DECODER_DEFAULTS } from '../decode/decoder-options.ts';
import { ModbusCarriers } from '../decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../decode/opcua-analyzer.ts';
import { TlsAnalyzer } from '../decode/tls-analyzer.ts';
import { type Delivery, ExplainFlows } from './explain-flows.ts';

/** Bytes may wait for earlier ones, or for their protocol to be known: at most so long. */
const FRAMES_WAITED_MAX = 2000;

export interface ExplainRunOptions {
  readonly isWanted: (frameNumber: number) => boolean;
  readonly digest: Digest;
  readonly modbusPorts?: readonly number[];
  readonly opcuaPorts?: readonly number[];
}

export interface FrameExplanation {
  /** 1-based. */
  readonly frame: number;
  /** Stamp in UTC microseconds. */
  readonly timeUs: number;
  readonly linkType: number;
  readonly originalBytes: number;
  /** As captured. */
  readonly bytes: Uint8Array;
  /** Cover `bytes` exactly. */
  readonly fields: readonly ExplainedField[];
}

type WantedFrame = Omit<FrameExplanation, 'fields'>;

export class ExplainRun implements FrameBlockSink {
  readonly #isWanted: (frameNumber: number) => boolean;
  readonly #opcuaPorts: readonly number[];
  readonly #flows: ExplainFlows;
  readonly #decoder: Decoder;
  readonly #frames = new Map<number, WantedFrame>();
  #lastFrameNumber = 0;

  constructor(options: ExplainRunOptions) {
    const { isWanted, digest } = options;
    this.#isWanted = isWanted;
    this.#flows = new ExplainFlows(isWanted, digest);
    const counters = createDecodeCounters();
    const { flowsMax } = DECODER_DEFAULTS;
    const analyzers = {
      modbus: this.#flows.follow(new ModbusCarriers({ flowsMax }, IGNORING_SINK, counters.modbus)),
      opcua: this.#flows.follow(new OpcuaAnalyzer({ flowsMax }, IGNORING_SINK, counters.opcua)),
      tls: new TlsAnalyzer(IGNORING_SINK),
    };
    const ports = {
      modbusPorts: options.modbusPorts ?? DECODER_DEFAULTS.modbusPorts,
      opcuaPorts: options.opcuaPorts ?? DECODER_DEFAULTS.opcuaPorts,
    };
    this.#opcuaPorts = ports.opcuaPorts;
    this.#decoder = new Decoder({ flowsMax, ...ports }, analyzers, IGNORING_SINK, counters);
  }

  block(block: FrameBlock): void {
    const { bytes, index, framesCount, linkType } = block;
    for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
      const frame = index[word + FRAME_NUMBER];
      this.#lastFrameNumber = frame;
      if (!this.#isWanted(frame)) continue;
      const offset = index[word + FRAME_OFFSET];
      const nanoseconds = index[word + FRAME_NANOSECONDS];
      this.#frames.set(frame, {
        frame,
        timeUs: index[word + FRAME_SECONDS] * 1_000_000 + Math.floor(nanoseconds / 1000),
        linkType,
        originalBytes: index[word + FRAME_ORIGINAL_BYTES],
        bytes: bytes.slice(offset, offset + index[word + FRAME_CAPTURED_BYTES]),
      });
    }
    this.#decoder.block(block);
  }

  /** End of input: what waits is delivered. */
  end(): void {
    this.#decoder.end();
  }

  /** Nothing that may still come is likely to tell more of this frame. */
  isSettled(frameNumber: number): boolean {
    if (!this.#frames.has(frameNumber)) return false;
    if (this.#lastFrameNumber >= frameNumber + FRAMES_WAITED_MAX) return true;
    return this.#flows.deliveriesOf(frameNumber).length > 0;
  }

  /** Undefined where the frame was not among those read. */
  explain(frameNumber: number): FrameExplanation | undefined {
    const frame = this.#frames.get(frameNumber);
    if (frame === undefined) return undefined;
    let isOpcuaPair = false;
    const fields = explainFrame(frame.bytes, frame.linkType, (payload) =>
      this.#application(frameNumber, payload),
    );
    for (const { name, value } of fields) {
      if (name !== 'ipv4' && name !== 'ipv6') continue;
      const [source, destination] = value.split(' -> ');
      isOpcuaPair ||= this.#flows.isOpcuaPair(source, destination ?? '');
    }
    return {
      ...frame,
      fields: isOpcuaPair ? fields.map((field) => withoutPayload(field)) : fields,
    };
  }

  #application(
    frameNumber: number,
    payload: ApplicationBytes,
  ): readonly ExplainedField[] | undefined {
    const { bytes, offset, end, ipProtocol } = payload;
    const taken = this.#taken(frameNumber, payload);
    if (taken !== undefined) return taken;
    const source = `${ipProtocol} ${payload.sourceAddress} ${payload.sourcePort}`;
    const destination = `${ipProtocol} ${payload.destinationAddress} ${payload.destinationPort}`;
    const alone = this.#flows.explainAlone(source, destination, bytes, offset, end);
    if (alone !== undefined) {
      return alone.map((field) => ({ ...field, note: noteOf(field, payload.isFragment) }));
    }
    const ports = [payload.sourcePort, payload.destinationPort];
    if (!ports.some((port) => this.#opcuaPorts.includes(port))) return undefined;
    const rest = { name: 'payload', offset, length: end - offset, value: '' };
    return [withoutPayload(rest, 'on a port of OPC UA')];
  }

  /** What the stream took of this payload; undefined where it took nothing. */
  #taken(frameNumber: number, payload: ApplicationBytes): readonly ExplainedField[] | undefined {
    const deliveries = this.#flows.deliveriesOf(frameNumber);
    if (deliveries.length === 0) return undefined;
    const at = placeOf(deliveries, payload);
    if (at < 0) return undefined;
    const list = new FieldList(payload.bytes, payload.offset, payload.end);
    addSeenBefore(list, at);
    let position = at;
    for (const { bytes, fields } of deliveries) {
      list.append(clipFields(fields, 0, bytes.length, position));
      position += bytes.length;
    }
    addSeenBefore(list, payload.end);
    return list.finish();
  }
}

/** Bytes of the payload that its stream had already: their first sight told what they are. */
function addSeenBefore(list: FieldList, end: number): void {
  const length = end - list.position;
  if (length > 0) list.secret('retransmitted', length, 'bytes that an earlier frame brought');
}

/** Where in the frame the deliveries begin: a stream may leave out what it has already. */
function placeOf(deliveries: readonly Delivery[], payload: ApplicationBytes): number {
  const length = deliveries.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const { offset, end } = payload;
  if (length > end - offset) return -1;
  if (isAt(deliveries, payload.bytes, end - length)) return end - length;
  return isAt(deliveries, payload.bytes, offset) ? offset : -1;
}

function isAt(deliveries: readonly Delivery[], frame: Uint8Array, start: number): boolean {
  let at = start;
  for (const { bytes } of deliveries) {
    for (const byte of bytes) if (frame[at++] !== byte) return false;
  }
  return true;
}

function noteOf(field: ExplainedField, isFragment: boolean): string {
  const why = isFragment ? 'a piece of an IP packet' : 'seen before, or out of its stream';
  return field.note === undefined ? why : `${field.note}; ${why}`;
}

/** A piece of an OPC UA message may be part of a password. */
function withoutPayload(
  field: ExplainedField,
  what = 'between hosts that speak OPC UA',
): ExplainedField {
  if (field.name !== 'payload' && field.name !== 'trailer') return field;
  const { offset, length } = field;
  const value = hiddenText(what, length);
  return { ...field, value, secrets: [{ offset, length }] };
}
