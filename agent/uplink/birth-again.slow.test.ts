/** When a link that stays up says birth again: now and then, and where the hub claims less. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import { statusTopic } from '../../protocols/uplink/topics.ts';
import { ManualClock } from '../platform/clock.ts';
import { SeededRandom } from '../platform/random.ts';
import { BIRTH_INTERVAL_MS, BirthAgain } from './birth-again.ts';
import { FakeLink, UplinkBench } from './test-kit.ts';

const buffers = new TestBuffers();
const agentId = 'a'.repeat(26);
const HOUR_MS = 3_600_000;

function upFor(seed: number): { births: BirthAgain; clock: ManualClock; link: FakeLink } {
  const [clock, link] = [new ManualClock(), new FakeLink()];
  const births = new BirthAgain({ link, clock, random: new SeededRandom(seed), agentId });
  link.connect({ onUp: () => births.linkUp(), onDown: () => {}, onMessage: () => {} });
  link.up();
  return { births, clock, link };
}

test('within a quarter of six hours, and no two agents in the same second', () => {
  const times = [1, 2, 3, 4].map((seed) => {
    const { births, clock, link } = upFor(seed);
    while (link.published.length === 0) {
      clock.advance(1000);
      births.tick();
    }
    assert.equal(link.published[0].topic, statusTopic(agentId));
    assert.equal(Buffer.from(link.published[0].bytes).toString(), 'birth');
    return clock.monotonicMs();
  });
  for (const ms of times) assert.ok(Math.abs(ms - BIRTH_INTERVAL_MS) <= 1.5 * HOUR_MS + 1000);
  assert.equal(new Set(times).size, times.length);
});

test('once when it is wanted, and then in its turn', () => {
  const { births, clock, link } = upFor(1);
  births.tick();
  assert.equal(link.published.length, 0);
  births.want();
  births.tick();
  assert.equal(link.published.length, 0, 'the hub would not count it so soon');
  clock.advance(5000);
  births.tick();
  clock.advance(HOUR_MS);
  births.tick();
  assert.equal(link.published.length, 1);
});

test('a hub that claims less under its old name is told what it lost, and asked for the rest', () => {
  const bench = new UplinkBench(buffers, { sharing: 'full' });
  bench.uplink.start();
  bench.link.up();
  bench.summaries(3);
  bench.drain();
  const epoch = bench.buffer.statistics()?.epoch ?? 0;
  for (const stored of [3, 4]) bench.hub.messages.delete(`${epoch}/2/${stored}`);
  bench.receipt(STREAM_SUMMARIES);
  const [said] = bench.deliver();
  assert.ok(said.kind === 'statement' && said.stream === STREAM_ALERTS);
  assert.deepEqual(
    [said.code, said.epochOf, said.streamOf, said.from, said.to, said.count],
    ['hubLost', epoch, 2, 3, 4, 2],
  );
  bench.receipt(STREAM_SUMMARIES);
  bench.advance(1000);
  const topics = bench.link.take().map(({ topic }) => topic);
  assert.deepEqual(topics, [statusTopic(bench.agent.signerId)]);
  bench.link.down();
  bench.buffer.close();
});

test('what the hub lost is said even where the power fails between receipt and word', () => {
  const bench = new UplinkBench(buffers, { sharing: 'full' });
  bench.uplink.start();
  bench.link.up();
  bench.summaries(3);
  bench.drain();
  const epoch = bench.buffer.statistics()?.epoch ?? 0;
  bench.hub.messages.delete(`${epoch}/2/4`);
  bench.receipt(STREAM_SUMMARIES);
  bench.restart();
  bench.uplink.start();
  bench.link.up();
  const said = bench.deliver().filter((message) => message.kind === 'statement');
  assert.deepEqual(
    said.map(({ code, from, to }) => [code, from, to]),
    [['hubLost', 4, 4]],
  );
  bench.link.down();
  bench.buffer.close();
});
