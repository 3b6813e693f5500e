/** The time on the wire follows the frames, whatever the wall clock does and however they waited. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureTime } from './capture-time.ts';
import { ManualClock } from './platform/clock.ts';

const NOW_MS = 1_790_000_000_000;
const YEAR_MS = 31_536_000_000;
const FRAME_US = NOW_MS * 1000 - 7_000_000;

test('until a frame came it is the time of the wall clock', () => {
  const time = new CaptureTime(new ManualClock(NOW_MS));
  assert.equal(time.nowUs(), NOW_MS * 1000);
  time.decoded(-1);
  assert.equal(time.nowUs(), NOW_MS * 1000);
});

test('frames that waited for seven seconds are seven seconds ago, and time goes on from there', () => {
  const clock = new ManualClock(NOW_MS);
  const time = new CaptureTime(clock);
  time.decoded(FRAME_US);
  assert.equal(time.nowUs(), FRAME_US);
  clock.advance(1500);
  assert.equal(time.nowUs(), FRAME_US + 1_500_000);
});

test('a step of the wall clock moves nothing', () => {
  for (const stepMs of [10 * YEAR_MS, -10 * YEAR_MS, 3_600_000]) {
    const clock = new ManualClock(NOW_MS);
    const time = new CaptureTime(clock);
    time.decoded(FRAME_US);
    clock.step(stepMs);
    assert.equal(time.nowUs(), FRAME_US, `${stepMs} ms`);
  }
});
