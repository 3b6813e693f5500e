// What a limit becomes on a shared machine: never less than promised, and CPU is not wall clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedMs, cpuMsOf } from './machine-load.ts';

test('a limit is never less than was promised', () => {
  for (const promisedMs of [1, 2000, 90_000]) assert.ok(allowedMs(promisedMs) >= promisedMs);
});

test('standing still costs no CPU, and a loop costs what it takes', () => {
  const still = new Int32Array(new SharedArrayBuffer(4));
  assert.ok(cpuMsOf(() => Atomics.wait(still, 0, 0, 500)) < 250);
  const loopMs = cpuMsOf(() => {
    const untilUs = process.threadCpuUsage().user + 30_000;
    while (process.threadCpuUsage().user < untilUs);
  });
  assert.ok(loopMs >= 29, `${loopMs} ms`);
});
