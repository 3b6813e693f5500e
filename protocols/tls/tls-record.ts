/**
 * The record layer of TLS: how a connection is cut into records, whose header is never encrypted.
 * Spec: RFC 8446 section 5.1 and 5.2; RFC 5246 section 6.2 (same header, other limits).
 *
 *    0              1                  3        5
 *    | content type | protocol version | length |  fragment
 */

export const TLS_HEADER_BYTES = 5;
export const CONTENT_CHANGE_CIPHER_SPEC = 20;
export const CONTENT_ALERT = 21;
export const CONTENT_HANDSHAKE = 22;
export const CONTENT_APPLICATION_DATA = 23;
const CONTENT_HEARTBEAT = 24;

const VERSION_MAJOR = 1;
const VERSION_MINOR = 2;
const LENGTH = 3;
const MAJOR_TLS = 3;
/** SSL 3.0 is 3.0, TLS 1.2 is 3.3; TLS 1.3 writes 3.3 or 3.1 here. */
const MINOR_MAX = 4;
/** RFC 5246 6.2.3: 2^14 bytes and 2,048 for the cipher. */
const FRAGMENT_BYTES_MAX = 16_384 + 2048;

/** Bytes of the fragment behind the header at `offset`, or -1 when it can't be one. */
export function tlsFragmentBytes(bytes: Uint8Array, offset: number): number {
  const type = bytes[offset];
  if (type < CONTENT_CHANGE_CIPHER_SPEC || type > CONTENT_HEARTBEAT) return -1;
  if (bytes[offset + VERSION_MAJOR] !== MAJOR_TLS) return -1;
  if (bytes[offset + VERSION_MINOR] > MINOR_MAX) return -1;
  const length = (bytes[offset + LENGTH] << 8) | bytes[offset + LENGTH + 1];
  if (length > FRAGMENT_BYTES_MAX) return -1;
  return length === 0 && type !== CONTENT_APPLICATION_DATA ? -1 : length;
}
