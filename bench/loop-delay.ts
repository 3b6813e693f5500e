/**
 * How long the agent's main thread is held at a time: by a summary a second into a buffer that has
 * to evict for each, and by 5,000 messages that wait for a link. Nobody else may be held up for
 * more than 100 ms: alerts, the control socket and the worker's credits go through this thread.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { startFieldtap } from '../hil-tests/bench-process.ts';
import { BenchSite } from '../hil-tests/bench-site.ts';
import type { BenchSection, Figure } from './section.ts';

const MESSAGES = 5000;
/** The smallest that the configuration takes; so many messages don't fit. */
const QUOTA_MIB = 16;
const EVICTING_MESSAGES = 6500;
const EVICTING_MS = 30_000;
const PROBE = new URL('./loop-delay-probe.mjs', import.meta.url).href;
const FILL = join(import.meta.dirname, 'fill-outbox.ts');

interface LoopDelay {
  readonly longestMs: number;
  readonly p999Ms: number;
  readonly longestCpuMs: number;
}

export const loopDelaySection: BenchSection = {
  name: 'loop-delay',
  title: 'how long the main thread of a running agent is held',
  async run({ say }) {
    say('evicting');
    const evicting = await whileEvicting();
    say(`sending ${MESSAGES} messages`);
    const sending = await whileSending();
    return {
      kind: 'figures',
      figures: [
        ...figuresOf('a summary a second, evicting', evicting),
        ...figuresOf(`${MESSAGES} messages sent and receipted`, sending),
      ],
    };
  },
};

function figuresOf(name: string, { longestMs, p999Ms, longestCpuMs }: LoopDelay): Figure[] {
  return [
    { name: `${name}: longest hold, CPU`, value: longestCpuMs, unit: 'ms', goal: 'goal <= 100' },
    { name: `${name}: longest hold, wall clock`, value: longestMs, unit: 'ms' },
    { name: `${name}: hold, 99.9 %, wall clock`, value: p999Ms, unit: 'ms' },
  ];
}

/** No broker answers, and the disk is full of messages. */
async function whileEvicting(): Promise<LoopDelay> {
  const site = await BenchSite.withDeadBroker();
  try {
    fill(site, EVICTING_MESSAGES);
    const config = readFileSync(site.agentConfig, 'utf8');
    writeFileSync(site.agentConfig, config.replace(/quotaMiB: \d+/, `quotaMiB: ${QUOTA_MIB}`));
    const probed = start(site);
    await site.until(({ isCapturing }) => isCapturing, 'the capture');
    await delay(EVICTING_MS);
    const figures = await probed();
    if (evictedIn(site) === 0) throw new Error('nothing was evicted: this measured nothing');
    return figures;
  } finally {
    await site.close();
  }
}

function evictedIn({ agentDatabase }: BenchSite): number {
  const database = new Database(agentDatabase, { readonly: true });
  const counter = database.prepare("SELECT value FROM counter WHERE name = 'messagesEvicted'");
  const evicted = Number(counter.pluck().get() ?? 0);
  database.close();
  return evicted;
}

async function whileSending(): Promise<LoopDelay> {
  const site = await BenchSite.enrolled();
  try {
    fill(site, MESSAGES);
    const probed = start(site);
    await site.until(
      ({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0 && (uplink?.outboxMessages ?? 9) < 9,
      'an empty outbox',
    );
    return await probed();
  } finally {
    await site.close();
  }
}

/** Answers how to read, a little later, what the probe has seen so far. */
function start(site: BenchSite): () => Promise<LoopDelay> {
  const file = join(site.directory, 'loop-delay.json');
  const env = { NODE_OPTIONS: `--import=${PROBE}`, LOOP_DELAY_FILE: file };
  site.keep(startFieldtap(['run', '--config', site.agentConfig], { env }));
  return async () => {
    for (let waited = 0; !existsSync(file) && waited < 100; waited++) await delay(100);
    await delay(1500);
    return JSON.parse(readFileSync(file, 'utf8'));
  };
}

function fill(site: BenchSite, messages: number): void {
  const words = [
    '--buffer',
    site.agentDatabase,
    '--credentials',
    join(site.directory, 'enrolment'),
  ];
  const run = spawnSync(process.execPath, [FILL, ...words, '--summaries', String(messages)], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr);
}
