/**
 * The seeded fuzzer: input `number` of a run is always the same. Inputs come in blocks that share a
 * state; a failure is replayed by running its block up to its number.
 */
import { garbageCollector } from '../collect-garbage.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { FuzzState, FuzzTarget } from './fuzz-target.ts';

export const BLOCK_INPUTS = 256;
/** A run with seed S has the numbers from S times this on. */
export const INPUTS_PER_SEED = 1_000_000_000;
export const CALL_MS_MAX = 5;
export const GROWTH_BYTES_MAX = 5_000_000;

/** Blocks before growth counts: machine code, tables and caches are there by then. */
const WARM_BLOCKS = 60;
const FAILURES_MAX = 20;
const COLLECTIONS = 4;
/**
 * A call is slow when it is so each time; what the machine does beside us isn't. At a load of 30 on
 * two cores, five calls of 0.3 ms in 2.6 million were over the limit six times in a row. (CPU time
 * would be no judge: the kernel may count it in steps of milliseconds.)
 */
const SLOW_TRIES = 40;

export interface FuzzFailure {
  /** `npm run fuzz -- --replay NUMBER`. */
  readonly number: number;
  readonly target: string;
  readonly problem: string;
}

export interface TargetCount {
  inputs: number;
  accepted: number;
  longestMs: number;
}

export interface FuzzReport {
  inputs: number;
  accepted: number;
  elapsedMs: number;
  longestMs: number;
  growthBytes: number;
  readonly failures: FuzzFailure[];
  readonly byTarget: Map<string, TargetCount>;
}

export interface FuzzBudget {
  readonly seed: number;
  readonly seconds?: number;
  readonly inputs?: number;
}

export function fuzz(
  targets: readonly FuzzTarget[],
  budget: FuzzBudget,
  say: (report: FuzzReport) => void = () => {},
): FuzzReport {
  const collect = garbageCollector();
  const report = emptyReport(targets);
  const inputsMax = budget.inputs ?? Number.POSITIVE_INFINITY;
  const endMs = performance.now() + (budget.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const beganMs = performance.now();
  let heldAtFirst = -1;
  let block = (budget.seed * INPUTS_PER_SEED) / BLOCK_INPUTS;
  // However slow the machine, each target has had its turn at the end.
  const isTime = (blocks: number): boolean => blocks < targets.length || performance.now() < endMs;
  for (let blocks = 0; report.inputs < inputsMax && isTime(blocks); blocks += 1) {
    if (blocks === WARM_BLOCKS) heldAtFirst = bytesHeld(collect);
    runBlock(targets, block, report);
    block += 1;
    if (report.failures.length >= FAILURES_MAX) break;
    if (blocks % 400 === 399) {
      report.elapsedMs = performance.now() - beganMs;
      say(report);
    }
  }
  report.elapsedMs = performance.now() - beganMs;
  if (heldAtFirst >= 0) report.growthBytes = bytesHeld(collect) - heldAtFirst;
  if (report.growthBytes > GROWTH_BYTES_MAX) {
    const number = budget.seed * INPUTS_PER_SEED;
    const problem = `${report.growthBytes} bytes more are held after ${report.inputs} inputs`;
    report.failures.push({ number, target: 'all', problem });
  }
  return report;
}

/** Runs the block of `number` up to it; what it finds there, and the longest call of that input. */
export function replayInput(
  targets: readonly FuzzTarget[],
  number: number,
): { readonly target: string; readonly problem: string | undefined; readonly longestMs: number } {
  const block = Math.floor(number / BLOCK_INPUTS);
  const target = targetOf(targets, block);
  const state = target.begin();
  let longestMs = 0;
  for (let input = block * BLOCK_INPUTS; input <= number; input += 1) {
    state.make(randomOf(input));
    const beganMs = performance.now();
    try {
      state.run();
    } catch (thrown) {
      if (input === number) return { target: target.name, problem: textOf(thrown), longestMs };
    }
    longestMs = performance.now() - beganMs;
  }
  return { target: target.name, problem: undefined, longestMs };
}

function runBlock(targets: readonly FuzzTarget[], block: number, report: FuzzReport): void {
  const target = targetOf(targets, block);
  const count = report.byTarget.get(target.name);
  if (count === undefined) return;
  const state = target.begin();
  for (let index = 0; index < BLOCK_INPUTS; index += 1) {
    const number = block * BLOCK_INPUTS + index;
    state.make(randomOf(number));
    report.inputs += 1;
    count.inputs += 1;
    const beganMs = performance.now();
    const problem = runOnce(state, count, report);
    const elapsedMs = performance.now() - beganMs;
    if (problem !== undefined) report.failures.push({ number, target: target.name, problem });
    noteTime(targets, number, elapsedMs, count, report);
  }
}

function runOnce(state: FuzzState, count: TargetCount, report: FuzzReport): string | undefined {
  try {
    if (!state.run()) return undefined;
    count.accepted += 1;
    report.accepted += 1;
    return undefined;
  } catch (thrown) {
    return textOf(thrown);
  }
}

function noteTime(
  targets: readonly FuzzTarget[],
  number: number,
  elapsedMs: number,
  count: TargetCount,
  report: FuzzReport,
): void {
  let milliseconds = elapsedMs;
  for (let tries = 0; tries < SLOW_TRIES && milliseconds > CALL_MS_MAX; tries += 1) {
    milliseconds = Math.min(milliseconds, replayInput(targets, number).longestMs);
  }
  count.longestMs = Math.max(count.longestMs, milliseconds);
  report.longestMs = Math.max(report.longestMs, milliseconds);
  if (milliseconds <= CALL_MS_MAX) return;
  const target = targetOf(targets, Math.floor(number / BLOCK_INPUTS)).name;
  const problem = `${milliseconds.toFixed(1)} ms for one input, each time`;
  report.failures.push({ number, target, problem });
}

function targetOf(targets: readonly FuzzTarget[], block: number): FuzzTarget {
  return targets[Math.floor(block) % targets.length];
}

function randomOf(number: number): SeededRandom {
  const high = Math.floor(number / 0x1_0000_0000);
  return new SeededRandom(Math.imul(number ^ Math.imul(high + 1, 0x9e3779b1), 0x85ebca6b));
}

/** Buffers are let go of only some time after a collection: several, and the last one counts. */
function bytesHeld(collect: () => void): number {
  for (let round = 0; round < COLLECTIONS; round += 1) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

function emptyReport(targets: readonly FuzzTarget[]): FuzzReport {
  return {
    inputs: 0,
    accepted: 0,
    elapsedMs: 0,
    longestMs: 0,
    growthBytes: 0,
    failures: [],
    byTarget: new Map(targets.map(({ name }) => [name, { inputs: 0, accepted: 0, longestMs: 0 }])),
  };
}
