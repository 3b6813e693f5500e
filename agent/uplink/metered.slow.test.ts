/** The metered profile: differences from what the hub has for certain, whole wherever it is unsure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report, TestBuffers } from '../../buffer/test-kit.ts';
import type { AgentMessage, Summary } from '../../protocols/uplink/messages.ts';
import { applySummaryDelta } from '../../protocols/uplink/summary-delta.ts';
import { meteredBytes, wholeBytes } from './golden-sizes.ts';
import { PROFILES } from './profiles.ts';
import { conversation, UplinkBench } from './test-kit.ts';

const buffers = new TestBuffers();

function started(): UplinkBench {
  const bench = new UplinkBench(buffers, { isSparing: true, window: PROFILES.metered.window });
  bench.uplink.start();
  bench.link.up();
  bench.drain();
  return bench;
}

function ended(bench: UplinkBench): void {
  bench.link.down();
  bench.buffer.close();
}

/** One interval of the same ten conversations, `more` requests each; what the hub got of it. */
function interval(bench: UplinkBench, more: number, extra = 0): AgentMessage[] {
  const conversations = Array.from({ length: 10 + extra }, (_, index) => {
    const each = conversation(index);
    return { ...each, requests: each.requests + more };
  });
  bench.report({ conversations });
  bench.advance(2000);
  return bench.deliver();
}

const kinds = (messages: readonly AgentMessage[]): string[] => messages.map(({ kind }) => kind);

test('whole until the hub has receipted one, then as differences that give the whole back', () => {
  const bench = started();
  const [base] = interval(bench, 0);
  assert.equal(base.kind, 'summary');
  assert.deepEqual(kinds(interval(bench, 1)), ['summary'], 'no receipt, no base');
  bench.receipt(2);
  const [delta] = interval(bench, 5, 2);
  assert.ok(delta.kind === 'summaryDelta');
  assert.deepEqual([delta.known.length, delta.conversations.length], [10, 2]);
  const known = [...bench.hub.messages.values()].find(
    ({ message }) => message.sequence === delta.baseSequence && message.stream === 2,
  );
  assert.deepEqual(Buffer.from(delta.baseSha256), Buffer.from(known?.sha256 ?? []));
  assert.ok(known?.message.kind === 'summary');
  const whole: Summary | undefined = applySummaryDelta(known.message, delta);
  assert.equal(whole?.conversations.length, 12);
  const busiest = whole?.conversations.find(({ requests }) => requests === 1005);
  assert.ok(busiest !== undefined);
  ended(bench);
});

// biome-ignore format: one case per line
const unsure = [
  { name: 'a restart',               change: (bench: UplinkBench) => { bench.restart(); bench.uplink.start(); bench.link.up(); bench.drain(); } },
  { name: 'a new life of the hub',   change: (bench: UplinkBench) => { bench.hub.hubEpoch++; bench.receipt(1); } },
] as const;
for (const { name, change } of unsure) {
  test(`whole again after ${name}`, () => {
    const bench = started();
    interval(bench, 0);
    bench.receipt(2);
    assert.deepEqual(kinds(interval(bench, 1)), ['summaryDelta']);
    bench.receipt(2);
    change(bench);
    assert.deepEqual(kinds(interval(bench, 2)), ['summary']);
    ended(bench);
  });
}

test('a whole one at least every 25 messages, so that an archive stays readable in parts', () => {
  const bench = started();
  const seen: string[] = [];
  for (let turn = 0; turn < 60; turn++) {
    seen.push(...kinds(interval(bench, turn)));
    bench.receipt(2);
  }
  const wholes = seen.flatMap((kind, index) => (kind === 'summary' ? [index] : []));
  assert.deepEqual(wholes, [0, 25, 50]);
  ended(bench);
});

test('other conversations than before: whole is shorter, and whole it is', () => {
  const bench = started();
  interval(bench, 0);
  bench.receipt(2);
  const conversations = Array.from({ length: 10 }, (_, index) => conversation(500 + index));
  bench.report({ conversations });
  bench.advance(2000);
  assert.deepEqual(kinds(bench.deliver()), ['summary']);
  ended(bench);
});

test('times are whole seconds since the beginning', () => {
  const bench = started();
  const fromUs = 1_790_000_100_000_000;
  const times = { firstSeenUs: fromUs + 123_456, lastSeenUs: fromUs + 876_543 };
  const full = {
    ...report(0),
    fromUs,
    toUs: fromUs + 1e6,
    conversations: [{ ...conversation(1), ...times }],
  };
  bench.uplink.report(full);
  bench.advance(2000);
  const [summary] = bench.deliver();
  assert.ok(summary.kind === 'summary');
  const [{ firstSeenUs, lastSeenUs }] = summary.conversations;
  assert.deepEqual([firstSeenUs, lastSeenUs], [fromUs, fromUs + 1e6]);
  ended(bench);
});

test('the golden input: whole at most 2,800 bytes signed, a steady minute at most 1,400', () => {
  const sizes = [wholeBytes(), meteredBytes()];
  assert.ok(sizes[0] <= 2800 && sizes[1] <= 1400, `${sizes.join(' and ')} bytes`);
});
