/**
 * The block-structured capture file of Wireshark.
 * Spec: draft-ietf-opsawg-pcapng, sections 3 (blocks) and 4 (block types), appendix A (obsolete).
 *
 *    0        4         8                        total - 4   total
 *    | type   | total   |  body, padded to       | total     |
 *    |        | length  |  a multiple of four    | length    |
 *
 * A file is one section after the other; each begins with a Section Header Block that tells its
 * byte order, and numbers its own interfaces from 0. Blocks that we don't know are skipped.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_FLAGS,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_VLAN,
  FRAME_WORDS,
} from '../frame-block.ts';
import type { BlockEmitter } from './block-emitter.ts';
import {
  decodeInterfaceBlock,
  INTERFACE_BLOCK_BYTES_MIN,
  type PcapngInterface,
} from './pcapng-interface.ts';
import { type CaptureDamage, FRAME_BYTES_MAX, type RecordDecoder } from './record-decoder.ts';
import { readUint16, readUint32 } from './words.ts';

/** Section 4.1; a palindrome, so that it can be read before the byte order is known. */
export const SECTION_HEADER_BLOCK = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION_BLOCK = 1;
const OBSOLETE_PACKET_BLOCK = 2;
const SIMPLE_PACKET_BLOCK = 3;
const ENHANCED_PACKET_BLOCK = 6;

const TOTAL_LENGTH = 4;
const BLOCK_HEADER_BYTES = 8;
const TRAILER_BYTES = 4;
const BLOCK_BYTES_MIN = BLOCK_HEADER_BYTES + TRAILER_BYTES;

/** Section 4.1. */
const BYTE_ORDER_MAGIC = 8;
const BYTE_ORDER_MAGIC_VALUE = 0x1a2b3c4d;
const BYTE_ORDER_MAGIC_SWAPPED = 0x4d3c2b1a;
const MAJOR_VERSION = 12;
const MAJOR_VERSION_KNOWN = 1;
const SECTION_BLOCK_BYTES_MIN = 28;

/** Section 4.3; the obsolete block of appendix A has the same places, but a 2-byte interface id. */
const INTERFACE_ID = 8;
const STAMP_HIGH = 12;
const STAMP_LOW = 16;
const CAPTURED_LENGTH = 20;
const ORIGINAL_LENGTH = 24;
const PACKET_DATA = 28;
const PACKET_BLOCK_BYTES_MIN = PACKET_DATA + TRAILER_BYTES;

/** Section 4.4. */
const SIMPLE_ORIGINAL_LENGTH = 8;
const SIMPLE_PACKET_DATA = 12;
const SIMPLE_BLOCK_BYTES_MIN = SIMPLE_PACKET_DATA + TRAILER_BYTES;

/** Interfaces of one section; merged captures have dozens. */
const INTERFACES_MAX = 4096;
/** Most bytes of a block that we read: a frame and its options. What we skip may be longer. */
export const PCAPNG_BLOCK_BYTES_MAX = 2 * FRAME_BYTES_MAX;

export class PcapngDecoder implements RecordDecoder {
  readonly #emitter: BlockEmitter;
  #isBigEndian = false;
  #interfaces: PcapngInterface[] = [];
  /** Bytes of the block that is being skipped, without its trailer. */
  #skipBytes = 0;
  /** Total length that the trailer of the skipped block must repeat; 0 when none is due. */
  #trailerDue = 0;
  /** Offset in the file of the byte that is at `#chunkBegin` in the buffer. */
  #fileOffset = 0;
  #chunkBegin = 0;
  #framesCount = 0;
  #bytesCount = 0;
  #framesUnsupportedCount = 0;
  #linkTypeUnsupported: number | undefined;
  #damage: CaptureDamage | undefined;
  /** First section of a version that we don't know: skipped whole, and told at the end. */
  #sectionUnread: CaptureDamage | undefined;
  #isSectionUnread = false;
  /** Words of the emitter's index, first byte and link type of the block that is being filled. */
  #blockWords = 0;
  #blockBegin = 0;
  #blockLinkType = 0;
  /** Has the stamp of the last frame, which a Simple Packet Block inherits: it has none. */
  #stamped: PcapngInterface | undefined;

  constructor(emitter: BlockEmitter) {
    this.#emitter = emitter;
  }

  get framesCount(): number {
    return this.#framesCount;
  }

  get bytesCount(): number {
    return this.#bytesCount;
  }

  get framesUnsupportedCount(): number {
    return this.#framesUnsupportedCount;
  }

  get linkTypeUnsupported(): number | undefined {
    return this.#linkTypeUnsupported;
  }

  get damage(): CaptureDamage | undefined {
    return this.#damage;
  }

  get isOver(): boolean {
    return this.#damage !== undefined;
  }

  decode(bytes: Uint8Array, begin: number, end: number): number {
    let position = begin;
    this.#blockBegin = begin;
    this.#chunkBegin = begin;
    while (this.#damage === undefined) {
      const next =
        this.#trailerDue > 0
          ? this.#skip(bytes, position, end)
          : this.#decodeBlock(bytes, position, end);
      if (next === position) break;
      position = next;
    }
    this.#flush(bytes, position);
    this.#fileOffset += position - begin;
    this.#chunkBegin = position;
    return position;
  }

  finish(bytesLeft: number): void {
    if (this.#damage !== undefined) return;
    if (this.#trailerDue > 0 || bytesLeft > 0) {
      this.#damaged(this.#chunkBegin, `the block after frame ${this.#framesCount} is cut off`);
    } else {
      this.#damage = this.#sectionUnread;
    }
  }

  /** Returns where the next block begins, or `begin` when more bytes are needed. */
  #decodeBlock(bytes: Uint8Array, begin: number, end: number): number {
    if (end - begin < BLOCK_BYTES_MIN) return begin;
    const type = readUint32(bytes, begin, this.#isBigEndian);
    const isSection = type === SECTION_HEADER_BLOCK;
    if (isSection) {
      const order = readUint32(bytes, begin + BYTE_ORDER_MAGIC, true);
      this.#isBigEndian = order === BYTE_ORDER_MAGIC_VALUE;
      if (!this.#isBigEndian && order !== BYTE_ORDER_MAGIC_SWAPPED) {
        return this.#damaged(begin, 'a section names no byte order', BYTE_ORDER_MAGIC);
      }
    }
    const totalBytes = readUint32(bytes, begin + TOTAL_LENGTH, this.#isBigEndian);
    const bytesMin = this.#isSectionUnread && !isSection ? BLOCK_BYTES_MIN : blockBytesMin(type);
    if (totalBytes < bytesMin || (totalBytes & 3) !== 0) {
      return this.#damaged(begin, `a block claims ${totalBytes} bytes`, TOTAL_LENGTH);
    }
    if (bytesMin === BLOCK_BYTES_MIN) {
      this.#skipBytes = totalBytes - TRAILER_BYTES;
      this.#trailerDue = totalBytes;
      return this.#skip(bytes, begin, end);
    }
    if (totalBytes > PCAPNG_BLOCK_BYTES_MAX) {
      const limit = `over ${PCAPNG_BLOCK_BYTES_MAX}`;
      return this.#damaged(begin, `a block claims ${totalBytes} bytes, ${limit}`, TOTAL_LENGTH);
    }
    if (totalBytes > end - begin) return begin;
    const trailer = totalBytes - TRAILER_BYTES;
    if (readUint32(bytes, begin + trailer, this.#isBigEndian) !== totalBytes) {
      return this.#damaged(begin, 'a block ends in another length than it begins with', trailer);
    }
    this.#decodeBody(bytes, begin, totalBytes, type);
    return this.#damage === undefined ? begin + totalBytes : begin;
  }

  #skip(bytes: Uint8Array, begin: number, end: number): number {
    const position = begin + Math.min(this.#skipBytes, end - begin);
    this.#skipBytes -= position - begin;
    if (this.#skipBytes > 0 || end - position < TRAILER_BYTES) return position;
    if (readUint32(bytes, position, this.#isBigEndian) !== this.#trailerDue) {
      const offset = position - begin;
      return this.#damaged(begin, 'a block ends in another length than it begins with', offset);
    }
    this.#trailerDue = 0;
    return position + TRAILER_BYTES;
  }

  /** The whole block is there and its two lengths agree. */
  #decodeBody(bytes: Uint8Array, begin: number, totalBytes: number, type: number): void {
    const isBigEndian = this.#isBigEndian;
    switch (type) {
      case ENHANCED_PACKET_BLOCK: {
        const interfaceId = readUint32(bytes, begin + INTERFACE_ID, isBigEndian);
        this.#decodePacket(bytes, begin, totalBytes, interfaceId);
        return;
      }
      case OBSOLETE_PACKET_BLOCK: {
        const interfaceId = readUint16(bytes, begin + INTERFACE_ID, isBigEndian);
        this.#decodePacket(bytes, begin, totalBytes, interfaceId);
        return;
      }
      case SIMPLE_PACKET_BLOCK:
        this.#decodeSimplePacket(bytes, begin, totalBytes);
        return;
      case INTERFACE_DESCRIPTION_BLOCK:
        this.#decodeInterface(bytes, begin, totalBytes);
        return;
      default:
        this.#decodeSection(bytes, begin);
    }
  }

  #decodeSection(bytes: Uint8Array, begin: number): void {
    const major = readUint16(bytes, begin + MAJOR_VERSION, this.#isBigEndian);
    this.#isSectionUnread = major !== MAJOR_VERSION_KNOWN;
    if (this.#isSectionUnread) {
      this.#sectionUnread ??= {
        offsetBytes: this.#fileOffset + begin - this.#chunkBegin + MAJOR_VERSION,
        problem: `a section of major version ${major} instead of 1 was left out`,
      };
    }
    this.#interfaces = [];
  }

  #decodeInterface(bytes: Uint8Array, begin: number, totalBytes: number): void {
    if (this.#interfaces.length === INTERFACES_MAX) {
      this.#damaged(begin, `a section has more than ${INTERFACES_MAX} interfaces`);
      return;
    }
    const decoded = decodeInterfaceBlock(bytes, begin, totalBytes, this.#isBigEndian);
    if (decoded === undefined) {
      this.#damaged(begin, 'an option of an interface is longer than its block');
      return;
    }
    this.#interfaces.push(decoded);
  }

  #decodePacket(bytes: Uint8Array, begin: number, totalBytes: number, interfaceId: number): void {
    const isBigEndian = this.#isBigEndian;
    const source = this.#interfaceOf(begin, interfaceId);
    if (source === undefined) return;
    const capturedBytes = readUint32(bytes, begin + CAPTURED_LENGTH, isBigEndian);
    if (capturedBytes > totalBytes - PACKET_BLOCK_BYTES_MIN || capturedBytes > FRAME_BYTES_MAX) {
      this.#damaged(begin, `${this.#next()} claims ${capturedBytes} bytes`, CAPTURED_LENGTH);
      return;
    }
    source.convert(
      readUint32(bytes, begin + STAMP_HIGH, isBigEndian),
      readUint32(bytes, begin + STAMP_LOW, isBigEndian),
    );
    this.#stamped = source;
    const originalBytes = readUint32(bytes, begin + ORIGINAL_LENGTH, isBigEndian);
    this.#add(bytes, begin, PACKET_DATA, capturedBytes, originalBytes, source);
  }

  /** Section 4.4: always of interface 0, cut at its snap length, and without a time of its own. */
  #decodeSimplePacket(bytes: Uint8Array, begin: number, totalBytes: number): void {
    const source = this.#interfaceOf(begin, 0);
    if (source === undefined) return;
    const originalBytes = readUint32(bytes, begin + SIMPLE_ORIGINAL_LENGTH, this.#isBigEndian);
    const snapped =
      source.snapLengthBytes > 0 ? Math.min(originalBytes, source.snapLengthBytes) : originalBytes;
    const capturedBytes = Math.min(snapped, totalBytes - SIMPLE_BLOCK_BYTES_MIN);
    if (capturedBytes > FRAME_BYTES_MAX) {
      this.#damaged(begin, `${this.#next()} has ${capturedBytes} bytes, over ${FRAME_BYTES_MAX}`);
      return;
    }
    this.#add(bytes, begin, SIMPLE_PACKET_DATA, capturedBytes, originalBytes, source);
  }

  #interfaceOf(begin: number, interfaceId: number): PcapngInterface | undefined {
    const source = this.#interfaces[interfaceId];
    if (source === undefined) {
      const problem = `${this.#next()} names interface ${interfaceId}, which no block describes`;
      this.#damaged(begin, problem, INTERFACE_ID);
    }
    return source;
  }

  #add(
    bytes: Uint8Array,
    begin: number,
    dataOffset: number,
    capturedBytes: number,
    originalBytes: number,
    source: PcapngInterface,
  ): void {
    this.#framesCount += 1;
    if (!source.isSupported) {
      this.#framesUnsupportedCount += 1;
      this.#linkTypeUnsupported ??= source.linkType;
      return;
    }
    const index = this.#emitter.index;
    if (this.#blockWords === index.length || this.#blockLinkType !== source.linkType) {
      this.#flush(bytes, begin);
      this.#blockLinkType = source.linkType;
    }
    const word = this.#blockWords;
    index[word + FRAME_OFFSET] = begin + dataOffset - this.#blockBegin;
    index[word + FRAME_CAPTURED_BYTES] = capturedBytes;
    index[word + FRAME_ORIGINAL_BYTES] = Math.max(originalBytes, capturedBytes);
    index[word + FRAME_SECONDS] = this.#stamped?.seconds ?? 0;
    index[word + FRAME_NANOSECONDS] = this.#stamped?.nanoseconds ?? 0;
    index[word + FRAME_FLAGS] = 0;
    index[word + FRAME_VLAN] = 0;
    index[word + FRAME_NUMBER] = this.#framesCount;
    this.#blockWords = word + FRAME_WORDS;
    this.#bytesCount += capturedBytes;
  }

  #flush(bytes: Uint8Array, end: number): void {
    const count = this.#blockWords / FRAME_WORDS;
    const begin = this.#blockBegin;
    const fileOffset = this.#fileOffset + begin - this.#chunkBegin;
    this.#emitter.emit(bytes, begin, end, count, this.#blockLinkType, fileOffset);
    this.#blockWords = 0;
    this.#blockBegin = end;
  }

  #next(): string {
    return `frame ${this.#framesCount + 1}`;
  }

  /** Notes the damage at `fieldOffset` of the block that begins at `begin`; returns `begin`. */
  #damaged(begin: number, problem: string, fieldOffset = 0): number {
    const offsetBytes = this.#fileOffset + begin - this.#chunkBegin + fieldOffset;
    this.#damage = { offsetBytes, problem };
    return begin;
  }
}

/** The least total length of the blocks that we read; BLOCK_BYTES_MIN for those we skip. */
function blockBytesMin(type: number): number {
  switch (type) {
    case ENHANCED_PACKET_BLOCK:
    case OBSOLETE_PACKET_BLOCK:
      return PACKET_BLOCK_BYTES_MIN;
    case SIMPLE_PACKET_BLOCK:
      return SIMPLE_BLOCK_BYTES_MIN;
    case INTERFACE_DESCRIPTION_BLOCK:
      return INTERFACE_BLOCK_BYTES_MIN;
    case SECTION_HEADER_BLOCK:
      return SECTION_BLOCK_BYTES_MIN;
    default:
      return BLOCK_BYTES_MIN;
  }
}
