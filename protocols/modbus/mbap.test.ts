// The MBAP header as a table: what is a message, what is still coming, what is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeAdu, plausibleLengthBytes } from './mbap.ts';
import { fromHex } from './testdata-hex.ts';

// biome-ignore format: one case per line
const cases = [
  { name: 'read holding registers request',   wire: '0001 0000 0006 11 03 006b 0003', expect: { kind: 'message', transactionId: 1, protocolId: 0, lengthBytes: 6, unitId: 0x11, aduBytes: 12 } },
  { name: 'shortest message: unit id and function code', wire: 'ffff 0000 0002 ff 07', expect: { kind: 'message', transactionId: 65535, lengthBytes: 2, unitId: 255, aduBytes: 8 } },
  { name: 'bytes of the next message stay',   wire: '0001 0000 0002 01 07 0002 00',   expect: { kind: 'message', aduBytes: 8 } },
  { name: 'body cut one byte short',          wire: '0001 0000 0006 11 03 006b 00',   expect: { kind: 'incomplete', bytesNeeded: 1 } },
  { name: 'header alone',                     wire: '0001 0000 0006 11',              expect: { kind: 'incomplete', bytesNeeded: 5 } },
  { name: 'header cut',                       wire: '0001 0000 00',                   expect: { kind: 'incomplete', bytesNeeded: 2 } },
  { name: 'nothing',                          wire: '',                               expect: { kind: 'incomplete', bytesNeeded: 7 } },
  { name: 'length 254 is the longest PDU',    wire: '0001 0000 00fe 11 03',           expect: { kind: 'incomplete', bytesNeeded: 252 } },
  { name: 'length 255 exceeds the PDU limit', wire: '0001 0000 00ff 11 03',           expect: { kind: 'malformed', name: 'lengthTooLong', field: 'lengthBytes', offsetBytes: 4, expected: '2..254', actual: '255' } },
  { name: 'length 1 has no function code',    wire: '0001 0000 0001 11 03',           expect: { kind: 'malformed', name: 'lengthTooShort', field: 'lengthBytes', offsetBytes: 4, actual: '1' } },
  { name: 'length 0',                         wire: '0001 0000 0000 11 03',           expect: { kind: 'malformed', name: 'lengthTooShort', actual: '0' } },
  { name: 'protocol id 16',                   wire: '0001 0010 0006 11 03',           expect: { kind: 'malformed', name: 'protocolIdNotZero', field: 'protocolId', offsetBytes: 2, actual: '16' } },
  { name: 'TLS record',                       wire: '1603 0100 8501 00',              expect: { kind: 'malformed', name: 'protocolIdNotZero' } },
] as const;

for (const { name, wire, expect } of cases) {
  test(`MBAP: ${name}`, () => {
    assert.partialDeepStrictEqual(decodeAdu(fromHex(wire)), expect);
  });
}

test('MBAP: the PDU is the span behind the unit id', () => {
  const decoded = decodeAdu(fromHex('0001 0000 0006 11 03 006b 0003'));
  assert.ok(decoded.kind === 'message');
  assert.equal(decoded.pdu.offset, 7);
  assert.equal(decoded.pdu.length, 5);
});

test('MBAP: the quick check knows the same bounds of the length', () => {
  const lengthOf = (length: string): number =>
    plausibleLengthBytes(fromHex(`0001 0000 ${length}`), 0);
  assert.deepEqual(['0001', '0002', '00fe', '00ff', '0102'].map(lengthOf), [0, 2, 254, 0, 0]);
});

test('MBAP: every prefix of a message asks for more, and for no more than there is', () => {
  const whole = fromHex('0001 0000 000d 06 17 0001 0001 0002 0001 0200ff');
  for (let length = 0; length < whole.length; length += 1) {
    const decoded = decodeAdu(whole.subarray(0, length));
    assert.ok(decoded.kind === 'incomplete', `prefix of ${length}`);
    assert.ok(decoded.bytesNeeded > 0 && decoded.bytesNeeded <= whole.length - length);
  }
});

test('MBAP: arbitrary bytes give an answer, and the quick check agrees with the decoder', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isZeroed) => {
      if (isZeroed && bytes.length > 4) bytes.fill(0, 2, 5);
      const decoded = decodeAdu(bytes);
      if (decoded.kind === 'message') assert.ok(decoded.aduBytes <= bytes.length);
      if (bytes.length >= 7) {
        assert.equal(plausibleLengthBytes(bytes, 0) === 0, decoded.kind === 'malformed');
      }
    }),
    { numRuns: 300 },
  );
});
