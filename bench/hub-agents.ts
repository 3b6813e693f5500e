/**
 * `npm run bench -- hub-agents`: the memory of what a hub worker keeps of each agent, with 100,000
 * of them enrolled. Every table has a limit; what doesn't fit is counted, and read again when it is
 * needed.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type BenchContext, type BenchSection, type Figure, MEGABYTE } from './section.ts';

const AGENTS = 100_000;
const WORKER = join(import.meta.dirname, 'hub-agents-worker.ts');

/** What the worker prints of each table. */
interface Filled {
  readonly table: string;
  readonly used: number;
  readonly max: number;
  readonly evicted: number;
  readonly bytes: number;
  readonly cpuUs: number;
}

export const hubAgentsSection: BenchSection = {
  name: 'hub-agents',
  title: `memory of a hub worker with ${AGENTS.toLocaleString('en')} agents`,
  run: (context) => Promise.resolve({ kind: 'figures', figures: measure(context) }),
};

function measure(context: BenchContext): Figure[] {
  const words = [WORKER, join(context.folder, 'agents'), String(AGENTS)];
  const text = execFileSync(process.execPath, words, { encoding: 'utf8' });
  const lines = text.trim().split('\n');
  const tables: Filled[] = lines.map((line) => JSON.parse(line));
  return tables.flatMap(({ table, used, max, evicted, bytes, cpuUs }) => [
    { name: `${table}: memory of all`, value: bytes / MEGABYTE, unit: 'MB' },
    { name: `${table}: memory of one`, value: bytes / used, unit: 'bytes' },
    { name: `${table}: kept`, value: used, unit: 'agents', goal: `limit ${max}` },
    { name: `${table}: left or not taken, counted`, value: evicted, unit: 'agents' },
    { name: `${table}: CPU of one`, value: cpuUs, unit: 'us' },
  ]);
}
