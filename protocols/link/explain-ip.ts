/**
 * IPv4 with its options and IPv6 with its extension headers, field by field. Pictures and sources
 * stand in ipv4.ts and ipv6.ts; options: RFC 791 section 3.1, RFC 8200 section 4.2.
 */
import type { FieldList } from '../explain.ts';
import { formatIpv4, formatIpv6, IPV4_BYTES, IPV6_BYTES } from './addresses.ts';
import {
  addLayer,
  hexNumber,
  type LayerWalk,
  type NextLayer,
  NO_LAYER,
  narrow,
} from './explain-layer.ts';
import { IPV4_HEADER_BYTES_MIN, isIpv4ChecksumRight } from './ipv4.ts';
import { IPV6_HEADER_BYTES } from './ipv6.ts';

/** As the IANA assigns them; extension headers of IPv6 share the numbers. */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'hop-by-hop options'],
  [1, 'ICMP'],
  [2, 'IGMP'],
  [4, 'IPv4 in IP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [41, 'IPv6 in IP'],
  [43, 'routing'],
  [44, 'fragment'],
  [47, 'GRE'],
  [50, 'ESP'],
  [51, 'authentication'],
  [58, 'ICMPv6'],
  [59, 'nothing'],
  [60, 'destination options'],
  [89, 'OSPF'],
  [112, 'VRRP'],
  [132, 'SCTP'],
]);

const IPV4_OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [7, 'recordRoute'],
  [68, 'timestamp'],
  [130, 'security'],
  [131, 'looseSourceRoute'],
  [137, 'strictSourceRoute'],
  [148, 'routerAlert'],
]);

const MORE_FRAGMENTS = 0x2000;
const DO_NOT_FRAGMENT = 0x4000;
const OFFSET_MASK = 0x1fff;

const AUTHENTICATION = 51;
const FRAGMENT = 44;

export function explainIpv4(walk: LayerWalk): NextLayer {
  const { bytes, position: start, end } = walk;
  const headerBytes = (bytes[start] & 0x0f) << 2;
  const isHeader = end - start >= IPV4_HEADER_BYTES_MIN && bytes[start] >> 4 === 4;
  if (!isHeader || headerBytes < IPV4_HEADER_BYTES_MIN) return NO_LAYER;
  // A sender that leaves segmentation to its card may show a total length of 0.
  const totalLength = (bytes[start + 2] << 8) | bytes[start + 3];
  if (totalLength >= headerBytes) narrow(walk, start + totalLength);
  const isWhole = start + headerBytes <= walk.end;
  const isRight = isWhole && isIpv4ChecksumRight(bytes, start, start + headerBytes);
  let fragmentOffset = 0;
  let protocol = -1;
  addLayer(walk, 'ipv4', headerBytes, (list) => {
    list.number('version', 1, () => `4, header of ${headerBytes} bytes`);
    list.number('differentiatedServices', 1, (value) => hexNumber(value, 2));
    list.number('totalLengthBytes', 2);
    list.number('identification', 2);
    list.number('fragment', 2, (word) => {
      fragmentOffset = (word & OFFSET_MASK) * 8;
      walk.isFragment = (word & (MORE_FRAGMENTS | OFFSET_MASK)) !== 0;
      return fragmentText(word, fragmentOffset);
    });
    list.number('ttl', 1);
    protocol = list.number('protocol', 1, protocolText);
    list.number(
      'headerChecksum',
      2,
      (sum) => `${hexNumber(sum, 4)}, ${isRight ? 'right' : 'wrong'}`,
    );
    list.text('sourceIpAddress', IPV4_BYTES, formatIpv4);
    list.text('destinationIpAddress', IPV4_BYTES, formatIpv4);
    if (list.bytesLeft > 0) list.group('options', list.bytesLeft, '', addIpv4Options);
    return `${formatIpv4(bytes, start + 12)} -> ${formatIpv4(bytes, start + 16)}`;
  });
  walk.sourceAddress = formatIpv4(bytes, start + 12);
  walk.destinationAddress = formatIpv4(bytes, start + 16);
  return isWhole && fragmentOffset === 0 ? { kind: 'ipProtocol', number: protocol } : NO_LAYER;
}

export function explainIpv6(walk: LayerWalk): NextLayer {
  const { bytes, position: start, end } = walk;
  if (end - start < IPV6_HEADER_BYTES || bytes[start] >> 4 !== 6) return NO_LAYER;
  const payloadLength = (bytes[start + 4] << 8) | bytes[start + 5];
  if (payloadLength > 0) narrow(walk, start + IPV6_HEADER_BYTES + payloadLength);
  let nextHeader = -1;
  walk.sourceAddress = formatIpv6(bytes, start + 8);
  walk.destinationAddress = formatIpv6(bytes, start + 24);
  addLayer(walk, 'ipv6', IPV6_HEADER_BYTES, (list) => {
    list.number('version+trafficClass+flowLabel', 4, (word) => {
      const trafficClass = Math.floor(word / 0x100000) & 0xff;
      return `6, traffic class ${trafficClass}, flow label ${hexNumber(word % 0x100000, 5)}`;
    });
    list.number('payloadLengthBytes', 2);
    nextHeader = list.number('nextHeader', 1, protocolText);
    list.number('hopLimit', 1);
    list.text('sourceIpAddress', IPV6_BYTES, formatIpv6);
    list.text('destinationIpAddress', IPV6_BYTES, formatIpv6);
    return `${walk.sourceAddress} -> ${walk.destinationAddress}`;
  });
  return { kind: 'ipProtocol', number: nextHeader };
}

/** Hop-by-hop and destination options, routing, and others of the same form. */
export function explainExtension(name: string): (walk: LayerWalk) => NextLayer {
  return (walk) => {
    if (walk.end - walk.position < 8) return NO_LAYER;
    const units = walk.bytes[walk.position + 1];
    const length =
      name === PROTOCOL_NAMES.get(AUTHENTICATION) ? (units + 2) << 2 : (units + 1) << 3;
    let nextHeader = -1;
    addLayer(walk, 'ipv6Extension', length, (list) => {
      nextHeader = list.number('nextHeader', 1, protocolText);
      list.number('extensionLength', 1);
      list.rest('extensionData');
      return name;
    });
    return { kind: 'ipProtocol', number: nextHeader };
  };
}

/** RFC 8200 section 4.5. */
export function explainIpv6Fragment(walk: LayerWalk): NextLayer {
  if (walk.end - walk.position < 8) return NO_LAYER;
  let nextHeader = -1;
  let offset = 0;
  addLayer(walk, 'ipv6Extension', 8, (list) => {
    nextHeader = list.number('nextHeader', 1, protocolText);
    list.add('reserved', 1, '');
    list.number('fragment', 2, (word) => {
      offset = word & 0xfff8;
      walk.isFragment = walk.isFragment || (word & 0xfff9) !== 0;
      return `offset ${offset}${(word & 1) === 0 ? '' : ', more fragments'}`;
    });
    list.number('identification', 4);
    return PROTOCOL_NAMES.get(FRAGMENT) ?? '';
  });
  return offset === 0 ? { kind: 'ipProtocol', number: nextHeader } : NO_LAYER;
}

function protocolText(number: number): string {
  return `${number} (${PROTOCOL_NAMES.get(number) ?? 'not ours'})`;
}

function fragmentText(word: number, offset: number): string {
  if ((word & (MORE_FRAGMENTS | OFFSET_MASK)) === 0) {
    return (word & DO_NOT_FRAGMENT) === 0 ? 'none' : "none, don't fragment";
  }
  return `offset ${offset}${(word & MORE_FRAGMENTS) === 0 ? ', the last' : ', more fragments'}`;
}

function addIpv4Options(list: FieldList): void {
  while (list.bytesLeft > 0) {
    const kind = list.bytes[list.position];
    if (kind === 0) {
      list.rest('endOfOptions');
    } else if (kind === 1) {
      list.add('noOperation', 1, '');
    } else {
      const length = list.bytesLeft > 1 ? list.bytes[list.position + 1] : 0;
      if (length < 2) return;
      list.add(IPV4_OPTION_NAMES.get(kind) ?? `option(${kind})`, length, '');
    }
  }
}
