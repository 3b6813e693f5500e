/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) in and out: integer keys in bytewise order, shortest
 * integers and floats, definite lengths, no tags. cborg writes it, cbor-read.ts reads it.
 */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { readCbor } from './cbor-read.ts';
import { type Refusal, refusal } from './refusal.ts';

/** What a payload may hold; numbers without a fraction are integers on the wire. */
export type WireValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly WireValue[]
  | ReadonlyMap<number, WireValue>;

/** Below this a binary16 is subnormal, which cborg writes as a binary32 (IEEE 754 section 3.4). */
const HALF_NORMAL_MIN = 2 ** -14;
const HALF_SUBNORMAL_STEPS = 2 ** 24;
const HALF_SIGN = 0x80;
const INITIAL_HALF = 0xf9;
const SINGLE_BYTES = 5;

/** Our own values only: throws on what the format can't carry. */
export function encodeCbor(value: WireValue): Uint8Array {
  let bytes: Uint8Array = encode(value, rfc8949EncodeOptions);
  if (!holdsTiny(value)) return bytes;
  for (;;) {
    const read = readCbor(bytes);
    if (read.kind === 'value' || read.reason !== 'floatNotShortest') return bytes;
    bytes = withHalf(bytes, read.offsetBytes);
  }
}

function holdsTiny(value: WireValue): boolean {
  if (typeof value === 'number') return value !== 0 && Math.abs(value) < HALF_NORMAL_MIN;
  if (value instanceof Map || Array.isArray(value)) {
    for (const item of value.values()) if (holdsTiny(item)) return true;
  }
  return false;
}

/** The binary32 at `offset`, which loses nothing as a subnormal binary16, written as one. */
function withHalf(bytes: Uint8Array, offset: number): Uint8Array {
  const value = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(offset + 1);
  const mantissa = Math.abs(value) * HALF_SUBNORMAL_STEPS;
  const shorter = new Uint8Array(bytes.length - 2);
  shorter.set(bytes.subarray(0, offset));
  shorter[offset] = INITIAL_HALF;
  shorter[offset + 1] = (mantissa >> 8) | (value < 0 ? HALF_SIGN : 0);
  shorter[offset + 2] = mantissa & 0xff;
  shorter.set(bytes.subarray(offset + SINGLE_BYTES), offset + 3);
  return shorter;
}

/** Bytes from outside: the value, or why they aren't the strict form. Never throws. */
export function decodeCbor(
  bytes: Uint8Array,
): { readonly kind: 'value'; readonly value: unknown } | Refusal {
  const read = readCbor(bytes);
  if (read.kind === 'value') return read;
  return refusal('encoding', read.reason, `byte ${read.offsetBytes}`);
}

/** Reads what isn't strict, only to name it: undefined where even that is impossible. */
export function decodeLenient(bytes: Uint8Array): unknown {
  const read = readCbor(bytes);
  if (read.kind === 'fault' && read.reason === 'tooDeep') return undefined;
  try {
    return decode(bytes, { useMaps: true });
  } catch {
    return undefined;
  }
}
