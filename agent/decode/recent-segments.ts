/**
 * The last frame and the last payload of each direction, to tell the copy of a frame (a doubled
 * mirror) and a retransmission with other bytes (evasion) from what is new. The frame itself is
 * compared while its block is there; of the last payload the beginning is kept beyond the block.
 */

import type { FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { int32At, uint16At } from '../../protocols/link/network-order.ts';
import { TCP_FLAGS, TCP_SEQUENCE, TCP_SYN, tcpPayloadOffset } from '../../protocols/link/tcp.ts';
import { type FlowTable, SIDES } from './flow-table.ts';

/** Bytes of the last payload that are kept beyond its block. */
const KEPT_BYTES_MAX = 64;
/** Without an IP identification, only a frame as near as this is taken for a copy. */
const COPY_AGE_MAX_US = 10_000;
/** Fields of the IP header, counted from the source address in it. */
const IPV4_LENGTH_FROM_SOURCE = -10;
const IPV4_IDENTIFICATION_FROM_SOURCE = -8;
const IPV6_LENGTH_FROM_SOURCE = -4;

/** Words of a direction: of the last frame, its TCP header and block; of the last payload. */
const WORDS = 4;
const FRAME_TCP_HEADER = 0;
const FRAME_BLOCK = 1;
const PAYLOAD_TCP_HEADER = 2;
const PAYLOAD_END = 3;
const NONE = -1;

export class RecentSegments {
  readonly #table: FlowTable;
  readonly #headers: FrameHeaders;
  readonly #words: Int32Array;
  readonly #kept: Uint8Array;
  readonly #keptLength: Uint8Array;
  readonly #keptSequence: Int32Array;
  /** Directions with a frame in this block. */
  readonly #touched: Int32Array;
  #touchedCount = 0;
  #block = 1;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(table: FlowTable, headers: FrameHeaders) {
    const directions = table.flowsMax * SIDES;
    this.#table = table;
    this.#headers = headers;
    this.#words = new Int32Array(directions * WORDS);
    this.#kept = new Uint8Array(directions * KEPT_BYTES_MAX);
    this.#keptLength = new Uint8Array(directions);
    this.#keptSequence = new Int32Array(directions);
    this.#touched = new Int32Array(directions);
  }

  beginBlock(bytes: Uint8Array): void {
    this.#bytes = bytes;
  }

  /** The block's bytes go; what may be asked for later is copied, once per direction. */
  endBlock(): void {
    for (let index = 0; index < this.#touchedCount; index++) this.#keep(this.#touched[index]);
    this.#touchedCount = 0;
    this.#block = (this.#block + 1) | 0;
  }

  /** The direction belongs to another flow from now on. */
  forget(direction: number): void {
    this.#words[direction * WORDS + FRAME_TCP_HEADER] = NONE;
    this.#words[direction * WORDS + PAYLOAD_TCP_HEADER] = NONE;
    this.#keptLength[direction] = 0;
  }

  note(direction: number, bytes: Uint8Array, tcp: number, payload: number, end: number): void {
    if (bytes !== this.#bytes) return;
    const word = direction * WORDS;
    const words = this.#words;
    if (words[word + FRAME_BLOCK] !== this.#block) {
      words[word + FRAME_BLOCK] = this.#block;
      words[word + PAYLOAD_TCP_HEADER] = NONE;
      this.#touched[this.#touchedCount++] = direction;
    }
    words[word + FRAME_TCP_HEADER] = tcp;
    if (payload >= end) return;
    words[word + PAYLOAD_TCP_HEADER] = tcp;
    words[word + PAYLOAD_END] = end;
  }

  /** Whether this segment is the same frame as the direction's last one, seen a second time. */
  isCopy(direction: number, bytes: Uint8Array, tcp: number, end: number, timeUs: number): boolean {
    const word = direction * WORDS;
    if (this.#words[word + FRAME_BLOCK] !== this.#block || bytes !== this.#bytes) return false;
    const last = this.#words[word + FRAME_TCP_HEADER];
    if (last === NONE || last === tcp) return false;
    const moved = last - tcp;
    if (!this.#isSameLength(bytes, moved)) return false;
    for (let at = tcp + TCP_SEQUENCE; at < end; at++) {
      if (bytes[at + moved] !== bytes[at]) return false;
    }
    const { isIpv6, sourceAddress } = this.#headers;
    const at = sourceAddress + IPV4_IDENTIFICATION_FROM_SOURCE;
    const identification = isIpv6 ? 0 : uint16At(bytes, at);
    const known = isIpv6 ? 0 : uint16At(bytes, at + moved);
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
    const word = direction * WORDS;
    const isInBlock = this.#words[word + FRAME_BLOCK] === this.#block;
    const tcp = this.#words[word + PAYLOAD_TCP_HEADER];
    if (!isInBlock || tcp === NONE) {
      const known = this.#keptLength[direction];
      const base = direction * KEPT_BYTES_MAX;
      const distance = (sequence - this.#keptSequence[direction]) | 0;
      return isOther(this.#kept, base, known, bytes, offset, length, distance);
    }
    const from = tcpPayloadOffset(this.#bytes, tcp, this.#words[word + PAYLOAD_END]);
    const known = this.#words[word + PAYLOAD_END] - from;
    const distance = (sequence - this.#sequenceAt(tcp)) | 0;
    return isOther(this.#bytes, from, known, bytes, offset, length, distance);
  }

  /** By the IP headers: the payload alone doesn't say how long the other one was. */
  #isSameLength(bytes: Uint8Array, moved: number): boolean {
    const { isIpv6, sourceAddress } = this.#headers;
    const at = sourceAddress + (isIpv6 ? IPV6_LENGTH_FROM_SOURCE : IPV4_LENGTH_FROM_SOURCE);
    return uint16At(bytes, at) === uint16At(bytes, at + moved);
  }

  #isNear(direction: number, timeUs: number): boolean {
    const flow = this.#table.facts[direction >> 1];
    return flow !== undefined && Math.abs(timeUs - flow.lastSeenUs) <= COPY_AGE_MAX_US;
  }

  #sequenceAt(tcp: number): number {
    const sequence = int32At(this.#bytes, tcp + TCP_SEQUENCE);
    return (this.#bytes[tcp + TCP_FLAGS] & TCP_SYN) === 0 ? sequence : (sequence + 1) | 0;
  }

  #keep(direction: number): void {
    const tcp = this.#words[direction * WORDS + PAYLOAD_TCP_HEADER];
    if (tcp === NONE || this.#table.facts[direction >> 1] === undefined) return;
    const end = this.#words[direction * WORDS + PAYLOAD_END];
    const from = tcpPayloadOffset(this.#bytes, tcp, end);
    const length = Math.min(end - from, KEPT_BYTES_MAX);
    const to = direction * KEPT_BYTES_MAX;
    for (let at = 0; at < length; at++) this.#kept[to + at] = this.#bytes[from + at];
    this.#keptLength[direction] = length;
    this.#keptSequence[direction] = this.#sequenceAt(tcp);
  }
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
