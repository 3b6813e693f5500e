/**
 * From the first header behind the link layer to TCP or UDP, through whatever is wrapped around.
 * The one place that knows which header follows which number; each chapter reads its own.
 */
import {
  ETHER_TYPE_BRIDGED,
  ETHER_TYPE_IPV4,
  ETHER_TYPE_IPV6,
  ETHER_TYPE_NONE,
  ETHER_TYPE_OLD_STACKED_VLAN,
  ETHER_TYPE_SERVICE_VLAN,
  ETHER_TYPE_VLAN,
  ETHERNET_HEADER_BYTES,
  readEthernet,
  skipVlanTags,
} from './ethernet.ts';
import { FRAME_OTHER, FRAME_UDP, type FrameHeaders, type FrameKind } from './frame-headers.ts';
import { GENEVE_PORT, readGeneve } from './geneve.ts';
import { IP_PROTOCOL_GRE, readGre } from './gre.ts';
import { ETHER_TYPE_HSR, readHsr } from './hsr.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, readIpv4 } from './ipv4.ts';
import { readIpv6, skipExtensions } from './ipv6.ts';
import { ETHER_TYPE_MPLS, ETHER_TYPE_MPLS_UPSTREAM, readMpls } from './mpls.ts';
import { uint16At } from './network-order.ts';
import { ETHER_TYPE_PPPOE_SESSION, readPppoeSession } from './ppp.ts';
import { UDP_DESTINATION_PORT, UDP_HEADER_BYTES, udpPayloadEnd } from './udp.ts';
import { readVxlan, VXLAN_PORT } from './vxlan.ts';

/** Headers of all kinds before TCP or UDP: eight wrappings of up to three headers each. */
const LAYERS_MAX = 24;

/** Assigned numbers: an IP packet directly inside another (RFC 2003, RFC 2473, RFC 4213). */
export const IP_PROTOCOL_IPV4 = 4;
export const IP_PROTOCOL_IPV6 = 41;

/** Fills `headers` from what follows the EtherType `outerType` in `bytes[offset, end)`. */
export function readNetwork(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  end: number,
  outerType: number,
): FrameKind {
  let etherType = outerType;
  headers.transport = offset;
  headers.transportEnd = end;
  for (let layers = 0; layers < LAYERS_MAX; layers++) {
    if (etherType === ETHER_TYPE_IPV4 || etherType === ETHER_TYPE_IPV6) {
      const { transport, transportEnd } = headers;
      const kind =
        etherType === ETHER_TYPE_IPV4
          ? readIpv4(headers, bytes, transport, transportEnd)
          : readIpv6(headers, bytes, transport, transportEnd);
      if (kind !== FRAME_UDP && kind !== FRAME_OTHER) return kind;
      etherType = readTunnel(headers, bytes, kind);
      if (etherType === ETHER_TYPE_NONE) return kind;
    } else {
      etherType = readShim(headers, bytes, etherType);
      if (etherType === ETHER_TYPE_NONE) return FRAME_OTHER;
    }
  }
  return FRAME_OTHER;
}

/** The rest of the way from an IP header, to which `kind` was the answer. */
export function readBehindIp(headers: FrameHeaders, bytes: Uint8Array, kind: FrameKind): FrameKind {
  if (kind !== FRAME_UDP && kind !== FRAME_OTHER) return kind;
  const etherType = readTunnel(headers, bytes, kind);
  if (etherType === ETHER_TYPE_NONE) return kind;
  return readNetwork(headers, bytes, headers.transport, headers.transportEnd, etherType);
}

/** The same for a payload without its IP header, at `headers.transport`: a reassembled packet. */
export function readReassembled(
  headers: FrameHeaders,
  bytes: Uint8Array,
  ipProtocol: number,
): FrameKind {
  headers.cutBytes = 0;
  headers.ipProtocol = ipProtocol;
  return readBehindIp(headers, bytes, skipExtensions(headers, bytes, ipProtocol));
}

/** Whether pieces of such a packet are worth keeping until they are together. */
export function isIpProtocolRead(ipProtocol: number): boolean {
  switch (ipProtocol) {
    case IP_PROTOCOL_TCP:
    case IP_PROTOCOL_UDP:
    case IP_PROTOCOL_IPV4:
    case IP_PROTOCOL_IPV6:
    case IP_PROTOCOL_GRE:
      return true;
    default:
      return false;
  }
}

/** One header that isn't IP; answers the EtherType of what follows at `headers.transport`. */
function readShim(headers: FrameHeaders, bytes: Uint8Array, etherType: number): number {
  switch (etherType) {
    case ETHER_TYPE_VLAN:
    case ETHER_TYPE_SERVICE_VLAN:
    case ETHER_TYPE_OLD_STACKED_VLAN:
      return skipVlanTags(headers, bytes, headers.transport, headers.transportEnd);
    case ETHER_TYPE_MPLS:
    case ETHER_TYPE_MPLS_UPSTREAM:
      return readMpls(headers, bytes);
    case ETHER_TYPE_PPPOE_SESSION:
      return readPppoeSession(headers, bytes);
    case ETHER_TYPE_HSR:
      return readHsr(headers, bytes);
    case ETHER_TYPE_BRIDGED:
      return readBridged(headers, bytes);
    default:
      return ETHER_TYPE_NONE;
  }
}

/** A whole Ethernet frame inside: its addresses are the flow's. */
function readBridged(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + ETHERNET_HEADER_BYTES >= headers.transportEnd) return ETHER_TYPE_NONE;
  headers.transport = at + ETHERNET_HEADER_BYTES;
  return readEthernet(headers, bytes, at);
}

/** Behind an IP header: the EtherType of a packet or frame inside, or ETHER_TYPE_NONE. */
function readTunnel(headers: FrameHeaders, bytes: Uint8Array, kind: FrameKind): number {
  if (kind === FRAME_UDP) return readUdpTunnel(headers, bytes);
  switch (headers.ipProtocol) {
    case IP_PROTOCOL_IPV4:
      return ETHER_TYPE_IPV4;
    case IP_PROTOCOL_IPV6:
      return ETHER_TYPE_IPV6;
    case IP_PROTOCOL_GRE:
      return readGre(headers, bytes);
    default:
      return ETHER_TYPE_NONE;
  }
}

function readUdpTunnel(headers: FrameHeaders, bytes: Uint8Array): number {
  const at = headers.transport;
  if (at + UDP_HEADER_BYTES > headers.transportEnd) return ETHER_TYPE_NONE;
  const port = uint16At(bytes, at + UDP_DESTINATION_PORT);
  if (port !== VXLAN_PORT && port !== GENEVE_PORT) return ETHER_TYPE_NONE;
  const end = udpPayloadEnd(bytes, at, headers.transportEnd);
  const payload = at + UDP_HEADER_BYTES;
  if (port === VXLAN_PORT) return readVxlan(headers, bytes, payload, end);
  return readGeneve(headers, bytes, payload, end);
}
