/**
 * Generic Routing Encapsulation, and the mirrored frames of ERSPAN that travel in it.
 * Spec: RFC 2784 section 2.1, RFC 2890 section 2 (key, sequence); RFC 2637 section 4.1 (version 1);
 * draft-foschiano-erspan-03 section 4.
 *
 *    0                               2               4
 *    | C | R | K | S | ... | version | protocol type | checksum, reserved | key | sequence number
 *                                                      4 with C             4 K   4 with S
 *
 *    ERSPAN II:   version 1, VLAN 2 bytes | class, session 2 | index 4                 = 8
 *    ERSPAN III:  version 2, VLAN 2 bytes | class, session 2 | timestamp 4 | group 2 |
 *                 P 1 bit, frame type 5, hardware 6, D 1, granularity 2, O 1           = 12
 *                 with O, 8 bytes of the platform's own
 */
import {
  ENCAPSULATION_ERSPAN1,
  ENCAPSULATION_ERSPAN2,
  ENCAPSULATION_ERSPAN3,
  ENCAPSULATION_GRE,
  noteEncapsulation,
} from './encapsulations.ts';
import {
  ETHER_TYPE_BRIDGED,
  ETHER_TYPE_IPV4,
  ETHER_TYPE_IPV6,
  ETHER_TYPE_NONE,
} from './ethernet.ts';
import type { FrameHeaders } from './frame-headers.ts';
import { uint16At } from './network-order.ts';
import { readPpp } from './ppp.ts';

export const IP_PROTOCOL_GRE = 47;

const CHECKSUM_BIT = 0x8000;
const ROUTING_BIT = 0x4000;
const KEY_BIT = 0x2000;
const SEQUENCE_BIT = 0x1000;
/** Of version 1. */
const ACKNOWLEDGMENT_BIT = 0x0080;
const VERSION_MASK = 0x0007;
const PROTOCOL_TYPE = 2;
const HEADER_BYTES = 4;
const OPTION_BYTES = 4;

const PROTOCOL_ERSPAN = 0x88be;
const PROTOCOL_ERSPAN3 = 0x22eb;
const PROTOCOL_PPP = 0x880b;

const ERSPAN2_HEADER_BYTES = 8;
const ERSPAN2_VERSION = 1;
const ERSPAN3_HEADER_BYTES = 12;
const ERSPAN3_VERSION = 2;
const ERSPAN3_FRAME_TYPE = 10;
const ERSPAN3_FRAME_TYPE_IP = 2;
const ERSPAN3_PLATFORM = 11;
const ERSPAN3_PLATFORM_BIT = 1;
const ERSPAN3_PLATFORM_BYTES = 8;

/** Leaves what is inside at `headers.transport` and answers its EtherType. */
export function readGre(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + HEADER_BYTES > headers.transportEnd) return ETHER_TYPE_NONE;
  const flags = uint16At(bytes, at);
  // Source routing went out of use with RFC 2784.
  if ((flags & ROUTING_BIT) !== 0 || (flags & VERSION_MASK) > 1) return ETHER_TYPE_NONE;
  const inner = at + HEADER_BYTES + optionBytes(flags);
  if (inner >= headers.transportEnd) return ETHER_TYPE_NONE;
  headers.transport = inner;
  const protocol = uint16At(bytes, at + PROTOCOL_TYPE);
  switch (protocol) {
    case PROTOCOL_ERSPAN:
      return (flags & SEQUENCE_BIT) === 0 ? readErspan1(headers) : readErspan2(headers, bytes);
    case PROTOCOL_ERSPAN3:
      return readErspan3(headers, bytes);
    case PROTOCOL_PPP:
      noteEncapsulation(headers, ENCAPSULATION_GRE);
      return readPpp(headers, bytes);
    default:
      noteEncapsulation(headers, ENCAPSULATION_GRE);
      return protocol;
  }
}

function optionBytes(flags: number): number {
  let options = 0;
  if ((flags & CHECKSUM_BIT) !== 0) options++;
  if ((flags & KEY_BIT) !== 0) options++;
  if ((flags & SEQUENCE_BIT) !== 0) options++;
  if ((flags & VERSION_MASK) === 1 && (flags & ACKNOWLEDGMENT_BIT) !== 0) options++;
  return options * OPTION_BYTES;
}

/** No header of its own. */
function readErspan1(headers: FrameHeaders): number {
  noteEncapsulation(headers, ENCAPSULATION_ERSPAN1);
  return ETHER_TYPE_BRIDGED;
}

function readErspan2(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + ERSPAN2_HEADER_BYTES >= headers.transportEnd) return ETHER_TYPE_NONE;
  if (bytes[at] >> 4 !== ERSPAN2_VERSION) return ETHER_TYPE_NONE;
  noteEncapsulation(headers, ENCAPSULATION_ERSPAN2);
  headers.transport = at + ERSPAN2_HEADER_BYTES;
  return ETHER_TYPE_BRIDGED;
}

function readErspan3(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + ERSPAN3_HEADER_BYTES >= headers.transportEnd) return ETHER_TYPE_NONE;
  if (bytes[at] >> 4 !== ERSPAN3_VERSION) return ETHER_TYPE_NONE;
  const hasPlatform = (bytes[at + ERSPAN3_PLATFORM] & ERSPAN3_PLATFORM_BIT) !== 0;
  const inner = at + ERSPAN3_HEADER_BYTES + (hasPlatform ? ERSPAN3_PLATFORM_BYTES : 0);
  if (inner >= headers.transportEnd) return ETHER_TYPE_NONE;
  noteEncapsulation(headers, ENCAPSULATION_ERSPAN3);
  headers.transport = inner;
  const frameType = (bytes[at + ERSPAN3_FRAME_TYPE] >> 2) & 0x1f;
  if (frameType === 0) return ETHER_TYPE_BRIDGED;
  if (frameType !== ERSPAN3_FRAME_TYPE_IP) return ETHER_TYPE_NONE;
  return bytes[inner] >> 4 === 6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4;
}
