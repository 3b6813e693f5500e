/**
 * `npm run check`: types, format, lint and the fast tests at the same time, offline, in less than
 * 15 seconds of two cores. It names the files that take longest before the limit is reached, so
 * that the gate stays one that people run. Slow tests are called x.slow.test.ts, or slowTest (see
 * needs.ts) beside fast ones; `npm test` runs them.
 */
import { fork, spawn } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PartResult } from './check-part.ts';
import { REPEATED_BY } from './property-seed.ts';

const ROOT = join(import.meta.dirname, '..');
const TESTS = ['{protocols,agent,buffer,hub}/**/*.test.ts', '*.test.ts'];
const PARTS = 2;
/** Compiled code is kept between checks, as the program does it (docs/decisions/0004). */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/fieldtap-check');
/** Two parts fill two cores; without threads for the collector they take a quarter less CPU. */
const PART_FLAGS = ['--single-threaded-gc', '--max-semi-space-size=32'];
/** A part that takes longer hangs. */
const PART_MS_MAX = 400_000;
/** CPU of all fast tests above which the slowest files are named: 15 s are 30 of two cores. */
const TESTS_CPU_MS_NOTED = 19_000;
const FILES_NAMED_MAX = 8;

interface Outcome {
  readonly isGood: boolean;
  readonly output: string;
}

const startedMs = performance.now();
const tools = Promise.all([
  runTool('tsc', ['--noEmit']),
  runTool('biome', ['ci', '--reporter=summary', '--colors=off', '.']),
]);
const results = await Promise.all(partsOf(fastFiles()).map(runPart));
const [types, style] = await tools;
const failures = [
  ...results.flatMap((result) => result.failures),
  ...[types, style].filter(({ isGood }) => !isGood).map(({ output }) => output),
];
for (const failure of failures) process.stdout.write(`${failure}\n\n`);
process.stdout.write(summaryOf(results));
if (failures.length > 0) process.stdout.write(failedOf(failures));
process.exitCode = failures.length === 0 ? 0 : 1;

function fastFiles(): string[] {
  return TESTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter(
    (file) => !file.endsWith('.slow.test.ts'),
  );
}

/** Parts of like size, each with large and small files; the order is the same everywhere. */
function partsOf(files: readonly string[]): string[][] {
  const bySize = files
    .map((file) => ({ file, bytes: statSync(join(ROOT, file)).size }))
    .sort((a, b) => b.bytes - a.bytes || (a.file < b.file ? -1 : 1));
  const parts = Array.from({ length: PARTS }, (): string[] => []);
  bySize.forEach(({ file }, index) => {
    parts[index % PARTS].push(file);
  });
  return parts;
}

function runPart(files: readonly string[]): Promise<PartResult> {
  return new Promise((resolve) => {
    const part = fork(join(import.meta.dirname, 'check-part.ts'), files, {
      cwd: ROOT,
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      execArgv: PART_FLAGS,
      timeout: PART_MS_MAX,
    });
    let result: PartResult | undefined;
    part.on('message', (message) => {
      // check-part.ts sends one message, and its type is PartResult.
      result = message as PartResult;
    });
    part.on('close', (code, signal) => resolve(result ?? endedEarly(files, code, signal)));
  });
}

function endedEarly(files: readonly string[], code: number | null, signal: string | null) {
  const how = `a part of the tests ended without a result (${signal ?? `exit ${code}`})`;
  const which = `its files: ${files.join(' ')}`;
  return { testsCount: 0, skippedCount: 0, failures: [`${how}; ${which}`], files: [], cpuMs: 0 };
}

function runTool(name: string, options: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const tool = spawn(join(ROOT, 'node_modules/.bin', name), options, { cwd: ROOT });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    tool.stdout.on('data', keep);
    tool.stderr.on('data', keep);
    tool.on('error', (error) => resolve({ isGood: false, output: `${name}: ${error.message}` }));
    tool.on('close', (code) => resolve({ isGood: code === 0, output: `${name}:\n${output}` }));
  });
}

/** Which failed, once more: the last lines are what a reader of a long log sees. */
function failedOf(failures: readonly string[]): string {
  const first = failures.map((failure) => `✖ ${failure.split('\n')[0]}\n`);
  return `failed:\n${first.join('')}The same draws again: ${REPEATED_BY} npm run check\n`;
}

function summaryOf(parts: readonly PartResult[]): string {
  const sum = (of: (part: PartResult) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const cpuMs = sum((part) => part.cpuMs);
  const lines = [
    `${sum((part) => part.testsCount)} tests, ${sum((part) => part.failures.length)} failed, ` +
      `${sum((part) => part.skippedCount)} left to npm test; ` +
      `${seconds(performance.now() - startedMs)} s, ${seconds(cpuMs)} s of CPU for the tests`,
  ];
  const slowest = parts.flatMap((part) => part.files).sort((a, b) => b.ms - a.ms);
  if (cpuMs > TESTS_CPU_MS_NOTED) {
    lines.push('The check nears its 15 s; move what is slow to x.slow.test.ts or slowTest:');
    for (const { file, ms } of slowest.slice(0, FILES_NAMED_MAX)) {
      lines.push(`  ${ms.toFixed(0)} ms ${file.replace(`${ROOT}/`, '')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
