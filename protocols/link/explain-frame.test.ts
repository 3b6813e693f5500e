/** Link, network and transport headers, field by field; every byte in one field for any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coverFault, type ExplainedField } from '../explain.ts';
import * as block from '../frame-block.ts';
import { explainFrame } from './explain-frame.ts';

const MACS = '02aabbccddee 021122334455 ';
const IPV4 = '4500 0028 0001 4000 40 06 25c2 0a000005 0a000109 ';
const TCP = '9c40 01f6 00000001 00000002 50 18 2000 0000 0000 ';
const IPV6 =
  '6 0 000000 0014 06 40 fd00000000000000000000000000000 5 fd00000000000000000000000000000 9';
const ETHERNET = block.LINKTYPE_ETHERNET;

// biome-ignore format: one case per line
const cases = [
  { name: 'Ethernet and TCP',           link: ETHERNET, wire: `${MACS}0800 ${IPV4}${TCP}`, layers: ['ethernet', 'ipv4', 'tcp'], holds: ['sourcePort=40000', 'flags=PSH ACK', 'ttl=64', 'headerChecksum=0x25c2, right', 'sourceIpAddress=10.0.0.5', 'sourceMacAddress=02:11:22:33:44:55'] },
  { name: 'padding behind IP',          link: ETHERNET, wire: `${MACS}0800 ${IPV4}${TCP}000000000000`, layers: ['ethernet', 'ipv4', 'tcp', 'padding'], holds: [] },
  { name: 'a trailer behind IP',        link: ETHERNET, wire: `${MACS}0800 ${IPV4}${TCP}0000beef`, layers: ['ethernet', 'ipv4', 'tcp', 'trailer'], holds: [] },
  { name: 'one VLAN tag',               link: ETHERNET, wire: `${MACS}8100 a00a 0800 ${IPV4}${TCP}`, layers: ['ethernet', 'vlanTag', 'ipv4', 'tcp'], holds: ['priorityCodePoint+vlanId=priorityCodePoint 5, vlanId 10'] },
  { name: 'two VLAN tags',              link: ETHERNET, wire: `${MACS}88a8 0064 8100 1002 0800 ${IPV4}${TCP}`, layers: ['ethernet', 'vlanTag', 'vlanTag', 'ipv4', 'tcp'], holds: ['priorityCodePoint+vlanId=priorityCodePoint 0, vlanId 2, drop eligible'] },
  { name: 'ARP',                        link: ETHERNET, wire: `${MACS}0806 0001 0800 06 04 0002 021122334455 0a000005 02aabbccddee 0a000109`, layers: ['ethernet', 'arp'], holds: ['operation=2 (reply)', 'senderMacAddress=02:11:22:33:44:55', 'targetIpAddress=10.0.1.9'] },
  { name: 'an unknown EtherType',       link: ETHERNET, wire: `${MACS}88b8 aabb`, layers: ['ethernet', 'payload'], holds: ['etherType=0x88b8 (GOOSE)'] },
  { name: 'IEEE 802.3 with a length',   link: ETHERNET, wire: `${MACS}0003 424203`, layers: ['ethernet', 'payload'], holds: ['lengthBytes=3'] },
  { name: 'IPv4 options',               link: block.LINKTYPE_RAW, wire: `4600 002c 0001 4000 40 06 0000 0a000005 0a000109 94040000 ${TCP}`, layers: ['ipv4', 'tcp'], holds: ['headerChecksum=0x0000, wrong', 'routerAlert='] },
  { name: 'a later fragment',           link: block.LINKTYPE_RAW, wire: '4500 0018 0001 2001 40 06 0000 0a000005 0a000109 aabbccdd', layers: ['ipv4', 'payload'], holds: ['fragment=offset 8, more fragments'] },
  { name: 'IPv6',                       link: block.LINKTYPE_IPV6, wire: `${IPV6}${TCP}`, layers: ['ipv6', 'tcp'], holds: ['sourceIpAddress=fd00::5', 'hopLimit=64'] },
  { name: 'IPv6 hop-by-hop',            link: block.LINKTYPE_RAW, wire: `${IPV6.replace('0014 06', '001c 00')}06 00 010400000000 ${TCP}`, layers: ['ipv6', 'ipv6Extension', 'tcp'], holds: ['nextHeader=6 (TCP)'] },
  { name: 'IPv6 fragment',              link: block.LINKTYPE_RAW, wire: `${IPV6.replace('0014 06', '000a 2c')}06 00 0009 00000007 aabb`, layers: ['ipv6', 'ipv6Extension', 'payload'], holds: ['fragment=offset 8, more fragments'] },
  { name: 'TCP options',                link: block.LINKTYPE_IPV4, wire: `4500 003c 0001 4000 40 06 0000 0a000005 0a000109 ${TCP.replace('50 18', 'a0 02')}020405b4 0402 080a0000000100000002 01 030307`, layers: ['ipv4', 'tcp'], holds: ['maximumSegmentSize=1460 bytes', 'timestamps=value 1, echo 2', 'windowScale=2^7', 'flags=SYN'] },
  { name: 'UDP',                        link: block.LINKTYPE_RAW, wire: '4500 001e 0001 0000 40 11 0000 0a000005 0a000109 9c40 01f6 000a 0000 aabb', layers: ['ipv4', 'udp', 'payload'], holds: ['lengthBytes=10'] },
  { name: 'ICMP',                       link: block.LINKTYPE_RAW, wire: '4500 001c 0001 0000 40 01 0000 0a000005 0a000109 0800 f7ff 0000 0000', layers: ['ipv4', 'icmp', 'payload'], holds: ['type=8'] },
  { name: 'Linux cooked',               link: block.LINKTYPE_LINUX_SLL, wire: `0004 0001 0006 0211223344550000 0800 ${IPV4}${TCP}`, layers: ['linuxSll', 'ipv4', 'tcp'], holds: ['packetType=4 (from us)', 'sourceMacAddress=02:11:22:33:44:55'] },
  { name: 'Linux cooked 2',             link: block.LINKTYPE_LINUX_SLL2, wire: `0800 0000 00000003 0001 00 06 0211223344550000 ${IPV4}${TCP}`, layers: ['linuxSll2', 'ipv4', 'tcp'], holds: ['interfaceIndex=3'] },
  { name: 'BSD loopback',               link: block.LINKTYPE_NULL, wire: `02000000 ${IPV4}${TCP}`, layers: ['nullLoopback', 'ipv4', 'tcp'], holds: ['addressFamily=0x02000000 (IPv4)'] },
  { name: 'a link type we do not read', link: 127, wire: 'aabbcc', layers: ['payload'], holds: [] },
  { name: 'a header cut by the snap length', link: ETHERNET, wire: `${MACS}0800 ${IPV4.slice(0, 20)}`, layers: ['ethernet', 'payload'], holds: [] },
  { name: 'no byte at all',             link: ETHERNET, wire: '', layers: [], holds: [] },
] as const;

for (const { name, link, wire, layers, holds } of cases) {
  test(`explain ${name}`, () => {
    const frame = fromHex(wire);
    const fields = explainFrame(frame, link);
    assert.equal(coverFault(fields, 0, frame.length), undefined);
    assert.deepEqual(
      fields.map((field) => field.name),
      layers,
    );
    const leaves = leavesOf(fields);
    for (const text of holds) assert.ok(leaves.includes(text), `${text} in ${leaves.join(' | ')}`);
  });
}

const LINK_TYPES = [0, 1, 101, 108, 113, 228, 229, 276, 127];

test('every prefix of every frame above, and any bytes of any link type: an exact cover', () => {
  const starts = cases.map(({ wire }) => fromHex(wire));
  for (const [index, start] of starts.entries()) {
    for (let length = 0; length <= start.length; length++) {
      check(start.subarray(0, length), cases[index].link);
    }
  }
  const bytes = fc.uint8Array({ maxLength: 120 });
  fc.assert(
    fc.property(bytes, fc.constantFrom(...starts), fc.nat(), (tail, start, cut) => {
      const mutant = Uint8Array.from([...start.subarray(0, cut % (start.length + 1)), ...tail]);
      for (const link of LINK_TYPES) check(mutant, link);
    }),
    { numRuns: 300 },
  );
});

test('what the application explains badly is still covered', () => {
  const frame = fromHex(`${MACS}0800 4500 002c${IPV4.slice(9)}${TCP}aabbccdd`);
  const wrong = (offset: number, length: number) => [{ name: 'x', offset, length, value: '' }];
  for (const [offset, length] of [
    [55, 2],
    [54, 9],
    [0, 4],
    [54, 4],
    [57, 1],
  ]) {
    const fields = explainFrame(frame, ETHERNET, () => wrong(offset, length));
    assert.equal(coverFault(fields, 0, frame.length), undefined);
  }
});

function check(frame: Uint8Array, link: number): void {
  assert.equal(coverFault(explainFrame(frame, link), 0, frame.length), undefined);
}

function leavesOf(fields: readonly ExplainedField[]): string[] {
  return fields.flatMap(({ name, value, children }) =>
    children === undefined ? [`${name}=${value}`] : leavesOf(children),
  );
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
