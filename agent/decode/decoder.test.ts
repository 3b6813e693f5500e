/**
 * The decode core by its doors: frames in, the bytes that analyzers receive out. One situation of
 * TCP a line; `{n}` in what was received is a hole of n bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { A, c, decode, elsewhere, OPEN, Q, s, start } from './test-decoder.ts';
import { blockOf, FIN_ACK, type FrameFields, RST, SYN, SYN_ACK } from './test-traffic.ts';

// biome-ignore format: one case per line
const streams: { name: string; frames: FrameFields[]; client: string; server: string; missed?: number; gaps?: number }[] = [
  { name: 'a request and its answer',                     frames: [...OPEN, c(1001, Q, 5001), s(5001, A, 1005)], client: Q, server: A },
  { name: 'padding of short frames is no payload',        frames: [...OPEN, c(1001, Q, 5001), c(1005, '', 5001)], client: Q, server: '' },
  { name: 'a retransmission is delivered once',           frames: [...OPEN, c(1001, Q, 5001), c(1001, Q, 5001), s(5001, A, 1005)], client: Q, server: A },
  { name: 'every frame twice (doubled mirror)',           frames: [...OPEN, c(1001, Q, 5001), s(5001, A, 1005), c(1005, 'q2..', 5005)].flatMap((frame) => [frame, frame]), client: 'q1..q2..', server: A },
  { name: 'two segments swapped',                         frames: [...OPEN, c(1005, 'q2..', 5001), c(1001, Q, 5001)], client: 'q1..q2..', server: '' },
  { name: 'three segments backwards, each twice',         frames: [...OPEN, c(1009, 'q3..'), c(1009, 'q3..'), c(1005, 'q2..'), c(1005, 'q2..'), c(1001, Q)], client: 'q1..q2..q3..', server: '' },
  { name: 'an overlap brings only its new bytes',         frames: [...OPEN, c(1001, 'q1..q2'), c(1005, 'XX..q3..')], client: 'q1..q2..q3..', server: '' },
  { name: 'overlapping segments behind a hole',           frames: [...OPEN, c(1005, 'q2..q3'), c(1007, '..q3..'), c(1001, Q)], client: 'q1..q2..q3..', server: '' },
  { name: 'a keep-alive with its ghost byte',             frames: [...OPEN, c(1001, Q), c(1004, 'X'), c(1004, ''), c(1005, 'q2..')], client: 'q1..q2..', server: '' },
  { name: 'a zero window probe and then the rest',        frames: [...OPEN, c(1001, Q), c(1005, 'q'), c(1005, 'q2..')], client: 'q1..q2..', server: '' },
  { name: 'the peer acknowledges what we never saw',      frames: [...OPEN, c(1001, Q), c(1009, 'q3..'), s(5001, A, 1013), c(1013, 'q4..')], client: 'q1..{4}q3..q4..', server: A, missed: 4, gaps: 1 },
  { name: 'acknowledged before the segment behind came',  frames: [...OPEN, c(1001, Q), s(5001, A, 1013), c(1009, 'q3..')], client: 'q1..{4}q3..', server: A, missed: 4, gaps: 1 },
  { name: 'acknowledgment captured before its segment',   frames: [...OPEN, c(1001, Q), s(5001, A, 1009), c(1005, 'q2..')], client: 'q1..q2..', server: A, missed: 0 },
  { name: 'only the first of two holes is acknowledged',  frames: [...OPEN, c(1001, Q), c(1009, 'q3..'), c(1017, 'q5..'), s(5001, A, 1013), c(1013, 'q4..')], client: 'q1..{4}q3..q4..q5..', server: A, missed: 4, gaps: 1 },
  { name: 'acknowledged and never seen, nothing behind',  frames: [...OPEN, c(1001, Q), s(5001, A, 1013)], client: 'q1..{8}', server: A, missed: 8, gaps: 1 },
  { name: 'an acknowledged FIN that we missed is no byte', frames: [...OPEN, c(1001, Q), s(5001, A, 1006)], client: 'q1..', server: A, missed: 0 },
  { name: 'a hole that nobody acknowledges ends with it',  frames: [...OPEN, c(1001, Q), c(1009, 'q3..')], client: 'q1..{4}q3..', server: '', missed: 4, gaps: 1 },
  { name: 'a hole older than a second, one-sided',        frames: [...OPEN, c(1001, Q), c(1009, 'q3..', 0, { timeUs: 1_790_000_001_000_000 }), c(1017, 'q5..', 0, { timeUs: 1_790_000_003_000_000 })], client: 'q1..{4}q3..{4}q5..', server: '', missed: 8, gaps: 2 },
  { name: 'the snap length cut a segment',                frames: [...OPEN, c(1001, Q), c(1005, 'q2..', 0, { cutBytes: 0, ...{} }), { ...c(1009, `q3..${'.'.repeat(40)}`), cutBytes: 20 }, c(1053, 'q4..')], client: `q1..q2..q3..${'.'.repeat(20)}{20}q4..`, server: '', missed: 20, gaps: 1 },
  { name: 'payload on the SYN',                           frames: [c(1000, Q, 0, { flags: SYN }), s(5000, A, 1005, { flags: SYN_ACK }), c(1005, 'q2..', 5005)], client: 'q1..q2..', server: A },
  { name: 'joined in the middle',                         frames: [c(7000, Q, 9000), s(9000, A, 7004), c(7004, 'q2..', 9004)], client: 'q1..q2..', server: A },
  { name: 'joined with a keep-alive',                     frames: [c(6999, 'q', 9000), s(9000, '', 7000), c(7000, Q, 9000)], client: 'q1..', server: '' },
  { name: 'joined inside a message',                      frames: [c(7000, '1..', 9000), c(7003, 'q2..', 9000)], client: 'q2..', server: '' },
  { name: 'both sides open at once',                      frames: [c(1000, '', 0, { flags: SYN }), s(5000, '', 0, { flags: SYN }), c(1000, '', 5001, { flags: SYN_ACK }), s(5000, '', 1001, { flags: SYN_ACK }), c(1001, Q, 5001), s(5001, A, 1005)], client: Q, server: A },
  { name: 'only the server is mirrored',                  frames: [s(5000, '', 1001, { flags: SYN_ACK }), s(5001, A, 1005), s(5005, 'a2..', 1009)], client: '{8}', server: 'a1..a2..', missed: 8 },
  { name: 'what a late copy after the FIN says is known', frames: [...OPEN, c(1001, Q, 5001), c(1005, '', 5001, { flags: FIN_ACK }), s(5001, '', 1006, { flags: FIN_ACK }), c(1001, Q, 5001)], client: Q, server: '' },
  { name: 'a FIN before the bytes it follows',            frames: [...OPEN, c(1005, '', 5001, { flags: FIN_ACK }), c(1001, Q, 5001), s(5001, '', 1006, { flags: FIN_ACK })], client: Q, server: '' },
  { name: 'bytes that the FIN shows to be missing',       frames: [...OPEN, c(1001, Q), c(1009, '', 5001, { flags: FIN_ACK }), s(5001, '', 1010, { flags: FIN_ACK })], client: 'q1..{4}', server: '', missed: 4, gaps: 1 },
];

for (const { name, frames, client, server, missed, gaps } of streams) {
  test(name, () => {
    const { modbus, sink, counters } = decode(frames);
    assert.equal(modbus.flows.length, 1);
    assert.deepEqual([modbus.flows[0].client, modbus.flows[0].server], [client, server]);
    assert.ok(modbus.flows[0].isEnded);
    assert.equal(sink.ended.length, 1);
    assert.equal(counters.bytesMissedCount, missed ?? 0);
    const { flow } = modbus.flows[0];
    assert.equal(flow.clientBytesMissed + flow.serverBytesMissed, missed ?? 0);
    if (gaps !== undefined) assert.equal(sink.gaps.length, gaps);
    assert.equal(counters.reassemblyBytesUsed, 0);
    assert.equal(counters.flowsUsed, 0);
  });
}

test('sequence numbers wrap, also behind a hole', () => {
  const base = 0xffff_fffc;
  const frames = [
    c(base - 1, '', 0, { flags: SYN }),
    c(base, Q),
    c(8, 'q4..'),
    c(0, 'q2..'),
    c(4, 'q3..'),
    c(base, Q),
  ];
  assert.equal(decode(frames).modbus.flows[0].client, 'q1..q2..q3..q4..');
});

test('an in-order stream of a mebibyte needs no memory of the pool', () => {
  const run = start();
  let sequence = 1001;
  run.decoder.block(blockOf([...OPEN, c(sequence, Q)]));
  sequence += 4;
  for (let round = 0; round < 64; round++) {
    run.decoder.block(blockOf([c(sequence, 'x'.repeat(16_384))]));
    sequence += 16_384;
  }
  assert.equal(run.modbus.flows[0].client.length, 4 + 64 * 16_384);
  assert.equal(run.counters.reassemblyBytesUsed, 0);
});

test('a frame of 64 KiB out of order is kept whole', () => {
  const big = 'x'.repeat(60_000);
  const { modbus } = decode([...OPEN, c(1005, big), c(1001, Q)]);
  assert.equal(modbus.flows[0].client, Q + big);
});

const LATER_US = 1_790_000_010_000_000;

// biome-ignore format: one case per line
const lives: { name: string; frames: FrameFields[]; clients: string[]; midstream: boolean[] }[] = [
  { name: 'a new SYN on the same ports is a new flow',     frames: [...OPEN, c(1001, Q), c(90_000, '', 0, { flags: SYN }), c(90_001, 'q2..')], clients: [Q, 'q2..'], midstream: [false, false] },
  { name: 'a repeated SYN is not',                         frames: [...OPEN, c(1001, Q), c(1000, '', 0, { flags: SYN }), c(1005, 'q2..')], clients: ['q1..q2..'], midstream: [false] },
  { name: 'the same SYN after the end is a new flow',      frames: [...OPEN, c(1001, Q), c(1005, '', 5001, { flags: FIN_ACK }), s(5001, '', 1006, { flags: FIN_ACK }), ...OPEN, c(1001, 'q2..')], clients: [Q, 'q2..'], midstream: [false, false] },
  { name: 'the same SYN after a long pause is one too',   frames: [...OPEN, c(1001, Q), ...OPEN.map((frame) => ({ ...frame, timeUs: LATER_US })), { ...c(1001, 'q2..'), timeUs: LATER_US }], clients: [Q, 'q2..'], midstream: [false, false] },
  { name: 'a new SYN-ACK whose SYN was lost is one',       frames: [...OPEN, c(1001, Q), s(99_000, '', 90_001, { flags: SYN_ACK }), c(90_001, 'q2..')], clients: [Q, 'q2..'], midstream: [false, false] },
  { name: 'a RST ends the flow, more bytes begin another', frames: [...OPEN, c(1001, Q), s(5001, '', 0, { flags: RST }), c(1005, 'q2..')], clients: [Q, 'q2..'], midstream: [false, true] },
  { name: 'a RST far outside the window is nobody\'s',     frames: [...OPEN, c(1001, Q), s(99_999_999, '', 0, { flags: RST }), c(1005, 'q2..')], clients: ['q1..q2..'], midstream: [false] },
  { name: 'both FINs end it',                              frames: [...OPEN, c(1001, Q), c(1005, '', 5001, { flags: FIN_ACK }), s(5001, '', 1006, { flags: FIN_ACK }), c(2_000_000, '', 0, { flags: SYN }), c(2_000_001, 'q2..')], clients: [Q, 'q2..'], midstream: [false, false] },
  { name: 'one FIN leaves the other side open',            frames: [...OPEN, c(1001, Q), s(5001, '', 1005, { flags: FIN_ACK }), c(1005, 'q2..')], clients: ['q1..q2..'], midstream: [false] },
  { name: 'a far sequence number without a SYN: another',  frames: [...OPEN, c(1001, Q), c(0x4000_0000, 'q2..')], clients: [Q, 'q2..'], midstream: [false, true] },
  { name: 'and so is one far behind',                      frames: [...OPEN, c(1001, Q), c(0xffa0_0000, 'q2..')], clients: [Q, 'q2..'], midstream: [false, true] },
  { name: 'a loss of 8 MiB that is acknowledged is a hole', frames: [...OPEN, c(1001, Q), s(5001, A, 0x80_03ed), c(0x80_03ed, 'q2..')], clients: ['q1..{8388608}q2..'], midstream: [false] },
];

for (const { name, frames, clients, midstream } of lives) {
  test(name, () => {
    const { modbus, sink } = decode(frames);
    assert.deepEqual(
      modbus.flows.map(({ client }) => client),
      clients,
    );
    assert.deepEqual(
      modbus.flows.map(({ flow }) => flow.midstream),
      midstream,
    );
    assert.deepEqual(
      modbus.flows.map(({ flow }) => flow.flowNumber),
      clients.map((_, index) => index + 1),
    );
    assert.equal(sink.ended.length, clients.length);
  });
}

test('a hole that is acknowledged is skipped at once, not at the end', () => {
  const run = start();
  run.decoder.block(blockOf([...OPEN, c(1001, Q), s(5001, A, 1013), c(1009, 'q3..')]));
  assert.equal(run.modbus.flows[0].client, 'q1..{4}q3..');
});

test('bytes that waited come with the stamp, number and address of their own frame', () => {
  const run = start();
  const frames = [...OPEN, c(1005, 'q2..'), c(1001, Q), c(1009, 'q3..')];
  run.decoder.block(blockOf(frames, 1_000_000));
  run.decoder.end();
  const [flow] = run.modbus.flows;
  assert.deepEqual(flow.frameNumbers, [5, 4, 6]);
  assert.deepEqual(
    flow.timesUs,
    [4, 3, 5].map((us) => 1_790_000_000_000_000 + us),
  );
  assert.deepEqual(
    flow.frameAddresses,
    [240, 180, 300].map((offset) => 1_000_000 + offset),
  );
});

test('what waited for the protocol keeps its stamp and order too', () => {
  const frames = [...OPEN, c(1001, Q), c(1005, 'q2..'), s(5001, A)].map(elsewhere);
  const [flow] = decode(frames).modbus.flows;
  assert.deepEqual(flow.frameNumbers, [4, 5, 6]);
  assert.deepEqual(flow.frameAddresses, [-1, -1, -1]);
});

test('a frame whose acknowledgment releases others is itself again afterwards', () => {
  const frames = [...OPEN, c(1001, Q), c(1009, 'q3..'), s(5001, A, 1013)];
  assert.deepEqual(decode(frames).modbus.flows[0].frameNumbers, [4, 5, 6]);
});

test('where one side alone is seen, its FIN ends the flow', () => {
  const oneSided = [OPEN[0], c(1001, Q), c(1005, '', 0, { flags: FIN_ACK })];
  const run = start();
  run.decoder.block(blockOf(oneSided));
  assert.equal(run.sink.ended.length, 1);
  const both = [...OPEN, c(1001, Q), s(5001, A), c(9000, '', 0, { flags: SYN }), c(9001, Q)];
  const again = start();
  again.decoder.block(blockOf([...both, c(9005, '', 0, { flags: FIN_ACK })]));
  assert.equal(again.sink.ended.length, 2);
});
