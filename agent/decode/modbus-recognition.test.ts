// Recognition by content: what is taken for Modbus, on its port and elsewhere, and what never is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import { confirmModbus, recognizeModbus, senderOfModbus } from './modbus-recognition.ts';

const ANSWERS = ['no', 'more', 'yes', 'tentative'] as const;

// biome-ignore format: one case per line
const cases = [
  { name: 'a read request',                   wire: '0001 0000 0006 0a 01 0000 0001',   onPort: 'yes',  offPort: 'tentative' },
  { name: 'a read response',                  wire: '0001 0000 0005 0a 03 02 0000',     onPort: 'yes',  offPort: 'tentative' },
  { name: 'an exception',                     wire: '0000 0000 0003 0a 88 0b',          onPort: 'yes',  offPort: 'tentative' },
  { name: 'two requests in a segment',        wire: '0001 0000 0006 0a 01 0000 0001 0002 0000 0006 0a 01 0000 0001', onPort: 'yes', offPort: 'tentative' },
  { name: 'a request and part of the next',   wire: '0001 0000 0006 0a 01 0000 0001 0002 0000', onPort: 'yes', offPort: 'tentative' },
  { name: 'the first part of a request',      wire: '0001 0000 0006 0a',                onPort: 'more', offPort: 'more' },
  { name: 'two bytes',                        wire: '0001',                             onPort: 'more', offPort: 'more' },
  { name: 'function code 0',                  wire: '0000 0000 0006 01 00 0000 0000',   onPort: 'yes',  offPort: 'no' },
  { name: 'a function nobody knows',          wire: '0000 0000 0006 01 32 0000 0000',   onPort: 'yes',  offPort: 'no' },
  { name: 'quantity 0',                       wire: '0000 0000 0006 01 03 0000 0000',   onPort: 'yes',  offPort: 'no' },
  { name: 'bytes behind an unknown function', wire: '0000 0000 0006 01 32 0000 0000 ffffff', onPort: 'no', offPort: 'no' },
  { name: 'DCE/RPC on port 502',              wire: '0500 0b03 1000 0000 4800 0000',    onPort: 'no',   offPort: 'no' },
  { name: 'ONC RPC on port 502',              wire: '8000 0028 7e86 ab4a 0000 0000',    onPort: 'no',   offPort: 'no' },
  { name: 'TLS on port 502',                  wire: '1603 0100 8501 0000 8103 0373',    onPort: 'no',   offPort: 'no' },
  { name: 'HTTP on port 502',                 wire: '4745 5420 2f20 4854 5450 2f31',    onPort: 'no',   offPort: 'no' },
  { name: 'TPKT on port 502',                 wire: '0300 002b 26e0 0000 0000 0043',    onPort: 'no',   offPort: 'no' },
  { name: 'QUIC: its version looks like protocol id 0', wire: 'cb00 0000 0108 e346 f69f', onPort: 'no', offPort: 'no' },
  { name: 'LDAP: BER length 5',               wire: '3084 0000 0005 02 01 03 42 00',    onPort: 'yes',  offPort: 'no' },
  { name: 'length above the limit',           wire: '0001 0000 8804 05 07 08',          onPort: 'no',   offPort: 'no' },
] as const;

for (const { name, wire, onPort, offPort } of cases) {
  test(`recognition: ${name}`, () => {
    const bytes = new Uint8Array([0xee, ...fromHex(wire), 0xee]);
    assert.equal(ANSWERS[recognizeModbus(bytes, 1, bytes.length - 2, true)], onPort);
    assert.equal(ANSWERS[recognizeModbus(bytes, 1, bytes.length - 2, false)], offPort);
  });
}

// biome-ignore format: one case per line
const senders = [
  { name: 'a read request is five bytes',          wire: '0001 0000 0006 0a 03 0000 0001',     sender: 1 },
  { name: 'a read response counts its bytes',      wire: '0001 0000 0005 0a 03 02 0000',       sender: 2 },
  { name: 'an exception',                          wire: '0000 0000 0003 0a 88 0b',            sender: 2 },
  { name: 'a write of several registers',          wire: '0001 0000 0009 0a 10 0001 0001 02 0000', sender: 1 },
  { name: 'the answer to it',                      wire: '0001 0000 0006 0a 10 0001 0001',     sender: 2 },
  { name: 'an echo tells nothing',                 wire: '0001 0000 0006 0a 06 0001 0001',     sender: 0 },
  { name: 'an echo, then a read',                  wire: '0001 0000 0006 0a 06 0001 0001 0002 0000 0006 0a 03 0000 0001', sender: 1 },
  { name: 'coils that look like both',             wire: '0001 0000 0006 0a 01 0300 0001',     sender: 0 },
] as const;

for (const { name, wire, sender } of senders) {
  test(`sender: ${name}`, () => {
    const bytes = fromHex(wire);
    assert.equal(senderOfModbus(bytes, 0, bytes.length), sender);
  });
}

// biome-ignore format: one case per line
const confirmations = [
  { name: 'request and answer',            one: '0001 0000 0006 0a 03 0000 0001', two: '0001 0000 0005 0a 03 02 0000', expect: true },
  { name: 'request and exception',         one: '0001 0000 0006 0a 03 0000 0001', two: '0001 0000 0003 0a 83 02',      expect: true },
  { name: 'second request is answered',    one: '0001 0000 0006 0a 03 0000 0001 0002 0000 0006 0a 03 0000 0002', two: '0002 0000 0007 0a 03 04 0000 0000', expect: true },
  { name: 'another transaction',           one: '0001 0000 0006 0a 03 0000 0001', two: '0002 0000 0005 0a 03 02 0000', expect: false },
  { name: 'another unit',                  one: '0001 0000 0006 0a 03 0000 0001', two: '0001 0000 0005 0b 03 02 0000', expect: false },
  { name: 'another size than asked',       one: '0001 0000 0006 0a 03 0000 0002', two: '0001 0000 0005 0a 03 02 0000', expect: false },
  { name: 'two requests',                  one: '0001 0000 0006 0a 03 0000 0002', two: '0001 0000 0006 0a 03 0000 0002', expect: false },
] as const;

for (const { name, one, two, expect } of confirmations) {
  test(`confirmation: ${name}`, () => {
    const first = fromHex(one);
    const second = fromHex(two);
    assert.equal(confirmModbus(first, 0, first.length, second, 0, second.length), expect);
    assert.equal(confirmModbus(second, 0, second.length, first, 0, first.length), expect);
  });
}

test('recognition: every prefix of a request asks for more, until it is whole', () => {
  const whole = fromHex('0001 0000 0009 0a 10 0001 0001 02 0000');
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(ANSWERS[recognizeModbus(whole, 0, length, true)], 'more');
  }
});

test('recognition: random bytes on port 502 are next to never Modbus', () => {
  let recognized = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), (bytes) => {
      if (recognizeModbus(bytes, 0, bytes.length, true) === 2) recognized += 1;
      senderOfModbus(bytes, 0, bytes.length);
      confirmModbus(bytes, 0, bytes.length, bytes, 0, bytes.length);
    }),
    { numRuns: 1000 },
  );
  assert.ok(recognized <= 10, `${recognized} of 1000`);
});
