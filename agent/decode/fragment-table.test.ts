/**
 * IP packets in pieces: together in any order, within every bound, and told when pieces contradict
 * each other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WRAPPINGS } from '../../protocols/link/made-wrappings.ts';
import { FRAGMENTED_PACKETS_MAX } from './fragment-table.ts';
import { bytesOf, ipv4Pieces, ipv6Pieces, rawBlockOf } from './raw-frames.ts';
import { A, c, OPEN, Q, s, start } from './test-decoder.ts';

const TALK = [...OPEN, c(1001, `${Q}q2..q3..`, 5001), s(5001, A, 1013)];
const SAID = ['q1..q2..q3..', 'a1..'];
const V4 = bytesOf(TALK);
const V6 = bytesOf(TALK.map((frame) => ({ ...frame, isIpv6: true })));

function hear(frames: readonly Uint8Array[], options = {}) {
  const run = start();
  run.decoder.block(rawBlockOf(frames, options));
  run.decoder.end();
  const { carriers } = run.counters;
  assert.ok(carriers);
  return { ...run, carriers, flows: run.modbus.flows.map((flow) => [flow.client, flow.server]) };
}

test('every packet in pieces of any size, IPv4 and IPv6: the same words', () => {
  for (const bytes of [8, 16, 24]) {
    assert.deepEqual(hear(V4.flatMap((frame) => ipv4Pieces(frame, bytes))).flows, [SAID]);
    const { flows } = hear(V6.flatMap((frame, at) => ipv6Pieces(frame, bytes, at)));
    assert.deepEqual(flows, [SAID]);
  }
});

test('any order of the pieces, some of them twice', () => {
  const places = fc.array(fc.nat(), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(places, places, (order, copies) => {
      const frames = V4.flatMap((frame) =>
        ipv4Pieces(frame, 8)
          .flatMap((piece, at) => (copies[at] % 3 === 0 ? [piece, piece] : [piece]))
          .map((piece, at) => ({ piece, place: order[at % order.length] }))
          .sort((one, two) => one.place - two.place)
          .map(({ piece }) => piece),
      );
      const { flows, carriers } = hear(frames);
      assert.deepEqual(flows, [SAID]);
      assert.equal(carriers.overlapsDifferingCount, 0);
    }),
    { numRuns: 100 },
  );
});

test('a tunnel whose outer packets came in pieces', () => {
  const vxlan = WRAPPINGS.find(({ name }) => name === 'VXLAN');
  assert.ok(vxlan);
  // The outer packets need identifications of their own.
  const frames = V4.map((frame, at) => {
    const wrapped = vxlan.wrap(frame);
    wrapped[19] = at + 1;
    return wrapped;
  });
  const { flows, modbus } = hear(frames.flatMap((frame) => ipv4Pieces(frame, 64)));
  assert.deepEqual(flows, [SAID]);
  assert.deepEqual(modbus.flows[0].flow.encapsulations, ['vxlan']);
});

test('pieces that overlap with other bytes: the first stay, and it is told', () => {
  const [first, second, third, ...rest] = ipv4Pieces(V4[3], 8);
  const other = Uint8Array.from(third);
  other[other.length - 1] ^= 1;
  const run = hear([...V4.slice(0, 3), first, second, third, other, ...rest, V4[4]]);
  assert.deepEqual([run.flows, run.carriers.overlapsDifferingCount], [[SAID], 1]);
});

test('a missing piece: the packet leaves after its time, and TCP tells the hole', () => {
  const pieces = ipv4Pieces(V4[3], 8).slice(0, -1);
  const run = start();
  run.decoder.block(rawBlockOf([...V4.slice(0, 3), ...pieces, V4[4]]));
  const { carriers } = run.counters;
  assert.equal(carriers?.fragmentsRefusedCount, 0);
  run.decoder.advance(1_790_000_011_000_000);
  assert.equal(carriers?.fragmentsRefusedCount, pieces.length);
});

test('more packets in pieces than there is room for: the oldest leaves, and is counted', () => {
  const first = (at: number) => {
    const [piece] = ipv4Pieces(V4[3], 8);
    piece[18] = at >> 8;
    piece[19] = at & 0xff;
    return piece;
  };
  const flood = Array.from({ length: FRAGMENTED_PACKETS_MAX + 5 }, (_, at) => first(at));
  const run = start();
  run.decoder.block(rawBlockOf(flood));
  assert.equal(run.counters.carriers?.fragmentsRefusedCount, 5);
  run.decoder.end();
  assert.equal(run.counters.carriers?.fragmentsRefusedCount, flood.length);
});

test('pieces of protocols that nobody reads, cut ones and impossible ones take no room', () => {
  const change = (at: number, value: number) => {
    const [piece] = ipv4Pieces(V4[3], 16);
    piece[at] = value;
    return piece;
  };
  const icmp = change(23, 1);
  const cut = ipv4Pieces(V4[3], 16)[0].subarray(0, -1);
  const notInUnits = change(17, 31);
  const behindTheEnd = change(20, 0x3f);
  behindTheEnd[21] = 0xff;
  const { carriers } = hear([icmp, cut, notInUnits, behindTheEnd]);
  assert.deepEqual([carriers.fragmentsCount, carriers.fragmentsRefusedCount], [4, 4]);
});

test('a packet of the largest size in the smallest pieces takes a time in proportion', () => {
  const whole = new Uint8Array(14 + 65_520).fill(7);
  whole.set(V4[3].subarray(0, 54));
  whole[16] = 65_520 >> 8;
  whole[17] = 65_520 & 0xff;
  const pieces = ipv4Pieces(whole, 8);
  const begin = process.cpuUsage();
  const { carriers } = hear([...V4.slice(0, 3), ...pieces.toReversed()]);
  const { user } = process.cpuUsage(begin);
  assert.equal(carriers.packetsReassembledCount, 1);
  assert.ok(user / pieces.length < 100, `${user / pieces.length} us a piece`);
});

test('any bytes as pieces: no throw, no packet out of nothing', () => {
  const pieces = [...V4, ...V4].flatMap((frame) => ipv4Pieces(frame, 8));
  const picks = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 14, max: 60 }), fc.nat(255)), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(picks, (picked) => {
      const frames = picked.map(([pick, place, byte]) => {
        const mutant = Uint8Array.from(pieces[pick % pieces.length]);
        mutant[place % mutant.length] = byte;
        return mutant;
      });
      const { counters, carriers } = hear(frames);
      assert.equal(counters.flowsUsed, 0);
      assert.ok(carriers.packetsReassembledCount <= carriers.fragmentsCount);
    }),
    { numRuns: 200 },
  );
});
