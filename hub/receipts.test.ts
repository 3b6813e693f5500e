/** Ranges of a receipt, receipts on their way out, and the waits between tries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../agent/platform/random.ts';
import { Backoff } from './backoff.ts';
import { type OutgoingReceipt, ReceiptQueue } from './receipt-queue.ts';
import {
  extendRanges,
  NO_RANGES,
  packRanges,
  rangesToTell,
  type StreamRanges,
  unpackRanges,
} from './received-ranges.ts';

const hash = (sequence: number): Uint8Array => new Uint8Array(32).fill(sequence);
const stored = (sequences: readonly number[]) =>
  sequences.map((sequence) => ({ sequence, sha256: hash(sequence) }));

// biome-ignore format: one case per line
const ranges = [
  { name: 'nothing',                          from: 0, above: [],                  cumulative: 0, have: [] },
  { name: 'all in order',                     from: 0, above: [1, 2, 3],           cumulative: 3, have: [] },
  { name: 'further than before',              from: 7, above: [8, 9],              cumulative: 9, have: [] },
  { name: 'a hole at the beginning',          from: 0, above: [2, 3],              cumulative: 0, have: [[2, 3]] },
  { name: 'two holes',                        from: 0, above: [1, 3, 5, 6],        cumulative: 1, have: [[3, 3], [5, 6]] },
  { name: 'more ranges than a receipt holds', from: 0, above: Array.from({ length: 40 }, (_, index) => 2 + index * 2), cumulative: 0, have: Array.from({ length: 32 }, (_, index) => [2 + index * 2, 2 + index * 2]) },
] as const;

for (const { name, from, above, cumulative, have } of ranges) {
  test(`what a receipt says of ${name}`, () => {
    const before = { ...NO_RANGES, cumulative: from, cumulativeSha256: hash(from) };
    const ranges = extendRanges(before, stored(above));
    const result = { ...ranges, have: rangesToTell(ranges.have, []) };
    assert.equal(result.cumulative, cumulative);
    assert.deepEqual(result.cumulativeSha256, hash(cumulative));
    assert.deepEqual(
      result.have.map((range) => [range.from, range.to]),
      have,
    );
    for (const { to, lastSha256 } of result.have) assert.deepEqual(lastSha256, hash(to));
  });
}

test('ranges name exactly what is stored, whatever the order and the batches', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 40 }))), (batches) => {
      let result: StreamRanges = NO_RANGES;
      for (const batch of batches) {
        const have = unpackRanges(packRanges(result.have).subarray());
        result = extendRanges({ ...result, have }, stored(batch));
      }
      const told = [{ from: 1, to: result.cumulative }, ...result.have].flatMap(({ from, to }) =>
        Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index),
      );
      const sequences = [...new Set(batches.flat())].sort((a, b) => a - b);
      assert.deepEqual(told, sequences);
      for (const { to, lastSha256 } of result.have) assert.equal(lastSha256[0], to);
    }),
  );
});

test('a tombstone lets the stream go on once the message behind it is there', () => {
  const before = extendRanges(NO_RANGES, stored([1, 2]));
  const dropped = [
    { from: 3, to: 5 },
    { from: 6, to: 8 },
  ];
  assert.equal(extendRanges(before, [], dropped).cumulative, 2);
  assert.equal(extendRanges(before, stored([9]), dropped).cumulative, 9);
  assert.equal(extendRanges(before, stored([10]), dropped).cumulative, 2, '9 is missing');
});

test('with more holes than a receipt can tell, what was just received is told all the same', () => {
  const odd = Array.from({ length: 100 }, (_, index) => 3 + 2 * index);
  const { have } = extendRanges(NO_RANGES, stored(odd));
  const told = rangesToTell(have, [101, 201]).map(({ from }) => from);
  assert.equal(told.length, 32);
  assert.ok(told.includes(101) && told.includes(201) && told.includes(3));
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  );
});

const receipt = (name: string, text = name): OutgoingReceipt => ({
  name,
  topic: name,
  bytes: new TextEncoder().encode(text),
  isRetained: true,
});

test('of two receipts for one stream only the later one leaves', () => {
  const queue = new ReceiptQueue();
  queue.put(receipt('a', 'old'));
  queue.put(receipt('b'));
  queue.put(receipt('a', 'new'));
  const sent: string[] = [];
  queue.linkUp((each, done) => {
    sent.push(new TextDecoder().decode(each.bytes));
    done();
  }, 10);
  assert.deepEqual(sent, ['b', 'new']);
  assert.ok(queue.isIdle);
});

test('no more are under way than the broker takes', () => {
  const queue = new ReceiptQueue();
  const waiting: (() => void)[] = [];
  queue.linkUp((_, done) => void waiting.push(done), 2);
  for (const name of ['a', 'b', 'c', 'd']) queue.put(receipt(name));
  assert.equal(waiting.length, 2);
  waiting[0]();
  assert.equal(waiting.length, 3);
  queue.linkDown();
  waiting[1]();
  assert.equal(waiting.length, 3, 'an answer of the old link moves nothing');
  const sent: string[] = [];
  queue.linkUp((each, done) => {
    sent.push(each.name);
    done();
  }, 2);
  assert.deepEqual(sent, ['d']);
});

test('waits grow to a minute, with full jitter, and begin again after success', () => {
  const backoff = new Backoff(new SeededRandom(1));
  const waits = Array.from({ length: 60 }, () => backoff.nextMs());
  assert.ok(waits[0] < 500);
  assert.ok(Math.max(...waits) > 30_000 && Math.max(...waits) <= 60_000);
  backoff.reset();
  assert.ok(backoff.nextMs() < 500);
});
