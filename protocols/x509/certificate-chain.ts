/**
 * Where one DER certificate ends inside bytes that may hold a chain: OPC UA sends the leaf first
 * and its issuers behind it (OPC 10000-6 §6.2.6). Nothing is parsed but the outer length.
 */

/** Certificates of a chain that are counted. */
const CHAIN_LENGTH_MAX = 16;
const SEQUENCE = 0x30;
const LONG_FORM = 0x80;

/** Bytes of the certificate at `offset`; 0 when there is none, or it is cut. */
export function certificateBytes(bytes: Uint8Array, offset: number, length: number): number {
  if (length < 2 || bytes[offset] !== SEQUENCE) return 0;
  const first = bytes[offset + 1];
  if (first < LONG_FORM) return first + 2 <= length ? first + 2 : 0;
  const lengthBytes = first & 0x7f;
  if (lengthBytes === 0 || lengthBytes > 3 || length < 2 + lengthBytes) return 0;
  let content = 0;
  for (let index = 0; index < lengthBytes; index++) {
    content = (content << 8) | bytes[offset + 2 + index];
  }
  const whole = 2 + lengthBytes + content;
  return whole <= length ? whole : 0;
}

/** Certificates one behind the other, as far as they can be told apart. */
export function chainLength(bytes: Uint8Array, offset: number, length: number): number {
  let at = offset;
  let count = 0;
  while (count < CHAIN_LENGTH_MAX) {
    const whole = certificateBytes(bytes, at, offset + length - at);
    if (whole === 0) break;
    at += whole;
    count++;
  }
  return count;
}
