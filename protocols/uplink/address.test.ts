/** Addresses: each text has one form on the wire, and each form one text (RFC 5952). */
import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressBytes, addressText, bytesOfHex, hexOfBytes } from './address.ts';

// biome-ignore format: one case per line
const compact = [
  { text: '10.0.0.5',                    hex: '0a000005' },
  { text: '255.255.255.255',             hex: 'ffffffff' },
  { text: '::',                          hex: '00000000000000000000000000000000' },
  { text: '::1',                         hex: '00000000000000000000000000000001' },
  { text: '2001:db8::5',                 hex: '20010db8000000000000000000000005' },
  { text: '2001:db8:0:1:1:1:1:1',        hex: '20010db8000000010001000100010001' },
  { text: '2001:0:0:1::1',               hex: '20010000000000010000000000000001' },
  { text: 'fe80::1:0:0:1',               hex: 'fe800000000000000001000000000001' },
  { text: '1:2:3:4:5:6:7:0',             hex: '00010002000300040005000600070000' },
  { text: '0123456789abcdef',            hex: '0123456789abcdef' },
] as const;

for (const { text, hex } of compact) {
  test(`${text} is ${hex.length / 2} bytes`, () => {
    assert.equal(hexOfBytes(addressBytes(text) ?? new Uint8Array()), hex);
    assert.equal(addressText(bytesOfHex(hex)), text);
  });
}

// biome-ignore format: one case per line
const plain = ['', '10.0.0.5:502', '010.0.0.5', '10.0.0', '10.0.0.256', '1:2:3:4:5:6:7', '2001:DB8::5', '2001:db8:0:0:0:0:0:5', '1::2::3', ':1', '1:2:3:4:5:6:7::', '12345::1', '0123456789ABCDEF', '0123456789abcde', 'line:/dev/ttyUSB0', '::ffff:10.0.0.1'];

for (const text of plain) {
  test(`"${text}" stays text`, () => assert.equal(addressBytes(text), undefined));
}

test('any 4, 8 or 16 bytes have a text that leads back to them', () => {
  for (const length of [4, 8, 16]) {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (bytes) => {
        const text = addressText(bytes) ?? '';
        assert.deepEqual(addressBytes(text), bytes);
        if (length === 16) assert.ok(isIPv6(text));
      }),
    );
  }
});
