/**
 * What holds for any traffic: segmentation and order don't matter, and hostile bytes never throw.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FRAME_WORDS } from '../../protocols/frame-block.ts';
import { A, c, decode, OPEN, Q, s, start } from './test-decoder.ts';
import { ACK, blockOf, FIN_ACK, RST, SYN, SYN_ACK } from './test-traffic.ts';

/** A stream of ten requests and its answers, cut, repeated and shuffled within a window. */
const messages = Array.from({ length: 10 }, (_, index) => index);
const requests = messages.map((digit) => `q${digit}..`).join('');
const answers = messages.map((digit) => `a${digit}..`).join('');

test('any segmentation, repetition and order of the same stream delivers the same bytes', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: requests.length - 1 }), { maxLength: 39 });
  const shuffle = fc.array(fc.nat({ max: 3 }), { minLength: 90, maxLength: 90 });
  fc.assert(
    fc.property(cuts, cuts, shuffle, shuffle, fc.nat(), (ours, theirs, places, copies, base) => {
      const segments = [
        ...pieces(requests, ours).map(([at, text]) => c(base + 1 + at, text)),
        ...pieces(answers, theirs).map(([at, text]) => s(base + 77 + at, text)),
      ];
      const copied = segments.flatMap((frame, index) =>
        copies[index] === 0 ? [frame, frame] : [frame],
      );
      const moved = copied
        .map((frame, index) => ({ frame, place: index + places[index % places.length] }))
        .sort((one, two) => one.place - two.place)
        .map(({ frame }) => frame);
      const open = [c(base, '', 0, { flags: SYN }), s(base + 76, '', base + 1, { flags: SYN_ACK })];
      const { modbus, counters } = decode([...open, ...moved]);
      assert.equal(modbus.flows.length, 1);
      assert.deepEqual([modbus.flows[0].client, modbus.flows[0].server], [requests, answers]);
      assert.equal(counters.gapsCount, 0);
    }),
    { numRuns: 150 },
  );
});

test('any segments of a hostile peer: no throw, each byte once, the pool whole again', () => {
  const flags = fc.constantFrom(ACK, ACK, ACK, SYN, SYN_ACK, FIN_ACK, RST, 0);
  const near = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 0xffff_ffff }));
  const segment = fc.record({
    isClient: fc.boolean(),
    sequence: near,
    acknowledgment: near,
    flags,
    payload: fc.constantFrom(
      '',
      'q',
      'q1..',
      'a1..',
      'HELO',
      'ACKN',
      'x'.repeat(700),
      'y'.repeat(3000),
    ),
    cutBytes: fc.constantFrom(0, 0, 0, 1),
    timeUs: fc.integer({ min: 1_790_000_000_000_000, max: 1_790_000_009_000_000 }),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 60 }), (segments) => {
      const options = { flowsMax: 16, reassemblyBlocksMax: 6, reorderBlocksPerDirectionMax: 4 };
      const frames = segments.map(({ isClient, ...rest }) => ({
        ...(isClient ? c(0) : s(0)),
        ...rest,
      }));
      const { counters, sink, modbus, opcua } = decode(frames, options);
      assert.equal(counters.reassemblyBytesUsed, 0);
      assert.equal(counters.flowsUsed, 0);
      assert.equal(sink.ended.length, modbus.flows.length + opcua.flows.length);
    }),
    { numRuns: 300 },
  );
});

test('any bytes as frames of any link type never throw', () => {
  const run = start({ flowsMax: 16, reassemblyBlocksMax: 8 });
  const good = blockOf([...OPEN, c(1001, Q), { ...s(5001, A), isIpv6: true }]).bytes;
  const links = fc.constantFrom(0, 1, 101, 108, 113, 228, 229, 276, 9999);
  const cuts = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 8 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, links, (noise, changes, linkType) => {
      const mutant = Uint8Array.from(good);
      for (const [at, value] of changes) mutant[at % mutant.length] = value;
      for (const bytes of [noise, mutant, mutant.subarray(60), mutant.subarray(120)]) {
        const index = new Uint32Array(FRAME_WORDS);
        index[1] = index[2] = bytes.length;
        run.decoder.block({
          bytes,
          index,
          framesCount: 1,
          interfaceIndex: 0,
          linkType,
          monotonicMs: -1,
          historyAddress: -1,
        });
      }
    }),
    { numRuns: 500 },
  );
  run.decoder.end();
  assert.equal(run.counters.reassemblyBytesUsed, 0);
});

function pieces(text: string, cuts: readonly number[]): [number, string][] {
  const edges = [0, ...[...cuts].sort((one, two) => one - two), text.length];
  return edges.slice(1).map((end, index) => [edges[index], text.slice(edges[index], end)]);
}
