/**
 * `npm run simulate -- --seed S [--seeds N] [--plant NAME] [--verbose]`: agent and hub in a
 * simulated world of faults. A failure is one number, which the same command replays exactly;
 * `--verbose` prints what happened.
 */
import { parseArgs } from 'node:util';
import { writeEvidence } from './evidence.ts';
import { PLANT_NAMES } from './simulation/planted-bugs.ts';
import { runSeed, type SeedResult } from './simulation/run-seed.ts';

/** Of more seeds only those are printed that failed. */
const PRINTED_MAX = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      plant: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      evidence: { type: 'string' },
    },
  });
  const plant = PLANT_NAMES.find((name) => name === values.plant);
  const [first, count] = [Number(values.seed), Number(values.seeds)];
  const isWrong = values.plant !== undefined && plant === undefined;
  if (isWrong || !Number.isSafeInteger(first) || !Number.isSafeInteger(count)) {
    process.stderr.write(
      `npm run simulate -- --seed 17 [--seeds 500] [--plant NAME] [--verbose]\n` +
        `  planted bugs: ${PLANT_NAMES.join(', ')}\n`,
    );
    return 2;
  }
  const print = values.verbose ? (line: string) => void process.stdout.write(line) : undefined;
  const beganMs = performance.now();
  const lines: string[] = [];
  const tell = (line: string): void => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  };
  const sum = { failed: 0, promised: 0, stored: 0, steps: 0, faults: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const result = await runSeed(seed, { ...(plant && { plant }), ...(print && { print }) });
    if (result.violations.length > 0) sum.failed += 1;
    sum.promised += result.promised;
    sum.stored += result.stored;
    sum.steps += result.steps;
    sum.faults += Object.values(result.faults).reduce((all, each) => all + each, 0);
    if (count <= PRINTED_MAX || result.violations.length > 0)
      for (const line of linesOf(result)) tell(line);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  tell(`seeds ${first} to ${first + count - 1} in ${seconds.toFixed(0)} s: ${sum.failed} failed`);
  tell(
    `${sum.faults} faults, ${sum.steps} steps, ${sum.promised} messages promised, ` +
      `${sum.stored} at the hub in the end`,
  );
  if (values.evidence !== undefined) {
    const command = `npm run simulate -- --seed ${first} --seeds ${count}`;
    writeEvidence(values.evidence, command, lines);
  }
  return sum.failed === 0 ? 0 : 1;
}

function linesOf({ seed, violations, traceHash, steps, promised, stored }: SeedResult): string[] {
  const counts = `${steps} steps, ${promised} promised, ${stored} stored`;
  const head = `seed ${seed}: trace ${traceHash}, ${counts}`;
  return [head, ...violations.map((violation) => `  ${violation}`)];
}

process.exitCode = await main();
