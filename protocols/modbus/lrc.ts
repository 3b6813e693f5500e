/**
 * The check byte at the end of an ASCII frame.
 * Spec: MODBUS over Serial Line V1.02, sections 2.5.2.2 and 6.2.1: the two's complement of the sum
 * of all bytes, carries discarded, colon and line end left out.
 */

/** Bytes of the check, before they are written as two hexadecimal digits. */
export const LRC_BYTES = 1;

/** Longitudinal redundancy check of `length` bytes (not digits) from `offset`. */
export function lrc(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  for (let at = offset; at < offset + length; at += 1) sum += bytes[at];
  return -sum & 0xff;
}
