/**
 * `npm run test:parts [-- FILES]` and `npm run test:hil [-- FILES]`: every file of tests in a process
 * of its own, two beside each other. Those of whole processes wait more than they work, so they too
 * run by twos; what promises a time, a rate or every frame runs alone, when the others have ended.
 * On a real bench all of them run alone: there is only one of it.
 */
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import './property-seed.ts';
import { endOfRun, type TestEvent } from './run-end.ts';

/** In the order in which they are begun: what takes longest first. */
// biome-ignore format: one run per line
const RUNS: Readonly<Record<string, readonly string[]>> = {
  parts: ['bench/simulation.slow.test.ts', 'bench/**/*.test.ts', '{buffer,hub,agent,protocols}/**/*.test.ts', '*.test.ts'],
  hil: ['hil-tests/packaging-*.test.ts', 'hil-tests/scenarios/{doctor,disk,uplink}.test.ts', 'hil-tests/**/*.test.ts'],
};
/** On two cores a third would make the others late. */
const FILES_AT_ONCE = 2;
/** A file that takes longer hangs; the first that needs the built programs builds them. */
const FILE_MS_MAX = 1_500_000;
const LONGEST_NAMED = 8;

/**
 * One after the other, beside the rest: some share dist/ and one build of it, others the loopback,
 * where a server has the standard port or what one plant says is heard by the next.
 */
const ONE_BY_ONE = /hil-tests\/(packaging-|kill|values|scenarios\/evidence-request)/;
// biome-ignore format: one reason per line
const ALONE: readonly { readonly files: RegExp; readonly because: string }[] = [
  { files: /scenarios\/slow-link/,         because: 'the latency of an alert' },
  { files: /scenarios\/advisory/,          because: 'seconds from the hub to the status' },
  { files: /scenarios\/stress/,            because: 'a flood, of which nothing may be lost untold' },
  { files: /scenarios\/silence/,           because: '100,000 frames and a flood' },
  { files: /hil-tests\/faults/,            because: 'a stop within two seconds' },
  { files: /hil-tests\/demo/,              because: 'the rates of a plant, live' },
];

const startedMs = performance.now();
const reporter = new spec();
reporter.pipe(process.stdout);
const events: TestEvent[] = [];
const msOfFile = new Map<string, number>();

const [name = '', ...named] = process.argv.slice(2);
const patterns = RUNS[name];
if (patterns === undefined) {
  process.stderr.write(`Which tests? One of: ${Object.keys(RUNS).join(', ')}.\n`);
  process.exitCode = 2;
} else {
  await runAll(filesOf(named.length > 0 ? named : patterns));
  await end();
}

/** Each once, in the order of the patterns. */
function filesOf(wanted: readonly string[]): readonly string[] {
  return [...new Set(wanted.flatMap((pattern) => globSync(pattern).sort()))];
}

async function runAll(files: readonly string[]): Promise<void> {
  if ((process.env.HIL_INVENTORY ?? 'virtual') !== 'virtual') return runOneByOne([...files]);
  const isAlone = (file: string): boolean => ALONE.some((each) => each.files.test(file));
  const sharing = files.filter((file) => !isAlone(file));
  const oneByOne = sharing.filter((file) => ONE_BY_ONE.test(file));
  const beside = sharing.filter((file) => !ONE_BY_ONE.test(file));
  const others = Array.from({ length: FILES_AT_ONCE - 1 }, () => runOneByOne(beside));
  await Promise.all([runOneByOne(oneByOne).then(() => runOneByOne(beside)), ...others]);
  await runOneByOne(files.filter(isAlone));
}

/** Takes from the list what nobody else has taken. */
async function runOneByOne(list: string[]): Promise<void> {
  for (let file = list.shift(); file !== undefined; file = list.shift()) await runFile(file);
}

/** What the file told is told on in one piece, when it has ended. */
async function runFile(file: string): Promise<void> {
  const beganMs = performance.now();
  const told: TestEvent[] = [];
  const execArgv = [`--import=${join(import.meta.dirname, 'property-seed.ts')}`];
  for await (const event of run({ files: [file], timeout: FILE_MS_MAX, execArgv })) {
    if (!isTotal(event)) told.push(event);
  }
  for (const event of told) reporter.write(event);
  events.push(...told);
  msOfFile.set(file, performance.now() - beganMs);
}

/** The counts of one run are those of one file here; the reader wants those of all. */
function isTotal({ type, data }: TestEvent): boolean {
  if (type === 'test:summary' || type === 'test:plan') return true;
  return type === 'test:diagnostic' && data.file === undefined;
}

/** The failed tests with all that is known, the skips, the longest files, and the failed again. */
async function end(): Promise<void> {
  await new Promise<void>((resolve) => {
    reporter.once('end', resolve);
    reporter.end();
  });
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') continue;
    counts[type === 'test:fail' ? 'failed' : data.skip === undefined ? 'passed' : 'skipped']++;
  }
  const seconds = (ms: number): string => (ms / 1000).toFixed(0);
  const longest = [...msOfFile].sort(([, a], [, b]) => b - a).slice(0, LONGEST_NAMED);
  const names = longest.map(([file, ms]) => `${relative('.', file)} ${seconds(ms)}`);
  process.stdout.write(
    `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ` +
      `${msOfFile.size} files, ` +
      `${seconds(performance.now() - startedMs)} s; the longest: ${names.join(', ')}\n`,
  );
  process.stdout.write(endOfRun(events));
  // No file at all is a pattern that fits nothing.
  const isGood = events.every(({ type }) => type !== 'test:fail') && msOfFile.size > 0;
  process.exitCode = isGood ? 0 : 1;
}
