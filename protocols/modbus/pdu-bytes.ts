/**
 * The bytes of one PDU and the faults found in them: every decoder of this folder reads through
 * these, so that nothing is ever read past the end of the span.
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';

/** Bytes that a record keeps of what it can't name (FIELDS.md 1.1). */
export const BYTES_KEPT_MAX = 64;

/** Stands for a byte or word that is not there. */
export const ABSENT = -1;

/** The byte `at` counted from the function code, or ABSENT. */
export function byteAt(pdu: ByteSpan, at: number): number {
  return at < pdu.length ? pdu.bytes[pdu.offset + at] : ABSENT;
}

/** The big-endian word `at` counted from the function code, or ABSENT. */
export function wordAt(pdu: ByteSpan, at: number): number {
  if (at + 2 > pdu.length) return ABSENT;
  return (pdu.bytes[pdu.offset + at] << 8) | pdu.bytes[pdu.offset + at + 1];
}

/** Words from `at`, as many as are there and at most `count`. */
export function wordsAt(pdu: ByteSpan, at: number, count: number): number[] {
  const words: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const word = wordAt(pdu, at + index * 2);
    if (word === ABSENT) break;
    words.push(word);
  }
  return words;
}

/** Bits from `at`, lowest bit of the first byte first (V1.1b3 section 6.1), at most `count`. */
export function bitsAt(pdu: ByteSpan, at: number, count: number): number[] {
  const bits: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const byte = byteAt(pdu, at + (index >> 3));
    if (byte === ABSENT) break;
    bits.push((byte >> (index & 7)) & 1);
  }
  return bits;
}

/** Base64 of at most BYTES_KEPT_MAX bytes from `at`, never past `count` or the end. */
export function base64At(pdu: ByteSpan, at: number, count: number): string {
  const end = Math.min(at + Math.min(count, BYTES_KEPT_MAX), pdu.length);
  return btoa(latin1At(pdu, at, end - at));
}

/** Bytes as the code points of the same numbers: no byte is lost, none is interpreted. */
export function latin1At(pdu: ByteSpan, at: number, count: number): string {
  let text = '';
  const end = Math.min(at + count, pdu.length);
  for (let index = at; index < end; index += 1) {
    text += String.fromCharCode(pdu.bytes[pdu.offset + index]);
  }
  return text;
}

export function note(
  anomalies: Anomaly[],
  name: string,
  field: string,
  offsetBytes: number,
  expected: string | number,
  actual: string | number,
): void {
  anomalies.push({ name, field, offsetBytes, expected: String(expected), actual: String(actual) });
}

/** Notes a PDU that is shorter or longer than its function says; true when it is exact. */
export function checkPduBytes(pdu: ByteSpan, expected: number, anomalies: Anomaly[]): boolean {
  if (pdu.length === expected) return true;
  const name = pdu.length < expected ? 'pduTruncated' : 'bytesAfterPdu';
  note(anomalies, name, 'pduBytes', Math.min(pdu.length, expected), expected, pdu.length);
  return false;
}

const ADDRESSES_COUNT = 0x10000;

/** Notes a quantity outside 1..max, and a range that ends behind address 65535. */
export function checkRange(
  address: number,
  quantity: number,
  quantityMax: number,
  quantityAt: number,
  anomalies: Anomaly[],
): void {
  if (quantity === ABSENT) return;
  if (quantity === 0) {
    note(anomalies, 'quantityZero', 'quantity', quantityAt, `1..${quantityMax}`, 0);
  } else if (quantity > quantityMax) {
    const limits = `1..${quantityMax}`;
    note(anomalies, 'quantityAboveLimit', 'quantity', quantityAt, limits, quantity);
  }
  const addressEnd = address + quantity - 1;
  if (addressEnd >= ADDRESSES_COUNT) {
    note(anomalies, 'addressRangeOverflow', 'address', quantityAt - 2, '0..65535', addressEnd);
  }
}

/** Notes a byte count that contradicts the quantity or the bytes that follow it. */
export function checkByteCount(
  byteCount: number,
  expected: number,
  at: number,
  anomalies: Anomaly[],
): void {
  if (byteCount !== ABSENT && byteCount !== expected) {
    note(anomalies, 'byteCountMismatch', 'byteCount', at, expected, byteCount);
  }
}
