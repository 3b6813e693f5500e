/**
 * Generic Network Virtualization Encapsulation: a frame or packet in a UDP datagram.
 * Spec: RFC 8926 section 3.4.
 *
 *    0                       1       2               4                       7          8
 *    | version 2 | options 6 | flags | protocol type | virtual network id    | reserved | options
 *                (in 4-byte units)
 */
import { ENCAPSULATION_GENEVE, noteEncapsulation } from './encapsulations.ts';
import { ETHER_TYPE_NONE } from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';
import { uint16At } from './network-order.ts';

export const GENEVE_PORT = 6081;

const OPTIONS_MASK = 0x3f;
const FLAGS = 1;
/** A control packet: no tenant's data inside. */
const FLAG_CONTROL = 0x80;
/** Reserved: zero when sent. */
const FLAGS_RESERVED = 0x3f;
const PROTOCOL_TYPE = 2;
const RESERVED = 7;
const HEADER_BYTES = 8;

/** As readVxlan, for a datagram to port 6081. */
export function readGeneve(
  headers: FrameHeaders,
  bytes: Uint8Array,
  at: number,
  end: number,
): number {
  if (at + HEADER_BYTES >= end || bytes[at] >> 6 !== 0) return ETHER_TYPE_NONE;
  if ((bytes[at + FLAGS] & (FLAG_CONTROL | FLAGS_RESERVED)) !== 0) return ETHER_TYPE_NONE;
  if (bytes[at + RESERVED] !== 0) return ETHER_TYPE_NONE;
  const inner = at + HEADER_BYTES + ((bytes[at] & OPTIONS_MASK) << 2);
  if (inner >= end) return ETHER_TYPE_NONE;
  noteEncapsulation(headers, ENCAPSULATION_GENEVE);
  headers.transport = inner;
  headers.transportEnd = end;
  return uint16At(bytes, at + PROTOCOL_TYPE);
}
