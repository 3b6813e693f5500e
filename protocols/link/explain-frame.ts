/**
 * One frame from its first byte to its last, layer by layer. The one place that knows which
 * explainer follows which number; what has no row stays `payload`, and every byte has its field.
 */
import { type ExplainedField, FieldList } from '../explain.ts';
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
  ETHER_TYPE_BRIDGED,
  ETHER_TYPE_IPV4,
  ETHER_TYPE_IPV6,
  ETHER_TYPE_OLD_STACKED_VLAN,
  ETHER_TYPE_SERVICE_VLAN,
  ETHER_TYPE_VLAN,
} from './ethernet.ts';
import { explainArp } from './explain-arp.ts';
import { explainExtension, explainIpv4, explainIpv6, explainIpv6Fragment } from './explain-ip.ts';
import type { LayerExplainer, LayerWalk, NextLayer } from './explain-layer.ts';
import {
  explainEthernet,
  explainLinuxSll,
  explainLinuxSll2,
  explainNullLoopback,
  explainRaw,
  explainVlanTag,
} from './explain-link.ts';
import { explainIcmp, explainTcp, explainUdp } from './explain-transport.ts';
import {
  explainGre,
  explainHsr,
  explainMpls,
  explainPppoe,
  UDP_TUNNELS,
} from './explain-tunnel.ts';
import { IP_PROTOCOL_GRE } from './gre.ts';
import { ETHER_TYPE_HSR } from './hsr.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ipv4.ts';
import { ETHER_TYPE_MPLS, ETHER_TYPE_MPLS_UPSTREAM } from './mpls.ts';
import { ETHER_TYPE_PPPOE_SESSION } from './ppp.ts';
import { IP_PROTOCOL_IPV4, IP_PROTOCOL_IPV6 } from './read-network.ts';

/** Where a segment or datagram has its payload, and who speaks to whom. */
export interface ApplicationBytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
  readonly ipProtocol: 'tcp' | 'udp';
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** A piece of an IP packet: the payload may end anywhere. */
  readonly isFragment: boolean;
}

/** Fields for the payload, which never is empty; undefined where it isn't understood. */
export type ApplicationExplainer = (
  payload: ApplicationBytes,
) => readonly ExplainedField[] | undefined;

/** Layers entered in one frame; tunnels in tunnels end here. */
const LAYERS_MAX = 64;

const LINK_LAYERS: ReadonlyMap<number, LayerExplainer> = new Map([
  [LINKTYPE_ETHERNET, explainEthernet],
  [LINKTYPE_LINUX_SLL, explainLinuxSll],
  [LINKTYPE_LINUX_SLL2, explainLinuxSll2],
  [LINKTYPE_NULL, explainNullLoopback],
  [LINKTYPE_LOOP, explainNullLoopback],
  [LINKTYPE_RAW, explainRaw],
  [LINKTYPE_IPV4, explainRaw],
  [LINKTYPE_IPV6, explainRaw],
]);

const ETHER_TYPE_LAYERS: ReadonlyMap<number, LayerExplainer> = new Map([
  [ETHER_TYPE_IPV4, explainIpv4],
  [ETHER_TYPE_IPV6, explainIpv6],
  [ETHER_TYPE_VLAN, explainVlanTag],
  [ETHER_TYPE_SERVICE_VLAN, explainVlanTag],
  [ETHER_TYPE_OLD_STACKED_VLAN, explainVlanTag],
  [0x0806, explainArp],
  [ETHER_TYPE_BRIDGED, explainEthernet],
  [ETHER_TYPE_MPLS, explainMpls],
  [ETHER_TYPE_MPLS_UPSTREAM, explainMpls],
  [ETHER_TYPE_PPPOE_SESSION, explainPppoe],
  [ETHER_TYPE_HSR, explainHsr],
]);

const IP_PROTOCOL_LAYERS: ReadonlyMap<number, LayerExplainer> = new Map([
  [IP_PROTOCOL_TCP, explainTcp],
  [IP_PROTOCOL_UDP, explainUdp],
  [0, explainExtension('hop-by-hop options')],
  [1, explainIcmp],
  [IP_PROTOCOL_IPV4, explainIpv4],
  [IP_PROTOCOL_IPV6, explainIpv6],
  [IP_PROTOCOL_GRE, explainGre],
  [43, explainExtension('routing')],
  [44, explainIpv6Fragment],
  [51, explainExtension('authentication')],
  [58, explainIcmp],
  [60, explainExtension('destination options')],
]);

/** The fields of a whole frame of this link type: they cover it exactly, whatever it holds. */
export function explainFrame(
  frame: Uint8Array,
  linkType: number,
  application?: ApplicationExplainer,
): readonly ExplainedField[] {
  const walk = startOf(frame);
  let layer = LINK_LAYERS.get(linkType);
  for (let layers = 0; layer !== undefined && layers < LAYERS_MAX; layers++) {
    if (walk.position >= walk.end) break;
    const next = layer(walk);
    layer = next.kind === 'application' ? udpTunnelOf(walk) : layerOf(next);
    if (next.kind === 'application' && layer === undefined) addApplication(walk, application);
  }
  const list = new FieldList(frame, 0, frame.length);
  list.append(walk.fields);
  list.skipTo(walk.end, 'payload');
  // What an outer layer has behind an inner one, from the inside out.
  for (const end of walk.outerEnds.toReversed()) {
    if (end > list.position) list.skipTo(end, endName(frame, list.position, end));
  }
  return list.finish();
}

function startOf(frame: Uint8Array): LayerWalk {
  return {
    bytes: frame,
    position: 0,
    end: frame.length,
    fields: [],
    outerEnds: [],
    sourceAddress: '',
    destinationAddress: '',
    ipProtocol: 'tcp',
    sourcePort: 0,
    destinationPort: 0,
    isFragment: false,
  };
}

/** A piece of a packet holds no whole header of a tunnel. */
function udpTunnelOf({
  ipProtocol,
  destinationPort,
  isFragment,
}: LayerWalk): LayerExplainer | undefined {
  if (ipProtocol !== 'udp' || isFragment) return undefined;
  return UDP_TUNNELS.get(destinationPort);
}

function layerOf(next: NextLayer): LayerExplainer | undefined {
  switch (next.kind) {
    case 'etherType':
      return ETHER_TYPE_LAYERS.get(next.number);
    case 'ipProtocol':
      return IP_PROTOCOL_LAYERS.get(next.number);
    case 'application':
    case 'none':
      return undefined;
    default:
      return next satisfies never;
  }
}

function addApplication(walk: LayerWalk, application: ApplicationExplainer | undefined): void {
  const { position, end, fields, outerEnds, ...rest } = walk;
  if (application === undefined || position >= end) return;
  const explained = application({ ...rest, offset: position, end });
  if (explained === undefined) return;
  const list = new FieldList(walk.bytes, position, end);
  list.append(explained);
  fields.push(...list.finish());
  walk.position = end;
}

/** Ethernet fills up to 60 bytes with zeros (IEEE 802.3 clause 3.2.8); others put facts there. */
function endName(frame: Uint8Array, start: number, end: number): string {
  for (let at = start; at < end; at++) if (frame[at] !== 0) return 'trailer';
  return 'padding';
}
