/**
 * Words of capture files, which come in the byte order of the machine that wrote them. By shifts,
 * like all of the hot path: a DataView is no faster, `Buffer.readUInt32LE` takes twice the time.
 */

/** The caller has checked that two bytes are there. */
export function readUint16(bytes: Uint8Array, offset: number, isBigEndian: boolean): number {
  return isBigEndian
    ? (bytes[offset] << 8) | bytes[offset + 1]
    : bytes[offset] | (bytes[offset + 1] << 8);
}

/** The caller has checked that four bytes are there. */
export function readUint32(bytes: Uint8Array, offset: number, isBigEndian: boolean): number {
  return isBigEndian
    ? ((bytes[offset] << 24) |
        (bytes[offset + 1] << 16) |
        (bytes[offset + 2] << 8) |
        bytes[offset + 3]) >>>
        0
    : (bytes[offset] |
        (bytes[offset + 1] << 8) |
        (bytes[offset + 2] << 16) |
        (bytes[offset + 3] << 24)) >>>
        0;
}
