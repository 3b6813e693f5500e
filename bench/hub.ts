/**
 * `npm run bench -- hub`: what one hub worker takes from verification to commit, into SQLite and
 * into PostgreSQL, and what two take together. Workers are processes; messages come to them over a
 * pipe instead of a broker, so that only the hub is measured.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAgentFile } from '../hub/agent-registry.ts';
import { startPostgres } from '../hub/testing/temporary-postgres.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import type { BenchContext, BenchSection, Figure, SectionResult } from './section.ts';

const SITES_PER_WORKER = 20;
const MESSAGES_PER_SITE = 400;
const WORKER = join(import.meta.dirname, 'hub-worker.ts');

export const hubSection: BenchSection = {
  name: 'hub',
  title: 'hub workers: verified, deduplicated, committed summaries a second',
  run: async (context): Promise<SectionResult> => {
    const agents = join(context.folder, 'agents');
    mkdirSync(agents);
    chmodSync(context.folder, 0o755);
    for (const name of [0, 1].flatMap(sitesOf)) enrol(agents, name);
    const figures: Figure[] = [];
    const sqlite = await measure(context, agents, [`sqlite:${join(context.folder, 'one.db')}`]);
    figures.push(rate('one worker into SQLite', sqlite.perSecond, 'goal >= 3,000'));
    if (existsSync('/usr/lib/postgresql')) {
      const one = await inPostgres(context, agents, 'one', 1);
      const two = await inPostgres(context, agents, 'two', 2);
      figures.push(rate('one worker into PostgreSQL', one.perSecond, 'goal >= 2,000'));
      figures.push(rate('two workers into PostgreSQL', two.perSecond));
      const ratio = two.perSecond / one.perSecond;
      figures.push({ name: 'two workers / one', value: ratio, unit: 'x', goal: 'goal >= 1.7' });
    }
    figures.push({ name: 'CPU of a message, SQLite', value: sqlite.cpuUs, unit: 'us' });
    return { kind: 'figures', figures };
  },
};

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** A cluster for itself: the second measurement must not find the first one's keys. */
async function inPostgres(
  context: BenchContext,
  agents: string,
  name: string,
  workers: number,
): Promise<Measured> {
  const folder = join(context.folder, name);
  mkdirSync(folder);
  const postgres = await startPostgres(folder);
  try {
    return await measure(context, agents, Array(workers).fill(postgres.url));
  } finally {
    await postgres.stop();
  }
}

/** One process for each store named; all begin together. */
async function measure(
  context: BenchContext,
  agents: string,
  stores: readonly string[],
): Promise<Measured> {
  const workers = stores.map((store, number) => startWorker(agents, store, sitesOf(number)));
  for (const worker of workers) await worker.ready;
  const results = await Promise.all(workers.map((worker) => worker.go()));
  const messages = results.reduce((sum, result) => sum + result.messages, 0);
  const seconds = Math.max(...results.map((result) => result.seconds));
  const cpuUs = results.reduce((sum, result) => sum + result.cpuUs, 0) / messages;
  context.say(`${stores.length} worker(s): ${messages} messages in ${seconds.toFixed(2)} s`);
  return { perSecond: messages / seconds, cpuUs };
}

interface WorkerResult {
  readonly messages: number;
  readonly seconds: number;
  readonly cpuUs: number;
}

function startWorker(agents: string, store: string, sites: readonly string[]) {
  const words = [WORKER, agents, store, String(MESSAGES_PER_SITE), ...sites];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let wake = (): void => {};
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  const exited = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`a worker ended with ${code}`)));
  });
  exited.catch(() => {});
  const line = async (): Promise<string> => {
    for (;;) {
      const first = lines.shift();
      if (first !== undefined) return first;
      const more = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([more, exited]);
    }
  };
  return {
    ready: line(),
    go: async (): Promise<WorkerResult> => {
      child.stdin.write('go\n');
      const result: WorkerResult = JSON.parse(await line());
      child.stdin.end();
      return result;
    },
  };
}

function sitesOf(worker: number): readonly string[] {
  return Array.from({ length: SITES_PER_WORKER }, (_, site) => `bench ${worker} ${site}`);
}

function enrol(folder: string, name: string): void {
  const { signerId: agentId, publicKey } = sampleSigner(name);
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const facts = { agentId, keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
  writeAgentFile(folder, { ...facts, revoked: false, furtherKeys: [] });
}

function rate(name: string, value: number, goal?: string): Figure {
  return { name, value, unit: 'messages/s', ...(goal !== undefined && { goal }) };
}
