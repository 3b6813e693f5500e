/**
 * Virtual eXtensible Local Area Network: an Ethernet frame in a UDP datagram.
 * Spec: RFC 7348 section 5; the G flag is that of draft-smith-vxlan-group-policy-05 section 2.1.
 *
 *    0       1          4                         7          8
 *    | flags | reserved | VXLAN network id (24)   | reserved |  Ethernet frame
 */
import { ENCAPSULATION_VXLAN, noteEncapsulation } from './encapsulations.ts';
import { ETHER_TYPE_BRIDGED, ETHER_TYPE_NONE } from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';

export const VXLAN_PORT = 4789;

const FLAGS = 0;
/** The network id is valid: always set. */
const FLAG_ID = 0x08;
const FLAG_GROUP_POLICY = 0x80;
const RESERVED_LAST = 7;
const HEADER_BYTES = 8;

/**
 * `at` is the payload of a datagram to port 4789, `end` its end. ETHER_TYPE_NONE leaves `headers`
 * as they are: then the datagram is something else.
 */
export function readVxlan(
  headers: FrameHeaders,
  bytes: Uint8Array,
  at: number,
  end: number,
): number {
  if (at + HEADER_BYTES >= end) return ETHER_TYPE_NONE;
  if ((bytes[at + FLAGS] & ~FLAG_GROUP_POLICY) !== FLAG_ID) return ETHER_TYPE_NONE;
  if (bytes[at + RESERVED_LAST] !== 0) return ETHER_TYPE_NONE;
  noteEncapsulation(headers, ENCAPSULATION_VXLAN);
  headers.transport = at + HEADER_BYTES;
  headers.transportEnd = end;
  return ETHER_TYPE_BRIDGED;
}
