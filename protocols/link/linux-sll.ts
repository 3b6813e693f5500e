/**
 * Linux "cooked" captures, taken on the interface `any`: no Ethernet header, the sender's address
 * only. Spec: tcpdump.org/linktypes (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2).
 *
 *    version 1:  0      2        4         6             14         16
 *                | type | ARPHRD | address | address (8) | protocol |  payload
 *                |      |        | length  |             |          |
 *
 *    version 2:  0          2     4           8        10     11        12            20
 *                | protocol | (0) | interface | ARPHRD | type | address | address (8) |  payload
 *                |          |     | index     |        |      | length  |             |
 */
import type { FrameHeaders } from './frame-headers.ts';
import { uint16At } from './network-order.ts';

const SLL_ADDRESS_LENGTH = 4;
const SLL_ADDRESS = 6;
const SLL_PROTOCOL = 14;
export const SLL_HEADER_BYTES = 16;

const SLL2_PROTOCOL = 0;
const SLL2_ADDRESS_LENGTH = 11;
const SLL2_ADDRESS = 12;
export const SLL2_HEADER_BYTES = 20;

const MAC_BYTES = 6;

/** Answers the EtherType; the header must be whole. */
export function readLinuxSll(headers: FrameHeaders, bytes: Uint8Array, offset: number): number {
  if (uint16At(bytes, offset + SLL_ADDRESS_LENGTH) === MAC_BYTES) {
    headers.sourceMac = offset + SLL_ADDRESS;
  }
  return uint16At(bytes, offset + SLL_PROTOCOL);
}

/** Answers the EtherType; the header must be whole. */
export function readLinuxSll2(headers: FrameHeaders, bytes: Uint8Array, offset: number): number {
  if (bytes[offset + SLL2_ADDRESS_LENGTH] === MAC_BYTES) headers.sourceMac = offset + SLL2_ADDRESS;
  return uint16At(bytes, offset + SLL2_PROTOCOL);
}
