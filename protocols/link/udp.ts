/**
 * User Datagram Protocol: where the fields of the header stand.
 * Spec: RFC 768.
 *
 *    0             2                  4        6          8
 *    | source port | destination port | length | checksum |  payload
 */
import { uint16At } from './network-order.ts';

export const UDP_SOURCE_PORT = 0;
export const UDP_DESTINATION_PORT = 2;
const LENGTH = 4;
export const UDP_HEADER_BYTES = 8;

/** End of the payload of the datagram at `offset`, or -1 when its header isn't whole. */
export function udpPayloadEnd(bytes: Uint8Array, offset: number, end: number): number {
  if (offset + UDP_HEADER_BYTES > end) return -1;
  const length = uint16At(bytes, offset + LENGTH);
  // 0: an IPv6 jumbogram (RFC 2675 section 4); the IP packet's end is the datagram's.
  if (length === 0) return end;
  if (length < UDP_HEADER_BYTES) return -1;
  return Math.min(offset + length, end);
}
