/**
 * The two check bytes at the end of an RTU frame.
 * Spec: MODBUS over Serial Line V1.02, sections 2.5.1.2 and 6.2.2: polynomial 0xA001 (reflected
 * 0x8005), register preset to 0xFFFF, low byte sent first.
 */

const POLYNOMIAL = 0xa001;
const PRESET = 0xffff;

const TABLE = new Uint16Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = (remainder & 1) === 0 ? remainder >>> 1 : (remainder >>> 1) ^ POLYNOMIAL;
  }
  TABLE[byte] = remainder;
}

/** Bytes of the check at the end of a frame. */
export const CRC_BYTES = 2;

/** CRC-16 of `length` bytes from `offset`; in a frame its low byte stands first. */
export function crc16(bytes: Uint8Array, offset: number, length: number): number {
  let remainder = PRESET;
  const end = offset + length;
  for (let at = offset; at < end; at += 1) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ bytes[at]) & 0xff];
  }
  return remainder;
}

/** The check as it stands at `offset`, low byte first. */
export function crcAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8);
}

/** Do the last two of `frameBytes` bytes from `offset` agree with those before them? */
export function isCrcRight(bytes: Uint8Array, offset: number, frameBytes: number): boolean {
  const content = frameBytes - CRC_BYTES;
  return crc16(bytes, offset, content) === crcAt(bytes, offset + content);
}

/**
 * The least length from `bytesMin` (3 at least) to `bytesMax` whose last two bytes are the CRC of
 * those before them; 0 where there is none.
 */
export function firstRightLength(
  bytes: Uint8Array,
  offset: number,
  bytesMin: number,
  bytesMax: number,
): number {
  let remainder = PRESET;
  for (let content = 1; content + CRC_BYTES <= bytesMax; content += 1) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ bytes[offset + content - 1]) & 0xff];
    const length = content + CRC_BYTES;
    if (length >= bytesMin && remainder === crcAt(bytes, offset + content)) return length;
  }
  return 0;
}
