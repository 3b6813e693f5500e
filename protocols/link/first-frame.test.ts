// Time to live and priority of a flow's first frame: RFC 791 §3.1, RFC 8200 §3, IEEE 802.1Q.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRIORITY_UNKNOWN, priorityCodePoint, ttlOf } from './first-frame.ts';
import { FrameHeaders } from './frame-headers.ts';

const MACS = '020000000001 020000000002';

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );
}

// biome-ignore format: one case per line
const tags = [
  { name: 'no tag',                         wire: `${MACS} 0800 45`,           sourceMac: 6,  expect: PRIORITY_UNKNOWN },
  { name: 'priority 5',                     wire: `${MACS} 8100 a00a 0800 45`, sourceMac: 6,  expect: 5 },
  { name: 'the outer tag of two, 7',        wire: `${MACS} 88a8 e064 8100 200a`, sourceMac: 6, expect: 7 },
  { name: 'a tag of priority 0 is one too', wire: `${MACS} 9100 0001 0800`,    sourceMac: 6,  expect: 0 },
  { name: 'a frame cut behind its tag type', wire: `${MACS} 8100`,             sourceMac: 6,  expect: PRIORITY_UNKNOWN },
  { name: 'a link without MAC addresses',   wire: '4500',                      sourceMac: -1, expect: PRIORITY_UNKNOWN },
] as const;

for (const { name, wire, sourceMac, expect } of tags) {
  test(`priority: ${name}`, () => {
    assert.equal(priorityCodePoint(sourceMac, bytesOf(wire)), expect);
  });
}

test('the time to live of IPv4 and the hop limit of IPv6', () => {
  const headers = new FrameHeaders();
  headers.sourceAddress = 12;
  assert.equal(ttlOf(headers, bytesOf('4500 0028 0000 0000 3f06 0000 0a000005 0a000109')), 63);
  headers.isIpv6 = true;
  headers.sourceAddress = 8;
  assert.equal(ttlOf(headers, bytesOf('6000 0000 0014 06fe 20010db8')), 254);
});
