// What a PDU's size and counts say of its sender, by function code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answers, requestShape, responseShape } from './pdu-shape.ts';
import { fromHex, guardedSpan, spanFromHex } from './testdata-hex.ts';

const SHAPES = ['wrong', 'fits', 'unknown'] as const;

// biome-ignore format: one case per line
const cases = [
  { wire: '01 0000 0001',                request: 'fits',    response: 'wrong' },
  { wire: '01 03 000001',                request: 'fits',    response: 'fits' },
  { wire: '03 0000 0001',                request: 'fits',    response: 'wrong' },
  { wire: '03 02 0001',                  request: 'wrong',   response: 'fits' },
  { wire: '03 03 000102',                request: 'fits',    response: 'wrong' },
  { wire: '05 0001 ff00',                request: 'fits',    response: 'fits' },
  { wire: '07',                          request: 'fits',    response: 'wrong' },
  { wire: '07 6d',                       request: 'wrong',   response: 'fits' },
  { wire: '08 0000 0000',                request: 'fits',    response: 'fits' },
  { wire: '0f 0000 000a 02 ffff',        request: 'fits',    response: 'wrong' },
  { wire: '0f 0000 000a 03 ffffff',      request: 'wrong',   response: 'wrong' },
  { wire: '10 0000 0001 02 0000',        request: 'fits',    response: 'wrong' },
  { wire: '10 0000 0001',                request: 'wrong',   response: 'fits' },
  { wire: '14 07 06 0001 0000 0001',     request: 'fits',    response: 'fits' },
  { wire: '16 0000 0000 0000',           request: 'fits',    response: 'fits' },
  { wire: '17 0000 0001 0000 0001 02 0000', request: 'fits', response: 'wrong' },
  { wire: '18 0000',                     request: 'fits',    response: 'wrong' },
  { wire: '18 0002 0000',                request: 'wrong',   response: 'fits' },
  { wire: '2b 0e 01 00',                 request: 'fits',    response: 'wrong' },
  { wire: '2b 0e 01 01 00 00 00',        request: 'wrong',   response: 'fits' },
  { wire: '2b 01 00',                    request: 'wrong',   response: 'wrong' },
  { wire: '83 02',                       request: 'wrong',   response: 'fits' },
  { wire: '83 02 00',                    request: 'wrong',   response: 'wrong' },
  { wire: '00 0000',                     request: 'wrong',   response: 'wrong' },
  { wire: '32 0000',                     request: 'unknown', response: 'unknown' },
] as const;

for (const { wire, request, response } of cases) {
  test(`shape of ${wire}: request ${request}, response ${response}`, () => {
    const { bytes, offset, length } = spanFromHex(wire);
    assert.equal(SHAPES[requestShape(bytes, offset, length)], request);
    assert.equal(SHAPES[responseShape(bytes, offset, length)], response);
  });
}

// biome-ignore format: one case per line
const pairs = [
  { request: '03 0000 0002', response: '03 04 00000000',    expect: true },
  { request: '03 0000 0002', response: '03 02 0000',        expect: false },
  { request: '01 0000 0009', response: '01 02 0000',        expect: true },
  { request: '06 0001 0002', response: '06 0001 0002',      expect: true },
  { request: '06 0001 0002', response: '06 0001 0003',      expect: false },
  { request: '03 0000 0002', response: '83 02',             expect: true },
  { request: '11',           response: '11 02 00ff',        expect: true },
] as const;

for (const { request, response, expect } of pairs) {
  test(`${response} ${expect ? 'answers' : 'does not answer'} ${request}`, () => {
    const asked = fromHex(request);
    const answer = fromHex(response);
    assert.equal(answers(asked, 0, asked.length, answer, 0, answer.length), expect);
  });
}

test('shape: arbitrary PDUs, no throw, no read past the end', () => {
  const code = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(code, fc.uint8Array({ maxLength: 24 }), (functionCode, data) => {
      const { bytes, offset, length } = guardedSpan(Uint8Array.of(functionCode, ...data));
      requestShape(bytes, offset, length);
      responseShape(bytes, offset, length);
    }),
    { numRuns: 2000 },
  );
});

test('shape: every prefix of every case is judged inside its bytes', () => {
  for (const { wire } of cases) {
    const whole = fromHex(wire);
    for (let length = 1; length <= whole.length; length += 1) {
      const span = guardedSpan(whole.subarray(0, length));
      requestShape(span.bytes, span.offset, length);
      responseShape(span.bytes, span.offset, length);
    }
  }
});
