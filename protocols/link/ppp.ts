/**
 * PPP over Ethernet, and the PPP frame that PPTP carries in GRE too.
 * Spec: RFC 2516 section 4 (PPPoE); RFC 1661 section 2 and RFC 1662 section 3.1 (PPP).
 *
 *    0               1          2              4        6
 *    | version, type | code (0) | session id   | length |  PPP protocol (2 bytes), payload
 */
import { ENCAPSULATION_PPPOE, noteEncapsulation } from './encapsulations.ts';
import { ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, ETHER_TYPE_NONE } from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';
import { ETHER_TYPE_MPLS } from './mpls.ts';
import { uint16At } from './network-order.ts';

export const ETHER_TYPE_PPPOE_SESSION = 0x8864;

const VERSION_AND_TYPE = 0x11;
const CODE = 1;
const CODE_SESSION = 0;
const LENGTH = 4;
const PPPOE_HEADER_BYTES = 6;

const PPP_PROTOCOL_BYTES = 2;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const PPP_MPLS = 0x0281;
/** Address and control of HDLC framing, which a link may leave out. */
const PPP_ADDRESS_AND_CONTROL = 0xff03;

/** Leaves the packet inside at `headers.transport` and answers its EtherType. */
export function readPppoeSession(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + PPPOE_HEADER_BYTES > headers.transportEnd) return ETHER_TYPE_NONE;
  if (bytes[at] !== VERSION_AND_TYPE || bytes[at + CODE] !== CODE_SESSION) return ETHER_TYPE_NONE;
  const payloadEnd = at + PPPOE_HEADER_BYTES + uint16At(bytes, at + LENGTH);
  noteEncapsulation(headers, ENCAPSULATION_PPPOE);
  headers.transport = at + PPPOE_HEADER_BYTES;
  headers.transportEnd = Math.min(headers.transportEnd, payloadEnd);
  return readPpp(headers, bytes);
}

/** The same for a PPP frame. */
export function readPpp(headers: FrameHeaders, bytes: Uint8Array): number {
  let at = headers.transport;
  if (at + PPP_PROTOCOL_BYTES > headers.transportEnd) return ETHER_TYPE_NONE;
  if (uint16At(bytes, at) === PPP_ADDRESS_AND_CONTROL) at += PPP_PROTOCOL_BYTES;
  if (at + PPP_PROTOCOL_BYTES >= headers.transportEnd) return ETHER_TYPE_NONE;
  // An odd first byte is a protocol number with its leading zero left out.
  const isShort = (bytes[at] & 1) !== 0;
  const protocol = isShort ? bytes[at] : uint16At(bytes, at);
  headers.transport = at + (isShort ? 1 : PPP_PROTOCOL_BYTES);
  if (protocol === PPP_IPV4) return ETHER_TYPE_IPV4;
  if (protocol === PPP_IPV6) return ETHER_TYPE_IPV6;
  return protocol === PPP_MPLS ? ETHER_TYPE_MPLS : ETHER_TYPE_NONE;
}
