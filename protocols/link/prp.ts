/**
 * Parallel Redundancy Protocol: the trailer by which a receiver knows the two copies of a frame.
 * Spec: IEC 62439-3 (redundancy control trailer); the clause was not at hand: from memory.
 *
 *    end - 6           end - 4                    end - 2
 *    | sequence number | LAN id 4 | LSDU size 12  | suffix 88fb |
 */
import { ETHERNET_HEADER_BYTES } from './ethernet.ts';
import { uint16At } from './network-order.ts';

const TRAILER_BYTES = 6;
const LAN_AND_SIZE = 2;
const SUFFIX = 4;
const SUFFIX_PRP = 0x88fb;
const SIZE_MASK = 0x0fff;
export const PRP_LAN_A = 0xa;
export const PRP_LAN_B = 0xb;
/** VLAN tags that the size doesn't count. */
const TAG_BYTES = 4;
const TAGS_MAX = 2;

/** The first look, for every frame: only what ends like this is worth `prpTrailerAt`. */
export function hasPrpSuffix(bytes: Uint8Array, offset: number, end: number): boolean {
  return end - offset > ETHERNET_HEADER_BYTES && bytes[end - 1] === 0xfb && bytes[end - 2] === 0x88;
}

/**
 * Offset of the trailer of the Ethernet frame in `bytes[offset, end)`, or -1. Chance finds the
 * suffix behind one padded frame in 65,536: LAN and size have to fit as well.
 */
export function prpTrailerAt(bytes: Uint8Array, offset: number, end: number): number {
  const at = end - TRAILER_BYTES;
  if (at < offset + ETHERNET_HEADER_BYTES || uint16At(bytes, at + SUFFIX) !== SUFFIX_PRP) return -1;
  const lanAndSize = uint16At(bytes, at + LAN_AND_SIZE);
  const lanId = lanAndSize >> 12;
  if (lanId !== PRP_LAN_A && lanId !== PRP_LAN_B) return -1;
  const untagged = end - offset - ETHERNET_HEADER_BYTES - (lanAndSize & SIZE_MASK);
  const isSized = untagged >= 0 && untagged <= TAGS_MAX * TAG_BYTES && untagged % TAG_BYTES === 0;
  return isSized ? at : -1;
}

/** PRP_LAN_A or PRP_LAN_B. */
export function prpLanId(bytes: Uint8Array, trailer: number): number {
  return bytes[trailer + LAN_AND_SIZE] >> 4;
}

export function prpSequenceNumber(bytes: Uint8Array, trailer: number): number {
  return uint16At(bytes, trailer);
}
