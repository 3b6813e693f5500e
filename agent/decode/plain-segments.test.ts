/**
 * The short way (plain-segments.ts) and the long way round tell the same of any traffic: every
 * block is decoded twice, as Ethernet and from its IP header on, which the short way doesn't take.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FrameBlock } from '../../protocols/frame-block.ts';
import { A, c, OPEN, Q, type Run, s, start } from './test-decoder.ts';
import {
  ACK,
  blockOf,
  FIN_ACK,
  type FrameFields,
  fromIpHeader,
  RST,
  SYN,
  SYN_ACK,
} from './test-traffic.ts';

const FRAMES_PER_BLOCK = 7;

const near = fc.integer({ min: 0, max: 40 });
const segment = fc.record({
  isClient: fc.boolean(),
  /** Mostly the next of its side, as in an ordinary connection. */
  isNext: fc.constantFrom(true, true, true, false),
  sequence: near,
  acknowledged: near,
  flags: fc.constantFrom(ACK, ACK, ACK, ACK, ACK, SYN, SYN_ACK, FIN_ACK, RST),
  payload: fc.constantFrom('', '', 'q1..', 'a1..', 'q2..q3..', 'HELO', 'x'),
  cutBytes: fc.constantFrom(0, 0, 0, 0, 0, 1),
  copies: fc.constantFrom(1, 1, 1, 1, 2),
  waitUs: fc.constantFrom(1, 20_000, 2_000_000),
});
type Step = typeof segment extends fc.Arbitrary<infer T> ? T : never;

const segments = fc.array(segment, { minLength: 20, maxLength: 60 });

test('both ways tell the same, in whatever state a connection is', () => {
  fc.assert(
    fc.property(fc.boolean(), segments, (isKnown, steps) => {
      const frames = framesOf(isKnown, steps);
      const short = run(frames, (block) => block);
      const long = run(frames, fromIpHeader);
      // Each known connection brings two at least.
      if (isKnown) assert.ok(short.modbus.callsCount >= 2);
      assert.deepEqual(told(short), told(long));
    }),
    { numRuns: 150 },
  );
});

test('a tagged connection is read, and its tag told', () => {
  const tagged = OPEN.map((frame) => ({ ...frame, vlanTags: [7] }));
  const frames = [...tagged, { ...c(1001, 'q1..', 5001), vlanTags: [7] }, s(5001, 'a1..', 1005)];
  const { modbus, counters } = run(frames, (block) => block);
  assert.deepEqual(
    modbus.flows.map((flow) => [flow.client, flow.server, flow.flow.vlanIds]),
    [['q1..', 'a1..', [7]]],
  );
  assert.equal(counters.framesNotOursCount, 0);
});

/**
 * Sequence numbers that mostly go on, so that the short way is the one that is taken. A known
 * connection has spoken the protocol before the first step.
 */
function framesOf(isKnown: boolean, steps: readonly Step[]): FrameFields[] {
  const spokenBytes = isKnown ? Q.length : 0;
  const next = { client: 1001 + spokenBytes, server: 5001 + spokenBytes };
  let timeUs = 1_790_000_000_000_000;
  const before = isKnown ? [c(1001, Q, 5001), s(5001, A, next.client)] : [];
  const frames: FrameFields[] = [...OPEN, ...before].map((frame) => ({ ...frame, timeUs }));
  for (const step of steps) {
    const { isClient, isNext, flags, payload, cutBytes, copies } = step;
    timeUs += step.waitUs;
    const base = isClient ? next.client : next.server;
    const sequence = isNext ? base : base - 20 + step.sequence;
    const acknowledgment = (isClient ? next.server : next.client) - 20 + step.acknowledged;
    if (isNext && isClient) next.client += payload.length;
    if (isNext && !isClient) next.server += payload.length;
    const make = isClient ? c : s;
    for (let copy = 0; copy < copies; copy++) {
      frames.push(make(sequence, payload, acknowledgment, { flags, cutBytes, timeUs }));
    }
  }
  return frames;
}

function run(frames: readonly FrameFields[], wrap: (block: FrameBlock) => FrameBlock): Run {
  const started = start();
  for (let at = 0; at < frames.length; at += FRAMES_PER_BLOCK) {
    started.decoder.block(wrap(blockOf(frames.slice(at, at + FRAMES_PER_BLOCK))));
  }
  started.decoder.end();
  return started;
}

function told({ modbus, opcua, sink, counters }: Run): unknown {
  return {
    flows: [...modbus.flows, ...opcua.flows].map((each) => ({
      client: each.client,
      server: each.server,
      timesUs: each.timesUs,
      frameNumbers: each.frameNumbers,
      clientSegmentsCount: each.flow.clientSegmentsCount,
      serverSegmentsCount: each.flow.serverSegmentsCount,
    })),
    gaps: sink.gaps.map(({ timeUs, fromClient, bytesMissed }) => [timeUs, fromClient, bytesMissed]),
    counters: { ...counters, bytesCount: 0 },
  };
}
