/** The evidence ring: what it still has, what it refuses, and that it never hands out other bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameHistory } from './frame-history.ts';

const run = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

test('history: what was appended can be copied by its address', () => {
  const history = new FrameHistory(64);
  const address = history.append(Uint8Array.of(9, 1, 2, 3, 9), 1, 3);
  assert.equal(address, 0);
  assert.deepEqual(history.copy(address, 3), Uint8Array.of(1, 2, 3));
  assert.deepEqual(history.copy(address + 1, 1), Uint8Array.of(2));
});

test('history: a copy is its own, whatever the ring does later', () => {
  const history = new FrameHistory(32);
  const address = history.append(run(1, 32));
  const copy = history.copy(address, 4);
  history.append(run(2, 32));
  assert.deepEqual(copy, run(1, 4));
  assert.equal(history.copy(address, 4), undefined);
});

test('history: a run is never torn over the end of the ring', () => {
  const history = new FrameHistory(64);
  history.append(run(1, 40));
  const second = history.append(run(2, 40));
  assert.equal(second % 64, 0);
  assert.deepEqual(history.copy(second, 40), run(2, 40));
});

test('history: a run that was overwritten in part is refused whole, and in that part', () => {
  const history = new FrameHistory(64);
  const first = history.append(run(1, 32));
  const second = history.append(run(2, 32));
  history.append(run(3, 16));
  assert.equal(history.copy(first, 32), undefined);
  assert.deepEqual(history.copy(first + 16, 16), run(1, 16));
  assert.deepEqual(history.copy(second, 32), run(2, 32));
});

// biome-ignore format: one case per line
const refused = [
  { name: 'an address before the first',        address: -1,          length: 1 },
  { name: 'an address that was never given',    address: 16,          length: 1 },
  { name: 'more bytes than were appended',      address: 0,           length: 17 },
  { name: 'a length below zero',                address: 0,           length: -1 },
  { name: 'an address that is no number',       address: Number.NaN,  length: 1 },
  { name: 'a length without end',               address: 0,           length: Number.POSITIVE_INFINITY },
];

for (const { name, address, length } of refused) {
  test(`history: refuses ${name}`, () => {
    const history = new FrameHistory(64);
    history.append(run(1, 16));
    assert.equal(history.copy(address, length), undefined);
  });
}

test('history: a run longer than the ring is refused and counted', () => {
  const history = new FrameHistory(32);
  assert.equal(history.append(run(1, 33)), -1);
  assert.equal(history.runsRefused, 1);
  assert.equal(new FrameHistory(0).append(run(1, 1)), -1);
});

test('history: whatever the order of runs, it gives back the right bytes or nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 40 }), (lengths) => {
      const history = new FrameHistory(64);
      const known: { address: number; value: number; length: number }[] = [];
      lengths.forEach((length, value) => {
        const address = history.append(run(value, length));
        if (address >= 0) known.push({ address, value, length });
      });
      for (const { address, value, length } of known) {
        const copy = history.copy(address, length);
        if (copy !== undefined) assert.deepEqual(copy, run(value, length));
      }
      const last = known.at(-1);
      if (last !== undefined) assert.ok(history.copy(last.address, last.length) !== undefined);
    }),
  );
});
