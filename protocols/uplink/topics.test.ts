/** Canonical topics, read back from what a broker or a bridge delivers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { agentIdFromBytes } from './agent-id.ts';
import {
  endsWithTopic,
  parseTopic,
  receiptTopic,
  STREAMS,
  statusTopic,
  streamTopic,
} from './topics.ts';

const ID = 'egtcivvgtgajm62uulzvhq4r2u';

// biome-ignore format: one case per line
const cases = [
  { topic: `ft/v1/${ID}/up/a`,             expect: { kind: 'stream', agentId: ID, stream: 1 } },
  { topic: `ft/v1/${ID}/up/s`,             expect: { kind: 'stream', agentId: ID, stream: 2 } },
  { topic: `ft/v1/${ID}/up/b`,             expect: { kind: 'stream', agentId: ID, stream: 3 } },
  { topic: `ft/v1/${ID}/up/st`,            expect: { kind: 'status', agentId: ID } },
  { topic: `ft/v1/${ID}/dn/r`,             expect: { kind: 'receipt', agentId: ID } },
  { topic: `ft/v1/${ID}/dn/c`,             expect: { kind: 'request', agentId: ID } },
  { topic: 'ft/v1/adv/water',              expect: { kind: 'advisory', sector: 'water' } },
  { topic: `bridge/a/ft/v1/${ID}/up/s`,    expect: { kind: 'stream', agentId: ID, stream: 2 } },
  { topic: `ft/v2/${ID}/up/s`,             expect: undefined },
  { topic: `ft/v1/${ID}/up/x`,             expect: undefined },
  { topic: `ft/v1/${ID}/up/s/more`,        expect: undefined },
  { topic: 'ft/v1/nobody/up/s',            expect: undefined },
  { topic: 'ft/v1/adv/../etc',             expect: undefined },
  { topic: '',                             expect: undefined },
  { topic: `${'x/'.repeat(200)}ft/v1/${ID}/up/s`, expect: undefined },
] as const;

for (const { topic, expect } of cases) {
  test(`"${topic.slice(0, 50)}" is ${expect?.kind ?? 'none of ours'}`, () => {
    assert.deepEqual(parseTopic(topic), expect);
  });
}

test('a prefix ends at a level: a longer word is another topic', () => {
  const canonical = streamTopic(ID, 2);
  assert.ok(endsWithTopic(canonical, canonical));
  assert.ok(endsWithTopic(`bridge/${canonical}`, canonical));
  assert.ok(!endsWithTopic(`not${canonical}`, canonical));
  assert.ok(!endsWithTopic(`${canonical}/x`, canonical));
});

test('every topic that is made is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const agentId = agentIdFromBytes(bytes);
      for (const stream of STREAMS) {
        assert.deepEqual(parseTopic(streamTopic(agentId, stream)), {
          kind: 'stream',
          agentId,
          stream,
        });
      }
      assert.deepEqual(parseTopic(receiptTopic(agentId)), { kind: 'receipt', agentId });
      assert.deepEqual(parseTopic(statusTopic(agentId)), { kind: 'status', agentId });
    }),
  );
});

test('any text is read without a throw', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseTopic(text)));
});
