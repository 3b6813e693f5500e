/** What the hub asks for: sent once more, or said to be gone, and nothing else is ever done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, TestBuffers } from '../../buffer/test-kit.ts';
import { framesOf } from '../../protocols/pcap/frames-of.ts';
import { type Sharing, STREAM_ALERTS, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import { UplinkBench } from './test-kit.ts';

const buffers = new TestBuffers();
const requestId = '00112233445566aa';

function started(sharing: Sharing = 'full'): UplinkBench {
  const bench = new UplinkBench(buffers, { sharing });
  bench.uplink.start();
  bench.link.up();
  return bench;
}

function ended(bench: UplinkBench): void {
  bench.link.down();
  bench.buffer.close();
}

test('a range that the hub misses goes again at once, the same bytes', () => {
  const bench = started();
  bench.summaries(4);
  const sent = bench.link.take();
  const summaries = sent.filter(({ topic }) => topic.endsWith('/s'));
  const { epoch } = bench.hub.receive(sent[0]);
  bench.request({ resend: [{ epoch, stream: STREAM_SUMMARIES, from: 2, to: 3 }] });
  assert.deepEqual(
    bench.link.take().map(({ bytes }) => bytes),
    summaries.slice(1, 3).map(({ bytes }) => bytes),
  );
  assert.equal(bench.uplink.status().requestsAnswered, 1);
  ended(bench);
});

test('what was deleted on a receipt is said to be gone, once', () => {
  const bench = started();
  bench.summaries(4);
  bench.drain();
  const epoch = bench.buffer.statistics()?.epoch ?? 0;
  const range = { epoch, stream: STREAM_SUMMARIES, from: 2, to: 9 } as const;
  bench.request({ resend: [range] });
  bench.request({ resend: [range] });
  const said = bench.deliver();
  assert.deepEqual(
    said.map((message) => message.kind === 'statement' && [message.code, message.from, message.to]),
    [['hubLost', 2, 5]],
  );
  assert.equal(said[0].stream, STREAM_ALERTS);
  ended(bench);
});

test('a hub that came back from a backup is told what it lost', () => {
  const bench = started();
  bench.summaries(3);
  bench.drain();
  const epoch = bench.buffer.statistics()?.epoch ?? 0;
  for (const stored of [3, 4]) bench.hub.messages.delete(`${epoch}/2/${stored}`);
  bench.hub.hubEpoch = 4711;
  bench.receipt(STREAM_SUMMARIES);
  const [said] = bench.deliver();
  assert.ok(said.kind === 'statement');
  assert.deepEqual(
    [said.code, said.epochOf, said.streamOf, said.from, said.to, said.count],
    ['hubLost', epoch, 2, 3, 4, 2],
  );
  ended(bench);
});

const frames = [Uint8Array.from({ length: 60 }, (_, at) => at), new Uint8Array(1500).fill(0x2a)];

function withCase(bench: UplinkBench, more: readonly Uint8Array[] = frames): string {
  const found = detection({ evidence: { records: [], frames: more } });
  bench.report({ detections: [{ change: 'raised', detection: found }] });
  bench.drain();
  return found.detectionId;
}

test('frames of a detection come as a capture file, on stream 3, once for each request', () => {
  const bench = started();
  const detectionId = withCase(bench);
  bench.request({ evidence: [{ requestId, detectionId }] });
  bench.request({ evidence: [{ requestId, detectionId }] });
  const sent = bench.deliver();
  assert.deepEqual(
    sent.map(({ kind, stream }) => [kind, stream]),
    [
      ['epochBegins', 3],
      ['evidence', 3],
    ],
  );
  const [, evidence] = sent;
  assert.ok(evidence.kind === 'evidence');
  assert.deepEqual([evidence.requestId, evidence.part], [requestId, { number: 1, of: 1 }]);
  const read = framesOf([evidence.pcap]);
  assert.deepEqual(
    read.frames.map(({ hex }) => hex),
    frames.map((frame) => Buffer.from(frame).toString('hex')),
  );
  bench.receipt(3);
  assert.equal(bench.uplink.status().outboxMessages, 0);
  ended(bench);
});

// biome-ignore format: one case per line
const absences = [
  { name: 'an unknown case',                 sharing: 'full',     known: false, absence: 'gone' },
  { name: 'a site that keeps frames at home', sharing: 'standard', known: true,  absence: 'notShared' },
  { name: 'sharing minimal',                 sharing: 'minimal',  known: true,  absence: 'notShared' },
] as const;
for (const { name, sharing, known, absence } of absences) {
  test(`${name}: an empty answer that says why`, () => {
    const bench = started(sharing);
    const detectionId = withCase(bench);
    bench.request({ evidence: [{ requestId, detectionId: known ? detectionId : 'ff'.repeat(8) }] });
    const evidence = bench.deliver().find((message) => message.kind === 'evidence');
    assert.ok(evidence?.kind === 'evidence');
    assert.deepEqual([evidence.pcap.byteLength, evidence.absence], [0, absence]);
    ended(bench);
  });
}

test('evidence on a slow link goes in parts, behind the fresh summary, before the backlog', () => {
  const bench = started();
  const noise = Array.from({ length: 8 }, (_, at) =>
    Uint8Array.from({ length: 1000 }, (_, index) => (index * 7919 * (at + 3)) >> 5),
  );
  const detectionId = withCase(bench, noise);
  slow(bench);
  bench.link.answersAtOnce = false;
  bench.request({ evidence: [{ requestId, detectionId }] });
  const order: string[] = [];
  bench.report();
  for (let step = 0; step < 60; step++) {
    const sent = bench.link.take();
    const together = sent.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    assert.ok(sent.length <= 1 || together <= 2400, `${together} bytes in flight`);
    if (sent.length === 0) bench.advance(100);
    for (const next of sent) {
      order.push(bench.hub.receive(next).kind);
      bench.advance(Math.ceil((next.bytes.byteLength * 1000) / 1200));
      next.done({ kind: 'accepted' });
    }
    for (const stream of [1, 2, 3] as const) bench.receipt(stream);
  }
  const evidence = [...bench.hub.messages.values()].flatMap(({ message }) =>
    message.kind === 'evidence' ? [message] : [],
  );
  const parts = evidence.toSorted((a, b) => a.part.number - b.part.number);
  assert.ok(parts.length >= 4, `${parts.length} parts`);
  assert.equal(parts.length, parts[0].part.of);
  const whole = framesOf(parts.map(({ pcap }) => pcap));
  assert.equal(whole.frames.length, noise.length);
  const first = order.indexOf('summary');
  const last = order.lastIndexOf('evidence');
  assert.ok(first >= 0 && first < last, `the fresh summary waited for all of it: ${order}`);
  ended(bench);
});

/** Teaches the uplink that its link is one of 9,600 bit/s. */
function slow(bench: UplinkBench): void {
  bench.link.answersAtOnce = false;
  bench.advance(120_000);
  bench.drain();
  for (let round = 0; round < 40; round++) {
    bench.report();
    bench.advance(2000);
    for (const next of bench.link.take()) {
      bench.hub.receive(next);
      bench.advance(Math.ceil((next.bytes.byteLength * 1000) / 1200));
      next.done({ kind: 'accepted' });
      bench.receipt(STREAM_SUMMARIES);
      bench.receipt(STREAM_ALERTS);
    }
  }
  assert.ok((bench.uplink.status().goodputBytesPerSecond ?? 9999) <= 1250);
}

test('an old serial, a foreign signature and another agent change nothing', () => {
  const bench = started();
  bench.drain();
  const range = { epoch: 1, stream: STREAM_SUMMARIES, from: 1, to: 1 } as const;
  const bytes = bench.hub.request({ resend: [range] });
  bench.request({});
  const topic = `ft/v1/${bench.agent.signerId}/dn/c`;
  bench.receiveOn(topic, bytes);
  assert.equal(bench.link.take().length, 0);
  assert.equal(bench.uplink.status().requestsAnswered, 1);
  bench.receiveOn(
    topic,
    bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
  );
  assert.equal(bench.uplink.status().fault?.code, 'UPLINK_RECEIPT_REJECTED');
  ended(bench);
});
