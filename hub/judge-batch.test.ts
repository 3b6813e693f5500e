/** Where a batch lies: every message and its neighbours are looked up, in few stretches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stretchesOf } from './judge-batch.ts';
import type { VerifiedMessage } from './store.ts';

const none = new Uint8Array(32);

function message(sequence: number, agentId = 'a'): VerifiedMessage {
  return {
    kind: 'verified',
    agentId,
    epoch: 1,
    stream: 2,
    sequence,
    messageKind: 'summary',
    sha256: none,
    previousSha256: none,
    signedAtMs: 0,
    bytes: none,
  };
}

// biome-ignore format: one case per line
const cases = [
  { name: 'nothing',                       sequences: [],                 stretches: [] },
  { name: 'one message',                   sequences: [7],                stretches: [[7, 7]] },
  { name: 'messages in another order',     sequences: [9, 7, 8],          stretches: [[7, 9]] },
  { name: 'one of them twice',             sequences: [7, 7],             stretches: [[7, 7]] },
  { name: 'a small hole between',          sequences: [7, 20],            stretches: [[7, 20]] },
  { name: 'a backlog and what is fresh',   sequences: [2, 1_000_000, 3],  stretches: [[2, 3], [1_000_000, 1_000_000]] },
] as const;

for (const { name, sequences, stretches } of cases) {
  test(`${name}: ${stretches.length} stretches`, () => {
    const found = stretchesOf(sequences.map((sequence) => message(sequence)));
    assert.deepEqual(
      found.map(({ from, to }) => [from, to]),
      stretches,
    );
  });
}

test('any batch: each message is in one stretch of its own agent', () => {
  const place = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.constantFrom('a', 'b'));
  fc.assert(
    fc.property(fc.array(place, { maxLength: 40 }), (places) => {
      const batch = places.map(([sequence, agentId]) => message(sequence, agentId));
      const stretches = stretchesOf(batch);
      for (const { agentId, sequence } of batch) {
        const around = stretches.filter(
          ({ place, from, to }) => place.agentId === agentId && from <= sequence && sequence <= to,
        );
        assert.equal(around.length, 1);
      }
    }),
  );
});
