/**
 * `npm run long -- NAME [options]`: the long forms of tests that have a short one in CI. Without a
 * name it lists them. Each writes its transcript, with date and commit, to docs/evidence.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

interface LongRun {
  readonly name: string;
  readonly script: string;
  /** Before those of the command line. */
  readonly words: readonly string[];
  readonly what: string;
}

// biome-ignore format: one run per line
const RUNS: readonly LongRun[] = [
  { name: 'drop-sweep', script: 'long/drop-sweep.ts', words: [], what: 'every frame of every Modbus and OPC UA capture left out in turn (minutes)' },
  { name: 'kill', script: 'long/kill.ts', words: [], what: 'kill -9 of the agent at 20 random moments, counted from outside (a minute)' },
  { name: 'power-cut', script: 'long/power-cut.ts', words: [], what: '200 replayed power cuts and 50 shutdowns of an ext4 disk, as root (minutes)' },
  { name: 'disk-faults', script: 'long/disk-faults.ts', words: [], what: 'full, read-only, failing, stalled and damaged disks under an agent, as root (minutes)' },
  { name: 'chaos', script: 'long/chaos.ts', words: [], what: '10,000 summaries, 100 times kill -9 of agents, hub workers and broker (minutes)' },
  { name: 'cut', script: 'long/cut.ts', words: [], what: 'the link cut for 30 days of an injected clock within 1 GiB (minutes)' },
  { name: 'flat-memory', script: 'long/flat-memory.ts', words: [], what: 'memory over 1,000,000 summaries (an hour)' },
  { name: 'simulation', script: 'simulate.ts', words: ['--seed', '1', '--seeds', '20000', '--evidence', 'simulation.txt'], what: '20,000 seeds of the simulated agent and hub (an hour or two)' },
  { name: 'fuzz', script: 'fuzz.ts', words: ['--inputs', '10000000', '--evidence', 'fuzz.txt'], what: 'ten million mutated inputs (an hour)' },
];

function main([name, ...words]: readonly string[]): number {
  const run = RUNS.find((each) => each.name === name);
  if (run === undefined) {
    if (name !== undefined) process.stderr.write(`There is no long run "${name}".\n`);
    const lines = RUNS.map((each) => `  ${each.name.padEnd(12)} ${each.what}\n`);
    process.stdout.write(`npm run long -- NAME\n${lines.join('')}`);
    return name === undefined ? 0 : 2;
  }
  const script = join(import.meta.dirname, run.script);
  const { status } = spawnSync(process.execPath, [script, ...run.words, ...words], {
    stdio: 'inherit',
  });
  return status ?? 1;
}

process.exitCode = main(process.argv.slice(2));
