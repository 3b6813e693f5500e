/**
 * High-availability Seamless Redundancy: the tag that a frame in a ring has behind its addresses.
 * Spec: IEC 62439-3 (tag); the clause was not at hand: layout from memory.
 *
 *    EtherType 892f | 0                       2                 4
 *                   | path 4 | LSDU size 12   | sequence number | EtherType of what follows
 */
import { ETHER_TYPE_NONE } from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';
import { uint16At } from './network-order.ts';

export const ETHER_TYPE_HSR = 0x892f;

const SEQUENCE = 2;
const ETHER_TYPE = 4;
const TAG_BYTES = 6;

/** Notes the tag, leaves what follows at `headers.transport` and answers its EtherType. */
export function readHsr(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + TAG_BYTES >= headers.transportEnd) return ETHER_TYPE_NONE;
  headers.hsrTag = at;
  headers.hsrSourceMac = headers.sourceMac;
  headers.transport = at + TAG_BYTES;
  return uint16At(bytes, at + ETHER_TYPE);
}

/** 0..15: the LAN or ring that the frame came from, and its direction. */
export function hsrPathId(bytes: Uint8Array, tag: number): number {
  return bytes[tag] >> 4;
}

export function hsrSequenceNumber(bytes: Uint8Array, tag: number): number {
  return uint16At(bytes, tag + SEQUENCE);
}
