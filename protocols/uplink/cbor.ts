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

/** Our own values only: throws on what the format can't carry. */
export function encodeCbor(value: WireValue): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
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
