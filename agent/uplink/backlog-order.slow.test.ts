/** After a time without a link: one fresh summary, then the backlog in the order of signing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import { UplinkBench } from './test-kit.ts';

/** Delivers one window after the other, each with its receipt; answers the summaries' sequences. */
function drained(bench: UplinkBench, between: (round: number) => void = () => {}): number[] {
  const order: number[] = [];
  for (let round = 0; round < 100 && bench.link.published.length > 0; round++) {
    for (const message of bench.deliver()) {
      if (message.stream === 2) order.push(message.sequence);
    }
    between(round);
    bench.receipt(1);
    bench.receipt(2);
  }
  return order;
}

test('the backlog leaves oldest first, behind one fresh summary and not from both ends', () => {
  const bench = new UplinkBench(new TestBuffers());
  bench.uplink.start();
  bench.summaries(60);
  bench.link.up();
  const order = drained(bench);
  const last = Math.max(...order);
  const ascending = Array.from({ length: last - 1 }, (_, at) => at + 1);
  assert.deepEqual(order, [last, ...ascending]);
  bench.link.down();
  bench.buffer.close();
});

test('a summary that is signed while the backlog leaves goes before the rest of it', () => {
  const bench = new UplinkBench(new TestBuffers());
  bench.uplink.start();
  bench.summaries(60);
  bench.link.up();
  const order = drained(bench, (round) => {
    if (round === 1) bench.summaries(1);
  });
  const last = Math.max(...order);
  assert.equal(order[0], last - 1);
  const at = order.indexOf(last);
  assert.ok(at > 0 && at < order.length - 8, `${last} came as number ${at} of ${order.length}`);
  const rest = order.filter((sequence) => sequence < last - 1);
  assert.deepEqual(
    rest,
    rest.toSorted((a, b) => a - b),
  );
  bench.link.down();
  bench.buffer.close();
});

test('a fresh summary whose link was lost is fresh again on the next link', () => {
  const bench = new UplinkBench(new TestBuffers());
  bench.uplink.start();
  bench.summaries(60);
  bench.link.up();
  bench.link.take();
  bench.link.down();
  bench.advance(400_000);
  bench.link.up();
  const order = drained(bench);
  assert.equal(order[0], Math.max(...order.slice(0, 8)));
  bench.buffer.close();
});
