/**
 * Wrapped frames explained: every byte in one field, the headers named, and the application's bytes
 * the same as in the plain frame.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coverFault } from '../explain.ts';
import { explainFrame } from './explain-frame.ts';
import { WRAPPINGS } from './made-wrappings.ts';

const ETHERNET = 1;
const FRAME = hex(
  '02aabbccddee 021122334455 0800 4500 002c 0001 4000 40 06 0000 0a000005 0a000109 ' +
    '9c40 01f6 00000001 00000002 50 18 2000 0000 0000 aabbccdd',
);
const NAMES = new Map([
  ['mpls', 'mpls'],
  ['pppoe', 'pppoe'],
  ['gre', 'gre'],
  ['erspan1', 'gre'],
  ['erspan2', 'gre'],
  ['erspan3', 'gre'],
  ['vxlan', 'vxlan'],
  ['geneve', 'geneve'],
]);

function explain(frame: Uint8Array) {
  const payloads: string[] = [];
  const fields = explainFrame(frame, ETHERNET, ({ bytes, offset, end }) => {
    payloads.push(Buffer.from(bytes.subarray(offset, end)).toString('hex'));
    return undefined;
  });
  assert.equal(coverFault(fields, 0, frame.length), undefined);
  return { names: fields.map(({ name }) => name), payloads };
}

for (const { name, wrap, encapsulations } of WRAPPINGS) {
  test(`explain ${name}: headers by name, the payload inside`, () => {
    const { names, payloads } = explain(wrap(FRAME));
    assert.deepEqual(payloads, ['aabbccdd']);
    assert.ok(names.includes('tcp'));
    for (const wrapping of encapsulations) {
      const layer = NAMES.get(wrapping);
      if (layer !== undefined) assert.ok(names.includes(layer), `${layer} in ${names.join(' ')}`);
    }
  });
}

test('any cut and changed wrapped frame: every byte in one field', () => {
  const wrappings = fc.constantFrom(...WRAPPINGS);
  fc.assert(
    fc.property(
      wrappings,
      wrappings,
      fc.nat(),
      fc.nat(255),
      fc.nat(),
      (one, two, at, byte, cut) => {
        const frame = one.wrap(two.wrap(FRAME));
        frame[at % frame.length] = byte;
        explain(frame.subarray(0, 1 + (cut % frame.length)));
      },
    ),
    { numRuns: 400 },
  );
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
