/**
 * Is this byte string the one deterministic CBOR form (RFC 8949 section 4.2.1) of something the
 * format may carry? One pass that allocates nothing, run before any decoder sees the bytes.
 * cborg's strict mode checks neither the order of keys nor the length of floats, and has no depth.
 */
import type { EncodingReason } from './refusal.ts';

/** The payload's outer map is depth 1. */
export const DEPTH_MAX = 8;

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_TAG = 6;

const INFO_ONE_BYTE = 24;
const INFO_TWO_BYTES = 25;
const INFO_FOUR_BYTES = 26;
const INFO_EIGHT_BYTES = 27;
const INFO_INDEFINITE = 31;

const SIMPLE_FALSE = 20;
const SIMPLE_NULL = 22;

/** Integers stay within what a double holds exactly. */
const HIGH_WORD_MAX = 0x1f_ffff;

export interface ScanFault {
  readonly reason: EncodingReason;
  readonly offsetBytes: number;
}

/** Undefined when `bytes` is exactly one strict item. */
export function scanCbor(bytes: Uint8Array): ScanFault | undefined {
  const scanner = new Scanner(bytes);
  if (!scanner.item(0)) return { reason: scanner.reason, offsetBytes: scanner.at };
  if (scanner.at !== bytes.byteLength) return { reason: 'trailingBytes', offsetBytes: scanner.at };
  return undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;
  reason: EncodingReason = 'notWellFormed';
  /** Argument of the head read last. */
  #argument = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Steps over one item inside `depth` containers; false leaves `reason` and `at`. */
  item(depth: number): boolean {
    if (this.at >= this.#bytes.byteLength) return this.#fail('notWellFormed');
    const initial = this.#bytes[this.at];
    const major = initial >> 5;
    const info = initial & 0x1f;
    if (info === INFO_INDEFINITE) return this.#fail('indefiniteLength');
    if (major === MAJOR_TAG) return this.#fail('tagInside');
    if (major > MAJOR_TAG) return this.#simpleOrFloat(info);
    if (!this.#head(info)) return false;
    switch (major) {
      case MAJOR_UNSIGNED:
      case MAJOR_NEGATIVE:
        return true;
      case MAJOR_BYTES:
      case MAJOR_TEXT:
        return this.#string(major === MAJOR_TEXT);
      default:
        if (depth >= DEPTH_MAX) return this.#fail('tooDeep');
        return major === MAJOR_ARRAY
          ? this.#array(this.#argument, depth + 1)
          : this.#map(this.#argument, depth + 1);
    }
  }

  /** Reads the argument in its shortest form and moves behind it. */
  #head(info: number): boolean {
    if (info < INFO_ONE_BYTE) {
      this.#argument = info;
      this.at += 1;
      return true;
    }
    if (info > INFO_EIGHT_BYTES) return this.#fail('notWellFormed');
    const width = 1 << (info - INFO_ONE_BYTE);
    const start = this.at + 1;
    if (start + width > this.#bytes.byteLength) return this.#fail('notWellFormed');
    let least = INFO_ONE_BYTE;
    if (info === INFO_ONE_BYTE) {
      this.#argument = this.#bytes[start];
    } else if (info === INFO_TWO_BYTES) {
      this.#argument = this.#view.getUint16(start);
      least = 0x100;
    } else if (info === INFO_FOUR_BYTES) {
      this.#argument = this.#view.getUint32(start);
      least = 0x1_0000;
    } else {
      const high = this.#view.getUint32(start);
      if (high > HIGH_WORD_MAX) return this.#fail('integerTooLarge');
      this.#argument = high * 0x1_0000_0000 + this.#view.getUint32(start + 4);
      least = 0x1_0000_0000;
    }
    if (this.#argument < least) return this.#fail('notMinimal');
    this.at = start + width;
    return true;
  }

  #string(isText: boolean): boolean {
    const end = this.at + this.#argument;
    if (end > this.#bytes.byteLength) return this.#fail('notWellFormed');
    if (isText && !this.#isUtf8(this.at, end)) return this.#fail('textNotUtf8');
    this.at = end;
    return true;
  }

  #isUtf8(start: number, end: number): boolean {
    let index = start;
    while (index < end && this.#bytes[index] < 0x80) index++;
    if (index === end) return true;
    // Decoders take a byte order mark at the beginning away: the text would not be the signed one.
    if (index === start && this.#bytes[start] === 0xef && this.#isByteOrderMark(start, end)) {
      return false;
    }
    try {
      utf8.decode(this.#bytes.subarray(index, end));
      return true;
    } catch {
      return false;
    }
  }

  #isByteOrderMark(start: number, end: number): boolean {
    return end - start >= 3 && this.#bytes[start + 1] === 0xbb && this.#bytes[start + 2] === 0xbf;
  }

  #array(count: number, depth: number): boolean {
    for (let index = 0; index < count; index++) if (!this.item(depth)) return false;
    return true;
  }

  #map(count: number, depth: number): boolean {
    let previousStart = -1;
    let previousEnd = -1;
    for (let index = 0; index < count; index++) {
      const start = this.at;
      if (!this.item(depth)) return false;
      if (previousStart >= 0) {
        const order = this.#compare(previousStart, previousEnd, start, this.at);
        if (order >= 0) {
          this.at = start;
          return this.#fail(order === 0 ? 'duplicateKey' : 'keysNotSorted');
        }
      }
      previousStart = start;
      previousEnd = this.at;
      if (!this.item(depth)) return false;
    }
    return true;
  }

  /** Bytewise order of two encoded keys. */
  #compare(start: number, end: number, otherStart: number, otherEnd: number): number {
    const length = Math.min(end - start, otherEnd - otherStart);
    for (let index = 0; index < length; index++) {
      const difference = this.#bytes[start + index] - this.#bytes[otherStart + index];
      if (difference !== 0) return difference;
    }
    return end - start - (otherEnd - otherStart);
  }

  #simpleOrFloat(info: number): boolean {
    if (info >= SIMPLE_FALSE && info <= SIMPLE_NULL) {
      this.at += 1;
      return true;
    }
    if (info < INFO_TWO_BYTES || info > INFO_EIGHT_BYTES) return this.#fail('valueNotAllowed');
    const width = 1 << (info - INFO_ONE_BYTE);
    const start = this.at + 1;
    if (start + width > this.#bytes.byteLength) return this.#fail('notWellFormed');
    let value: number;
    if (info === INFO_TWO_BYTES) value = halfValue(this.#view.getUint16(start));
    else if (info === INFO_FOUR_BYTES) value = this.#view.getFloat32(start);
    else value = this.#view.getFloat64(start);
    if (!Number.isFinite(value)) return this.#fail('valueNotAllowed');
    if (info === INFO_EIGHT_BYTES && Math.fround(value) === value) {
      return this.#fail('floatNotShortest');
    }
    if (info === INFO_FOUR_BYTES && fitsHalf(this.#view.getUint32(start))) {
      return this.#fail('floatNotShortest');
    }
    if (Number.isSafeInteger(value)) return this.#fail('floatNotShortest');
    this.at = start + width;
    return true;
  }

  #fail(reason: EncodingReason): false {
    this.reason = reason;
    return false;
  }
}

/** IEEE 754 binary16 (RFC 8949 appendix D). */
function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}

/** Whether a binary32 loses nothing as a binary16. */
function fitsHalf(bits: number): boolean {
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const mantissa = bits & 0x7f_ffff;
  if (exponent >= -14 && exponent <= 15) return (mantissa & 0x1fff) === 0;
  if (exponent < -24 || exponent > 15) return false;
  // A subnormal half has 10 bits at 2^-24: so many low bits of the 24-bit significand must be 0.
  const lowBitsCount = -exponent - 1;
  return ((mantissa | 0x80_0000) & ((1 << lowBitsCount) - 1)) === 0;
}
