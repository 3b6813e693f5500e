/**
 * Internet Protocol version 6 with its extension headers.
 * Spec: RFC 8200 sections 3 and 4; RFC 4302 section 2.2 (authentication header).
 *
 *    0                                4                6             7           8        24
 *    | version | class | flow label  | payload        | next header | hop limit | source | desti-
 *                                    | length         |                                  | nation
 *
 *    extension:  0             1                     fragment:  0             2                   4
 *                | next header | 8-byte units - 1 |             | next header | offset | res | M |
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
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ipv4.ts';
import { uint16At } from './network-order.ts';

const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const SOURCE = 8;
export const IPV6_HEADER_BYTES = 40;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;

const EXTENSION_LENGTH = 1;
const EXTENSION_BYTES_MIN = 8;
const FRAGMENT_OFFSET = 2;
/** Offset and more-fragments bit; without any of them the "fragment" is the whole packet. */
const FRAGMENT_MASK = 0xfff9;
/**
 * RFC 8200 4.1 recommends each header once, and RFC 8504 5.3 lets a host refuse more than eight;
 * not every host does, and nobody shall hide behind a long chain.
 */
const EXTENSIONS_MAX = 64;

/** Reads the header at `offset`; `end` is the end of the captured bytes. */
export function readIpv6(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  end: number,
): FrameKind {
  if (offset + IPV6_HEADER_BYTES > end || bytes[offset] >> 4 !== 6) return FRAME_MALFORMED;
  // 0 is a jumbogram, or a sender that leaves segmentation to its card.
  const payloadLength = uint16At(bytes, offset + PAYLOAD_LENGTH);
  const packetEnd = payloadLength === 0 ? end : offset + IPV6_HEADER_BYTES + payloadLength;
  headers.transportEnd = Math.min(packetEnd, end);
  headers.cutBytes = packetEnd > end ? packetEnd - end : 0;
  headers.isIpv6 = true;
  headers.sourceAddress = offset + SOURCE;
  headers.transport = offset + IPV6_HEADER_BYTES;
  const nextHeader = bytes[offset + NEXT_HEADER];
  if (nextHeader === IP_PROTOCOL_TCP) return FRAME_TCP;
  return nextHeader === IP_PROTOCOL_UDP ? FRAME_UDP : skipExtensions(headers, bytes, nextHeader);
}

/** From `headers.transport` on, where the header of number `firstHeader` stands, to TCP or UDP. */
export function skipExtensions(
  headers: FrameHeaders,
  bytes: Uint8Array,
  firstHeader: number,
): FrameKind {
  let nextHeader = firstHeader;
  let position = headers.transport;
  for (let extensions = 0; extensions < EXTENSIONS_MAX; extensions++) {
    if (nextHeader === IP_PROTOCOL_TCP || nextHeader === IP_PROTOCOL_UDP) {
      headers.transport = position;
      return nextHeader === IP_PROTOCOL_TCP ? FRAME_TCP : FRAME_UDP;
    }
    if (!isExtension(nextHeader)) {
      headers.ipProtocol = nextHeader;
      headers.transport = position;
      return FRAME_OTHER;
    }
    if (position + EXTENSION_BYTES_MIN > headers.transportEnd) return FRAME_MALFORMED;
    if (nextHeader === FRAGMENT) {
      if ((uint16At(bytes, position + FRAGMENT_OFFSET) & FRAGMENT_MASK) !== 0) {
        headers.ipProtocol = bytes[position];
        headers.fragmentHeader = position;
        headers.transport = position + EXTENSION_BYTES_MIN;
        return FRAME_FRAGMENT;
      }
    }
    const bytesOfHeader = extensionBytes(nextHeader, bytes[position + EXTENSION_LENGTH]);
    nextHeader = bytes[position];
    position += bytesOfHeader;
  }
  return FRAME_MALFORMED;
}

function isExtension(header: number): boolean {
  switch (header) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
      return true;
    default:
      return false;
  }
}

function extensionBytes(header: number, lengthField: number): number {
  if (header === FRAGMENT) return EXTENSION_BYTES_MIN;
  if (header === AUTHENTICATION) return (lengthField + 2) << 2;
  return (lengthField + 1) << 3;
}
