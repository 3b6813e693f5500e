/** When a detection is reported at once, and when it waits for the ordinary report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './platform/clock.ts';
import { URGENT_REPORTS_MAX, UrgentReports } from './urgent-reports.ts';

/** A worker in five lines: reports take what waits. */
function bench() {
  const clock = new ManualClock();
  const reportedAtMs: number[] = [];
  const state = { waiting: false, room: true, reportedAtMs };
  const urgent = new UrgentReports({
    clock,
    isWaiting: () => state.waiting,
    hasRoom: () => state.room,
    report: () => {
      state.waiting = false;
      state.reportedAtMs.push(clock.monotonicMs());
      urgent.reported();
    },
  });
  const detect = (): void => {
    state.waiting = true;
    urgent.look();
  };
  return { clock, state, urgent, detect };
}

test('a detection in a quiet second is reported in the very call', () => {
  const { clock, state, urgent, detect } = bench();
  clock.advance(400);
  urgent.look();
  assert.deepEqual(state.reportedAtMs, []);
  detect();
  assert.deepEqual(state.reportedAtMs, [400]);
});

test('what follows within a tenth of a second goes out together', () => {
  const { clock, state, detect } = bench();
  clock.advance(400);
  detect();
  for (let more = 0; more < 9; more++) {
    clock.advance(10);
    detect();
  }
  assert.deepEqual(state.reportedAtMs, [400]);
  clock.advance(10);
  assert.deepEqual(state.reportedAtMs, [400, 500]);
});

test('a flood of detections costs three reports, then one a second', () => {
  const { clock, state, detect } = bench();
  for (let step = 0; step < 1000; step++) {
    clock.advance(10);
    detect();
  }
  const most = URGENT_REPORTS_MAX + 10;
  assert.ok(state.reportedAtMs.length <= most, String(state.reportedAtMs.length));
  assert.ok(state.reportedAtMs.length >= 10, String(state.reportedAtMs.length));
});

test('the last credit is for the ordinary report', () => {
  const { clock, state, detect } = bench();
  clock.advance(400);
  state.room = false;
  detect();
  assert.deepEqual(state.reportedAtMs, []);
  state.room = true;
  detect();
  assert.deepEqual(state.reportedAtMs, [400]);
});

test('nothing goes out after the stop', () => {
  const { clock, state, urgent, detect } = bench();
  detect();
  urgent.stop();
  clock.advance(5000);
  detect();
  assert.deepEqual(state.reportedAtMs, []);
});
