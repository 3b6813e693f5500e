/**
 * Time that a test may claim on a machine that does something else too. A promise in seconds is
 * checked as it stands where each core has at most one runnable task; where they share, the limit
 * grows by as much. A tight loop is measured by the CPU it took, which no neighbour changes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

/** Beyond this a limit says nothing any more. */
const SHARING_MAX = 10;

/** `promisedMs` where the machine is ours; more where its cores are shared. */
export function allowedMs(promisedMs: number): number {
  const sharing = load() / availableParallelism();
  return promisedMs * Math.min(SHARING_MAX, Math.max(1, sharing));
}

/**
 * A program that was told to stop has ended well. Each ends itself by force when that takes too
 * long; on a machine that is shared this may happen, and it must have said so.
 */
export function assertStopped({ exitCode, stderr }: { exitCode: number; stderr: string }): void {
  if (allowedMs(1) > 1 && /"stopTimeout"|HUB_STOP_TIMEOUT/.test(stderr)) return;
  assert.equal(exitCode, 0, stderr.slice(-1000));
}

/** Tasks that run or wait for a core or a disk: over the last minute, or now if that is more. */
function load(): number {
  let runnable = 0;
  try {
    runnable = Number(/ (\d+)\//.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0);
  } catch {
    // Not Linux: the average alone.
  }
  return Math.max(loadavg()[0], runnable);
}

/** Milliseconds of CPU that this thread spends in `work`. */
export function cpuMsOf(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
