/**
 * TCP with its options, UDP and ICMP, field by field. Pictures and sources stand in tcp.ts and
 * udp.ts; options: RFC 9293 section 3.2, RFC 7323 sections 2 and 3, RFC 2018 sections 2 and 3.
 */
import type { FieldList } from '../explain.ts';
import {
  addLayer,
  hexNumber,
  type LayerWalk,
  type NextLayer,
  NO_LAYER,
  narrow,
} from './explain-layer.ts';
import { uint16At } from './network-order.ts';
import { TCP_HEADER_BYTES_MIN } from './tcp.ts';
import { UDP_HEADER_BYTES } from './udp.ts';

const TCP_DATA_OFFSET = 12;
const UDP_LENGTH = 4;
const ICMP_HEADER_BYTES = 4;

/** From the lowest bit. */
const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;

export function explainTcp(walk: LayerWalk): NextLayer {
  const { bytes, position: start, end } = walk;
  if (end - start < TCP_HEADER_BYTES_MIN) return NO_LAYER;
  const headerBytes = (bytes[start + TCP_DATA_OFFSET] >> 4) << 2;
  if (headerBytes < TCP_HEADER_BYTES_MIN) return NO_LAYER;
  notePorts(walk, 'tcp');
  addLayer(walk, 'tcp', headerBytes, (list) => {
    list.number('sourcePort', 2);
    list.number('destinationPort', 2);
    list.number('sequenceNumber', 4);
    list.number('acknowledgmentNumber', 4);
    list.number('dataOffset', 1, () => `header of ${headerBytes} bytes`);
    const flags = flagsText(list.number('flags', 1, flagsText));
    list.number('window', 2);
    list.number('checksum', 2, (sum) => hexNumber(sum, 4));
    list.number('urgentPointer', 2);
    if (list.bytesLeft > 0) list.group('options', list.bytesLeft, '', addTcpOptions);
    return `${walk.sourcePort} -> ${walk.destinationPort}, ${flags}`;
  });
  return start + headerBytes <= end ? { kind: 'application' } : NO_LAYER;
}

export function explainUdp(walk: LayerWalk): NextLayer {
  const { bytes, position: start, end } = walk;
  if (end - start < UDP_HEADER_BYTES) return NO_LAYER;
  const length = uint16At(bytes, start + UDP_LENGTH);
  if (length >= UDP_HEADER_BYTES) narrow(walk, start + length);
  notePorts(walk, 'udp');
  addLayer(walk, 'udp', UDP_HEADER_BYTES, (list) => {
    list.number('sourcePort', 2);
    list.number('destinationPort', 2);
    list.number('lengthBytes', 2);
    list.number('checksum', 2, (sum) => hexNumber(sum, 4));
    return `${walk.sourcePort} -> ${walk.destinationPort}`;
  });
  return { kind: 'application' };
}

/** RFC 792 and RFC 4443 section 2.1: both begin alike. */
export function explainIcmp(walk: LayerWalk): NextLayer {
  addLayer(walk, 'icmp', ICMP_HEADER_BYTES, (list) => {
    const type = list.number('type', 1);
    const code = list.number('code', 1);
    list.number('checksum', 2, (sum) => hexNumber(sum, 4));
    return `type ${type}, code ${code}`;
  });
  return NO_LAYER;
}

function notePorts(walk: LayerWalk, ipProtocol: 'tcp' | 'udp'): void {
  walk.ipProtocol = ipProtocol;
  walk.sourcePort = uint16At(walk.bytes, walk.position);
  walk.destinationPort = uint16At(walk.bytes, walk.position + 2);
}

function flagsText(flags: number): string {
  const names = FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0);
  return names.length === 0 ? 'none' : names.join(' ');
}

function addTcpOptions(list: FieldList): void {
  while (list.bytesLeft > 0) {
    const kind = list.bytes[list.position];
    if (kind === END_OF_OPTIONS) {
      list.rest('endOfOptions');
    } else if (kind === NO_OPERATION) {
      list.add('noOperation', 1, '');
    } else {
      const length = list.bytesLeft > 1 ? list.bytes[list.position + 1] : 0;
      if (length < 2) return;
      list.text(optionName(kind), length, (bytes, at) => optionText(bytes, at, kind, length));
    }
  }
}

function optionName(kind: number): string {
  switch (kind) {
    case 2:
      return 'maximumSegmentSize';
    case 3:
      return 'windowScale';
    case 4:
      return 'selectiveAcknowledgmentPermitted';
    case 5:
      return 'selectiveAcknowledgment';
    case 8:
      return 'timestamps';
    default:
      return `option(${kind})`;
  }
}

function optionText(bytes: Uint8Array, at: number, kind: number, length: number): string {
  if (kind === 2 && length === 4) return `${uint16At(bytes, at + 2)} bytes`;
  if (kind === 3 && length === 3) return `2^${bytes[at + 2]}`;
  if (kind === 8 && length === 10) {
    return `value ${uint32At(bytes, at + 2)}, echo ${uint32At(bytes, at + 6)}`;
  }
  if (kind !== 5) return '';
  const edges: string[] = [];
  for (let edge = at + 2; edge + 8 <= at + length; edge += 8) {
    edges.push(`${uint32At(bytes, edge)}..${uint32At(bytes, edge + 4)}`);
  }
  return edges.join(', ');
}

function uint32At(bytes: Uint8Array, at: number): number {
  return uint16At(bytes, at) * 0x10000 + uint16At(bytes, at + 2);
}
