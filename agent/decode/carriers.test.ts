/**
 * What lies below a stream makes no difference to what it says: wrappings, redundant networks,
 * doubled mirrors; and bytes that come twice but differ are told.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hsrFrame, prpFrame, WRAPPINGS } from '../../protocols/link/made-wrappings.ts';
import { bytesOf, rawBlockOf, setIdentification } from './raw-frames.ts';
import { A, c, OPEN, Q, s, start } from './test-decoder.ts';
import type { FrameFields } from './test-traffic.ts';

const TALK = [
  ...OPEN,
  c(1001, Q, 5001),
  s(5001, A, 1005),
  c(1005, 'q2..', 5005),
  s(5005, 'a2..', 1009),
  c(1009, '', 5009),
];
/** Without redundant networks, where a number that comes again means a copy. */
const PLAIN = WRAPPINGS.filter(({ name }) => name !== 'HSR' && name !== 'PRP');
const SAID = ['q1..q2..', 'a1..a2..'];

function hear(frames: readonly Uint8Array[], options = {}) {
  const run = start();
  run.decoder.block(rawBlockOf(frames, options));
  run.decoder.end();
  const flows = run.modbus.flows.map(({ client, server }) => [client, server]);
  const { carriers } = run.counters;
  assert.ok(carriers);
  return { ...run, flows, carriers, facts: run.modbus.flows[0]?.flow };
}

for (const isIpv6 of [false, true]) {
  const frames = bytesOf(TALK.map((frame) => ({ ...frame, isIpv6 })));
  for (const { name, wrap, encapsulations, vlanIds = [] } of PLAIN) {
    test(`${name}, IPv${isIpv6 ? 6 : 4}: the same words in one flow`, () => {
      const { flows, facts } = hear(frames.map(wrap));
      assert.deepEqual(flows, [SAID]);
      assert.deepEqual([facts.encapsulations, facts.vlanIds], [encapsulations, vlanIds]);
      assert.match(facts.server.ipAddress, isIpv6 ? /^fd00/ : /^10\.0\.0\.9$/);
    });
  }
}

test('a flow that goes on outside its tunnel is the same flow', () => {
  const vxlan = WRAPPINGS.find(({ name }) => name === 'VXLAN');
  const frames = bytesOf(TALK).map((frame, at) => (at % 2 === 0 ? frame : vxlan?.wrap(frame)));
  assert.deepEqual(hear(frames.filter((frame) => frame !== undefined)).flows, [SAID]);
});

test('PRP: the copy on the other LAN is left out, and both LANs are counted', () => {
  const frames = bytesOf(TALK).flatMap((frame, at) => [
    prpFrame(frame, 'a', at),
    prpFrame(frame, 'b', at),
  ]);
  const { flows, carriers, facts } = hear(frames);
  assert.deepEqual(flows, [SAID]);
  assert.equal(carriers.framesDuplicateCount, TALK.length);
  assert.deepEqual([carriers.prpLanAFramesCount, carriers.prpLanBFramesCount], [8, 8]);
  assert.deepEqual(facts.prp, { lanId: 'A', sequenceNumber: TALK.length - 1 });
});

test('PRP with one LAN down, and copies 300 ms late: nothing is missing or twice', () => {
  const frames = bytesOf(TALK);
  const one = frames.map((frame, at) => prpFrame(frame, 'a', at));
  assert.deepEqual(hear(one).carriers.framesDuplicateCount, 0);
  const late = [...one, ...frames.map((frame, at) => prpFrame(frame, 'b', at))];
  const { flows, carriers } = hear(late, { stepUs: 30_000 });
  assert.deepEqual([flows, carriers.framesDuplicateCount], [[SAID], TALK.length]);
});

test('HSR: the copy from the other way round the ring is left out', () => {
  const frames = bytesOf(TALK).flatMap((frame, at) => [
    hsrFrame(frame, '0', at),
    hsrFrame(frame, '1', at),
  ]);
  const { flows, carriers, facts } = hear(frames);
  assert.deepEqual(flows, [SAID]);
  assert.deepEqual([carriers.framesDuplicateCount, carriers.hsrFramesCount], [8, 16]);
  assert.deepEqual(facts.hsr, { pathId: 0, sequenceNumber: TALK.length - 1 });
});

test('a doubled mirror: every frame twice, each copy counted by its interface', () => {
  const frames = bytesOf(TALK).flatMap((frame) => [frame, frame]);
  const { flows, carriers } = hear(frames, { interfaceIndex: 2 });
  assert.deepEqual(flows, [SAID]);
  assert.equal(carriers.framesDuplicateCount, TALK.length);
  assert.equal(carriers.framesDuplicateByInterface[2], TALK.length);
  assert.equal(carriers.overlapsDifferingCount, 0);
});

test('a mirror that doubles on both sides of a router: other addresses, one hop less', () => {
  const frames = bytesOf(TALK).flatMap((frame) => {
    const routed = Uint8Array.from(frame);
    routed[5] ^= 1;
    routed[11] ^= 1;
    routed[22] -= 1;
    return [frame, routed];
  });
  const { flows, carriers } = hear(frames);
  assert.deepEqual([flows, carriers.framesDuplicateCount], [[SAID], TALK.length]);
});

test('a real retransmission has an identification of its own and is no copy', () => {
  const frames = bytesOf(TALK).flatMap((frame, at) => [
    frame,
    setIdentification(Uint8Array.from(frame), 100 + at),
  ]);
  const { flows, carriers } = hear(frames);
  assert.deepEqual([flows, carriers.framesDuplicateCount], [[SAID], 0]);
});

const SAME = c(1001, Q);
const OTHER = c(1001, 'q9..');
// biome-ignore format: one case per line
const overlaps: readonly { name: string; next: readonly FrameFields[]; differing: number }[] = [
  { name: 'the same bytes again',                 next: [SAME],                            differing: 0 },
  { name: 'other bytes in the same place',        next: [OTHER],                           differing: 1 },
  { name: 'the same and more',                    next: [c(1001, 'q1..q2..')],             differing: 0 },
  { name: 'other bytes, and more',                next: [c(1001, 'q9..q2..')],             differing: 1 },
  { name: 'the last two bytes, changed',          next: [c(1003, '!!q2..')],               differing: 1 },
  { name: 'a keep-alive with any byte',           next: [c(1004, '\0')],                   differing: 0 },
  { name: 'behind a hole, the same',              next: [c(1009, 'q3..'), c(1009, 'q3..')], differing: 0 },
  { name: 'behind a hole, other bytes',           next: [c(1009, 'q3..'), c(1009, 'q4..')], differing: 1 },
];

for (const { name, next, differing } of overlaps) {
  test(`overlap: ${name}; what came first is decoded`, () => {
    for (const isSplit of [false, true]) {
      const run = start();
      const told: string[] = [];
      Object.assign(run.sink, {
        overlapDiffers: (overlap: { layer: string }) => told.push(overlap.layer),
      });
      const frames = bytesOf([...OPEN, SAME, ...next]);
      const first = isSplit ? 4 : frames.length;
      run.decoder.block(rawBlockOf(frames.slice(0, first)));
      if (isSplit) run.decoder.block(rawBlockOf(frames.slice(first)));
      run.decoder.end();
      assert.equal(run.counters.carriers?.overlapsDifferingCount, differing);
      assert.equal(told.length, differing);
      assert.match(run.modbus.flows[0].client, /^q1\.\./);
    }
  });
}

test('any bytes in any wrapping: no throw, and the tables are empty again', () => {
  const parts = fc.array(
    fc.tuple(
      fc.constantFrom(...WRAPPINGS),
      fc.constantFrom(...bytesOf(TALK)),
      fc.nat(),
      fc.nat(255),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(parts, (picked) => {
      const frames = picked.map(([{ wrap }, frame, place, byte]) => {
        const mutant = wrap(frame);
        mutant[place % mutant.length] = byte;
        return mutant.subarray(0, mutant.length - (place % 7));
      });
      const { counters } = hear(frames);
      assert.deepEqual([counters.flowsUsed, counters.reassemblyBytesUsed], [0, 0]);
    }),
    { numRuns: 200 },
  );
});
