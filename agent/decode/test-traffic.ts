/**
 * Traffic for the tests of the decode core: frames built field by field, a fake protocol whose
 * bytes are easy to read, and analyzers and a sink that write down what reaches them.
 */
import type { DecodeSink, StreamGap } from '../../protocols/decode-sink.ts';
import type { FlowFacts, Protocol } from '../../protocols/flow.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_FLAG_VLAN,
  FRAME_FLAGS,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_VLAN,
  FRAME_WORDS,
  type FrameBlock,
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
} from '../../protocols/frame-block.ts';
import {
  RECOGNIZED_MORE,
  RECOGNIZED_NO,
  RECOGNIZED_TENTATIVE,
  RECOGNIZED_YES,
  type Recognition,
  SENDER_CLIENT,
  SENDER_SERVER,
  SENDER_UNKNOWN,
  type SegmentContext,
  type Sender,
  type StreamAnalyzer,
} from './stream-analyzer.ts';

export const SYN = 0x02;
export const SYN_ACK = 0x12;
export const ACK = 0x10;
export const FIN_ACK = 0x11;
export const RST = 0x04;

export interface Peer {
  /** Last byte of 10.0.0.x or fd00::x. */
  readonly host: number;
  readonly port: number;
}

export interface FrameFields {
  readonly from: Peer;
  readonly to: Peer;
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly flags?: number;
  readonly payload?: string | Uint8Array;
  /** In-band tags, outermost first. */
  readonly vlanTags?: readonly number[];
  /** Tag that the ring stripped. */
  readonly ringVlan?: number;
  readonly isIpv6?: boolean;
  /** Bytes cut off at the end, as a snap length does. */
  readonly cutBytes?: number;
  readonly timeUs?: number;
  /** Number of the frame; default: its place in the block. */
  readonly number?: number;
}

const START_US = 1_790_000_000_000_000;
const ETHERNET_BYTES = 14;
const BYTES_OF_MINIMUM_FRAME = 60;

/** One block with these frames, a microsecond apart unless they say when. */
export function blockOf(frames: readonly FrameFields[], historyAddress = -1): FrameBlock {
  const built = frames.map(buildFrame);
  const index = new Uint32Array(frames.length * FRAME_WORDS);
  const bytes = new Uint8Array(built.reduce((sum, frame) => sum + frame.length, 0));
  let offset = 0;
  built.forEach((frame, position) => {
    const fields = frames[position];
    const captured = frame.length - (fields.cutBytes ?? 0);
    const timeUs = fields.timeUs ?? START_US + position;
    const word = position * FRAME_WORDS;
    bytes.set(frame, offset);
    index[word + FRAME_OFFSET] = offset;
    index[word + FRAME_CAPTURED_BYTES] = captured;
    index[word + FRAME_ORIGINAL_BYTES] = frame.length;
    index[word + FRAME_SECONDS] = Math.floor(timeUs / 1_000_000);
    index[word + FRAME_NANOSECONDS] = (timeUs % 1_000_000) * 1000;
    index[word + FRAME_FLAGS] = fields.ringVlan === undefined ? 0 : FRAME_FLAG_VLAN;
    index[word + FRAME_VLAN] = 0x8100_0000 + (fields.ringVlan ?? 0);
    index[word + FRAME_NUMBER] = fields.number ?? position + 1;
    offset += captured;
  });
  const linkType = LINKTYPE_ETHERNET;
  const framesCount = frames.length;
  return {
    bytes,
    index,
    framesCount,
    interfaceIndex: 3,
    linkType,
    monotonicMs: -1,
    historyAddress,
  };
}

/** The same frames from their IP header on, where no short way takes them. */
export function fromIpHeader(block: FrameBlock): FrameBlock {
  const index = Uint32Array.from(block.index);
  for (let word = 0; word < index.length; word += FRAME_WORDS) {
    index[word + FRAME_OFFSET] += ETHERNET_BYTES;
    index[word + FRAME_CAPTURED_BYTES] -= ETHERNET_BYTES;
    index[word + FRAME_ORIGINAL_BYTES] -= ETHERNET_BYTES;
  }
  return { ...block, index, linkType: LINKTYPE_IPV4 };
}

function buildFrame(fields: FrameFields): Uint8Array {
  const { from, to, isIpv6 = false, vlanTags = [] } = fields;
  const payload =
    typeof fields.payload === 'string' ? Buffer.from(fields.payload, 'latin1') : fields.payload;
  const tcpBytes = 20 + (payload?.length ?? 0);
  const ip = 14 + 4 * vlanTags.length;
  const tcp = ip + (isIpv6 ? 40 : 20);
  const frame = new Uint8Array(Math.max(BYTES_OF_MINIMUM_FRAME, tcp + tcpBytes));
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, to.host, 2, 0, 0, 0, 0, from.host]);
  vlanTags.forEach((tag, position) => {
    view.setUint16(12 + 4 * position, 0x8100);
    view.setUint16(14 + 4 * position, tag);
  });
  view.setUint16(ip - 2, isIpv6 ? 0x86dd : 0x0800);
  if (isIpv6) writeIpv6(view, ip, fields, tcpBytes);
  else writeIpv4(view, ip, fields, tcpBytes);
  view.setUint16(tcp, from.port);
  view.setUint16(tcp + 2, to.port);
  view.setUint32(tcp + 4, fields.sequence);
  view.setUint32(tcp + 8, fields.acknowledgment ?? 0);
  view.setUint8(tcp + 12, 0x50);
  view.setUint8(tcp + 13, fields.flags ?? ACK);
  if (payload !== undefined) frame.set(payload, tcp + 20);
  return frame;
}

function writeIpv4(view: DataView, ip: number, fields: FrameFields, tcpBytes: number): void {
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, 20 + tcpBytes);
  view.setUint8(ip + 9, 6);
  view.setUint32(ip + 12, 0x0a00_0000 + fields.from.host);
  view.setUint32(ip + 16, 0x0a00_0000 + fields.to.host);
  let sum = 0;
  for (let word = 0; word < 20; word += 2) sum += view.getUint16(ip + word);
  view.setUint16(ip + 10, ~((sum & 0xffff) + (sum >>> 16)));
}

function writeIpv6(view: DataView, ip: number, fields: FrameFields, tcpBytes: number): void {
  view.setUint8(ip, 0x60);
  view.setUint16(ip + 4, tcpBytes);
  view.setUint8(ip + 6, 6);
  view.setUint16(ip + 8, 0xfd00);
  view.setUint32(ip + 20, fields.from.host);
  view.setUint16(ip + 24, 0xfd00);
  view.setUint32(ip + 36, fields.to.host);
}

/** What one direction of one flow received: text, with a hole of n bytes as `{n}`. */
export interface Received {
  client: string;
  server: string;
  readonly flow: FlowFacts;
  isEnded: boolean;
  readonly timesUs: number[];
  readonly frameNumbers: number[];
  readonly frameAddresses: number[];
}

/**
 * A protocol of text messages of four characters. As `modbus`: `q` and a digit are a request, `a`
 * and the same digit its answer, either followed by `..`; certain on a configured port only. As
 * `opcua`: `HELO`, `ACKN`, `RHEL`, certain everywhere.
 */
export class FakeAnalyzer implements StreamAnalyzer {
  readonly protocol: Protocol;
  readonly flows: Received[] = [];
  readonly #bySlot: (Received | undefined)[] = [];
  advances: number[] = [];
  callsCount = 0;

  constructor(protocol: Protocol) {
    this.protocol = protocol;
  }

  recognize(
    bytes: Uint8Array,
    offset: number,
    length: number,
    portConfigured: boolean,
  ): Recognition {
    const text = textOf(bytes, offset, Math.min(length, 4));
    if (this.protocol === 'opcua') {
      if (['HELO', 'ACKN', 'RHEL'].includes(text)) return RECOGNIZED_YES;
      return ['HELO', 'ACKN', 'RHEL'].some((word) => word.startsWith(text))
        ? RECOGNIZED_MORE
        : RECOGNIZED_NO;
    }
    if (!/^[qa]($|\d($|\.($|\.$)))/.test(text)) return RECOGNIZED_NO;
    if (text.length < 4) return RECOGNIZED_MORE;
    return portConfigured ? RECOGNIZED_YES : RECOGNIZED_TENTATIVE;
  }

  senderOf(bytes: Uint8Array, offset: number, length: number): Sender {
    const first = textOf(bytes, offset, Math.min(length, 1));
    if (first === 'q' || first === 'H') return SENDER_CLIENT;
    return first === 'A' || first === 'R' ? SENDER_SERVER : SENDER_UNKNOWN;
  }

  confirm(
    first: Uint8Array,
    firstOffset: number,
    firstLength: number,
    second: Uint8Array,
    secondOffset: number,
    secondLength: number,
  ): boolean {
    const digits = (text: string): string[] => [...text.matchAll(/[qa](\d)/g)].map((m) => m[1]);
    const asked = digits(textOf(first, firstOffset, firstLength));
    const answered = digits(textOf(second, secondOffset, secondLength));
    return asked.some((digit) => answered.includes(digit));
  }

  flowBegan(flow: FlowFacts): void {
    const received: Received = {
      client: '',
      server: '',
      flow,
      isEnded: false,
      timesUs: [],
      frameNumbers: [],
      frameAddresses: [],
    };
    this.#bySlot[flow.slot] = received;
    this.flows.push(received);
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    this.callsCount++;
    this.#add(context, textOf(bytes, offset, length));
    const received = this.#of(context);
    received.timesUs.push(context.timeUs);
    received.frameNumbers.push(context.frameNumber);
    received.frameAddresses.push(context.frameAddress);
  }

  gap(context: SegmentContext, bytesMissed: number): void {
    this.#add(context, `{${bytesMissed}}`);
  }

  flowEnded(flow: FlowFacts): void {
    const received = this.#bySlot[flow.slot];
    if (received?.flow !== flow || received.isEnded) throw new Error('ended twice, or never began');
    received.isEnded = true;
  }

  advance(timeUs: number): void {
    this.advances.push(timeUs);
  }

  #add(context: SegmentContext, text: string): void {
    const received = this.#of(context);
    if (context.direction === 0) received.client += text;
    else received.server += text;
  }

  #of(context: SegmentContext): Received {
    const received = this.#bySlot[context.slot];
    if (received === undefined || received.flow !== context.flow || received.isEnded) {
      throw new Error('a segment of a flow that is not alive');
    }
    return received;
  }
}

export class RecordingSink implements DecodeSink {
  readonly gaps: StreamGap[] = [];
  readonly ended: FlowFacts[] = [];
  modbusTransaction(): void {}
  opcuaTransaction(): void {}
  opcuaTransportMessage(): void {}
  malformed(): void {}
  gap(gap: StreamGap): void {
    this.gaps.push(gap);
  }
  flowEnded(flow: FlowFacts): void {
    this.ended.push(flow);
  }
}

function textOf(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1');
}
