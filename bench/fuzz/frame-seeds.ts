/**
 * Frames and files that captures of plants seldom have: the other link types, fragments, chains of
 * IPv6 headers, PubSub, and pcapng with every kind of block and resolution.
 */
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from '../../protocols/frame-block.ts';

const MACS = '020000000002 020000000001';
const ADU = '0001 0000 0006 11 03 006b 0003';
/** 40001 to 502, sequence 1. */
const TCP = `9c41 01f6 00000001 00000001 5018 ffff 0000 0000 ${ADU}`;
const UDP_ADU = `9c41 01f6 0014 0000 ${ADU}`;
const ADDRESSES_6 = 'fd000000000000000000000000000005 fd000000000000000000000000000009';
const MESSAGE = 'd1 01 ca08 01 0a00 01 0100 06 1b000000';

function ipv6(nextHeader: string, payload: string): string {
  return `60000000 ${word(bytesOf(payload).length)} ${nextHeader} 40 ${ADDRESSES_6} ${payload}`;
}

function ipv4(payload: string, protocol = '06', fragment = '0000', options = ''): string {
  const words = 5 + bytesOf(options).length / 4;
  const total = word(4 * words + bytesOf(payload).length);
  const head = `4${words.toString(16)}00 ${total} 1234 ${fragment} 40 ${protocol} 0000`;
  return `${head} 0a000005 0a000009 ${options} ${payload}`;
}

function ethernet(etherType: string, payload: string): string {
  return `${MACS} ${etherType} ${payload}`;
}

const SLL2_HEADER = '0000 00000001 0001 00 06 0200000000010000';

// biome-ignore format: one frame per line
const FRAMES = [
  { linkType: LINKTYPE_LINUX_SLL2, wire: `0800 ${SLL2_HEADER} ${ipv4(TCP)}` },
  { linkType: LINKTYPE_LINUX_SLL2, wire: `86dd ${SLL2_HEADER} ${ipv6('06', TCP)}` },
  { linkType: LINKTYPE_NULL, wire: `0a000000 ${ipv6('06', TCP)}` },
  { linkType: LINKTYPE_NULL, wire: `18000000 ${ipv6('06', TCP)}` },
  { linkType: LINKTYPE_NULL, wire: `0000001e ${ipv6('06', TCP)}` },
  { linkType: LINKTYPE_RAW, wire: ipv6('06', TCP) },
  { linkType: LINKTYPE_IPV6, wire: ipv6('11', UDP_ADU) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('86dd', ipv6('00', `3c 00 0104 00000000 2b 00 0104 00000000 06 00 0000 00000000 ${TCP}`)) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('86dd', ipv6('33', `06 04 0000 00000001 00000001 000000000000000000000000 ${TCP}`)) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('86dd', ipv6('2c', `06 00 0001 00000007 ${TCP.slice(0, 44)}`)) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('86dd', ipv6('2c', `06 00 0000 00000008 ${TCP}`)) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('86dd', ipv6('29', ipv6('06', TCP))) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4(`9c41 01f6 0014 0000 ${ADU.slice(0, 19)}`, '11', '2000')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4('11 03 006b 0003', '11', '0002')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4(UDP_ADU, '11')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4(TCP, '06', '0000', '01 07 07 04 0a000001')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4(ipv6('06', TCP), '29')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('8847', `00064140 ${ipv6('06', TCP)}`) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('8864', `1100 0001 0049 0057 ${ipv6('06', TCP)}`) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('8864', `1100 0001 003a 0281 00064140 ${ipv4(TCP)}`) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0800', ipv4(`12d0 12e8 0017 0000 ${MESSAGE}`, '11')) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('88a8', `0064 8100 000a b62c ${MESSAGE}`) },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('0806', '0001 0800 06 04 0001 020000000001 0a000005 000000000000 0a000009') },
  { linkType: LINKTYPE_ETHERNET, wire: ethernet('88cc', '0207 04 020000000001 0403 05 6531 0602 0078 0a03 504c43 0000') },
];

export const OTHER_FRAMES = FRAMES.map(({ linkType, wire }) => ({
  linkType,
  bytes: bytesOf(wire),
}));

const SECTION = '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000';
const SECTION_BIG = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c';
const ETHERNET = '01000000 14000000 0100 0000 00000000 14000000';
const PACKET = '06000000 24000000 00000000 00000000 01000000 02000000 02000000 aabb0000 24000000';
const SIMPLE = '03000000 14000000 02000000 aabb0000 14000000';
const OBSOLETE =
  '02000000 24000000 0000 0900 00000000 07000000 02000000 02000000 aabb0000 24000000';

/** An interface with one option of 8 bytes. */
function interfaceWith(option: string): string {
  return `01000000 20000000 0100 0000 00000000 ${option} 00000000 20000000`;
}

// biome-ignore format: one file per line
export const MADE_FILES = [
  `${SECTION} ${ETHERNET} ${PACKET} ${SIMPLE} ${OBSOLETE}`,
  `${SECTION_BIG} 00000001 00000014 0001 0000 00000000 00000014 00000006 00000024 00000000 00000001 00000000 00000002 00000002 aabb0000 00000024`,
  ...['00', '06', '09', '0c', '7f', '81', 'a0', 'b4', 'ff'].map((resolution) => `${SECTION} ${interfaceWith(`0900 0100 ${resolution}000000`)} ${PACKET} ${PACKET}`),
  `${SECTION} ${ETHERNET.repeat(40)} ${PACKET}`,
  `a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000001 6ab13b80 00000001 00000002 00000002 aabb`,
  `d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000014 803bb16a 01000000 02000000 02000000 aabb`,
].map(bytesOf);

function word(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function bytesOf(wire: string): Uint8Array {
  return new Uint8Array(Buffer.from(wire.replaceAll(' ', ''), 'hex'));
}
