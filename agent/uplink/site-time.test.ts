/** What is said about the time: never before the hub's, with its source, and steps are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import { ManualClock } from '../platform/clock.ts';
import { openClockTrust, trustOf } from '../platform/clock-source.ts';
import { lowestTimeIfClockIsWrong, PROGRAM_BORN_MS, SiteTime } from './site-time.ts';
import { UplinkBench } from './test-kit.ts';

const NOW_MS = 1_790_000_000_000;
const good = { source: 'ntp', errorMs: 12 } as const;

// biome-ignore format: one case per line
const cases = [
  { name: 'a good clock',                             wallMs: NOW_MS, hubMs: 0,              is: { signedAtMs: NOW_MS, clockSource: 'ntp', clockErrorMs: 12 } },
  { name: 'a hub whose receipt is a minute old',      wallMs: NOW_MS, hubMs: NOW_MS - 60_000, is: { signedAtMs: NOW_MS, clockSource: 'ntp', clockErrorMs: 12 } },
  { name: '1970 and no word of a hub yet',            wallMs: 5000,   hubMs: 0,              is: { signedAtMs: 5000, clockSource: 'none' } },
  { name: '1970 and a hub that was heard before',     wallMs: 5000,   hubMs: NOW_MS,         is: { signedAtMs: NOW_MS, clockSource: 'hub' } },
  { name: 'before 1970',                              wallMs: -5000,  hubMs: 0,              is: { signedAtMs: 0, clockSource: 'none' } },
  { name: 'ten years behind',                         wallMs: NOW_MS - 315e9, hubMs: NOW_MS, is: { signedAtMs: NOW_MS, clockSource: 'hub' } },
] as const;
for (const { name, wallMs, hubMs, is } of cases) {
  test(name, () => {
    assert.deepEqual(new SiteTime(new ManualClock(wallMs), () => good, hubMs).now(), is);
  });
}

test("the hub's time goes on by the monotonic clock, and an older one changes nothing", () => {
  const clock = new ManualClock(5000);
  const time = new SiteTime(clock, () => good);
  time.hubSays(NOW_MS);
  clock.advance(90_000);
  assert.equal(time.now().signedAtMs, NOW_MS + 90_000);
  time.hubSays(NOW_MS + 60_000);
  assert.equal(time.now().signedAtMs, NOW_MS + 90_000);
  clock.step(NOW_MS);
  assert.equal(time.now().clockSource, 'ntp', 'a network time has come');
});

test('a clock that is behind is a fault in words, one that is right is none', () => {
  const behind = new SiteTime(new ManualClock(5000), () => good, NOW_MS).fault();
  assert.match(behind?.problem ?? '', /says 1970-01-01, and it is 2026-09-21 or later/);
  assert.equal(new SiteTime(new ManualClock(NOW_MS), () => good, NOW_MS - 5).fault(), undefined);
  assert.equal(lowestTimeIfClockIsWrong(new ManualClock(NOW_MS), NOW_MS), undefined);
  assert.equal(lowestTimeIfClockIsWrong(new ManualClock(0), 0), PROGRAM_BORN_MS);
});

// biome-ignore format: one case per line
const steps = [
  { name: 'NTP slews by milliseconds',  byMs: 900,             told: false },
  { name: 'an operator sets it forward', byMs: 3_600_000,      told: true },
  { name: 'ten years back',             byMs: -315_000_000_000, told: true },
] as const;
for (const { name, byMs, told } of steps) {
  test(`${name}: ${told ? 'said' : 'not said'} in the chain`, () => {
    const bench = new UplinkBench(new TestBuffers());
    bench.uplink.start();
    bench.link.up();
    bench.drain();
    bench.clock.step(byMs);
    bench.advance(3000);
    const said = bench.deliver().filter((message) => message.kind === 'statement');
    assert.deepEqual(
      said.map((each) => [each.code, ((each.toUs ?? 0) - (each.fromUs ?? 0)) / 1000]),
      told ? [['clockStepped', byMs]] : [],
    );
    assert.equal(bench.hub.chain(1).length, told ? 2 : 1, 'the order is by sequence');
    bench.link.down();
    bench.buffer.close();
  });
}

test('the kernel says whether the clock is synchronized, and how far off it may be', async () => {
  const state = (status: number, maxerrorUs: number) => (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer);
    view.setInt32(40, status, true);
    view.setBigInt64(24, BigInt(maxerrorUs), true);
    return 0;
  };
  assert.deepEqual(trustOf(state(0, 8500)), { source: 'ntp', errorMs: 8.5 });
  assert.deepEqual(
    trustOf(state(0x40, 8500), () => 'rtc'),
    { source: 'rtc' },
  );
  assert.deepEqual(
    trustOf(
      () => -1,
      () => 'none',
    ),
    { source: 'none' },
  );
  assert.ok(['ntp', 'rtc', 'none'].includes((await openClockTrust())().source));
});
