/**
 * The decode stage: frames in, transactions out. This file knows the order of its parts (headers,
 * flow table, TCP streams, recognition, analyzers) and drives their clock by the frames' stamps.
 */
import type { CarrierCounters, DecodeCounters, DecodeSink } from '../../protocols/decode-sink.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_FLAG_CHECKSUM_NOT_READY,
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
} from '../../protocols/frame-block.ts';
import { noteVlanTag } from '../../protocols/link/ethernet.ts';
import {
  FRAME_FRAGMENT,
  FRAME_OTHER,
  FRAME_TCP,
  FRAME_UDP,
  FrameHeaders,
  type FrameKind,
} from '../../protocols/link/frame-headers.ts';
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_SOURCE,
  isIpv4ChecksumRight,
} from '../../protocols/link/ipv4.ts';
import { hasPrpSuffix } from '../../protocols/link/prp.ts';
import { readFrame } from '../../protocols/link/read-frame.ts';
import { readReassembled } from '../../protocols/link/read-network.ts';
import { TCP_FLAGS, TCP_SYN, tcpPayloadOffset } from '../../protocols/link/tcp.ts';
import { UDP_HEADER_BYTES, udpPayloadEnd } from '../../protocols/link/udp.ts';
import { DatagramCopies, isOneAdu } from './datagrams.ts';
import { countCopy, createCarrierCounters } from './decode-counters.ts';
import { DECODER_DEFAULTS, type DecoderOptions } from './decoder-options.ts';
import { FLOW_NONE, FLOW_UNDECIDED, FlowTable } from './flow-table.ts';
import { FragmentTable } from './fragment-table.ts';
import { OpcuaPubSub } from './opcua-pubsub.ts';
import { createTakePlainSegment, type TakePlainSegment } from './plain-segments.ts';
import { RecentSegments } from './recent-segments.ts';
import { Recognition } from './recognition.ts';
import { REDUNDANCY_NONE, RedundantFrames } from './redundant-frames.ts';
import { copyOrigin, createSegmentContext, originOf } from './segment-origin.ts';
import { SegmentPool } from './segment-pool.ts';
import type { SegmentContext } from './stream-analyzer.ts';
import { type Analyzers, StreamDelivery } from './stream-delivery.ts';
import { TcpStreams } from './tcp-streams.ts';

const US_A_SECOND = 1_000_000;
/** Stamps further apart are no passage of time: a file's pause, or a clock that was set. */
const TICK_SECONDS_MAX = 60;
/** Flows of each worth that leave in one second: a whole table at once would stall a frame. */
const AGED_PER_TICK_MAX = 1024;

export class Decoder {
  readonly #options: DecoderOptions;
  readonly #analyzers: Analyzers;
  readonly #counters: DecodeCounters;
  readonly #carriers: CarrierCounters;
  readonly #sink: DecodeSink;
  readonly #headers = new FrameHeaders();
  readonly #context: SegmentContext = createSegmentContext();
  readonly #table: FlowTable;
  readonly #pool: SegmentPool;
  readonly #streams: TcpStreams;
  readonly #takePlain: TakePlainSegment;
  readonly #delivery: StreamDelivery;
  readonly #recent: RecentSegments;
  readonly #redundant: RedundantFrames;
  readonly #fragments: FragmentTable;
  readonly #datagrams: DatagramCopies;
  readonly #pubSub: OpcuaPubSub;
  /** Seconds of traffic since the start; clock steps don't move it. */
  #seconds = 0;
  #tickSeconds = -1;
  /** Of the frame being decoded. */
  #flags = 0;
  #interfaceIndex = 0;
  #lastTimeUs = 0;

  constructor(
    options: Partial<DecoderOptions>,
    analyzers: Analyzers,
    sink: DecodeSink,
    counters: DecodeCounters,
  ) {
    this.#options = { ...DECODER_DEFAULTS, ...options };
    this.#analyzers = analyzers;
    this.#counters = counters;
    this.#sink = sink;
    counters.carriers ??= createCarrierCounters();
    this.#carriers = counters.carriers;
    const { flowsMax, hashSeed, reassemblyBlocksMax, opcuaPorts } = this.#options;
    this.#table = new FlowTable(flowsMax, hashSeed);
    this.#pool = new SegmentPool(reassemblyBlocksMax);
    const recognition = new Recognition(this.#options, analyzers, this.#table, this.#pool);
    this.#delivery = new StreamDelivery(
      this.#table,
      recognition,
      this.#pool,
      analyzers,
      this.#context,
      sink,
      counters,
    );
    this.#recent = new RecentSegments(this.#table, this.#headers);
    this.#redundant = new RedundantFrames(this.#carriers);
    this.#fragments = new FragmentTable(this.#carriers);
    this.#datagrams = new DatagramCopies(flowsMax);
    this.#pubSub = new OpcuaPubSub(opcuaPorts, this.#headers, this.#context, counters, sink);
    this.#streams = new TcpStreams(
      this.#options,
      this.#table,
      this.#pool,
      this.#context,
      counters,
      this.#delivery,
      this.#recent,
      (direction) => this.#overlapDiffers('tcp', direction >> 1),
    );
    this.#takePlain = createTakePlainSegment(
      this.#table,
      this.#streams,
      this.#recent,
      this.#delivery,
      analyzers.modbus.createTakePlainPoll?.(this.#table, this.#context),
    );
    counters.flowsMax = flowsMax;
    counters.reassemblyBytesMax = this.#pool.bytesMax;
  }

  /** UTC microseconds of the last frame or `advance`. */
  get lastTimeUs(): number {
    return this.#lastTimeUs;
  }

  /** Decodes every frame of the block before it returns. */
  block(block: FrameBlock): void {
    const { bytes, index, linkType, historyAddress } = block;
    const framesCount = Math.min(block.framesCount, Math.floor(index.length / FRAME_WORDS));
    const words = framesCount * FRAME_WORDS;
    const context = this.#context;
    context.frameAddress = -1;
    context.frameBytes = 0;
    this.#interfaceIndex = block.interfaceIndex;
    const recent = this.#recent;
    const firstFrame = recent.beginBlock(block);
    this.#analyzers.modbus.beginBlock?.(bytes);
    let bytesCount = 0;
    for (let word = 0; word < words; word += FRAME_WORDS) {
      recent.frame = (firstFrame + word) | 0;
      const offset = index[word + FRAME_OFFSET];
      const capturedBytes = index[word + FRAME_CAPTURED_BYTES];
      const seconds = index[word + FRAME_SECONDS];
      const timeUs = seconds * US_A_SECOND + ((index[word + FRAME_NANOSECONDS] / 1000) >>> 0);
      bytesCount += index[word + FRAME_ORIGINAL_BYTES];
      if (capturedBytes < index[word + FRAME_ORIGINAL_BYTES]) this.#counters.framesTruncatedCount++;
      context.timeUs = timeUs;
      context.frameNumber = index[word + FRAME_NUMBER];
      if (historyAddress >= 0) {
        context.frameAddress = historyAddress + offset;
        context.frameBytes = capturedBytes;
      }
      if (seconds !== this.#tickSeconds) this.#clock(seconds);
      const end = Math.min(offset + capturedBytes, bytes.length);
      if (linkType === LINKTYPE_ETHERNET && this.#takePlain(bytes, offset, end)) continue;
      this.#headers.vlanIdsCount = 0;
      this.#flags = index[word + FRAME_FLAGS];
      if ((this.#flags & FRAME_FLAG_VLAN) !== 0) {
        noteVlanTag(this.#headers, index[word + FRAME_VLAN] & 0xffff);
      }
      this.#frame(bytes, offset, end, linkType);
    }
    recent.endBlock();
    this.#analyzers.modbus.endBlock?.();
    this.#lastTimeUs = context.timeUs;
    this.#counters.framesCount += framesCount;
    this.#counters.bytesCount += bytesCount;
    this.#readOut();
  }

  /** Time goes on without frames: what waits too long is given up. */
  advance(timeUs: number): void {
    this.#lastTimeUs = timeUs;
    this.#leaveFrame(timeUs);
    const seconds = Math.floor(timeUs / US_A_SECOND);
    if (seconds !== this.#tickSeconds) this.#clock(seconds);
    this.#readOut();
  }

  /** End of input: every flow ends. The decoder may be used again. */
  end(): void {
    this.#leaveFrame(this.#lastTimeUs);
    for (let row = 0; row < this.#table.flowsMax; row++) {
      if (this.#table.isUsed(row)) this.#leave(row);
    }
    this.#fragments.clear();
    this.#readOut();
  }

  #frame(bytes: Uint8Array, offset: number, end: number, linkType: number): void {
    const headers = this.#headers;
    const kind = readFrame(headers, bytes, offset, end, linkType);
    const isTagged = headers.hsrTag >= 0 || hasPrpSuffix(bytes, offset, end);
    if (isTagged && linkType === LINKTYPE_ETHERNET && this.#isRedundant(kind, bytes, offset, end)) {
      countCopy(this.#carriers, this.#interfaceIndex);
      return;
    }
    if (kind === FRAME_TCP) this.#segment(bytes);
    else if (kind === FRAME_FRAGMENT) this.#fragment(bytes);
    else if (kind === FRAME_OTHER) this.#pubSub.frame(bytes, end, this.#interfaceIndex);
    else this.#transport(kind, bytes);
    if (kind !== FRAME_OTHER || headers.sourceMac < 0 || headers.encapsulations !== 0) return;
    this.#sink.otherFrame?.(bytes, headers.sourceMac, end, this.#context.timeUs);
  }

  /** Whether the frame came before on the other LAN or round the ring the other way. */
  #isRedundant(kind: FrameKind, bytes: Uint8Array, offset: number, end: number): boolean {
    const redundant = this.#redundant;
    if (redundant.isCopy(this.#headers, bytes, offset, end, this.#context.timeUs)) return true;
    if (redundant.kind !== REDUNDANCY_NONE) this.#noteRedundancy(kind, bytes);
    return false;
  }

  #transport(kind: FrameKind, bytes: Uint8Array): void {
    if (kind === FRAME_TCP) this.#segment(bytes);
    else if (kind === FRAME_UDP) this.#datagram(bytes);
    else this.#counters.framesNotOursCount++;
  }

  #segment(bytes: Uint8Array): void {
    const headers = this.#headers;
    const tcp = headers.transport;
    const payload = tcpPayloadOffset(bytes, tcp, headers.transportEnd);
    if (payload < 0) {
      this.#counters.framesNotOursCount++;
      return;
    }
    let direction = this.#table.find(headers, bytes, IP_PROTOCOL_TCP);
    if (direction === FLOW_NONE || this.#table.isSeen[direction] === 0) {
      direction = this.#firstFrame(direction, bytes, payload);
      if (direction === FLOW_NONE) return;
    } else {
      this.#table.lists.touch(direction >> 1);
    }
    const { transportEnd, cutBytes } = headers;
    if (!this.#streams.segment(direction, bytes, tcp, payload, transportEnd, cutBytes)) {
      countCopy(this.#carriers, this.#interfaceIndex);
    }
  }

  /** What isn't one whole message of Modbus gets no row, and on an unknown flow no look. */
  #datagram(bytes: Uint8Array): void {
    const headers = this.#headers;
    const payload = headers.transport + UDP_HEADER_BYTES;
    const length = udpPayloadEnd(bytes, headers.transport, headers.transportEnd) - payload;
    let direction = length > 0 ? this.#table.find(headers, bytes, IP_PROTOCOL_UDP) : FLOW_NONE;
    const isKnown = direction !== FLOW_NONE && this.#table.state[direction >> 1] !== FLOW_UNDECIDED;
    if (length <= 0 || (!isKnown && !isOneAdu(bytes, payload, length))) {
      this.#pubSub.datagram(bytes, payload, length, this.#interfaceIndex);
      return;
    }
    if (direction === FLOW_NONE) direction = this.#addFlow(bytes, IP_PROTOCOL_UDP);
    if (this.#table.isSeen[direction] === 0) this.#sawSide(direction, bytes);
    else this.#table.lists.touch(direction >> 1);
    const context = this.#context;
    if (this.#datagrams.isCopy(direction, headers, bytes, payload + length, context.timeUs)) {
      countCopy(this.#carriers, this.#interfaceIndex);
      return;
    }
    context.isDatagram = true;
    this.#delivery.inOrder(direction, bytes, payload, length);
    context.isDatagram = false;
  }

  /** A piece of an IP packet; the last one brings the whole packet. */
  #fragment(frame: Uint8Array): void {
    const fragments = this.#fragments;
    const ipProtocol = fragments.add(this.#headers, frame, this.#context.timeUs);
    if (fragments.isOverlapDiffering) this.#overlapDiffers('ip');
    if (ipProtocol < 0) return;
    this.#context.isFragmented = true;
    this.#transport(readReassembled(this.#headers, fragments.bytes, ipProtocol), fragments.bytes);
    this.#context.isFragmented = false;
  }

  #noteRedundancy(kind: FrameKind, bytes: Uint8Array): void {
    if (kind !== FRAME_TCP && kind !== FRAME_UDP) return;
    const headers = this.#headers;
    if (headers.transport + UDP_HEADER_BYTES > headers.transportEnd) return;
    const ipProtocol = kind === FRAME_TCP ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
    const direction = this.#table.find(headers, bytes, ipProtocol);
    const flow = direction === FLOW_NONE ? undefined : this.#table.facts[direction >> 1];
    if (flow !== undefined) this.#redundant.noteIn(flow);
  }

  /** Pieces are counted by their table. */
  #overlapDiffers(layer: 'tcp' | 'ip', row: number = FLOW_NONE): void {
    if (layer === 'tcp') this.#carriers.overlapsDifferingCount++;
    const flow = row === FLOW_NONE ? undefined : this.#table.facts[row];
    const origin = originOf(this.#context);
    this.#sink.overlapDiffers?.({ layer, ...(flow !== undefined && { flow }), ...origin });
  }

  /** The first frame of a flow, or of its other side. FLOW_NONE where it isn't worth a row. */
  #firstFrame(knownDirection: number, bytes: Uint8Array, payload: number): number {
    const headers = this.#headers;
    let direction = knownDirection;
    if (direction === FLOW_NONE) {
      // An acknowledgment, FIN or RST alone tells nothing.
      const isBeginning = (bytes[headers.transport + TCP_FLAGS] & TCP_SYN) !== 0;
      if (!isBeginning && payload >= headers.transportEnd) return FLOW_NONE;
      direction = this.#addFlow(bytes, IP_PROTOCOL_TCP);
    }
    this.#sawSide(direction, bytes);
    return direction;
  }

  #sawSide(direction: number, bytes: Uint8Array): void {
    this.#table.sawSide(direction >> 1, direction & 1, this.#headers, bytes);
    if (this.#context.isFragmented !== true) this.#countChecksum(bytes);
  }

  #addFlow(bytes: Uint8Array, ipProtocol: number): number {
    if (this.#table.isFull) {
      this.#counters.flowsEvictedCount++;
      this.#leave(this.#table.lists.victim());
    }
    const headers = this.#headers;
    const { timeUs } = this.#context;
    const direction = this.#table.add(headers, bytes, ipProtocol, this.#interfaceIndex, timeUs);
    this.#datagrams.forget(direction >> 1);
    this.#streams.begin(direction >> 1);
    return direction;
  }

  /** Looked at in the first frame of each side only: broken ones come all the time or never. */
  #countChecksum(bytes: Uint8Array): void {
    const { isIpv6, sourceAddress, transport } = this.#headers;
    if (isIpv6 || (this.#flags & FRAME_FLAG_CHECKSUM_NOT_READY) !== 0) return;
    if (isIpv4ChecksumRight(bytes, sourceAddress - IPV4_SOURCE, transport)) return;
    this.#counters.checksumFaultsCount++;
  }

  #leave(row: number): void {
    this.#streams.end(row);
    this.#streams.begin(row);
    this.#table.remove(row);
  }

  /** The second has changed; a little back is disorder between interfaces and no news. */
  #clock(seconds: number): void {
    const passed = seconds - this.#tickSeconds;
    if (passed < 0 && passed >= -TICK_SECONDS_MAX) return;
    if (passed > 0 && this.#tickSeconds >= 0) this.#seconds += Math.min(passed, TICK_SECONDS_MAX);
    this.#tickSeconds = seconds;
    this.#table.lists.setSeconds(this.#seconds);
    const origin = originOf(this.#context);
    const { timeUs } = origin;
    this.#leaveFrame(timeUs);
    this.#streams.tick();
    this.#fragments.advance(timeUs);
    this.#ageOut(0, this.#options.idleUnansweredSeconds);
    this.#ageOut(1, this.#options.idleAnsweredSeconds);
    this.#ageOut(2, this.#options.idleRecognizedSeconds);
    this.#analyzers.modbus.advance(timeUs);
    this.#analyzers.opcua.advance(timeUs);
    copyOrigin(origin, this.#context);
  }

  #ageOut(worth: number, idleSeconds: number): void {
    for (let aged = 0; aged < AGED_PER_TICK_MAX; aged++) {
      const row = this.#table.lists.idleLonger(worth, idleSeconds);
      if (row === FLOW_NONE) return;
      this.#leave(row);
    }
  }

  /** What happens now is caused by time, not by a frame. */
  #leaveFrame(timeUs: number): void {
    this.#context.timeUs = timeUs;
    this.#context.frameNumber = 0;
    this.#context.frameAddress = -1;
    this.#context.frameBytes = 0;
  }

  #readOut(): void {
    this.#counters.flowsUsed = this.#table.flowsUsed;
    this.#counters.reassemblyBytesUsed = this.#pool.bytesUsed;
  }
}
