/**
 * The last frame and the last payload of each direction, to tell the copy of a frame (a doubled
 * mirror) and a retransmission with other bytes (evasion) from what is new. The frame itself is
 * compared while its block is there; of the last payload the beginning is kept beyond the block.
 */

import {
  FRAME_CAPTURED_BYTES,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { FRAME_TCP, FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { int32At, uint16At } from '../../protocols/link/network-order.ts';
import { readFrame } from '../../protocols/link/read-frame.ts';
import { TCP_FLAGS, TCP_SEQUENCE, TCP_SYN, tcpPayloadOffset } from '../../protocols/link/tcp.ts';
import { type FlowTable, SIDES } from './flow-table.ts';

/** Bytes of the last payload that are kept beyond its block. */
const KEPT_BYTES_MAX = 32;
/** Words of a direction in `rows`. */
const RECENT_WORDS = 4;
const LAST_PAYLOAD = 1;
const PAYLOAD_TCP = 2;
const PAYLOAD_END = 3;
/** Without an IP identification, only a frame as near as this is taken for a copy. */
const COPY_AGE_MAX_US = 10_000;
/** Field of the IP header, counted from the source address in it. */
const IPV4_IDENTIFICATION_FROM_SOURCE = -8;

const NO_FRAMES: FrameBlock = {
  bytes: new Uint8Array(0),
  index: new Uint32Array(0),
  framesCount: 0,
  interfaceIndex: 0,
  linkType: 0,
  monotonicMs: -1,
  historyAddress: -1,
};

export class RecentSegments {
  /** Number of the frame under way, counted in words of the index since start; wraps. */
  frame = 0;
  /**
   * RECENT_WORDS a direction: number of its last frame, number of its last frame with payload, and
   * of that the places of TCP header and end in the block. All that the hot path pays is to fill
   * it (plain-segments.ts does so itself).
   */
  readonly rows: Int32Array;
  readonly #table: FlowTable;
  readonly #headers: FrameHeaders;
  /** Of the frame before, read once more. */
  readonly #known = new FrameHeaders();
  readonly #kept: Uint8Array;
  readonly #keptLength: Uint8Array;
  readonly #keptSequence: Int32Array;
  #block = NO_FRAMES;
  #firstFrame = 0;
  /** Rows from here on were never used. */
  #rowsUsed = 0;

  constructor(table: FlowTable, headers: FrameHeaders) {
    const directions = table.flowsMax * SIDES;
    this.#table = table;
    this.#headers = headers;
    this.rows = new Int32Array(directions * RECENT_WORDS).fill(-1);
    this.#kept = new Uint8Array(directions * KEPT_BYTES_MAX);
    this.#keptLength = new Uint8Array(directions);
    this.#keptSequence = new Int32Array(directions);
  }

  /** Returns the number of its first frame. */
  beginBlock(block: FrameBlock): number {
    this.#block = block;
    return this.#firstFrame;
  }

  /** The block's bytes go; what may be asked for later is copied, once per direction. */
  endBlock(): void {
    const directions = this.#rowsUsed * SIDES;
    for (let direction = 0; direction < directions; direction++) {
      if (this.#isPayloadHere(direction)) this.#keep(direction);
    }
    this.#firstFrame = (this.#firstFrame + this.#block.framesCount * FRAME_WORDS) | 0;
    this.#block = NO_FRAMES;
  }

  /** The direction belongs to another flow from now on. */
  forget(direction: number): void {
    this.#rowsUsed = Math.max(this.#rowsUsed, (direction >> 1) + 1);
    const row = direction * RECENT_WORDS;
    this.rows[row] = (this.#firstFrame - 1) | 0;
    this.rows[row + LAST_PAYLOAD] = (this.#firstFrame - 1) | 0;
    this.#keptLength[direction] = 0;
  }

  /** The frame under way was a segment of this direction. */
  note(direction: number, bytes: Uint8Array, tcp: number, payload: number, end: number): void {
    const row = direction * RECENT_WORDS;
    this.rows[row] = this.frame;
    if (payload >= end) return;
    // A packet put together from pieces is in no block.
    this.rows[row + LAST_PAYLOAD] =
      bytes === this.#block.bytes ? this.frame : (this.#firstFrame - 1) | 0;
    this.rows[row + PAYLOAD_TCP] = tcp;
    this.rows[row + PAYLOAD_END] = end;
  }

  /** Cheaper than `isCopy`, for an ordinary segment: false where that would say false. */
  mayBeCopy(direction: number): boolean {
    const word = (this.rows[direction * RECENT_WORDS] - this.#firstFrame) | 0;
    const own = (this.frame - this.#firstFrame) | 0;
    if (word < 0 || word >= own) return false;
    const { index } = this.#block;
    return index[word + FRAME_CAPTURED_BYTES] === index[own + FRAME_CAPTURED_BYTES];
  }

  /**
   * Whether this segment is the same frame as the direction's last one, seen a second time.
   * `isOrdinary`: it would be no surprise, so only a frame of the same length is looked at.
   */
  isCopy(
    direction: number,
    bytes: Uint8Array,
    tcp: number,
    end: number,
    timeUs: number,
    isOrdinary: boolean,
  ): boolean {
    const last = this.rows[direction * RECENT_WORDS];
    const word = (last - this.#firstFrame) | 0;
    const own = (this.frame - this.#firstFrame) | 0;
    if (word < 0 || word >= own) return false;
    const block = this.#block;
    const { index } = block;
    const isOtherSize = index[word + FRAME_CAPTURED_BYTES] !== index[own + FRAME_CAPTURED_BYTES];
    if ((isOrdinary && isOtherSize) || bytes !== block.bytes || !this.#read(last)) return false;
    const { transport, transportEnd } = this.#known;
    const moved = transport - tcp;
    if (transportEnd - moved !== end) return false;
    for (let at = tcp + TCP_SEQUENCE; at < end; at++) {
      if (bytes[at + moved] !== bytes[at]) return false;
    }
    const identification = identificationOf(this.#headers, bytes);
    const known = identificationOf(this.#known, bytes);
    // A sender that counts its packets gives a retransmission another number.
    if (identification !== 0 || known !== 0) return identification === known;
    return this.#isNear(direction, timeUs);
  }

  /** Whether bytes that came before are other ones now; only what is still known is compared. */
  isDiffering(
    direction: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (!this.#isPayloadHere(direction)) {
      const known = this.#keptLength[direction];
      const base = direction * KEPT_BYTES_MAX;
      const distance = (sequence - this.#keptSequence[direction]) | 0;
      return isOther(this.#kept, base, known, bytes, offset, length, distance);
    }
    const known = this.#block.bytes;
    const tcp = this.rows[direction * RECENT_WORDS + PAYLOAD_TCP];
    const end = this.rows[direction * RECENT_WORDS + PAYLOAD_END];
    const from = tcpPayloadOffset(known, tcp, end);
    const distance = (sequence - sequenceAt(known, tcp)) | 0;
    return isOther(known, from, end - from, bytes, offset, length, distance);
  }

  /** The last payload is in this block. */
  #isPayloadHere(direction: number): boolean {
    return this.#wordOf(this.rows[direction * RECENT_WORDS + LAST_PAYLOAD]) >= 0;
  }

  /** Place in the block's index, or negative for a frame of an earlier block. */
  #wordOf(frame: number): number {
    const word = (frame - this.#firstFrame) | 0;
    return word < this.#block.framesCount * FRAME_WORDS ? word : -1;
  }

  /** Reads the headers of a frame of this block into `#known`; false where it has no segment. */
  #read(frame: number): boolean {
    const { bytes, index, linkType } = this.#block;
    const word = this.#wordOf(frame);
    const offset = index[word + FRAME_OFFSET];
    const end = Math.min(offset + index[word + FRAME_CAPTURED_BYTES], bytes.length);
    this.#known.vlanIdsCount = 0;
    if (readFrame(this.#known, bytes, offset, end, linkType) !== FRAME_TCP) return false;
    return tcpPayloadOffset(bytes, this.#known.transport, this.#known.transportEnd) >= 0;
  }

  #isNear(direction: number, timeUs: number): boolean {
    const flow = this.#table.facts[direction >> 1];
    return flow !== undefined && Math.abs(timeUs - flow.lastSeenUs) <= COPY_AGE_MAX_US;
  }

  #keep(direction: number): void {
    if (this.#table.facts[direction >> 1] === undefined) return;
    const { bytes } = this.#block;
    const tcp = this.rows[direction * RECENT_WORDS + PAYLOAD_TCP];
    const end = this.rows[direction * RECENT_WORDS + PAYLOAD_END];
    const from = tcpPayloadOffset(bytes, tcp, end);
    const length = Math.min(end - from, KEPT_BYTES_MAX);
    const to = direction * KEPT_BYTES_MAX;
    for (let at = 0; at < length; at++) this.#kept[to + at] = bytes[from + at];
    this.#keptLength[direction] = length;
    this.#keptSequence[direction] = sequenceAt(bytes, tcp);
  }
}

/** Of the first payload byte. */
function sequenceAt(bytes: Uint8Array, tcp: number): number {
  const sequence = int32At(bytes, tcp + TCP_SEQUENCE);
  return (bytes[tcp + TCP_FLAGS] & TCP_SYN) === 0 ? sequence : (sequence + 1) | 0;
}

/** IPv6 has none: 0, as of senders that don't count. */
function identificationOf(headers: FrameHeaders, bytes: Uint8Array): number {
  const { isIpv6, sourceAddress } = headers;
  return isIpv6 ? 0 : uint16At(bytes, sourceAddress + IPV4_IDENTIFICATION_FROM_SOURCE);
}

/** Compares where both have bytes; `distance`: how far the new ones begin behind the known. */
function isOther(
  known: Uint8Array,
  knownOffset: number,
  knownLength: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  distance: number,
): boolean {
  const begin = Math.max(0, distance);
  const end = Math.min(knownLength, distance + length);
  for (let at = begin; at < end; at++) {
    if (known[knownOffset + at] !== bytes[offset + at - distance]) return true;
  }
  return false;
}
