/** A real worker tells a detection when it happens, and counts every frame once all the same. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allowedMs } from '../hil-tests/machine-load.ts';
import type { IntervalReport } from '../protocols/interval-report.ts';
import { CaptureHost } from './capture-host.ts';
import { SystemClock } from './platform/clock.ts';
import { silentLog } from './platform/log.ts';

/** Holds a function code 0 in its second second and a password in clear text in its fifth. */
const CAPTURE = join(import.meta.dirname, '../hil-tests/captures/bench.pcap');
const MIB = 2 ** 20;
/** Found when its answer comes; a request without one is found when it is given up. */
const ANSWERED = 'OPCUA_PASSWORD_CLEAR_TEXT';
/** An ordinary report's interval is a second. */
const EARLY_US_MAX = 900_000;
/** A file's frames come in turns of 50 ms; the rest is for a busy machine. */
const LATE_US_MAX = 400_000;
const PATIENCE_MS = 30_000;

test('detections come within a fraction of a second, in order, with counts that add up', async () => {
  const clock = new SystemClock();
  const reports: IntervalReport[] = [];
  const settings = {
    interfaces: [],
    file: CAPTURE,
    ringBytes: MIB,
    evidenceBytes: MIB,
    modbusPorts: [502],
    opcuaPorts: [4840],
    exclude: [],
    siteKey: new Uint8Array(32),
  };
  const sink = {
    report: (report: IntervalReport) => void reports.push(report),
    interfaceState: () => {},
  };
  const host = new CaptureHost(settings, sink, clock, silentLog);
  await host.start();
  const told = () => reports.filter(({ detections }) => detections.length > 0);
  for (let waitedMs = 0; told().length < 2 && waitedMs < PATIENCE_MS; waitedMs += 50) {
    await delay(50);
  }
  await host.stop();
  const early = told().filter(({ fromUs, toUs }) => toUs - fromUs < EARLY_US_MAX);
  assert.ok(early.length > 0, 'no report came before its second was over');
  const late = told().flatMap(({ toUs, detections }) =>
    detections.flatMap(({ detection: { code, lastSeenUs } }) =>
      code === ANSWERED ? [toUs - lastSeenUs] : [],
    ),
  );
  assert.ok(late[0] < allowedMs(LATE_US_MAX / 1000) * 1000, `told after ${late[0] / 1000} ms`);
  // No interval is counted twice or left out, however short it was.
  reports.forEach((report, index) => {
    assert.equal(report.reportNumber, index);
    const before = reports[index - 1];
    if (before !== undefined) {
      assert.ok(Math.abs(report.fromUs - before.toUs) < 50_000, `gap before report ${index}`);
    }
    const covered = report.coverage.reduce((sum, each) => sum + each.framesSeen, 0);
    assert.equal(covered, report.traffic.frames, `frames of report ${index}`);
  });
});
