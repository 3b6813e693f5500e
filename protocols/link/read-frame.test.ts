/**
 * The headers below TCP and UDP as tables: one frame a line, written in hex, with what must be read
 * from it; then the properties that hold for any bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, formatIpv6, formatMac } from './addresses.ts';
import {
  FRAME_FRAGMENT,
  FRAME_MALFORMED,
  FRAME_OTHER,
  FRAME_TCP,
  FRAME_UDP,
  FrameHeaders,
} from './frame-headers.ts';
import { isIpv4ChecksumRight } from './ipv4.ts';
import { readFrame } from './read-frame.ts';
import { tcpPayloadOffset } from './tcp.ts';
import { udpPayloadEnd } from './udp.ts';

const ETHERNET = 1;
const NULL = 0;
const LOOP = 108;
const RAW = 101;
const SLL = 113;
const SLL2 = 276;
const IPV4 = 228;
const IPV6 = 229;

const MACS = '02aabbccddee 021122334455';
/** 20 bytes of TCP header, `P` of payload. */
const TCP = '9c40 01f6 00000001 00000002 50 18 2000 0000 0000';
const V4 = (bytes: string, protocol = '06', flags = '4000', first = '45') =>
  `${first} 00 ${bytes} 0001 ${flags} 40 ${protocol} 0000 0a000005 0a000109`;
const V6 = (payload: string, next: string) =>
  `60000000 ${payload} ${next} 40 fd000000000000000000000000000005 fd000000000000000000000000000109`;
const PADDING = '000000000000';

// biome-ignore format: one case per line
const cases = [
  { name: 'Ethernet, IPv4, TCP',                         link: ETHERNET, wire: `${MACS} 0800 ${V4('0029')} ${TCP} aa`, kind: FRAME_TCP, transport: 34, payload: 54, end: 55 },
  { name: 'padding after the IP total length',           link: ETHERNET, wire: `${MACS} 0800 ${V4('0028')} ${TCP} ${PADDING}`, kind: FRAME_TCP, transport: 34, payload: 54, end: 54 },
  { name: 'IPv4 with options',                           link: ETHERNET, wire: `${MACS} 0800 ${V4('002d', '06', '4000', '46')} 01010101 ${TCP} aa`, kind: FRAME_TCP, transport: 38, payload: 58, end: 59 },
  { name: 'total length 0: left to the card',            link: ETHERNET, wire: `${MACS} 0800 ${V4('0000')} ${TCP} aa`, kind: FRAME_TCP, transport: 34, payload: 54, end: 55 },
  { name: 'snap length cut 9 bytes off',                 link: ETHERNET, wire: `${MACS} 0800 ${V4('0032')} ${TCP} aa`, kind: FRAME_TCP, transport: 34, payload: 54, end: 55, cut: 9 },
  { name: 'VLAN 8100',                                   link: ETHERNET, wire: `${MACS} 8100 a00a 0800 ${V4('0029')} ${TCP} aa`, kind: FRAME_TCP, transport: 38, payload: 58, end: 59, vlans: [10] },
  { name: 'priority tag: VLAN 0 is none',                link: ETHERNET, wire: `${MACS} 8100 a000 0800 ${V4('0029')} ${TCP} aa`, kind: FRAME_TCP, transport: 38, payload: 58, end: 59, vlans: [] },
  { name: 'VLAN 88a8 over 8100',                         link: ETHERNET, wire: `${MACS} 88a8 0064 8100 000a 0800 ${V4('0029')} ${TCP} aa`, kind: FRAME_TCP, transport: 42, payload: 62, end: 63, vlans: [100, 10] },
  { name: 'VLAN 9100 over 8100',                         link: ETHERNET, wire: `${MACS} 9100 0064 8100 0fff 86dd ${V6('0015', '06')} ${TCP} aa`, kind: FRAME_TCP, transport: 62, payload: 82, end: 83, vlans: [100, 4095] },
  { name: 'nine tags are nonsense',                      link: ETHERNET, wire: `${MACS} ${'8100 0001 '.repeat(9)} 0800 ${V4('0029')} ${TCP}`, kind: FRAME_OTHER, vlans: [1, 1, 1, 1] },
  { name: 'tag without an EtherType',                    link: ETHERNET, wire: `${MACS} 8100 0001 08`, kind: FRAME_OTHER },
  { name: 'IPv6',                                        link: ETHERNET, wire: `${MACS} 86dd ${V6('0015', '06')} ${TCP} aa`, kind: FRAME_TCP, transport: 54, payload: 74, end: 75 },
  { name: 'IPv6, padding behind',                        link: ETHERNET, wire: `${MACS} 86dd ${V6('0014', '06')} ${TCP} ${PADDING}`, kind: FRAME_TCP, transport: 54, payload: 74, end: 74 },
  { name: 'IPv6 hop-by-hop, routing, destination',       link: ETHERNET, wire: `${MACS} 86dd ${V6('0034', '00')} 2b00000000000000 3c01000000000000 0000000000000000 0600000000000000 ${TCP}`, kind: FRAME_TCP, transport: 86, payload: 106, end: 106 },
  { name: 'IPv6 authentication header counts 4 bytes',   link: ETHERNET, wire: `${MACS} 86dd ${V6('0020', '33')} 0601000000000000 00000000 ${TCP}`, kind: FRAME_TCP, transport: 66, payload: 86, end: 86 },
  { name: 'IPv6 atomic fragment is whole',               link: ETHERNET, wire: `${MACS} 86dd ${V6('001c', '2c')} 0600000000000001 ${TCP}`, kind: FRAME_TCP, transport: 62, payload: 82, end: 82 },
  { name: 'IPv6 fragment',                               link: ETHERNET, wire: `${MACS} 86dd ${V6('001c', '2c')} 0600000100000001 ${TCP}`, kind: FRAME_FRAGMENT },
  { name: 'IPv6 extension over the end',                 link: ETHERNET, wire: `${MACS} 86dd ${V6('0004', '00')} 0600 0000`, kind: FRAME_MALFORMED },
  { name: 'IPv6 extensions without end',                 link: ETHERNET, wire: `${MACS} 86dd ${V6('0050', '3c')} ${'3c00000000000000'.repeat(10)}`, kind: FRAME_MALFORMED },
  { name: 'IPv6, forty headers before TCP',              link: ETHERNET, wire: `${MACS} 86dd ${V6('0154', '3c')} ${'3c00000000000000'.repeat(39)} 0600000000000000 ${TCP}`, kind: FRAME_TCP, transport: 374, payload: 394, end: 394 },
  { name: 'IPv6 with ESP',                               link: ETHERNET, wire: `${MACS} 86dd ${V6('0010', '32')} ${'00'.repeat(16)}`, kind: FRAME_OTHER },
  { name: 'IPv6, version 4 inside',                      link: ETHERNET, wire: `${MACS} 86dd 40${V6('0014', '06').slice(2)} ${TCP}`, kind: FRAME_MALFORMED },
  { name: 'IPv4 UDP',                                    link: ETHERNET, wire: `${MACS} 0800 ${V4('001e', '11')} 9c40 01f6 000a 0000 aabb`, kind: FRAME_UDP, transport: 34, end: 44 },
  { name: 'IPv4 first fragment',                         link: ETHERNET, wire: `${MACS} 0800 ${V4('0028', '06', '2000')} ${TCP}`, kind: FRAME_FRAGMENT },
  { name: 'IPv4 later fragment',                         link: ETHERNET, wire: `${MACS} 0800 ${V4('0028', '06', '0010')} ${TCP}`, kind: FRAME_FRAGMENT },
  { name: 'IPv4 ICMP',                                   link: ETHERNET, wire: `${MACS} 0800 ${V4('0028', '01')} ${TCP}`, kind: FRAME_OTHER },
  { name: 'IPv4 header length 4 words',                  link: ETHERNET, wire: `${MACS} 0800 ${V4('0028', '06', '4000', '44')} ${TCP}`, kind: FRAME_MALFORMED },
  { name: 'IPv4, version 5 inside',                      link: ETHERNET, wire: `${MACS} 0800 ${V4('0028', '06', '4000', '55')} ${TCP}`, kind: FRAME_MALFORMED },
  { name: 'IPv4 total length inside the header',         link: ETHERNET, wire: `${MACS} 0800 ${V4('0010')} ${TCP}`, kind: FRAME_MALFORMED },
  { name: 'ARP',                                         link: ETHERNET, wire: `${MACS} 0806 0001 0800 0604 0001`, kind: FRAME_OTHER },
  { name: '802.3 length instead of an EtherType',        link: ETHERNET, wire: `${MACS} 0026 4242 03`, kind: FRAME_OTHER },
  { name: 'NULL little-endian IPv4',                     link: NULL,     wire: `02000000 ${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 24, payload: 44, end: 44 },
  { name: 'NULL big-endian IPv4',                        link: NULL,     wire: `00000002 ${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 24, payload: 44, end: 44 },
  { name: 'NULL IPv6 of FreeBSD',                        link: NULL,     wire: `1c000000 ${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 44, payload: 64, end: 64 },
  { name: 'NULL IPv6 of macOS',                          link: NULL,     wire: `1e000000 ${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 44, payload: 64, end: 64 },
  { name: 'LOOP IPv6 of OpenBSD',                        link: LOOP,     wire: `00000018 ${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 44, payload: 64, end: 64 },
  { name: 'NULL, another family',                        link: NULL,     wire: `07000000 ${V4('0028')} ${TCP}`, kind: FRAME_OTHER },
  { name: 'NULL, no family at all',                      link: NULL,     wire: `02000100 ${V4('0028')} ${TCP}`, kind: FRAME_OTHER },
  { name: 'SLL',                                         link: SLL,      wire: `0000 0001 0006 021122334455 0000 0800 ${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 36, payload: 56, end: 56 },
  { name: 'SLL with a VLAN tag',                         link: SLL,      wire: `0000 0001 0006 021122334455 0000 8100 000a 0800 ${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 40, payload: 60, end: 60, vlans: [10] },
  { name: 'SLL2',                                        link: SLL2,     wire: `86dd 0000 00000002 0001 00 06 021122334455 0000 ${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 60, payload: 80, end: 80 },
  { name: 'RAW IPv4',                                    link: RAW,      wire: `${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 20, payload: 40, end: 40 },
  { name: 'RAW IPv6',                                    link: RAW,      wire: `${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 40, payload: 60, end: 60 },
  { name: 'IPV4',                                        link: IPV4,     wire: `${V4('0028')} ${TCP}`, kind: FRAME_TCP, transport: 20, payload: 40, end: 40 },
  { name: 'IPV6',                                        link: IPV6,     wire: `${V6('0014', '06')} ${TCP}`, kind: FRAME_TCP, transport: 40, payload: 60, end: 60 },
  { name: 'a link type that nobody reads',               link: 127,      wire: `${V4('0028')} ${TCP}`, kind: FRAME_OTHER },
] as const;

for (const { name, link, wire, kind, ...expected } of cases) {
  test(name, () => {
    const bytes = fromHex(wire);
    const headers = new FrameHeaders();
    assert.equal(readFrame(headers, bytes, 0, bytes.length, link), kind);
    if ('vlans' in expected) {
      assert.deepEqual([...headers.vlanIds.subarray(0, headers.vlanIdsCount)], expected.vlans);
    }
    if ('transport' in expected) assert.equal(headers.transport, expected.transport);
    if ('end' in expected) assert.equal(headers.transportEnd, expected.end);
    if ('end' in expected) assert.equal(headers.cutBytes, 'cut' in expected ? expected.cut : 0);
    if ('payload' in expected) {
      const { transport, transportEnd } = headers;
      assert.equal(tcpPayloadOffset(bytes, transport, transportEnd), expected.payload);
      assert.equal(bytes[headers.sourceAddress], headers.isIpv6 ? 0xfd : 0x0a);
    }
  });
}

test('MAC addresses: both on Ethernet, the sender on SLL, none on RAW', () => {
  const macs = (wire: string, link: number): (string | undefined)[] => {
    const bytes = fromHex(wire);
    const headers = new FrameHeaders();
    readFrame(headers, bytes, 0, bytes.length, link);
    return [headers.sourceMac, headers.destinationMac].map((offset) =>
      offset < 0 ? undefined : formatMac(bytes, offset),
    );
  };
  const ip = `${V4('0028')} ${TCP}`;
  assert.deepEqual(macs(`${MACS} 0800 ${ip}`, ETHERNET), [
    '02:11:22:33:44:55',
    '02:aa:bb:cc:dd:ee',
  ]);
  assert.deepEqual(macs(`0000 0001 0006 021122334455 0000 0800 ${ip}`, SLL), [
    '02:11:22:33:44:55',
    undefined,
  ]);
  assert.deepEqual(macs(`0000 0304 0000 021122334455 0000 0800 ${ip}`, SLL), [
    undefined,
    undefined,
  ]);
  assert.deepEqual(macs(ip, RAW), [undefined, undefined]);
});

// biome-ignore format: one case per line
const tcpHeaders = [
  { name: 'without options',         wire: TCP, payload: 20 },
  { name: 'with 12 bytes of options', wire: `${TCP.replace('50 18', '80 18')} 0101080a0000000000000000`, payload: 32 },
  { name: 'data offset below 5',     wire: TCP.replace('50 18', '40 18'), payload: -1 },
  { name: 'data offset over the end', wire: TCP.replace('50 18', '60 18'), payload: -1 },
  { name: 'cut one byte short',      wire: TCP.slice(0, -2), payload: -1 },
] as const;

for (const { name, wire, payload } of tcpHeaders) {
  test(`TCP header ${name}`, () => {
    const bytes = fromHex(wire);
    assert.equal(tcpPayloadOffset(bytes, 0, bytes.length), payload);
  });
}

// biome-ignore format: one case per line
const udpHeaders = [
  { name: 'of two bytes',            wire: '9c40 01f6 000a 0000 aabb', end: 10 },
  { name: 'with padding behind',     wire: '9c40 01f6 0009 0000 aabb', end: 9 },
  { name: 'longer than the packet',  wire: '9c40 01f6 00ff 0000 aabb', end: 10 },
  { name: 'length 0: a jumbogram',   wire: '9c40 01f6 0000 0000 aabb', end: 10 },
  { name: 'length inside the header', wire: '9c40 01f6 0007 0000 aabb', end: -1 },
  { name: 'cut one byte short',      wire: '9c40 01f6 0008 00', end: -1 },
] as const;

for (const { name, wire, end } of udpHeaders) {
  test(`UDP datagram ${name}`, () => {
    const bytes = fromHex(wire);
    assert.equal(udpPayloadEnd(bytes, 0, bytes.length), end);
  });
}

test('the IPv4 header checksum of the example in RFC 1071 fits, and one bit off does not', () => {
  const bytes = fromHex('4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7');
  assert.ok(isIpv4ChecksumRight(bytes, 0, 20));
  bytes[19] ^= 1;
  assert.ok(!isIpv4ChecksumRight(bytes, 0, 20));
});

// biome-ignore format: one case per line
const addresses = [
  { wire: '0a000105',                         text: '10.0.1.5' },
  { wire: '00000000000000000000000000000000', text: '::' },
  { wire: '00000000000000000000000000000001', text: '::1' },
  { wire: '20010db8000000000000000000000001', text: '2001:db8::1' },
  { wire: '20010db8000000010001000100010001', text: '2001:db8:0:1:1:1:1:1' },
  { wire: '20010db8000000000001000000000001', text: '2001:db8::1:0:0:1' },
  { wire: '20010000000000010000000000000001', text: '2001:0:0:1::1' },
  { wire: 'fe80000000000000aabb000000000000', text: 'fe80::aabb:0:0:0' },
  { wire: '00010000000000000000000000000000', text: '1::' },
  { wire: '00000000000000000000ffffc0000201', text: '::ffff:192.0.2.1' },
] as const;

for (const { wire, text } of addresses) {
  test(`the address ${text} in its one form`, () => {
    const bytes = fromHex(wire);
    assert.equal(bytes.length === 4 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0), text);
  });
}

const LINK_TYPES = [NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2, 127];

test('every prefix of every frame above is read within its bytes', () => {
  for (const { link, wire } of cases) {
    const bytes = fromHex(wire);
    for (let length = 0; length <= bytes.length; length++) checkBounds(bytes, length, link);
  }
});

test('any bytes as a frame of any link type: no throw, nothing read past the end', () => {
  const frames = fc.tuple(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(...LINK_TYPES));
  const starts = fc.constantFrom(...cases.map(({ wire }) => fromHex(wire)));
  fc.assert(
    fc.property(frames, starts, fc.nat(), ([bytes, link], start, cut) => {
      checkBounds(bytes, bytes.length, link);
      const mutant = Uint8Array.from([...start.subarray(0, cut % start.length), ...bytes]);
      for (const each of LINK_TYPES) checkBounds(mutant, mutant.length, each);
    }),
    { numRuns: 400 },
  );
});

/** Bytes behind `length` read as NaN's of a frame that isn't there: a poisoned copy finds reads. */
function checkBounds(bytes: Uint8Array, length: number, link: number): void {
  const outcomes = [0x00, 0xff].map((poison) => {
    const copy = new Uint8Array(length + 64).fill(poison);
    copy.set(bytes.subarray(0, length));
    const headers = new FrameHeaders();
    const kind = readFrame(headers, copy, 0, length, link);
    if (kind !== FRAME_TCP && kind !== FRAME_UDP) return { kind };
    const { transport, transportEnd } = headers;
    assert.ok(transportEnd <= length);
    return {
      headers,
      kind,
      payload: kind === FRAME_TCP ? tcpPayloadOffset(copy, transport, transportEnd) : 0,
      end: kind === FRAME_UDP ? udpPayloadEnd(copy, transport, transportEnd) : 0,
    };
  });
  assert.deepEqual(outcomes[0], outcomes[1]);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
