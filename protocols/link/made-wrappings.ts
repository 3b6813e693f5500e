/**
 * Wrappings for tests: each takes a whole Ethernet frame and makes the frame that a mirror inside
 * such a network would show.
 */

/** Outer addresses differ from all inner ones that tests use. */
const OUTER_MACS = '0e0000000001 0e0000000002';
const IP_PROTOCOL_GRE = '2f';

export interface Wrapping {
  readonly name: string;
  readonly wrap: (frame: Uint8Array) => Uint8Array;
  /** As a record names it, outermost first. */
  readonly encapsulations: readonly string[];
  /** VLAN identifiers that the wrapping adds. */
  readonly vlanIds?: readonly number[];
}

// biome-ignore format: one wrapping per line
export const WRAPPINGS: readonly Wrapping[] = [
  { name: 'VLAN 8100',                 wrap: (frame) => tagged('8100 0064', frame), encapsulations: [], vlanIds: [100] },
  { name: 'QinQ 88a8 8100',            wrap: (frame) => tagged('88a8 0064 8100 000a', frame), encapsulations: ['qinq'], vlanIds: [100, 10] },
  { name: 'QinQ 9100 9100',            wrap: (frame) => tagged('9100 0064 9100 000a', frame), encapsulations: ['qinq'], vlanIds: [100, 10] },
  { name: 'MPLS, one label',           wrap: (frame) => outer('8847', '00064140', ipOf(frame)), encapsulations: ['mpls'] },
  { name: 'MPLS, three labels',        wrap: (frame) => outer('8847', '00064040 00065040 00066140', ipOf(frame)), encapsulations: ['mpls'] },
  { name: 'MPLS pseudowire, control word', wrap: (frame) => outer('8847', '00064140 00000007', frame), encapsulations: ['mpls'] },
  { name: 'MPLS pseudowire without',   wrap: (frame) => outer('8848', '00064140', frame), encapsulations: ['mpls'] },
  { name: 'MPLS pseudowire, MAC 4...', wrap: (frame) => outer('8847', '00064140', fromMac('40', frame)), encapsulations: ['mpls'] },
  { name: 'PPPoE',                     wrap: (frame) => outer('8864', `1100 0001 ${hex16(ipOf(frame).length + 2)} ${pppOf(frame)}`, ipOf(frame)), encapsulations: ['pppoe'] },
  { name: 'PPPoE in QinQ',             wrap: (frame) => tagged('88a8 0064 8100 000a', outer('8864', `1100 0001 ${hex16(ipOf(frame).length + 2)} ${pppOf(frame)}`, ipOf(frame))), encapsulations: ['qinq', 'pppoe'], vlanIds: [100, 10] },
  { name: 'GRE',                       wrap: (frame) => gre(`0000 ${typeOf(frame)}`, ipOf(frame)), encapsulations: ['gre'] },
  { name: 'GRE: checksum, key, sequence', wrap: (frame) => gre(`b000 ${typeOf(frame)} 11110000 22222222 33333333`, ipOf(frame)), encapsulations: ['gre'] },
  { name: 'GRE: key',                  wrap: (frame) => gre(`2000 ${typeOf(frame)} 22222222`, ipOf(frame)), encapsulations: ['gre'] },
  { name: 'GRE: bridged Ethernet',     wrap: (frame) => gre('2000 6558 00000100', frame), encapsulations: ['gre'] },
  { name: 'GRE of PPTP',               wrap: (frame) => gre(`3081 880b ${hex16(ipOf(frame).length + 4)} 0001 00000001 00000002 ff03 ${pppOf(frame)}`, ipOf(frame)), encapsulations: ['gre'] },
  { name: 'ERSPAN I',                  wrap: (frame) => gre('0000 88be', frame), encapsulations: ['erspan1'] },
  { name: 'ERSPAN II',                 wrap: (frame) => gre('1000 88be 00000001 1064 1801 00000001', frame), encapsulations: ['erspan2'] },
  { name: 'ERSPAN III',                wrap: (frame) => gre('1000 22eb 00000001 2064 0001 00000000 0000 0000', frame), encapsulations: ['erspan3'] },
  { name: 'ERSPAN III, platform',      wrap: (frame) => gre('1000 22eb 00000001 2064 0001 00000000 0000 0001 0c000000 00000000', frame), encapsulations: ['erspan3'] },
  { name: 'ERSPAN III, IP inside',     wrap: (frame) => gre('1000 22eb 00000001 2064 0001 00000000 0000 0800', ipOf(frame)), encapsulations: ['erspan3'] },
  { name: 'VXLAN',                     wrap: (frame) => udp(4789, '08000000 00006400', frame), encapsulations: ['vxlan'] },
  { name: 'VXLAN, group policy',       wrap: (frame) => udp(4789, '88000001 00006400', frame), encapsulations: ['vxlan'] },
  { name: 'Geneve: Ethernet',          wrap: (frame) => udp(6081, '0000 6558 00006400', frame), encapsulations: ['geneve'] },
  { name: 'Geneve: options, IP',       wrap: (frame) => udp(6081, `0240 ${typeOf(frame)} 00006400 0102 80 01 deadbeef`, ipOf(frame)), encapsulations: ['geneve'] },
  { name: 'IP in IPv4',                wrap: (frame) => outer('0800', ipv4(inIp(frame), ipOf(frame).length), ipOf(frame)), encapsulations: [] },
  { name: 'IP in IPv6',                wrap: (frame) => outer('86dd', ipv6(inIp(frame), ipOf(frame).length), ipOf(frame)), encapsulations: [] },
  { name: 'VXLAN in GRE in MPLS',      wrap: (frame) => outer('8847', '00064140', ipOf(gre('0000 0800', ipOf(udp(4789, '08000000 00006400', frame))))), encapsulations: ['mpls', 'gre', 'vxlan'] },
  { name: 'eight VXLANs',              wrap: (frame) => nested(8, frame), encapsulations: Array.from({ length: 8 }, () => 'vxlan') },
  { name: 'HSR',                       wrap: (frame) => tagged(`892f 1${hex16(frame.length - 8).slice(1)} 0007`, frame), encapsulations: [] },
  { name: 'PRP',                       wrap: (frame) => prpFrame(frame, 'a', 7), encapsulations: [] },
];

/** With a trailer of this LAN (`a` or `b`) behind. */
export function prpFrame(frame: Uint8Array, lan: string, sequenceNumber: number): Uint8Array {
  const size = hex16(frame.length - 14 + 6).slice(1);
  return joined(frame, fromHex(`${hex16(sequenceNumber)} ${lan}${size} 88fb`));
}

export function hsrFrame(frame: Uint8Array, path: string, sequenceNumber: number): Uint8Array {
  return tagged(`892f ${path}${hex16(frame.length - 8).slice(1)} ${hex16(sequenceNumber)}`, frame);
}

export function nested(count: number, frame: Uint8Array): Uint8Array {
  let wrapped = frame;
  for (let layer = 0; layer < count; layer++) wrapped = udp(4789, '08000000 00006400', wrapped);
  return wrapped;
}

/** What the Ethernet header says in place of its EtherType goes before it. */
function tagged(tags: string, frame: Uint8Array): Uint8Array {
  return joined(frame.subarray(0, 12), fromHex(tags), frame.subarray(12));
}

function outer(etherType: string, header: string, payload: Uint8Array): Uint8Array {
  return joined(fromHex(OUTER_MACS + etherType + header), payload);
}

function gre(header: string, payload: Uint8Array): Uint8Array {
  const bytes = fromHex(header).length + payload.length;
  return outer('0800', ipv4(IP_PROTOCOL_GRE, bytes) + header, payload);
}

function udp(port: number, header: string, payload: Uint8Array): Uint8Array {
  const bytes = 8 + fromHex(header).length + payload.length;
  return outer(
    '0800',
    `${ipv4('11', bytes)} c000 ${hex16(port)} ${hex16(bytes)} 0000 ${header}`,
    payload,
  );
}

function ipv4(protocol: string, payloadBytes: number): string {
  return `4500 ${hex16(20 + payloadBytes)} 0001 4000 40 ${protocol} 0000 c0a80001 c0a80002`;
}

function ipv6(nextHeader: string, payloadBytes: number): string {
  const address = (last: string) => `fc00 ${'00'.repeat(13)} ${last}`;
  return `60000000 ${hex16(payloadBytes)} ${nextHeader} 40 ${address('01')} ${address('02')}`;
}

/** The IP packet of an untagged frame, with whatever padding is behind. */
function ipOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(14);
}

function typeOf(frame: Uint8Array): string {
  return isIpv6(frame) ? '86dd' : '0800';
}

function pppOf(frame: Uint8Array): string {
  return isIpv6(frame) ? '0057' : '0021';
}

function inIp(frame: Uint8Array): string {
  return isIpv6(frame) ? '29' : '04';
}

function isIpv6(frame: Uint8Array): boolean {
  return frame[12] === 0x86;
}

function fromMac(first: string, frame: Uint8Array): Uint8Array {
  return joined(fromHex(first), frame.subarray(1));
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
