/** The host of the capture worker: credits, the last report, and what becomes of a dead worker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureHost } from './capture-host.ts';
import { ManualClock } from './platform/clock.ts';
import { silentLog } from './platform/log.ts';
import {
  type FakeLife,
  type FakeSettings,
  SHARED_BYTES,
  SHARED_CRASH_NOW,
  SHARED_STARTS,
} from './testing/fake-capture-worker.ts';

const FAKE_WORKER = new URL('./testing/fake-capture-worker.ts', import.meta.url);
const STOP_MS = 1000;
const PATIENCE_MS = 20_000;

interface Bench {
  readonly host: CaptureHost;
  readonly clock: ManualClock;
  /** Numbers of the reports that arrived. */
  readonly reports: readonly number[];
  starts(): number;
  /** A worker with the life `crashesWhenTold` crashes now. */
  crashNow(): void;
}

function bench(...lives: readonly FakeLife[]): Bench {
  const clock = new ManualClock();
  const reports: number[] = [];
  const shared = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  const settings: FakeSettings = {
    interfaces: [],
    ringBytes: 0,
    evidenceBytes: 0,
    modbusPorts: [],
    opcuaPorts: [],
    exclude: [],
    siteKey: new Uint8Array(32),
    lives,
    shared,
  };
  const sink = {
    report: ({ reportNumber }: { readonly reportNumber: number }) => {
      reports.push(reportNumber);
    },
    interfaceState: () => {},
  };
  return {
    host: new CaptureHost(settings, sink, clock, silentLog, { url: FAKE_WORKER }),
    clock,
    reports,
    starts: () => Atomics.load(shared, SHARED_STARTS),
    crashNow: () => Atomics.store(shared, SHARED_CRASH_NOW, 1),
  };
}

test('a report is answered with a credit, and the last one is waited for', async () => {
  const { host, reports, clock } = bench('reports');
  await host.start();
  assert.deepEqual(host.status(), { isCapturing: true, workerRestarts: 0 });
  // The second report was only sent because the first one's credit came back.
  await until(() => reports.length === 2);
  await host.stop();
  assert.deepEqual(reports, [1, 2, 3]);
  assert.equal(host.status().isCapturing, false);
  clock.advance(60_000);
  assert.equal(host.status().workerRestarts, 0);
});

test('a worker that does not answer the stop is ended after a second', async () => {
  const { host, clock } = bench('mute');
  await host.start();
  let hasStopped = false;
  const stopped = host.stop().then(() => {
    hasStopped = true;
  });
  clock.advance(STOP_MS - 1);
  await turn();
  assert.equal(hasStopped, false);
  clock.advance(1);
  await stopped;
  assert.equal(host.status().isCapturing, false);
});

// biome-ignore format: one case per line
const firstStarts = [
  { name: 'tells a fault', life: 'fault', error: { code: 'CAPTURE_INTERFACE_MISSING' } },
  { name: 'ends without a word', life: 'ends', error: { message: 'the capture worker ended before it captured' } },
] as const;

for (const { name, life, error } of firstStarts) {
  test(`the first start fails when the worker ${name}, and is not repeated`, async () => {
    const { host, clock, starts } = bench(life);
    await assert.rejects(host.start(), error);
    clock.advance(60_000);
    await turn();
    assert.equal(starts(), 1);
    await host.stop();
  });
}

test('a worker that crashes is started again, later each time, at most 30 s', async () => {
  const { host, clock, starts } = bench('crashes');
  await host.start();
  for (const [index, delayMs] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
    await until(() => host.status().workerRestarts === index + 1);
    assert.equal(host.status().isCapturing, false);
    clock.advance(delayMs - 1);
    await turn();
    assert.equal(starts(), index + 1, `started again before ${delayMs} ms`);
    clock.advance(1);
    await until(() => starts() === index + 2);
  }
  await host.stop();
});

test('after a minute of good work the next restart is quick again', async () => {
  const { host, clock, starts, crashNow } = bench('crashes', 'crashes', 'crashesWhenTold', 'mute');
  await host.start();
  await until(() => host.status().workerRestarts === 1);
  clock.advance(1000);
  await until(() => host.status().workerRestarts === 2);
  clock.advance(2000);
  await until(() => host.status().isCapturing);
  clock.advance(60_000);
  crashNow();
  await until(() => host.status().workerRestarts === 3);
  clock.advance(1000);
  await until(() => starts() === 4 && host.status().isCapturing);
  const stopped = host.stop();
  clock.advance(STOP_MS);
  await stopped;
});

test('a fault at a restart is shown until frames come again', async () => {
  const { host, clock } = bench('crashes', 'fault', 'reports');
  await host.start();
  await until(() => host.status().workerRestarts === 1);
  clock.advance(1000);
  await until(() => host.status().workerRestarts === 2);
  const { lastFault } = host.status();
  clock.advance(2000);
  await until(() => host.status().isCapturing);
  const { lastFault: faultAfterwards } = host.status();
  await host.stop();
  assert.deepEqual(lastFault, { code: 'CAPTURE_INTERFACE_MISSING', problem: 'Made to fail.' });
  assert.equal(faultAfterwards, undefined);
});

test('a stop while a restart is due ends it for good', async () => {
  const { host, clock, starts } = bench('crashes');
  await host.start();
  await until(() => host.status().workerRestarts === 1);
  await host.stop();
  clock.advance(60_000);
  await turn();
  assert.equal(starts(), 1);
});

/** Threads run in their own time, whatever the manual clock says. */
async function until(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    assert.ok(performance.now() < untilMs, `waited ${PATIENCE_MS} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Time enough for a thread to be started, were one started. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
