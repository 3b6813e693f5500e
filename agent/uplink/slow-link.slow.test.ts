/** A line of 9,600 bit/s by a manual clock: what is in the pipe decides how long an alert waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, TestBuffers } from '../../buffer/test-kit.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import { ManualClock } from '../platform/clock.ts';
import { SeededRandom } from '../platform/random.ts';
import { Goodput, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN } from './goodput.ts';
import { conversation, type Published, UplinkBench } from './test-kit.ts';

const BYTES_PER_SECOND = 1200;
const ALERT_SECONDS_MAX = 3;

/** Carries one message after the other; answers when the last byte is through. */
class Line {
  readonly #bench: UplinkBench;
  readonly #pipe: { readonly message: Published; readonly throughMs: number }[] = [];
  #freeAtMs = 0;

  constructor(bench: UplinkBench) {
    this.#bench = bench;
    bench.link.answersAtOnce = false;
  }

  /** Runs the clock in steps of 20 ms until `isDone` or the time is over; answers milliseconds. */
  run(
    forMs: number,
    isDone: (message: ReturnType<UplinkBench['hub']['receive']>) => boolean,
  ): number {
    const { clock, link, hub } = this.#bench;
    const beganMs = clock.monotonicMs();
    while (clock.monotonicMs() - beganMs < forMs) {
      for (const message of link.take()) {
        const fromMs = Math.max(this.#freeAtMs, clock.monotonicMs());
        this.#freeAtMs = fromMs + (message.bytes.byteLength * 1000) / BYTES_PER_SECOND;
        this.#pipe.push({ message, throughMs: this.#freeAtMs });
      }
      this.#bench.advance(20);
      while (this.#pipe.length > 0 && this.#pipe[0].throughMs <= clock.monotonicMs()) {
        const [next] = this.#pipe.splice(0, 1);
        const received = hub.receive(next.message);
        next.message.done({ kind: 'accepted' });
        for (const stream of [STREAM_ALERTS, STREAM_SUMMARIES] as const)
          this.#bench.receipt(stream);
        if (isDone(received)) return clock.monotonicMs() - beganMs;
      }
    }
    return Number.POSITIVE_INFINITY;
  }
}

test('with a backlog waiting, an alert is at the hub within three seconds, each time', () => {
  const bench = new UplinkBench(new TestBuffers(), { summaryIntervalMs: 2000 });
  bench.uplink.start();
  for (let index = 0; index < 60; index++) {
    const busy = Array.from({ length: 40 }, (_, at) => conversation(at * 7 + index));
    bench.report({ conversations: busy });
    bench.advance(2000);
  }
  const line = new Line(bench);
  bench.link.up();
  line.run(5000, () => false);
  for (let turn = 0; turn < 8; turn++) {
    const detectionId = `00000000000000a${turn}`;
    bench.report({ detections: [{ change: 'raised', detection: detection({ detectionId }) }] });
    const tookMs = line.run(
      60_000,
      (message) => message.kind === 'alert' && message.detectionId === detectionId,
    );
    assert.ok(tookMs <= ALERT_SECONDS_MAX * 1000, `alert ${turn} after ${tookMs} ms`);
    line.run(700 + turn * 300, () => false);
  }
  assert.ok(bench.uplink.status().outboxMessages > 20, 'the backlog is still there');
  bench.link.down();
  bench.buffer.close();
});

test('a summary signed on a slow link goes in parts of two seconds each', () => {
  const bench = new UplinkBench(new TestBuffers(), { summaryIntervalMs: 60_000 });
  bench.uplink.start();
  const line = new Line(bench);
  bench.link.up();
  line.run(5000, () => false);
  const random = new SeededRandom(7);
  const busy = Array.from({ length: 500 }, (_, at) => ({
    ...conversation(at),
    requests: Math.floor(random.fraction() * 1e9),
    responses: Math.floor(random.fraction() * 1e9),
  }));
  bench.report({ conversations: busy });
  const parts = new Map<number, number>();
  line.run(60_000 + 120_000, (message) => {
    if (message.kind !== 'summary' || message.part === undefined) return false;
    parts.set(message.part.number, message.conversations.length);
    return parts.size === message.part.of;
  });
  assert.ok(parts.size > 2, `${parts.size} parts`);
  assert.equal(
    [...parts.values()].reduce((sum, count) => sum + count, 0),
    500,
  );
  bench.link.down();
  bench.buffer.close();
});

// biome-ignore format: one case per line
const rates = [
  { name: '9,600 bit/s',  bytesPerSecond: 1200,      max: 2400 },
  { name: '300 bit/s',    bytesPerSecond: 37,        max: MESSAGE_BYTES_MIN },
  { name: '10 Mbit/s',    bytesPerSecond: 1_250_000, max: MESSAGE_BYTES_MAX },
] as const;
for (const { name, bytesPerSecond, max } of rates) {
  test(`${name}: messages of at most ${max} bytes`, () => {
    const clock = new ManualClock();
    const goodput = new Goodput(clock);
    assert.deepEqual([goodput.bytesPerSecond, goodput.windowBytes(65_536)], [undefined, 1]);
    for (let turn = 0; turn < 30; turn++) {
      const bytes = 2000;
      goodput.sent();
      clock.advance((bytes * 1000) / bytesPerSecond);
      goodput.answered(bytes);
      clock.advance(500);
    }
    assert.ok(Math.abs(goodput.messageBytesMax - max) <= max * 0.01, `${goodput.messageBytesMax}`);
    assert.equal(
      goodput.windowBytes(65_536),
      Math.min(65_536, Math.floor((goodput.bytesPerSecond ?? 0) * 2)),
    );
  });
}

test('a link that becomes slow is believed after a minute; what was lost says nothing', () => {
  const clock = new ManualClock();
  const goodput = new Goodput(clock);
  const send = (ms: number): void => {
    goodput.sent();
    clock.advance(ms);
    goodput.answered(2000);
  };
  send(10);
  goodput.sent();
  goodput.lost();
  assert.equal(goodput.bytesPerSecond, 200_000);
  for (let turn = 0; turn < 40; turn++) send(2000);
  assert.equal(goodput.bytesPerSecond, 1000);
});
