/**
 * Every limit of the decode core with the counter that tells of it, and what passing time does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_WORDS } from '../../protocols/frame-block.ts';
import { A, c, decode, OPEN, OTHER_PORT, Q, SERVER, s, start } from './test-decoder.ts';
import { blockOf, type FrameFields, RST, SYN } from './test-traffic.ts';

test('a broken IPv4 header checksum is counted and decoded all the same', () => {
  const run = start();
  const block = blockOf([c(1001, Q)]);
  block.bytes[24] ^= 1;
  run.decoder.block(block);
  assert.equal(run.counters.checksumFaultsCount, 1);
  assert.equal(run.modbus.flows.length, 1);
});

test('the reorder share of a direction is bounded and counted', () => {
  const segments = Array.from({ length: 6 }, (_, index) => c(1005 + index * 8, `q${index}..`));
  const { modbus, counters } = decode([...OPEN, c(1001, Q), ...segments.slice(1)], {
    reorderBlocksPerDirectionMax: 3,
  });
  assert.equal(counters.reassemblyRefusedCount, 1);
  assert.equal(modbus.flows[0].client, 'q1..{8}q1..{4}q2..{4}q3..{4}q4..{4}q5..');
});

test('an exhausted pool is counted, and later segments still come', () => {
  const options = { reassemblyBlocksMax: 1 };
  const { modbus, counters } = decode(
    [...OPEN, c(1001, Q), c(1009, 'q2..'), c(1017, 'q3..'), c(1021, 'q4..')],
    options,
  );
  assert.equal(counters.reassemblyRefusedCount, 1);
  assert.equal(modbus.flows[0].client, 'q1..{4}q2..{4}q3..q4..');
});

test('a full table lets go of flows that never were answered first', () => {
  const run = start({ flowsMax: 8 });
  run.decoder.block(blockOf([...OPEN, c(1001, Q, 5001), s(5001, A, 1005)]));
  for (let port = 1; port <= 1000; port++) {
    const from = { host: 66, port };
    run.decoder.block(blockOf([{ from, to: SERVER, sequence: port, flags: SYN }]));
  }
  run.decoder.block(blockOf([c(1005, 'q2..', 5005)]));
  assert.equal(run.modbus.flows.length, 1);
  assert.equal(run.modbus.flows[0].client, 'q1..q2..');
  assert.equal(run.counters.flowsEvictedCount, 993);
  assert.equal(run.counters.flowsUsed, 8);
});

test('among recognised flows the one idle longest leaves, and is told', () => {
  const run = start({ flowsMax: 4, modbusPorts: [502] });
  const conversation = (port: number, seconds: number): FrameFields[] => {
    const peer = { host: 5, port };
    const timeUs = (1_790_000_000 + seconds) * 1_000_000;
    return [
      { from: peer, to: SERVER, sequence: 1, payload: Q, timeUs },
      { from: SERVER, to: peer, sequence: 1, payload: A, timeUs },
    ];
  };
  const again = {
    from: { host: 5, port: 1 },
    to: SERVER,
    sequence: 5,
    payload: 'q2..',
    timeUs: 1_790_000_020_000_000,
  };
  for (const port of [1, 2, 3, 4]) run.decoder.block(blockOf(conversation(port, port)));
  run.decoder.block(blockOf([again]));
  run.decoder.block(blockOf(conversation(5, 21)));
  assert.deepEqual(
    run.sink.ended.map(({ client }) => client.port),
    [2],
  );
  assert.equal(run.counters.flowsEvictedCount, 1);
});

test('a closed connection leaves before any that is open', () => {
  const run = start({ flowsMax: 2 });
  const closed = { host: 5, port: 2 };
  run.decoder.block(blockOf([...OPEN, c(1001, Q, 5001), s(5001, A, 1005)]));
  run.decoder.block(
    blockOf([
      { from: closed, to: SERVER, sequence: 1, payload: Q },
      { from: SERVER, to: closed, sequence: 1, payload: A },
      { from: SERVER, to: closed, sequence: 5, flags: RST },
    ]),
  );
  run.decoder.block(
    blockOf([{ from: { host: 66, port: 1 }, to: SERVER, sequence: 1, flags: SYN }]),
  );
  assert.deepEqual(
    run.sink.ended.map(({ client }) => client.port),
    [2],
  );
});

test('flows that are answered and not yet known keep a sixteenth of a table full of known ones', () => {
  const run = start({ flowsMax: 16 });
  for (let port = 1; port <= 16; port++) {
    const from = { host: 5, port };
    const payload = port === 1 ? 'HE' : Q;
    run.decoder.block(
      blockOf([
        { from, to: SERVER, sequence: 1, payload },
        { from: SERVER, to: from, sequence: 1, payload: '' },
      ]),
    );
  }
  run.decoder.block(
    blockOf([{ from: { host: 66, port: 1 }, to: SERVER, sequence: 1, flags: SYN }]),
  );
  assert.deepEqual(
    run.sink.ended.map(({ client }) => client.port),
    [2],
  );
});

test('a SYN flood of 100,000 leaves memory flat and the recognised flow alive', () => {
  const run = start({ flowsMax: 8192 });
  run.decoder.block(blockOf([...OPEN, c(1001, Q, 5001), s(5001, A, 1005)]));
  const block = blockOf(
    Array.from({ length: 1000 }, (_, index) => c(index, '', 0, { flags: SYN })),
  );
  const view = new DataView(block.bytes.buffer);
  const flood = (round: number): void => {
    for (let frame = 0; frame < block.framesCount; frame++) {
      const offset = block.index[frame * FRAME_WORDS];
      view.setUint32(offset + 26, 0xc0a8_0000 + round * 1000 + frame);
    }
    run.decoder.block(block);
  };
  flood(0);
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 1; round < 100; round++) flood(round);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
  assert.equal(run.counters.flowsUsed, 8192);
  assert.equal(run.counters.flowsEvictedCount, 100_000 + 1 - 8192);
  run.decoder.block(blockOf([c(1005, 'q2..', 5005)]));
  assert.equal(run.modbus.flows[0].client, 'q1..q2..');
  assert.equal(run.modbus.flows.length, 1);
});

test('beginnings that never become a protocol fill their share of the pool and no more', () => {
  const run = start({ flowsMax: 256, reassemblyBlocksMax: 16 });
  for (let port = 1; port <= 200; port++) {
    run.decoder.block(
      blockOf([{ from: { host: 66, port }, to: OTHER_PORT, sequence: 1, payload: Q }]),
    );
  }
  assert.equal(run.counters.reassemblyBytesUsed, run.counters.reassemblyBytesMax / 2);
  run.decoder.end();
  assert.equal(run.counters.reassemblyBytesUsed, 0);
});

test('idle flows leave: unanswered after a minute, recognised after two hours, by passing time', () => {
  const run = start();
  const at = (seconds: number) => (1_790_000_000 + seconds) * 1_000_000;
  run.decoder.block(
    blockOf([
      ...OPEN,
      c(1001, Q),
      s(5001, A),
      { from: { host: 7, port: 7 }, to: SERVER, sequence: 1, flags: SYN },
    ]),
  );
  for (let second = 1; second <= 60; second++) run.decoder.advance(at(second));
  assert.equal(run.counters.flowsUsed, 2);
  run.decoder.advance(at(61));
  assert.equal(run.counters.flowsUsed, 1);
  for (let second = 62; second <= 7501; second++) run.decoder.advance(at(second));
  assert.equal(run.counters.flowsUsed, 0);
  assert.equal(run.sink.ended.length, 1);
  assert.equal(run.counters.flowsEvictedCount, 0);
});

test('a clock set forward by ten years ends no flow', () => {
  const run = start();
  const late = 2_100_000_000_000_000;
  run.decoder.block(
    blockOf([...OPEN, c(1001, Q), s(5001, A), c(1005, 'q2..', 5005, { timeUs: late })]),
  );
  assert.equal(run.modbus.flows.length, 1);
  assert.equal(run.decoder.lastTimeUs, late);
});

test('analyzers advance once a second of capture time, and stamps a little back do not count', () => {
  const run = start();
  const at = (us: number) => ({ timeUs: 1_790_000_000_000_000 + us });
  run.decoder.block(
    blockOf(
      [0, 400_000, 999_999, 1_000_000, 999_998, 1_000_001, 2_500_000].map((us) =>
        c(1001, '', 0, at(us)),
      ),
    ),
  );
  assert.deepEqual(
    run.modbus.advances,
    [0, 1_000_000, 2_500_000].map((us) => 1_790_000_000_000_000 + us),
  );
  run.decoder.advance(1_790_000_002_900_000);
  run.decoder.advance(1_790_000_003_000_000);
  assert.equal(run.opcua.advances.length, 4);
});

test('counters: frames, bytes on the wire, frames cut short, frames that are not ours', () => {
  const run = start();
  const block = blockOf([...OPEN, { ...c(1001, 'q1..'.repeat(10)), cutBytes: 30 }]);
  block.bytes[12 + 60] = 0x77;
  run.decoder.block(block);
  assert.deepEqual(
    [
      run.counters.framesCount,
      run.counters.bytesCount,
      run.counters.framesTruncatedCount,
      run.counters.framesNotOursCount,
    ],
    [4, 60 * 3 + 94, 1, 1],
  );
});

test('copies of a segment that waits take no room', () => {
  const waiting = [c(1009, 'q3..'), c(1009, 'q3..'), c(1005, 'q2..'), c(1005, 'q2..')];
  const options = { reorderBlocksPerDirectionMax: 2 };
  const { counters, modbus } = decode([...OPEN, c(1013, 'q4..'), c(1001, Q)], options);
  assert.equal(modbus.flows[0].client, 'q1..{8}q4..');
  assert.equal(counters.reassemblyRefusedCount, 0);
  assert.equal(
    decode([...OPEN, ...waiting, c(1001, Q)], options).counters.reassemblyRefusedCount,
    0,
  );
});

test('IPv6 addresses of flows that left make room for new ones', () => {
  const run = start({ flowsMax: 8 });
  for (let host = 1; host <= 500; host++) {
    const from = { host, port: 40_000 };
    run.decoder.block(blockOf([{ from, to: SERVER, sequence: 1, payload: Q, isIpv6: true }]));
  }
  assert.equal(run.modbus.flows.length, 500);
  assert.deepEqual(
    run.modbus.flows.slice(-2).map(({ flow }) => flow.client.ipAddress),
    ['fd00::1f3', 'fd00::1f4'],
  );
});
