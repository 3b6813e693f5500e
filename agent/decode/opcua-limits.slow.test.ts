/**
 * Loss, floods and waiting: the analyzer goes on, stays small and forgets nobody without a word.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LOGIN, PASSWORD, PUBLISH, PUBLISHED, READ, READ_ANSWER } from './opcua-made-services.ts';
import { Bench, CLEAR_CHANNEL, chunk, int32, letters, sequence } from './opcua-made-traffic.ts';

test('a hole inside a chunk costs that chunk; one across headers is searched over', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  const lost = chunk('F', 2, 2, READ);
  bench.send(0, lost.slice(0, 40));
  bench.lose(0, 20);
  bench.send(0, [...lost.slice(60), ...chunk('F', 3, 3, READ)]);
  bench.lose(0, 500);
  bench.send(0, READ.slice(20));
  bench.send(0, chunk('F', 9, 4, READ));
  bench.end();
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*', 'Read*']);
  assert.deepEqual([bench.counters.malformed, bench.counters.transportMessages], [0, 6]);
});

test('the rest of a message whose beginning was lost is no message', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, chunk('C', 2, 2, READ.slice(0, 30)));
  bench.lose(0, 100);
  bench.send(0, [...chunk('F', 5, 2, READ.slice(40)), ...chunk('F', 6, 3, READ)]);
  bench.end();
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*']);
});

test('who waits too long is given up; Publish may wait', () => {
  const bench = new Bench({ requestTimeoutMs: 1000, publishTimeoutMs: 5000 });
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, [...chunk('F', 2, 2, PUBLISH), ...chunk('F', 3, 3, READ)]);
  bench.analyzer.advance(bench.context.timeUs + 1_000_001);
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*']);
  bench.analyzer.advance(bench.context.timeUs + 5_000_001);
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*', 'Publish*']);
  assert.equal(bench.analyzer.pendingUsed, 0);
});

test('the oldest waiting request makes room, per flow and by bytes', () => {
  const crowded = new Bench({ requestsPendingPerFlowMax: 3 });
  crowded.sendAll(CLEAR_CHANNEL);
  for (let id = 2; id < 12; id++) crowded.send(0, chunk('F', id, id, READ));
  assert.deepEqual([crowded.analyzer.pendingUsed, crowded.analyzer.pendingEvictedCount], [3, 7]);
  const heavy = new Bench({ pendingBytesMax: 300_000 });
  heavy.sendAll(CLEAR_CHANNEL);
  const large = [...READ, ...new Array(60_000).fill(0)];
  for (let id = 2; id < 12; id++) heavy.send(0, chunk('F', id, id, large));
  assert.ok(heavy.analyzer.reassemblyBytesUsed <= 300_000);
  assert.equal(heavy.services.length, 1 + 6);
});

test('a chunk larger than what is kept is counted when its last byte has passed', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  const size = 300_000;
  const large = new Uint8Array(size);
  large.set([
    ...letters('MSGF'),
    ...int32(size),
    ...int32(7),
    ...int32(1),
    ...sequence(2, 2),
    ...READ,
  ]);
  for (let at = 0; at < size; at += 1400) {
    assert.equal(bench.counters.transportMessages, 4);
    bench.send(0, large.subarray(at, Math.min(at + 1400, size)));
  }
  bench.send(1, chunk('F', 2, 2, READ_ANSWER));
  const asked = bench.records.at(-1)?.request as { truncated: boolean; messageSizeBytes: number };
  assert.deepEqual(
    [bench.services.at(-1), asked.truncated, asked.messageSizeBytes],
    ['Read', true, size],
  );
});

test('a message over several chunks keeps its beginning, and nothing behind a cut', () => {
  for (const reassemblyBytesMax of [4_000_000, 40_000, 0]) {
    const bench = new Bench({ reassemblyBytesMax });
    let kept = 0;
    let isInOrder = true;
    const whole = [...READ, ...Array.from({ length: 120_000 }, (_, index) => (index * 7) & 0xff)];
    bench.sendAll(CLEAR_CHANNEL);
    bench.onTransaction = ({ request }) => {
      const { bytes, offset, length } = request.body;
      kept = length;
      for (let at = 0; at < length; at++) isInOrder &&= bytes[offset + at] === whole[at];
    };
    bench.send(0, chunk('C', 2, 2, whole.slice(0, 30_000)));
    bench.send(0, chunk('C', 3, 2, whole.slice(30_000, 100_000)));
    bench.send(0, chunk('C', 4, 2, whole.slice(100_000, 100_010)));
    bench.send(0, chunk('F', 5, 2, whole.slice(100_010)));
    bench.send(1, chunk('F', 2, 2, READ_ANSWER));
    const { chunksCount, truncated, messageSizeBytes } = asked(bench);
    assert.deepEqual([chunksCount, truncated, messageSizeBytes], [4, true, whole.length + 96]);
    assert.equal(isInOrder, true);
    assert.equal(kept, { 4000000: 65_536, 40000: 30_000, 0: 0 }[reassemblyBytesMax]);
  }
});

function asked(bench: Bench): Readonly<Record<string, unknown>> {
  // Every record of a matched transaction has a request.
  return bench.records.at(-1)?.request as Readonly<Record<string, unknown>>;
}

test('a flood of chunks without end stays small, and is forgotten by age', () => {
  const bench = new Bench({ reassemblyBytesMax: 100_000, reassemblyAgeMs: 1000 });
  bench.sendAll(CLEAR_CHANNEL);
  const body = new Array(500).fill(1);
  for (let number = 2; number < 5000; number++) bench.send(0, chunk('C', number, 2, body));
  assert.ok(bench.analyzer.reassemblyBytesUsed <= 100_000);
  bench.analyzer.advance(bench.context.timeUs + 1_000_001);
  assert.equal(bench.analyzer.reassemblyBytesUsed, 0);
  bench.send(0, chunk('F', 5000, 3, READ));
  bench.end();
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*']);
});

test('a full pool tells split chunks without their bytes', () => {
  const bench = new Bench({ reassemblyBytesMax: 0 });
  bench.sendAll(CLEAR_CHANNEL);
  const split = chunk('F', 2, 2, READ);
  bench.send(0, split.slice(0, 30));
  bench.send(0, split.slice(30));
  bench.end();
  assert.deepEqual(
    [bench.counters.transportMessages, bench.analyzer.reassemblyRefusedCount],
    [5, 1],
  );
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*']);
});

test('any bytes, anyhow cut and with holes: no throw, and no more messages than headers', () => {
  const starts = [
    ...CLEAR_CHANNEL.map(({ bytes }) => bytes),
    chunk('C', 2, 2, LOGIN),
    chunk('F', 2, 2, READ),
    chunk('F', 2, 2, PUBLISHED),
    chunk('A', 2, 2, []),
  ];
  const piece = fc.oneof(
    fc.constantFrom(...starts),
    fc
      .tuple(fc.constantFrom(...starts), fc.nat(400), fc.nat(255))
      .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte)),
    fc
      .tuple(fc.constantFrom(...starts), fc.nat(400))
      .map(([bytes, at]) => bytes.slice(at % bytes.length)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => [...bytes]),
  );
  const step = fc.tuple(fc.constantFrom(0, 1), piece, fc.constantFrom(0, 0, 0, 7, 200));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, midstream) => {
      const bench = new Bench({ reassemblyBytesMax: 20_000, pendingBytesMax: 20_000 }, midstream);
      for (const [from, bytes, missed] of steps) {
        bench.send(from, bytes);
        if (missed > 0) bench.lose(from, missed);
      }
      bench.analyzer.advance(bench.context.timeUs);
      bench.end();
      assert.equal(bench.analyzer.pendingUsed, 0);
      assert.equal(bench.analyzer.reassemblyBytesUsed, 0);
      assert.equal(JSON.stringify(bench.records).includes(PASSWORD), false);
    }),
    { numRuns: 400 },
  );
});
