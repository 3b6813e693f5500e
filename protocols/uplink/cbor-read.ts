/**
 * Reads the one deterministic CBOR form (RFC 8949 section 4.2.1) of what the format may carry, and
 * names what departs from it. One pass: a value is made where its bytes were checked, and nothing
 * is allocated from a length that the bytes don't have. cborg's strict mode checks neither the
 * order of keys nor the length of floats, and has no depth.
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

export type CborRead =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly reason: EncodingReason; readonly offsetBytes: number };

/** The value when `bytes` is exactly one strict item; its byte strings are views into `bytes`. */
export function readCbor(bytes: Uint8Array): CborRead {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  const offsetBytes = reader.at;
  if (value === FAULT) return { kind: 'fault', reason: reader.reason, offsetBytes };
  if (offsetBytes !== bytes.byteLength) {
    return { kind: 'fault', reason: 'trailingBytes', offsetBytes };
  }
  return { kind: 'value', value };
}

/** Stands for an item that isn't strict; no value of CBOR is a symbol. */
const FAULT = Symbol('fault');

/** Shorter ones are put together by the character; for longer ones a decoder is quicker. */
const SHORT_TEXT_BYTES_MAX = 24;
// Whole texts go through it, and one that begins with a byte order mark never comes here.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
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

  /** The item inside `depth` containers; FAULT leaves `reason` and `at`. */
  item(depth: number): unknown {
    if (this.at >= this.#bytes.byteLength) return this.#fail('notWellFormed');
    const initial = this.#bytes[this.at];
    const major = initial >> 5;
    const info = initial & 0x1f;
    if (info === INFO_INDEFINITE) return this.#fail('indefiniteLength');
    if (major === MAJOR_TAG) return this.#fail('tagInside');
    if (major > MAJOR_TAG) return this.#simpleOrFloat(info);
    if (!this.#head(info)) return FAULT;
    const argument = this.#argument;
    switch (major) {
      case MAJOR_UNSIGNED:
        return argument;
      case MAJOR_NEGATIVE:
        // -1 - (2^53 - 1) is no integer that a double tells from its neighbours.
        return argument === Number.MAX_SAFE_INTEGER ? this.#fail('integerTooLarge') : -1 - argument;
      case MAJOR_BYTES:
        return this.#byteString(argument);
      case MAJOR_TEXT:
        return this.#text(argument);
      default:
        if (depth >= DEPTH_MAX) return this.#fail('tooDeep');
        return major === MAJOR_ARRAY
          ? this.#array(argument, depth + 1)
          : this.#map(argument, depth + 1);
    }
  }

  /** Reads the argument in its shortest form and moves behind it. */
  #head(info: number): boolean {
    if (info < INFO_ONE_BYTE) {
      this.#argument = info;
      this.at += 1;
      return true;
    }
    if (info > INFO_EIGHT_BYTES) return this.#refuse('notWellFormed');
    const width = 1 << (info - INFO_ONE_BYTE);
    const start = this.at + 1;
    if (start + width > this.#bytes.byteLength) return this.#refuse('notWellFormed');
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
      if (high > HIGH_WORD_MAX) return this.#refuse('integerTooLarge');
      this.#argument = high * 0x1_0000_0000 + this.#view.getUint32(start + 4);
      least = 0x1_0000_0000;
    }
    if (this.#argument < least) return this.#refuse('notMinimal');
    this.at = start + width;
    return true;
  }

  #byteString(length: number): unknown {
    const start = this.at;
    if (start + length > this.#bytes.byteLength) return this.#fail('notWellFormed');
    this.at = start + length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #text(length: number): unknown {
    const bytes = this.#bytes;
    const start = this.at;
    const end = start + length;
    if (end > bytes.byteLength) return this.#fail('notWellFormed');
    let text = '';
    let index = start;
    const isShort = length <= SHORT_TEXT_BYTES_MAX;
    while (index < end && bytes[index] < 0x80) {
      if (isShort) text += String.fromCharCode(bytes[index]);
      index += 1;
    }
    if (index < end || !isShort) {
      // Decoders take a byte order mark at the beginning away: it would not be the signed text.
      if (this.#isByteOrderMark(start, end)) return this.#fail('textNotUtf8');
      try {
        text = utf8.decode(bytes.subarray(start, end));
      } catch {
        return this.#fail('textNotUtf8');
      }
    }
    this.at = end;
    return text;
  }

  #isByteOrderMark(start: number, end: number): boolean {
    const bytes = this.#bytes;
    return (
      end - start >= 3 &&
      bytes[start] === 0xef &&
      bytes[start + 1] === 0xbb &&
      bytes[start + 2] === 0xbf
    );
  }

  #array(count: number, depth: number): unknown {
    // Each item has a byte at least: what claims more of them than there are bytes ends early.
    const items: unknown[] = [];
    for (let index = 0; index < count; index++) {
      const item = this.item(depth);
      if (item === FAULT) return FAULT;
      items.push(item);
    }
    return items;
  }

  #map(count: number, depth: number): unknown {
    const map = new Map<unknown, unknown>();
    let previousStart = -1;
    let previousEnd = -1;
    for (let index = 0; index < count; index++) {
      const start = this.at;
      const key = this.item(depth);
      if (key === FAULT) return FAULT;
      if (previousStart >= 0) {
        const order = this.#compare(previousStart, previousEnd, start, this.at);
        if (order >= 0) {
          this.at = start;
          return this.#fail(order === 0 ? 'duplicateKey' : 'keysNotSorted');
        }
      }
      previousStart = start;
      previousEnd = this.at;
      const value = this.item(depth);
      if (value === FAULT) return FAULT;
      map.set(key, value);
    }
    return map;
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

  #simpleOrFloat(info: number): unknown {
    if (info >= SIMPLE_FALSE && info <= SIMPLE_NULL) {
      this.at += 1;
      return info === SIMPLE_NULL ? null : info !== SIMPLE_FALSE;
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
    return value;
  }

  #fail(reason: EncodingReason): typeof FAULT {
    this.reason = reason;
    return FAULT;
  }

  #refuse(reason: EncodingReason): false {
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
