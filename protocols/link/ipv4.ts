/**
 * Internet Protocol version 4.
 * Spec: RFC 791 section 3.1.
 *
 *    0              1         2              4                6
 *    | version | IHL | service | total length | identification | flags | fragment offset |
 *    8              9         10             12               16               20
 *    | time to live | protocol | checksum     | source         | destination    | options
 */
import {
  FRAME_FRAGMENT,
  FRAME_MALFORMED,
  FRAME_OTHER,
  FRAME_TCP,
  FRAME_UDP,
  type FrameHeaders,
  type FrameKind,
} from './frame-headers.ts';
import { uint16At } from './network-order.ts';

const TOTAL_LENGTH = 2;
const FRAGMENT = 6;
const PROTOCOL = 9;
/** Offset of the source address, by which a caller finds the header again. */
export const IPV4_SOURCE = 12;
export const IPV4_HEADER_BYTES_MIN = 20;

/** More-fragments flag and fragment offset: one of these bits set means a piece. */
const FRAGMENT_MASK = 0x3fff;

/** Assigned numbers, shared with IPv6's next header. */
export const IP_PROTOCOL_TCP = 6;
export const IP_PROTOCOL_UDP = 17;

/** Reads the header at `offset`; `end` is the end of the captured bytes. */
export function readIpv4(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  end: number,
): FrameKind {
  if (offset + IPV4_HEADER_BYTES_MIN > end) return FRAME_MALFORMED;
  const first = bytes[offset];
  const headerBytes = (first & 0x0f) << 2;
  if (first >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES_MIN || offset + headerBytes > end) {
    return FRAME_MALFORMED;
  }
  // A sender that leaves segmentation to its card may show a total length of 0.
  const totalLength = uint16At(bytes, offset + TOTAL_LENGTH);
  const packetEnd = totalLength === 0 ? end : offset + totalLength;
  if (packetEnd < offset + headerBytes) return FRAME_MALFORMED;
  headers.transportEnd = Math.min(packetEnd, end);
  headers.cutBytes = packetEnd > end ? packetEnd - end : 0;
  headers.isIpv6 = false;
  headers.sourceAddress = offset + IPV4_SOURCE;
  headers.transport = offset + headerBytes;
  const protocol = bytes[offset + PROTOCOL];
  if ((uint16At(bytes, offset + FRAGMENT) & FRAGMENT_MASK) !== 0) {
    headers.ipProtocol = protocol;
    return FRAME_FRAGMENT;
  }
  if (protocol === IP_PROTOCOL_TCP) return FRAME_TCP;
  if (protocol === IP_PROTOCOL_UDP) return FRAME_UDP;
  headers.ipProtocol = protocol;
  return FRAME_OTHER;
}

/**
 * Whether the checksum of the header before `transport` fits. Not part of readIpv4: ten more words
 * would be a third of the cost of a frame, and a wrong one is never a reason to drop it.
 */
export function isIpv4ChecksumRight(bytes: Uint8Array, offset: number, transport: number): boolean {
  let sum = 0;
  for (let position = offset; position < transport; position += 2) {
    sum += uint16At(bytes, position);
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16) === 0xffff;
}
