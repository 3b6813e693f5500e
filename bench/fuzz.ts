/**
 * `npm run fuzz -- --seconds N --seed S`: mutated messages, frames and files against every reader
 * of hostile bytes. Prints rates and the branch coverage of protocols/; a failure is one number,
 * which `--replay NUMBER` runs again.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeEvidence } from './evidence.ts';
import { allTargets } from './fuzz/all-targets.ts';
import { readCoverage } from './fuzz/coverage.ts';
import type { FuzzTarget } from './fuzz/fuzz-target.ts';
import { type FuzzReport, fuzz, replayInput } from './fuzz/fuzzer.ts';
import { readSeeds } from './fuzz/seeds.ts';

const SECONDS = 30;
/** Of the run that counts branches; on a busy machine time ends it. */
const COVERAGE_INPUTS = 100_000;
const COVERAGE_SECONDS = 120;
const ACCEPTED_SHARE_MIN = 0.3;

function main(): number {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      inputs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      replay: { type: 'string' },
      evidence: { type: 'string' },
      'no-coverage': { type: 'boolean', default: false },
    },
  });
  const seeds = readSeeds();
  const targets = allTargets(seeds);
  if (values.replay !== undefined) return replay(targets, Number(values.replay));
  const seed = Number(values.seed);
  const { inputs, seconds = inputs === undefined ? String(SECONDS) : undefined } = values;
  const budget = {
    seed,
    ...(inputs !== undefined && { inputs: Number(inputs) }),
    ...(seconds !== undefined && { seconds: Number(seconds) }),
  };
  const report = fuzz(targets, budget, progress);
  const coverage = values['no-coverage'] ? [] : measureCoverage(seed);
  const origin = seeds.hasCorpus ? 'the corpus and made traffic' : 'made traffic alone';
  const lines = [`seed ${seed}, mutants of ${origin}`, ...textOf(report), ...coverage];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.evidence !== undefined) {
    const words = process.argv.slice(2).join(' ');
    writeEvidence(values.evidence, `npm run fuzz -- ${words}`, lines);
  }
  const isGood =
    report.failures.length === 0 && report.accepted >= report.inputs * ACCEPTED_SHARE_MIN;
  return isGood ? 0 : 1;
}

function replay(targets: readonly FuzzTarget[], number: number): number {
  const { target, problem, longestMs } = replayInput(targets, number);
  const verdict = problem ?? `nothing thrown, ${longestMs.toFixed(3)} ms`;
  process.stdout.write(`input ${number} of ${target}: ${verdict}\n`);
  return problem === undefined ? 0 : 1;
}

function progress({ inputs, elapsedMs, failures }: FuzzReport): void {
  const rate = Math.round((inputs / elapsedMs) * 1000);
  process.stderr.write(`  ${inputs} inputs, ${rate}/s, ${failures.length} failures\n`);
}

function textOf(report: FuzzReport): string[] {
  const { inputs, accepted, elapsedMs, failures } = report;
  const rows = [...report.byTarget].map(([name, count]) => {
    const share = percent(count.accepted, count.inputs);
    const longest = `longest ${count.longestMs.toFixed(2)} ms`;
    const inputs = String(count.inputs).padStart(9);
    return `  ${name.padEnd(12)} ${inputs}  ${share} accepted, ${longest}`;
  });
  return [
    `${inputs} inputs in ${(elapsedMs / 1000).toFixed(1)} s: ` +
      `${Math.round((inputs / elapsedMs) * 1000)}/s`,
    `header accepted: ${percent(accepted, inputs)} (at least 30 %)`,
    ...rows,
    `longest call ${report.longestMs.toFixed(2)} ms, ` +
      `growth ${(report.growthBytes / 1e6).toFixed(2)} MB`,
    `failures: ${failures.length}`,
    ...failures.map(({ number, target, problem }) => `  --replay ${number}: ${target}: ${problem}`),
  ];
}

/** A short run of its own, because counting blocks makes everything slower. */
function measureCoverage(seed: number): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-fuzz-'));
  try {
    const budget = ['--inputs', String(COVERAGE_INPUTS), '--seconds', String(COVERAGE_SECONDS)];
    const words = [...budget, '--seed', String(seed), '--no-coverage'];
    spawnSync(process.execPath, [import.meta.filename, ...words], {
      env: { ...process.env, NODE_V8_COVERAGE: folder },
      stdio: 'ignore',
    });
    return readCoverage(folder).map(
      ({ folder: name, branches, covered }) =>
        `branches of ${name.padEnd(18)} ${percent(covered, branches)} of ${branches}`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}

process.exitCode = main();
