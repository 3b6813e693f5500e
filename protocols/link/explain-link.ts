/**
 * Link layers, field by field: Ethernet with its tags, the cooked captures of Linux, BSD loopback.
 * Pictures and sources stand in ethernet.ts, linux-sll.ts and null-loopback.ts.
 */
import type { FieldList } from '../explain.ts';
import { formatMac, MAC_BYTES } from './addresses.ts';
import { ETHER_TYPE_NONE, ETHERNET_HEADER_BYTES } from './ethernet.ts';
import { addLayer, hexNumber, type LayerWalk, type NextLayer, NO_LAYER } from './explain-layer.ts';
import { SLL_HEADER_BYTES, SLL2_HEADER_BYTES } from './linux-sll.ts';
import { NULL_HEADER_BYTES, readNullLoopback } from './null-loopback.ts';

const TAG_BYTES = 4;
/** A number below is the length of an IEEE 802.3 frame (clause 3.2.6), and LLC follows. */
const ETHER_TYPE_MIN = 0x0600;

/** As the IEEE lists them; those that a plant network shows. */
const ETHER_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x86dd, 'IPv6'],
  [0x8100, 'VLAN tag'],
  [0x88a8, 'service VLAN tag'],
  [0x9100, 'stacked VLAN tag'],
  [0x8847, 'MPLS'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE session'],
  [0x8892, 'PROFINET'],
  [0x88a4, 'EtherCAT'],
  [0x88b8, 'GOOSE'],
  [0x88ba, 'sampled values'],
  [0x88cc, 'LLDP'],
  [0x88e3, 'MRP'],
  [0x88f7, 'PTP'],
  [0x88fb, 'PRP'],
  [0x892f, 'HSR'],
]);

const SLL_PACKET_TYPES = ['to us', 'broadcast', 'multicast', 'to somebody else', 'from us'];

export function explainEthernet(walk: LayerWalk): NextLayer {
  let etherType = ETHER_TYPE_NONE;
  addLayer(walk, 'ethernet', ETHERNET_HEADER_BYTES, (list) => {
    list.text('destinationMacAddress', MAC_BYTES, formatMac);
    list.text('sourceMacAddress', MAC_BYTES, formatMac);
    etherType = addEtherType(list);
    return '';
  });
  return typed(etherType);
}

/** The tag behind an EtherType of IEEE 802.1Q; one layer each. */
export function explainVlanTag(walk: LayerWalk): NextLayer {
  let etherType = ETHER_TYPE_NONE;
  addLayer(walk, 'vlanTag', TAG_BYTES, (list) => {
    let vlanId = 0;
    list.number('priorityCodePoint+vlanId', 2, (control) => {
      vlanId = control & 0x0fff;
      const drop = (control & 0x1000) === 0 ? '' : ', drop eligible';
      return `priorityCodePoint ${control >> 13}, vlanId ${vlanId}${drop}`;
    });
    etherType = addEtherType(list);
    return `vlanId ${vlanId}`;
  });
  return typed(etherType);
}

export function explainLinuxSll(walk: LayerWalk): NextLayer {
  let etherType = ETHER_TYPE_NONE;
  addLayer(walk, 'linuxSll', SLL_HEADER_BYTES, (list) => {
    list.number('packetType', 2, (type) => `${type} (${SLL_PACKET_TYPES[type] ?? 'unknown'})`);
    list.number('deviceType', 2);
    addSllAddress(list, list.number('addressLength', 2));
    etherType = addEtherType(list);
    return '';
  });
  return typed(etherType);
}

export function explainLinuxSll2(walk: LayerWalk): NextLayer {
  let etherType = ETHER_TYPE_NONE;
  addLayer(walk, 'linuxSll2', SLL2_HEADER_BYTES, (list) => {
    etherType = addEtherType(list);
    list.number('reserved', 2);
    list.number('interfaceIndex', 4);
    list.number('deviceType', 2);
    list.number('packetType', 1, (type) => `${type} (${SLL_PACKET_TYPES[type] ?? 'unknown'})`);
    addSllAddress(list, list.number('addressLength', 1));
    return '';
  });
  return typed(etherType);
}

export function explainNullLoopback(walk: LayerWalk): NextLayer {
  const isWhole = walk.end - walk.position >= NULL_HEADER_BYTES;
  const etherType = isWhole ? readNullLoopback(walk.bytes, walk.position) : ETHER_TYPE_NONE;
  addLayer(walk, 'nullLoopback', NULL_HEADER_BYTES, (list) => {
    const name = ETHER_TYPE_NAMES.get(etherType) ?? 'unknown';
    list.number('addressFamily', NULL_HEADER_BYTES, (family) => hexNumber(family, 8, name));
    return '';
  });
  return typed(etherType);
}

/** No link header: the IP version is all there is to tell. */
export function explainRaw(walk: LayerWalk): NextLayer {
  const version = walk.position < walk.end ? walk.bytes[walk.position] >> 4 : 0;
  if (version === 4) return { kind: 'etherType', number: 0x0800 };
  return version === 6 ? { kind: 'etherType', number: 0x86dd } : NO_LAYER;
}

function addEtherType(list: FieldList): number {
  const at = list.position;
  const number = list.bytesLeft < 2 ? ETHER_TYPE_NONE : (list.bytes[at] << 8) | list.bytes[at + 1];
  if (number < ETHER_TYPE_MIN) list.number('lengthBytes', 2);
  else list.number('etherType', 2, (type) => hexNumber(type, 4, ETHER_TYPE_NAMES.get(type)));
  return number;
}

/** Eight bytes, of which the address may use fewer. */
function addSllAddress(list: FieldList, length: number): void {
  if (length === MAC_BYTES) {
    list.text('sourceMacAddress', MAC_BYTES, formatMac);
    list.add('unused', 2, '');
  } else {
    list.add('linkAddress', 8, '');
  }
}

function typed(number: number): NextLayer {
  return number === ETHER_TYPE_NONE ? NO_LAYER : { kind: 'etherType', number };
}
