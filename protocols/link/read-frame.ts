/**
 * From the first byte of a frame to its TCP or UDP header, for every link type that we read. The
 * one place that knows which header follows which.
 */
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from '../frame-block.ts';
import {
  ETHER_TYPE_IPV4,
  ETHER_TYPE_IPV6,
  ETHER_TYPE_NONE,
  ETHERNET_HEADER_BYTES,
  readEthernet,
} from './ethernet.ts';
import {
  FRAME_MALFORMED,
  FRAME_OTHER,
  FRAME_TCP,
  type FrameHeaders,
  type FrameKind,
} from './frame-headers.ts';
import { readIpv4 } from './ipv4.ts';
import { readLinuxSll, readLinuxSll2, SLL_HEADER_BYTES, SLL2_HEADER_BYTES } from './linux-sll.ts';
import { NULL_HEADER_BYTES, readNullLoopback } from './null-loopback.ts';
import { readBehindIp, readNetwork } from './read-network.ts';

/**
 * Fills `headers` from the frame in `bytes[offset, end)`. With FRAME_TCP, FRAME_UDP and
 * FRAME_FRAGMENT the network fields are valid; otherwise only MAC addresses and VLAN identifiers.
 * `headers.vlanIdsCount` is added to, not cleared: the ring may have noted the outermost tag.
 */
export function readFrame(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  end: number,
  linkType: number,
): FrameKind {
  headers.encapsulations = 0;
  headers.hsrTag = -1;
  if (linkType === LINKTYPE_ETHERNET) {
    const network = offset + ETHERNET_HEADER_BYTES;
    if (network >= end) return FRAME_MALFORMED;
    const etherType = readEthernet(headers, bytes, offset);
    if (etherType === ETHER_TYPE_IPV4) {
      // The ordinary frame ends here.
      const kind = readIpv4(headers, bytes, network, end);
      return kind === FRAME_TCP ? kind : readBehindIp(headers, bytes, kind);
    }
    return readNetwork(headers, bytes, network, end, etherType);
  }
  const linkBytes = linkHeaderBytes(linkType);
  if (linkBytes < 0) return FRAME_OTHER;
  const network = offset + linkBytes;
  if (network >= end) return FRAME_MALFORMED;
  headers.sourceMac = -1;
  headers.destinationMac = -1;
  const etherType = readOtherLink(headers, bytes, offset, linkType);
  return readNetwork(headers, bytes, network, end, etherType);
}

/** -1 for a link type that we don't read. */
function linkHeaderBytes(linkType: number): number {
  switch (linkType) {
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return NULL_HEADER_BYTES;
    case LINKTYPE_LINUX_SLL:
      return SLL_HEADER_BYTES;
    case LINKTYPE_LINUX_SLL2:
      return SLL2_HEADER_BYTES;
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return 0;
    default:
      return -1;
  }
}

function readOtherLink(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  linkType: number,
): number {
  switch (linkType) {
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return readNullLoopback(bytes, offset);
    case LINKTYPE_LINUX_SLL:
      return readLinuxSll(headers, bytes, offset);
    case LINKTYPE_LINUX_SLL2:
      return readLinuxSll2(headers, bytes, offset);
    default:
      return rawEtherType(bytes[offset] >> 4);
  }
}

/** A raw capture has no link header: the IP version is all there is to tell. */
function rawEtherType(version: number): number {
  if (version === 4) return ETHER_TYPE_IPV4;
  return version === 6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_NONE;
}
