/**
 * `npm run bench -- hub`: what one hub worker takes from verification to commit and signed receipt,
 * into SQLite and into PostgreSQL, and what a second one adds. Workers are processes; messages come
 * to them over a pipe instead of a broker, so that only the hub is measured.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { writeAgentFile } from '../hub/agent-registry.ts';
import { startPostgres } from '../hub/testing/temporary-postgres.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import type { HubJob } from './hub-job.ts';
import { type Measured, makeEnterable, measureWorkers, signatureCheckUs } from './hub-run.ts';
import type { BenchContext, BenchSection, Figure, SectionResult } from './section.ts';

/** A few sites that have a backlog: a batch holds many messages of each, one receipt for all. */
const BACKLOG = { sites: 20, messagesPerSite: 400 } as const;
/** Many sites: every message of a batch is another agent's, and has a receipt of its own. */
const MANY = { sites: 1000, messagesPerSite: 6 } as const;

/** On a machine that has other work too, the quickest round says most. */
const ROUNDS = 3;

export const hubSection: BenchSection = {
  name: 'hub',
  title: 'hub workers: verified, deduplicated, committed, receipted summaries a second',
  run: async (context): Promise<SectionResult> => {
    const agents = join(context.folder, 'agents');
    mkdirSync(agents);
    makeEnterable(context.folder);
    const bench = new HubBench(context, agents);
    const checkUs = signatureCheckUs();
    const figures: Figure[] = [
      { name: 'CPU of one Ed25519 check alone', value: checkUs, unit: 'us' },
    ];
    const small: Work = { ...BACKLOG, summaries: 'small' };
    const sqlite = await best((round) => bench.sqlite(`backlog-${round}`, small));
    figures.push(...figuresOf('SQLite', sqlite, 'goal >= 3,000'));
    const busy = await bench.sqlite('busy', { ...BACKLOG, summaries: 'busy' });
    figures.push(...figuresOf('SQLite, 50 conversations each', busy));
    const many = await bench.sqlite('many', { ...MANY, summaries: 'small' });
    figures.push(...figuresOf('SQLite, each of another agent', many));
    if (!existsSync('/usr/lib/postgresql')) return { kind: 'figures', figures };
    const postgres = await best((round) => bench.postgres(`pg-${round}`, small, ['all']));
    figures.push(...figuresOf('PostgreSQL', postgres, 'goal >= 2,000'));
    const pgMany = await bench.postgres('pg-many', { ...MANY, summaries: 'small' }, ['all']);
    figures.push(...figuresOf('PostgreSQL, each of another agent', pgMany));
    figures.push(...(await bench.scaling()));
    return { kind: 'figures', figures };
  },
};

type Work = Pick<HubJob, 'summaries' | 'messagesPerSite'> & { readonly sites: number };

class HubBench {
  readonly #context: BenchContext;
  readonly #agents: string;
  #run = 0;

  constructor(context: BenchContext, agents: string) {
    this.#context = context;
    this.#agents = agents;
  }

  /** One worker as it is by default: a thread verifies beside the one that stores. */
  sqlite(name: string, work: Work): Promise<Measured> {
    const store = `sqlite:${join(this.#context.folder, `${name}.db`)}`;
    return measureWorkers(this.#context, [{ job: this.#job(work, store, 1) }]);
  }

  /** `cores`: a worker for each, `all` or the number of its core; a cluster for itself. */
  async postgres(
    name: string,
    work: Work,
    cores: readonly ('all' | number)[],
    verifyThreads = 1,
  ): Promise<Measured> {
    const folder = join(this.#context.folder, name);
    mkdirSync(folder);
    const server = await startPostgres(folder);
    try {
      const workers = cores.map((core) => ({
        job: this.#job(work, server.url, verifyThreads),
        ...(core !== 'all' && { core }),
      }));
      return await measureWorkers(this.#context, workers, server.pid);
    } finally {
      await server.stop();
    }
  }

  /**
   * What a second worker adds. With two cores for everything, each worker has one core, its
   * database and itself together; unpinned, one worker alone would use both.
   */
  async scaling(): Promise<Figure[]> {
    const work: Work = { ...BACKLOG, summaries: 'small' };
    const isPinned = availableParallelism() < 4;
    const cores = isPinned ? ([0, 1] as const) : (['all', 'all'] as const);
    const threads = isPinned ? 0 : 1;
    const one: Measured[] = [];
    const two: Measured[] = [];
    // In turn, so that a slow minute of the machine falls on both.
    for (let round = 0; round < ROUNDS; round++) {
      one.push(await this.postgres(`pg-one-${round}`, work, cores.slice(0, 1), threads));
      two.push(await this.postgres(`pg-two-${round}`, work, cores, threads));
    }
    const where = isPinned ? 'PostgreSQL, a core for each worker' : 'PostgreSQL';
    return [
      rate(`one worker into ${where}`, quickest(one).perSecond),
      rate(`two workers into ${where}`, quickest(two).perSecond),
      {
        name: `two workers / one, ${where}`,
        value: quickest(two).perSecond / quickest(one).perSecond,
        unit: 'x',
        goal: 'goal >= 1.7',
      },
      // What other work on the machine can't change: what each message costs more beside another.
      {
        name: 'the same by CPU of a message',
        value: (2 * leastCpu(one)) / leastCpu(two),
        unit: 'x',
      },
    ];
  }

  #job({ sites: count, ...work }: Work, store: string, verifyThreads: number): HubJob {
    this.#run += 1;
    const sites = Array.from({ length: count }, (_, site) => `bench ${this.#run} ${site}`);
    for (const site of sites) enrol(this.#agents, site);
    return { agents: this.#agents, store, verifyThreads, sites, ...work };
  }
}

async function best(run: (round: number) => Promise<Measured>): Promise<Measured> {
  const rounds: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await run(round));
  return quickest(rounds);
}

function quickest(rounds: readonly Measured[]): Measured {
  return rounds.reduce((best, next) => (next.perSecond > best.perSecond ? next : best));
}

/** Of a message, in workers and database together. */
function leastCpu(rounds: readonly Measured[]): number {
  return Math.min(...rounds.map(({ cpuUs, databaseCpuUs = 0 }) => cpuUs + databaseCpuUs));
}

function enrol(folder: string, name: string): void {
  const { signerId: agentId, publicKey } = sampleSigner(name);
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const facts = { agentId, keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
  writeAgentFile(folder, { ...facts, revoked: false, furtherKeys: [] });
}

function figuresOf(where: string, measured: Measured, goal?: string): Figure[] {
  const { perSecond, cpuUs, databaseCpuUs } = measured;
  return [
    rate(`one worker into ${where}`, perSecond, goal),
    { name: `CPU of a message, worker into ${where}`, value: cpuUs, unit: 'us' },
    ...(databaseCpuUs === undefined
      ? []
      : [{ name: `CPU of a message, ${where} itself`, value: databaseCpuUs, unit: 'us' }]),
  ];
}

function rate(name: string, value: number, goal?: string): Figure {
  return { name, value, unit: 'messages/s', ...(goal !== undefined && { goal }) };
}
