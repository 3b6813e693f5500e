/**
 * Multiprotocol Label Switching, and the Ethernet pseudowires inside. A label doesn't say what it
 * carries: the first nibble behind the stack and, for Ethernet, a known EtherType must.
 * Spec: RFC 3032 section 2.1 (label stack); RFC 4928 section 3 and RFC 4385 section 3 (first
 * nibble, control word); RFC 4448 section 4.6 (Ethernet).
 *
 *    0          20              23         24             32
 *    | label 20 | traffic class | S bottom | time to live |  ... until S is 1
 *
 *    control word:  0      4       10       16                32
 *                   | 0000 | flags | length | sequence number |  Ethernet frame
 */
import { ENCAPSULATION_MPLS, noteEncapsulation } from './encapsulations.ts';
import {
  ETHER_TYPE_BRIDGED,
  ETHER_TYPE_IPV4,
  ETHER_TYPE_IPV6,
  ETHER_TYPE_NONE,
  ETHERNET_HEADER_BYTES,
  isVlanEtherType,
} from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';
import { IPV4_HEADER_BYTES_MIN } from './ipv4.ts';
import { IPV6_HEADER_BYTES } from './ipv6.ts';
import { uint16At } from './network-order.ts';

export const ETHER_TYPE_MPLS = 0x8847;
export const ETHER_TYPE_MPLS_UPSTREAM = 0x8848;

const ENTRY_BYTES = 4;
const BOTTOM = 2;
const BOTTOM_BIT = 1;
/** Labels of one stack; plant and carrier networks use up to five or so. */
const LABELS_MAX = 16;
const CONTROL_WORD_BYTES = 4;
const ETHER_TYPE = 12;
const ETHER_TYPE_ARP = 0x0806;
const NIBBLE_CONTROL_WORD = 0;
/** An associated channel (RFC 5586): operation and maintenance, no traffic. */
const NIBBLE_ASSOCIATED_CHANNEL = 1;

/** Leaves what follows the stack at `headers.transport` and answers its EtherType. */
export function readMpls(headers: FrameHeaders, bytes: Uint8Array): number {
  const end = headers.transportEnd;
  let at = headers.transport;
  for (let labels = 0; labels < LABELS_MAX; labels++) {
    if (at + ENTRY_BYTES >= end) return ETHER_TYPE_NONE;
    const isBottom = (bytes[at + BOTTOM] & BOTTOM_BIT) !== 0;
    at += ENTRY_BYTES;
    if (isBottom) return readPayload(headers, bytes, at, end);
  }
  return ETHER_TYPE_NONE;
}

function readPayload(headers: FrameHeaders, bytes: Uint8Array, at: number, end: number): number {
  noteEncapsulation(headers, ENCAPSULATION_MPLS);
  headers.transport = at;
  const nibble = bytes[at] >> 4;
  if (nibble === 4 && isIpv4At(bytes, at, end)) return ETHER_TYPE_IPV4;
  if (nibble === 6 && isIpv6At(bytes, at, end)) return ETHER_TYPE_IPV6;
  if (nibble === NIBBLE_CONTROL_WORD && isEthernetAt(bytes, at + CONTROL_WORD_BYTES, end)) {
    headers.transport = at + CONTROL_WORD_BYTES;
    return ETHER_TYPE_BRIDGED;
  }
  if (isEthernetAt(bytes, at, end)) return ETHER_TYPE_BRIDGED;
  if (nibble === NIBBLE_ASSOCIATED_CHANNEL) return ETHER_TYPE_NONE;
  if (nibble === 4) return ETHER_TYPE_IPV4;
  return nibble === 6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_NONE;
}

/** A MAC address may begin with 4 too: the header length and the total length must fit as well. */
function isIpv4At(bytes: Uint8Array, at: number, end: number): boolean {
  const headerBytes = (bytes[at] & 0x0f) << 2;
  if (headerBytes < IPV4_HEADER_BYTES_MIN || at + headerBytes > end) return false;
  const totalLength = uint16At(bytes, at + 2);
  return totalLength === 0 || totalLength >= headerBytes;
}

function isIpv6At(bytes: Uint8Array, at: number, end: number): boolean {
  return at + IPV6_HEADER_BYTES <= end && uint16At(bytes, at + 4) <= end - at - IPV6_HEADER_BYTES;
}

function isEthernetAt(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + ETHERNET_HEADER_BYTES >= end) return false;
  const etherType = uint16At(bytes, at + ETHER_TYPE);
  return (
    etherType === ETHER_TYPE_IPV4 ||
    etherType === ETHER_TYPE_IPV6 ||
    etherType === ETHER_TYPE_ARP ||
    etherType === ETHER_TYPE_MPLS ||
    isVlanEtherType(etherType)
  );
}
