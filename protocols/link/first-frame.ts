/**
 * What only the first frame of a flow is asked for: how far its packet had come (time to live), and
 * with which priority it travelled (IEEE 802.1Q).
 */
import { MAC_BYTES } from './addresses.ts';
import type { FrameHeaders } from './frame-headers.ts';

/** RFC 791 §3.1: the source address stands at 12, the time to live at 8. */
const TTL_BEFORE_SOURCE = 4;
/** RFC 8200 §3: the hop limit is the byte before the source address. */
const HOP_LIMIT_BEFORE_SOURCE = 1;
const TAG_PROTOCOLS = [0x8100, 0x88a8, 0x9100];
const PRIORITY_SHIFT = 5;
/** The frame shows no VLAN tag behind its addresses. */
export const PRIORITY_UNKNOWN = -1;

/** Time to live of IPv4, hop limit of IPv6, in the innermost IP header. */
export function ttlOf({ isIpv6, sourceAddress }: FrameHeaders, bytes: Uint8Array): number {
  return bytes[sourceAddress - (isIpv6 ? HOP_LIMIT_BEFORE_SOURCE : TTL_BEFORE_SOURCE)];
}

/** Of the outermost tag, 0..7; `sourceMac` is the offset of the sender's address or negative. */
export function priorityCodePoint(sourceMac: number, bytes: Uint8Array): number {
  const tag = sourceMac + MAC_BYTES;
  if (sourceMac < 0 || tag + 2 >= bytes.length) return PRIORITY_UNKNOWN;
  const protocol = (bytes[tag] << 8) | bytes[tag + 1];
  return TAG_PROTOCOLS.includes(protocol) ? bytes[tag + 2] >> PRIORITY_SHIFT : PRIORITY_UNKNOWN;
}
