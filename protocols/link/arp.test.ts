// ARP as a claim of an address.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readArp } from './arp.ts';

const bytesOf = (hex: string) =>
  Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const HEAD = '0001 0800 06 04';

// biome-ignore format: one case per line
const CASES = [
  { name: 'a request says who asks',          wire: `${HEAD} 0001 0080f4010203 0a000109 000000000000 0a000105`, claim: { macAddress: '00:80:f4:01:02:03', ipAddress: '10.0.1.9', isReply: false } },
  { name: 'a reply says who answers',         wire: `${HEAD} 0002 0080f4010203 0a000109 020000000005 0a000105`, claim: { macAddress: '00:80:f4:01:02:03', ipAddress: '10.0.1.9', isReply: true } },
  { name: 'a probe claims nothing yet',       wire: `${HEAD} 0001 0080f4010203 00000000 000000000000 0a000109`, claim: undefined },
  { name: 'a multicast MAC is no device',     wire: `${HEAD} 0002 0180f4010203 0a000109 020000000005 0a000105`, claim: undefined },
  { name: 'a multicast address is no device', wire: `${HEAD} 0002 0080f4010203 e0000001 020000000005 0a000105`, claim: undefined },
  { name: 'another kind of network',          wire: `0006 0800 06 04 0002 0080f4010203 0a000109 020000000005 0a000105`, claim: undefined },
  { name: 'reverse ARP',                      wire: `${HEAD} 0003 0080f4010203 0a000109 020000000005 0a000105`, claim: undefined },
  { name: 'cut one byte short',               wire: `${HEAD} 0002 0080f4010203 0a000109 020000000005 0a0001`, claim: undefined },
] as const;

for (const { name, wire, claim } of CASES) {
  test(name, () => {
    const bytes = bytesOf(wire);
    assert.deepEqual(readArp(bytes, 0, bytes.length), claim);
  });
}

test('any bytes: no throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      readArp(bytes, 0, bytes.length);
    }),
  );
});
