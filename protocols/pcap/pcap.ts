/**
 * The classic capture file of libpcap.
 * Spec: draft-ietf-opsawg-pcap (PCAP Capture File Format), sections 4 and 5.
 *
 *    0        4       6       8          12         16        20         24
 *    | magic  | major | minor | reserved | reserved | snap    | link     |  records
 *    |        | (=2)  |       |          |          | length  | type     |
 *
 *    0         4               8           12          16
 *    | seconds | fraction      | captured  | original  |  captured bytes
 *    |         | (us or ns)    | length    | length    |  of the frame
 *
 * The magic tells byte order and unit of the fraction: a1b2c3d4 is microseconds, a1b23c4d is
 * nanoseconds, either way round.
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
import { BLOCK_FRAMES_MAX, type BlockEmitter } from './block-emitter.ts';
import { canonicalLinkType, isLinkTypeSupported } from './link-types.ts';
import { type CaptureDamage, FRAME_BYTES_MAX, type RecordDecoder } from './record-decoder.ts';
import { readUint16, readUint32 } from './words.ts';

export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;

/** File header, section 4. */
const MAJOR_VERSION = 4;
const LINK_TYPE = 20;
export const PCAP_FILE_HEADER_BYTES = 24;
/** The upper bits of the link type word hold the length of a frame check sequence. */
const LINK_TYPE_MASK = 0x03ff_ffff;
const MAJOR_VERSION_KNOWN = 2;

/** Packet record, section 5. */
const SECONDS = 0;
const FRACTION = 4;
const CAPTURED_LENGTH = 8;
const ORIGINAL_LENGTH = 12;
export const PCAP_RECORD_HEADER_BYTES = 16;

/** Most bytes that a record can leave over at the end of a chunk. */
export const PCAP_RECORD_BYTES_MAX = PCAP_RECORD_HEADER_BYTES + FRAME_BYTES_MAX;

/**
 * The first blocks are small and double: V8 compiles a loop that runs long at its first call
 * without having seen its end, and then falls back at every end (250 times, 13 % of a bench run).
 */
const BLOCK_FRAMES_FIRST = 8;

const NANOSECONDS_A_SECOND = 1_000_000_000;

/** Whether a file that begins with these four bytes (read big-endian) is a classic pcap file. */
export function isPcapMagic(magic: number): boolean {
  return isBigEndianMagic(magic) || magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
}

export class PcapDecoder implements RecordDecoder {
  readonly #emitter: BlockEmitter;
  #hasHeader = false;
  #isBigEndian = false;
  /** Nanoseconds in one unit of the fraction. */
  #unitNanoseconds = 1000;
  #linkType = 0;
  #fileOffset = 0;
  #framesCount = 0;
  /** What the last `#fillIndex` found. */
  #framesInIndex = 0;
  #bytesCount = 0;
  #linkTypeUnsupported: number | undefined;
  #damage: CaptureDamage | undefined;
  /** Over the buffer that was given last: one check of bounds for four bytes. */
  #viewed: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#viewed.buffer);

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
    return 0;
  }

  get linkTypeUnsupported(): number | undefined {
    return this.#linkTypeUnsupported;
  }

  get damage(): CaptureDamage | undefined {
    return this.#damage;
  }

  get isOver(): boolean {
    return this.#damage !== undefined || this.#linkTypeUnsupported !== undefined;
  }

  decode(bytes: Uint8Array, begin: number, end: number): number {
    let position = begin;
    if (!this.#hasHeader) {
      if (end - position < PCAP_FILE_HEADER_BYTES) return position;
      this.#decodeHeader(bytes, position);
      position += PCAP_FILE_HEADER_BYTES;
      this.#fileOffset += PCAP_FILE_HEADER_BYTES;
    }
    return this.isOver ? position : this.#decodeRecords(bytes, position, end);
  }

  finish(bytesLeft: number): void {
    if (this.isOver) return;
    if (!this.#hasHeader) {
      this.#damaged(0, `the file header of 24 bytes ends after ${bytesLeft}`);
    } else if (bytesLeft > 0) {
      this.#damaged(
        this.#fileOffset,
        `frame ${this.#framesCount + 1} is cut off ${bytesLeft} bytes after its beginning`,
      );
    }
  }

  #decodeHeader(bytes: Uint8Array, begin: number): void {
    const magic = readUint32(bytes, begin, true);
    this.#hasHeader = true;
    this.#isBigEndian = isBigEndianMagic(magic);
    const native = readUint32(bytes, begin, this.#isBigEndian);
    this.#unitNanoseconds = native === PCAP_MAGIC_NANOSECONDS ? 1 : 1000;
    const major = readUint16(bytes, begin + MAJOR_VERSION, this.#isBigEndian);
    if (major !== MAJOR_VERSION_KNOWN) {
      this.#damaged(MAJOR_VERSION, `the format's major version is ${major} instead of 2`);
      return;
    }
    const word = readUint32(bytes, begin + LINK_TYPE, this.#isBigEndian) & LINK_TYPE_MASK;
    this.#linkType = canonicalLinkType(word);
    if (!isLinkTypeSupported(this.#linkType)) this.#linkTypeUnsupported = this.#linkType;
  }

  #decodeRecords(bytes: Uint8Array, begin: number, end: number): number {
    let position = begin;
    let framesMax = 0;
    do {
      const blockBegin = position;
      framesMax = Math.min(BLOCK_FRAMES_FIRST + this.#framesCount, BLOCK_FRAMES_MAX);
      position = this.#fillIndex(bytes, blockBegin, end, framesMax);
      const framesCount = this.#framesInIndex;
      this.#framesCount += framesCount;
      this.#bytesCount += position - blockBegin - framesCount * PCAP_RECORD_HEADER_BYTES;
      const fileOffset = this.#fileOffset;
      this.#fileOffset += position - blockBegin;
      this.#emitter.emit(bytes, blockBegin, position, framesCount, this.#linkType, fileOffset);
    } while (this.#framesInIndex === framesMax);
    return position;
  }

  /** Returns the end of the last whole record; `#framesInIndex` says how many there were. */
  #fillIndex(bytes: Uint8Array, begin: number, end: number, framesMax: number): number {
    if (this.#viewed !== bytes) this.#look(bytes);
    const view = this.#view;
    const index = this.#emitter.index;
    const isLittleEndian = !this.#isBigEndian;
    const unitNanoseconds = this.#unitNanoseconds;
    let frameNumber = this.#framesCount;
    let position = begin;
    const wordsMax = framesMax * FRAME_WORDS;
    let word = 0;
    while (word < wordsMax && end - position >= PCAP_RECORD_HEADER_BYTES) {
      const capturedBytes = view.getInt32(position + CAPTURED_LENGTH, isLittleEndian) >>> 0;
      if (capturedBytes > FRAME_BYTES_MAX) {
        this.#damaged(
          this.#fileOffset + position - begin + CAPTURED_LENGTH,
          `frame ${frameNumber + 1} claims ${capturedBytes} bytes, over ${FRAME_BYTES_MAX}`,
        );
        break;
      }
      const frame = position + PCAP_RECORD_HEADER_BYTES;
      if (capturedBytes > end - frame) break;
      const originalBytes = view.getInt32(position + ORIGINAL_LENGTH, isLittleEndian) >>> 0;
      const nanoseconds =
        (view.getInt32(position + FRACTION, isLittleEndian) >>> 0) * unitNanoseconds;
      index[word + FRAME_OFFSET] = frame - begin;
      index[word + FRAME_CAPTURED_BYTES] = capturedBytes;
      index[word + FRAME_ORIGINAL_BYTES] = Math.max(originalBytes, capturedBytes);
      index[word + FRAME_SECONDS] = view.getInt32(position + SECONDS, isLittleEndian) >>> 0;
      index[word + FRAME_NANOSECONDS] = Math.min(nanoseconds, NANOSECONDS_A_SECOND - 1);
      index[word + FRAME_FLAGS] = 0;
      index[word + FRAME_VLAN] = 0;
      index[word + FRAME_NUMBER] = ++frameNumber;
      word += FRAME_WORDS;
      position = frame + capturedBytes;
    }
    this.#framesInIndex = word / FRAME_WORDS;
    return position;
  }

  #look(bytes: Uint8Array): void {
    this.#viewed = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #damaged(offsetBytes: number, problem: string): void {
    this.#damage = { offsetBytes, problem };
  }
}

function isBigEndianMagic(magic: number): boolean {
  return magic === PCAP_MAGIC_MICROSECONDS || magic === PCAP_MAGIC_NANOSECONDS;
}
