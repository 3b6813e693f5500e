// UMAS readId: what is told, and that anything else tells nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readUmasIdentity } from './umas-identity.ts';

const span = (bytes: Uint8Array) => ({ bytes, offset: 0, length: bytes.length });
const hex = (text: string) =>
  span(
    Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) =>
      Number.parseInt(pair, 16),
    ),
  );
const ASKED = hex('5a 00 02');
const ANSWER = '5a 00 fe 0000 01020304 0600 2003 0100 0100 0102 00000000 0b 424d582050333420323032';

// biome-ignore format: one case per line
const CASES = [
  { name: 'identifier, firmware and name', request: ASKED, response: hex(ANSWER), expect: { umasIdentifier: '04030201', softwareVersion: '3.20', productName: 'BMX P34 202' } },
  { name: 'an answer to another function', request: hex('5a 00 04'), response: hex(ANSWER), expect: undefined },
  { name: 'a refusal',                     request: ASKED, response: hex('5a 00 fd 01'), expect: undefined },
  { name: 'cut in the firmware',           request: ASKED, response: hex('5a 00 fe 0000 01020304 0600 20'), expect: undefined },
  { name: 'a name that is no text',        request: ASKED, response: hex('5a 00 fe 0000 01020304 0600 2003 0100 0100 0102 00000000 02 0001'), expect: { umasIdentifier: '04030201', softwareVersion: '3.20' } },
] as const;

for (const { name, request, response, expect } of CASES) {
  test(name, () => assert.deepEqual(readUmasIdentity(request, response), expect));
}

test('any bytes: no throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (tail) => {
      readUmasIdentity(ASKED, span(Uint8Array.from([0x5a, 0, 0xfe, ...tail])));
    }),
  );
});
