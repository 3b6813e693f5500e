/** Summaries told as differences: what they leave out comes back from the base, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ConversationCounts } from '../interval-report.ts';
import { decodeAgentMessage, encodeAgentMessage } from './codec.ts';
import type { Summary, SummaryDelta } from './messages.ts';
import { sampleSigner } from './sample-keys.ts';
import { busySummary, sampleBytes, steadySummary } from './sample-messages.ts';
import { applySummaryDelta, knownConversation } from './summary-delta.ts';

const { signerId } = sampleSigner('agent');
const base = busySummary(signerId, 40);

/** Every conversation of `after` by its row in `before` where it can be told so. */
function deltaOf(before: Summary, after: Summary): SummaryDelta {
  const { kind: _, conversations, ...rest } = after;
  const told = conversations.map((each, row) => {
    const was = before.conversations[row];
    return was === undefined ? undefined : knownConversation(row, was, each);
  });
  return {
    ...rest,
    kind: 'summaryDelta',
    baseSequence: before.sequence,
    baseSha256: sampleBytes('base', 32),
    known: told.filter((each) => each !== undefined),
    conversations: conversations.filter((_each, row) => told[row] === undefined),
  };
}

function throughTheWire(delta: SummaryDelta): SummaryDelta {
  const decoded = decodeAgentMessage(encodeAgentMessage(delta));
  assert.ok(decoded.kind === 'message' && decoded.message.kind === 'summaryDelta');
  return decoded.message;
}

test('a steady minute comes back as it was', () => {
  const after = steadySummary(base, 41);
  const delta = deltaOf(base, after);
  assert.equal(delta.known.length, 50);
  assert.deepEqual(applySummaryDelta(base, throughTheWire(delta)), after);
});

const [first] = base.conversations;

// biome-ignore format: one case per line
const wholes: readonly { name: string; after: ConversationCounts }[] = [
  { name: 'another unit',                   after: { ...first, unitId: 99 } },
  { name: 'another client',                 after: { ...first, clientIpAddress: '10.0.0.1' } },
  { name: 'a function code more',           after: { ...first, functionCodes: [...(first.functionCodes ?? []), { functionCode: 90, requests: 1, responses: 1, exceptions: 0 }] } },
  { name: 'function codes in another order', after: { ...first, functionCodes: [...(first.functionCodes ?? [])].reverse() } },
  { name: 'no matched pair any more',       after: withoutRtt(first) },
  { name: 'roles that are surer now',       after: { ...first, roleConfidence: 0.5 } },
];
for (const { name, after } of wholes) {
  test(`told whole: ${name}`, () => {
    assert.equal(knownConversation(0, first, after), undefined);
    const next = { ...base, sequence: 41, conversations: [after, ...base.conversations.slice(1)] };
    const back = applySummaryDelta(base, throughTheWire(deltaOf(base, next)));
    assert.deepEqual(new Set(back?.conversations), new Set(next.conversations));
  });
}

const good = deltaOf(base, steadySummary(base, 41));
// biome-ignore format: one case per line
const misfits: readonly { name: string; base: Summary; delta: SummaryDelta }[] = [
  { name: 'another base',                 base: { ...base, sequence: 39 }, delta: good },
  { name: 'another epoch',                base: { ...base, epoch: 5 },     delta: good },
  { name: 'a row that the base has not',  base, delta: { ...good, known: [{ ...good.known[0], row: 50 }] } },
  { name: 'a function code too few',      base, delta: { ...good, known: [{ ...good.known[0], functionCodes: [] }] } },
];
for (const { name, base: other, delta } of misfits) {
  test(`doesn't fit: ${name}`, () => assert.equal(applySummaryDelta(other, delta), undefined));
}

test('any counts come back', () => {
  const count = fc.maxSafeNat().map((value) => value >> 1);
  fc.assert(
    fc.property(count, count, count, (requests, responses, bytesMissed) => {
      const after = { ...first, requests, responses, bytesMissed };
      const next = { ...base, sequence: 41, conversations: [after] };
      assert.deepEqual(applySummaryDelta(base, throughTheWire(deltaOf(base, next))), next);
    }),
  );
});

function withoutRtt({ rttUs: _, ...rest }: ConversationCounts): ConversationCounts {
  return rest;
}
