// Gaps between the notifications of a subscription: OPC 10000-4 §5.13.1.1, §7.9 and §7.26.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SUBSCRIPTIONS_MAX, SubscriptionSequences } from './subscription-sequences.ts';

// `k` marks a keep-alive.
// biome-ignore format: one case per line
const cases = [
  { name: 'one after the other',                      seen: ['7', '8', '9'],              expect: [0, 0, 0] },
  { name: 'two are missing',                          seen: ['7', '10', '11'],            expect: [0, 2, 0] },
  { name: 'a keep-alive has the next number',         seen: ['7', '8k', '8k', '8', '9k'], expect: [0, 0, 0, 0, 0] },
  { name: 'one missing is told by the keep-alive',    seen: ['7', '9k', '9'],             expect: [0, 1, 0] },
  { name: 'one missing behind a keep-alive',          seen: ['7', '8k', '9'],             expect: [0, 0, 1] },
  { name: 'an older one comes once more',             seen: ['7', '8', '7', '9'],         expect: [0, 0, 0, 0] },
  { name: 'after the last number comes 1',            seen: ['4294967295', '1', '2'],     expect: [0, 0, 0] },
  { name: 'one is missing over the wrap',             seen: ['4294967294', '1'],          expect: [0, 1] },
] as const;

for (const { name, seen, expect } of cases) {
  test(name, () => {
    const sequences = new SubscriptionSequences();
    const gaps = seen.map((text) =>
      sequences.gapBefore('10.0.0.9 4840', 3, Number.parseInt(text, 10), text.endsWith('k')),
    );
    assert.deepEqual(gaps, expect);
  });
}

test('subscriptions and servers are told apart, and the table is bounded', () => {
  const sequences = new SubscriptionSequences();
  assert.equal(sequences.gapBefore('a', 1, 5, false), 0);
  assert.equal(sequences.gapBefore('b', 1, 50, false), 0);
  assert.equal(sequences.gapBefore('a', 2, 500, false), 0);
  assert.equal(sequences.gapBefore('a', 1, 7, false), 1);
  for (let number = 0; number < SUBSCRIPTIONS_MAX; number++) {
    sequences.gapBefore('c', number, 1, false);
  }
  assert.equal(sequences.gapBefore('a', 1, 70, false), 0, 'forgotten: it is the first again');
});
