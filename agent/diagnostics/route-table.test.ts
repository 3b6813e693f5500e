/** By which interface a target would be reached: the kernel's tables, and the longest prefix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv4Interface, ipv6Hex, ipv6Interface } from './route-table.ts';

const IPV4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
mirror0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
lo\t00004D0A\t00000000\t0201\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;
const IPV6 = `fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 mirror0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
`;

// biome-ignore format: one case per line
const cases = [
  { address: '192.168.1.9', is: 'eth0',    why: 'the network itself' },
  { address: '10.77.0.10',  is: 'mirror0', why: 'a route that somebody gave the capture port' },
  { address: '8.8.8.8',     is: 'eth0',    why: 'the default route' },
] as const;

for (const { address, is, why } of cases) {
  test(`${address}: ${why}`, () => assert.equal(ipv4Interface(IPV4, address), is));
}

test('IPv6: the longest prefix, and text in all its short forms', () => {
  assert.equal(ipv6Interface(IPV6, ipv6Hex('fd00::5') ?? ''), 'mirror0');
  assert.equal(ipv6Interface(IPV6, ipv6Hex('2001:db8::1') ?? ''), 'eth0');
  assert.equal(ipv6Hex('::'), '0'.repeat(32));
  assert.equal(ipv6Hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  for (const none of ['', '1::2::3', '12345::', '1:2', 'x::', '::ffff:1.2.3.4']) {
    assert.equal(ipv6Hex(none), undefined, none);
  }
});

test('no table, no route; any text, no throw', () => {
  assert.equal(ipv4Interface('', '10.0.0.1'), undefined);
  fc.assert(
    fc.property(fc.string(), (text) => {
      ipv4Interface(text, '10.0.0.1');
      ipv6Hex(text);
    }),
  );
});
