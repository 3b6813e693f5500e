/**
 * Preloaded into an agent by bench/loop-delay.ts: watches how long its main thread was held, and
 * writes that to LOOP_DELAY_FILE each second. In plain JavaScript, because it is loaded before the
 * program; the worker loads it too and is left alone.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 10;
/** The start isn't counted: what is loaded then holds the thread once. */
const BEGIN_AFTER_MS = 3000;

if (isMainThread && process.env.LOOP_DELAY_FILE !== undefined) {
  setTimeout(watch, BEGIN_AFTER_MS).unref();
}

function watch() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // On a machine that others use too the wall clock tells of them; this thread's CPU doesn't.
  let before = process.threadCpuUsage();
  let longestCpuUs = 0;
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    longestCpuUs = Math.max(longestCpuUs, user + system);
  }, RESOLUTION_MS).unref();
  setInterval(() => {
    const figures = {
      longestMs: delay.max / 1e6,
      p999Ms: delay.percentile(99.9) / 1e6,
      p50Ms: delay.percentile(50) / 1e6,
      longestCpuMs: longestCpuUs / 1000,
    };
    const path = process.env.LOOP_DELAY_FILE;
    writeFileSync(`${path}.new`, JSON.stringify(figures));
    renameSync(`${path}.new`, path);
  }, 1000).unref();
}
