/**
 * Live capture over virtual interfaces: each trap that a packet socket has (docs/decisions) is a
 * case here. What needs no privilege stands in the tests of the parts.
 */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Need, testNeeding } from '../../hil-tests/needs.ts';
import * as frame from '../../protocols/frame-block.ts';
import { ManualClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { InterfaceSource } from './interface-source.ts';
import type { CaptureRecord, RecordedFrame } from './testing/capture-worker.ts';
import { IPV4_ETHERTYPE, WirePlace } from './testing/wire-place.ts';

/** A namespace needs root, a socket CAP_NET_RAW; iproute2 and Python make the traffic. */
const NEEDS: readonly Need[] = [
  { kind: 'privilege', capability: 'root' },
  { kind: 'privilege', capability: 'netAdmin' },
  { kind: 'privilege', capability: 'netRaw' },
  { kind: 'package', program: 'ip' },
  { kind: 'package', program: 'python3' },
];
const MIRROR = { role: 'mirror', exclude: [] } as const;
const FRAMES_COUNT = 2000;

/** A place with the pair plc0 - tap0 that is gone after the test, also when it fails. */
async function placeFor(context: TestContext): Promise<WirePlace> {
  const place = await WirePlace.make();
  context.after(() => place.remove());
  await place.addPair('plc0', 'tap0');
  return place;
}

function live(name: string, body: (context: TestContext) => Promise<void>): void {
  testNeeding(NEEDS, name, body);
}

/** The number that the sender put behind the EtherType. */
const numberOf = ({ hex }: RecordedFrame): number => Number.parseInt(hex.slice(28, 36), 16);
const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first + at);
const has =
  (count: number) =>
  ({ frames }: CaptureRecord): boolean =>
    frames.length >= count;

// Each has a namespace of its own, so they run side by side.
suite('live capture', { concurrency: 4 }, () => {
  live('every frame is seen once, in order, with its evidence', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await place.send('plc0', 1, FRAMES_COUNT);
    const { frames, statistics } = await capture.until(has(FRAMES_COUNT));
    assert.deepEqual(frames.map(numberOf), numbers(1, FRAMES_COUNT));
    assert.ok(frames.every(({ hex, evidenceHex }) => hex === evidenceHex));
    assert.ok(frames.every(({ flags, vlan }) => flags === 0 && vlan === 0));
    assert.ok(frames.every(({ ageMs }) => ageMs > -5 && ageMs < 60_000));
    assert.equal(statistics[0].framesSeen, FRAMES_COUNT);
    assert.equal(statistics[0].bytesSeen, FRAMES_COUNT * 60);
    assert.equal(statistics[0].framesDropped, 0);
    assert.equal(statistics[0].linkUp, true);
  });

  live('the port listens to everybody and says nothing', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await place.send('plc0', 1, 50);
    await capture.until(has(50));
    assert.deepEqual(await place.facts('tap0'), { promiscuity: 1, framesSent: 0 });
    await capture.order({ kind: 'stop' });
    assert.deepEqual(await place.facts('tap0'), { promiscuity: 0, framesSent: 0 });
  });

  live(
    'the tag that the kernel strips is in the index, inner tags in the bytes',
    async (context) => {
      const place = await placeFor(context);
      const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
      await place.send('plc0', 1, 1, 60, '81006064');
      await place.send('plc0', 2, 1, 60, '88a800c8');
      await place.send('plc0', 3, 1, 60, '');
      const { frames } = await capture.until(has(3));
      assert.deepEqual(frames.map(numberOf), [1, 2, 3]);
      assert.deepEqual(
        frames.map(({ vlan }) => vlan),
        [0x81006064, 0x88a800c8, 0],
      );
      assert.deepEqual(
        frames.map(({ flags }) => flags),
        [frame.FRAME_FLAG_VLAN, frame.FRAME_FLAG_VLAN, 0],
      );
    },
  );

  live('link down and up is survived and told', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await place.send('plc0', 1, 10);
    await capture.until(has(10));
    await place.ip('link', 'set', 'tap0', 'down');
    const down = await capture.until(({ states }) => states.length === 2);
    assert.equal(down.statistics[0].linkUp, false);
    await place.ip('link', 'set', 'tap0', 'up');
    const up = await capture.until(({ states }) => states.length === 3);
    assert.deepEqual(up.states, ['0 up', '0 CAPTURE_INTERFACE_DOWN', '0 up']);
    // A socket that went deaf at the error would still pass its ring to us, but never wake us.
    await place.send('plc0', 11, 10);
    const { frames } = await capture.until(has(20));
    assert.deepEqual(frames.map(numberOf), numbers(1, 20));
  });

  live('an interface that is down at the start is heard when it comes up', async (context) => {
    const place = await placeFor(context);
    await place.ip('link', 'set', 'plc0', 'down');
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    const { states, statistics } = await capture.order({ kind: 'read' });
    assert.deepEqual(states, ['0 CAPTURE_INTERFACE_DOWN']);
    assert.equal(statistics[0].coveredMs, 0);
    await place.ip('link', 'set', 'plc0', 'up');
    await capture.until((record) => record.states.length === 2);
    await place.send('plc0', 1, 5);
    const { frames } = await capture.until(has(5));
    assert.deepEqual(frames.map(numberOf), numbers(1, 5));
    const later = await capture.until(({ statistics: [now] }) => now.coveredMs > 0);
    assert.equal(later.states[1], '0 up');
  });

  live('an interface that is deleted and made again is heard again', async (context) => {
    const place = await placeFor(context);
    // The last frames before the end lie in a block that the kernel closes only after 400 ms.
    const source = { ...MIRROR, interfaceName: 'tap0', blockTimeoutMs: 400 };
    const capture = await place.capture([source]);
    await place.send('plc0', 1, 10);
    await place.ip('link', 'del', 'tap0');
    await capture.until(({ states }) => states.includes('0 CAPTURE_INTERFACE_MISSING'));
    await place.addPair('plc0', 'tap0');
    await capture.until(({ states }) => states.at(-1) === '0 up');
    await place.send('plc0', 11, 10);
    const { frames } = await capture.until(has(20));
    assert.deepEqual(frames.map(numberOf), numbers(1, 20));
  });

  live('an interface replaced between two looks is told by its number', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await place.ip('link', 'del', 'tap0');
    await place.addPair('plc0', 'tap0');
    const isBack = ({ states }: CaptureRecord): boolean =>
      states.includes('0 CAPTURE_INTERFACE_MISSING') && states.at(-1) === '0 up';
    await capture.until(isBack);
    await place.send('plc0', 1, 10);
    const { frames } = await capture.until(has(10));
    assert.deepEqual(frames.map(numberOf), numbers(1, 10));
  });

  live('the loopback shows each frame once, and up to 64 KiB of it', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'lo' }]);
    await place.send('lo', 1, 100);
    await place.send('lo', 101, 3, 65_535);
    const { frames, statistics } = await capture.until(has(103));
    await delay(100);
    const after = await capture.order({ kind: 'read' });
    assert.equal(after.frames.length, 103);
    assert.deepEqual(frames.map(numberOf), numbers(1, 103));
    assert.deepEqual(
      frames.slice(100).map(({ capturedBytes, originalBytes }) => [capturedBytes, originalBytes]),
      [1, 2, 3].map(() => [65_535, 65_535]),
    );
    assert.equal(statistics[0].framesTruncated, 0);
  });

  live('elsewhere what this machine sends is seen and marked', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ role: 'host', exclude: [], interfaceName: 'tap0' }]);
    await place.send('tap0', 1, 5);
    const { frames } = await capture.until(has(5));
    assert.ok(frames.every(({ flags }) => flags === frame.FRAME_FLAG_OUTGOING));
  });

  live('frames lost to a stalled decoder are counted, all of them', async (context) => {
    const place = await placeFor(context);
    const ringBytes = 4 * 128 * 1024;
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0', ringBytes }]);
    const endStall = capture.stall();
    await place.send('plc0', 1, FRAMES_COUNT, 1000);
    await endStall();
    const seenOrLost = ({ statistics: [now] }: CaptureRecord): number =>
      now.framesSeen + now.framesDropped;
    const { statistics, frames } = await capture.until(
      (record) => seenOrLost(record) >= FRAMES_COUNT,
    );
    assert.equal(statistics[0].framesSeen + statistics[0].framesDropped, FRAMES_COUNT);
    assert.ok(statistics[0].framesDropped > 500, `${statistics[0].framesDropped} dropped`);
    assert.equal(frames.length, statistics[0].framesSeen);
    // The kernel forgets its counter at each reading, so a second reading must not.
    const again = await capture.order({ kind: 'read' });
    assert.equal(again.statistics[0].framesDropped, statistics[0].framesDropped);
  });

  live('a stall shorter than blocks times timeout loses nothing', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    const endStall = capture.stall();
    await place.send('plc0', 1, FRAMES_COUNT);
    // The kernel closes the last block meanwhile, and some empty ones.
    await delay(500);
    await endStall();
    const { frames, statistics } = await capture.until(has(FRAMES_COUNT));
    assert.deepEqual(frames.map(numberOf), numbers(1, FRAMES_COUNT));
    assert.equal(statistics[0].framesDropped, 0);
  });

  live('our own port is not heard, the others are', async (context) => {
    const place = await placeFor(context);
    const exclude = [{ ipAddress: '127.0.0.1', port: 1883 }];
    const source = { role: 'host', exclude, interfaceName: 'lo' } as const;
    const capture = await place.capture([source], IPV4_ETHERTYPE);
    await place.talk(1883, 1502, 1883);
    const { frames } = await capture.until((record) => hasClosed(record.frames));
    assert.deepEqual(new Set(frames.map(wellKnownPort)), new Set([1502]));
    // On the loopback nobody fills checksums in: they must not be judged.
    assert.ok(frames.some(({ flags }) => (flags & frame.FRAME_FLAG_CHECKSUM_NOT_READY) !== 0));
    const seen = (await capture.order({ kind: 'exclude', port: 1502 })).frames.length;
    await place.talk(1502, 1883);
    const later = await capture.until((record) => hasClosed(record.frames.slice(seen)));
    assert.deepEqual(new Set(later.frames.slice(seen).map(wellKnownPort)), new Set([1883]));
  });

  live('two interfaces are heard at once, and each knows its place', async (context) => {
    const place = await placeFor(context);
    await place.addPair('plc1', 'tap1');
    const capture = await place.capture([
      { role: 'tapA', exclude: [], interfaceName: 'tap0' },
      { role: 'tapB', exclude: [], interfaceName: 'tap1' },
    ]);
    for (let round = 0; round < 2; round++) {
      await place.send('plc0', round * 100, 100);
      await place.send('plc1', 1000 + round * 100, 100);
    }
    const { frames, statistics } = await capture.until(has(400));
    for (const interfaceIndex of [0, 1]) {
      const own = frames.filter((each) => each.interfaceIndex === interfaceIndex);
      assert.deepEqual(own.map(numberOf), numbers(interfaceIndex * 1000, 200));
      assert.equal(statistics[interfaceIndex].framesSeen, 200);
    }
  });

  live('a busy interface does not starve the other', async (context) => {
    const place = await placeFor(context);
    await place.addPair('plc1', 'tap1');
    const capture = await place.capture([
      { ...MIRROR, interfaceName: 'tap0' },
      { ...MIRROR, interfaceName: 'tap1' },
    ]);
    // Some 36 blocks wait on each when the stall ends, and a turn is 8.
    const endStall = capture.stall();
    await place.send('plc0', 1, FRAMES_COUNT, 1500);
    await place.send('plc1', 1, FRAMES_COUNT, 1500);
    await endStall();
    const { frames } = await capture.until(has(2 * FRAMES_COUNT));
    const order = frames.map(({ interfaceIndex }) => interfaceIndex);
    const turnsCount = order.filter((each, at) => each !== order[at - 1]).length;
    assert.ok(turnsCount >= 4, `${turnsCount} turns for ${frames.length} frames`);
  });

  live('a mistake in the sink ends the worker instead of vanishing', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await capture.order({ kind: 'throwInSink' });
    await place.send('plc0', 1, 1);
    assert.match((await capture.died).message, /the sink has a bug/);
  });

  live('after stop the sums are kept and nothing more is heard', async (context) => {
    const place = await placeFor(context);
    const capture = await place.capture([{ ...MIRROR, interfaceName: 'tap0' }]);
    await place.send('plc0', 1, 10);
    await capture.until(has(10));
    const { statistics } = await capture.order({ kind: 'stop' });
    assert.deepEqual([statistics[0].framesSeen, statistics[0].linkUp], [10, false]);
  });
});

test('an interface that does not exist is a fault that names those that do', () => {
  const options = { ...MIRROR, interfaceName: 'nowhere0', interfaceIndex: 0 };
  const source = new InterfaceSource(options, new ManualClock(), silentLog);
  const faults = ['CAPTURE_INTERFACE_MISSING', 'CAPTURE_PERMISSION_MISSING'];
  assert.throws(
    () => source.start({ block: () => {} }),
    (error) => {
      assert.ok(error instanceof OperatorFault);
      assert.ok(faults.includes(error.code), error.code);
      if (error.code === faults[0]) {
        assert.match(error.problem, /"nowhere0"/);
        assert.match(error.remedy, /\blo\b/);
      }
      return true;
    },
  );
});

function wellKnownPort({ hex }: RecordedFrame): number {
  const ports = [hex.slice(68, 72), hex.slice(72, 76)].map((text) => Number.parseInt(text, 16));
  return Math.min(...ports);
}

/** Both sides of a connection have said their FIN (RFC 9293 §3.1), and the last one is answered. */
function hasClosed(frames: readonly RecordedFrame[]): boolean {
  const ends = frames.map(({ hex }) => (Number.parseInt(hex.slice(94, 96), 16) & 1) !== 0);
  return ends.filter((isEnd) => isEnd).length >= 2 && ends.at(-1) === false;
}
