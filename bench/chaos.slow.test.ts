/**
 * kill -9 of agents, hub workers and broker at random moments while summaries flow. Afterwards,
 * counted from outside: everything that was signed is at the hub, once, in one chain.
 * FIELDTAP_SUMMARIES and FIELDTAP_KILLS make it long, FIELDTAP_PAUSE_MS spreads the kills over the
 * summaries; FIELDTAP_SEED repeats an earlier run's moments.
 */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { openAgentIdentity } from '../agent/uplink/credentials.ts';
import { BenchProcess, startHub } from '../hil-tests/bench-process.ts';
import { testNeeding } from '../hil-tests/needs.ts';
import { startBroker } from '../hil-tests/plain-broker.ts';
import { freePort } from '../hil-tests/tls-broker.ts';
import { openReceiptSigner, RECEIPT_KEY_FILE } from '../hub/receipt-key.ts';
import { SeededRandom } from './seeded-random.ts';

const SITES = 5;
const SUMMARIES = Number(process.env.FIELDTAP_SUMMARIES ?? 500);
const KILLS = Number(process.env.FIELDTAP_KILLS ?? 8);
/** Between two kills, at most. */
const PAUSE_MS = Number(process.env.FIELDTAP_PAUSE_MS ?? 800);
/** A line of progress on standard error, so often, for whoever waits for a long run. */
const KILLS_A_LINE = 10;
const DRAIN_MS_MAX = 600_000;

const folder = mkdtempSync(join(tmpdir(), 'ft-chaos-'));
chmodSync(folder, 0o755);
const started = new Set<BenchProcess>();
after(async () => {
  await Promise.all([...started].map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  `${SUMMARIES} summaries through ${KILLS} kills: none lost, none doubled`,
  async (context) => {
    const seed = Number(process.env.FIELDTAP_SEED ?? randomInt(2 ** 31));
    context.diagnostic(`seed ${seed}`);
    const random = new SeededRandom(seed);
    const port = await freePort();
    enrolSites();
    writeFileSync(
      join(folder, 'hub.yaml'),
      `broker: { url: "mqtt://127.0.0.1:${port}" }\ndatabase: { path: hub.db }\n` +
        'keys: keys\nagents: agents\nlogLevel: error\n',
    );
    const start = {
      broker: () => startBroker(folder, port),
      hub1: async () => startHub(['run', '--config', join(folder, 'hub.yaml')]),
      hub2: async () => startHub(['run', '--config', join(folder, 'hub.yaml')]),
      agents: async () => startAgents(port),
    };
    const names = ['broker', 'hub1', 'hub2', 'agents'] as const;
    const running = new Map<string, BenchProcess>();
    const begin = async (name: (typeof names)[number]): Promise<void> => {
      const process = await start[name]();
      started.add(process);
      running.set(name, process);
    };
    for (const name of names) await begin(name);
    const killed: Record<string, number> = {};
    let killedWhileSigning = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      if (kill % KILLS_A_LINE === KILLS_A_LINE - 1) sayProgress(kill + 1);
      await delay(random.fraction() * PAUSE_MS);
      const name = names[random.below(names.length)];
      killed[name] = (killed[name] ?? 0) + 1;
      if (!running.get('agents')?.stdout.includes('"done":true')) killedWhileSigning += 1;
      const victim = running.get(name);
      assert.ok(victim !== undefined);
      victim.signal('SIGKILL');
      await victim.ended();
      started.delete(victim);
      await begin(name);
    }
    const agents = running.get('agents');
    assert.ok(agents !== undefined);
    await agents.until(
      ({ stdout }) => stdout.includes('"done":true') || undefined,
      'everything receipted',
      DRAIN_MS_MAX,
    );
    for (const name of ['agents', 'hub1', 'hub2']) await running.get(name)?.stop();
    const { signed, stored, faults } = countFromOutside();
    const kills = { kills: KILLS, killed, killedWhileSigning };
    context.diagnostic(JSON.stringify({ seed, ...kills, signed, stored, faults: faults.length }));
    assert.deepEqual(faults, []);
    assert.ok(signed >= SUMMARIES);
  },
);

function sayProgress(kill: number): void {
  process.stderr.write(`kill ${kill} of ${KILLS}: ${storedCount()} messages at the hub\n`);
}

/** None before a worker has lived long enough to make the database. */
function storedCount(): number {
  try {
    const hub = new Database(join(folder, 'hub.db'), { readonly: true });
    const stored = hub.prepare('SELECT count(*) FROM message_key').pluck().get();
    hub.close();
    return Number(stored);
  } catch {
    return 0;
  }
}

function startAgents(port: number): BenchProcess {
  const script = join(import.meta.dirname, 'chaos-agent.ts');
  const each = String(Math.ceil(SUMMARIES / SITES));
  const words = [script, folder, `mqtt://127.0.0.1:${port}`, String(SITES), each];
  return new BenchProcess([process.execPath, ...words]);
}

/** As by hand: the agents' facts to the hub, the hub's receipt key to the agents. */
function enrolSites(): void {
  const keys = join(folder, 'keys');
  openReceiptSigner(keys);
  mkdirSync(join(folder, 'agents'));
  for (let site = 0; site < SITES; site++) {
    const enrolment = join(folder, `site-${site}`, 'enrolment');
    mkdirSync(enrolment, { recursive: true });
    const { agentId } = openAgentIdentity(enrolment);
    copyFileSync(join(keys, RECEIPT_KEY_FILE), join(enrolment, RECEIPT_KEY_FILE));
    const facts = join(enrolment, 'agent.json');
    copyFileSync(facts, join(folder, 'agents', `${agentId}.json`));
  }
}

interface StoredRow {
  readonly stream: number;
  readonly sequence: number;
  readonly sha256: Buffer;
  readonly previousSha256: Buffer;
  readonly bytes: Buffer;
}

/** Both sides' files, by plain queries. */
function countFromOutside(): { signed: number; stored: number; faults: string[] } {
  const hub = new Database(join(folder, 'hub.db'), { readonly: true });
  const faults: string[] = [];
  let signed = 0;
  let bodies = 0;
  for (let site = 0; site < SITES; site++) {
    const place = join(folder, `site-${site}`);
    const { agentId } = JSON.parse(readFileSync(join(place, 'enrolment', 'agent.json'), 'utf8'));
    const agent = new Database(join(place, 'agent.db'), { readonly: true });
    const heads = agent
      .prepare<[], { stream: number; lastSequence: number; lastSha256: Buffer }>(
        'SELECT stream, lastSequence, lastSha256 FROM stream_head',
      )
      .all();
    agent.close();
    const rows = hub
      .prepare<[string], StoredRow>(
        `SELECT stream, sequence, sha256, previousSha256, bytes
         FROM message_key LEFT JOIN message_body USING (agentId, epoch, stream, sequence)
         WHERE agentId = ? ORDER BY stream, sequence`,
      )
      .all(agentId);
    bodies += rows.length;
    for (const { stream, lastSequence, lastSha256 } of heads) {
      const own = rows.filter((row) => row.stream === stream);
      signed += lastSequence;
      const what = `site ${site} stream ${stream}`;
      if (own.length !== lastSequence) faults.push(`${what}: ${own.length} of ${lastSequence}`);
      if (lastSequence > 0 && !own.at(-1)?.sha256.equals(lastSha256)) faults.push(`${what}: head`);
      faults.push(...chainFaults(what, own));
    }
  }
  const stored = Number(hub.prepare('SELECT count(*) FROM message_body').pluck().get());
  if (stored !== bodies) faults.push(`${stored} bodies for ${bodies} keys`);
  hub.close();
  return { signed, stored, faults };
}

function chainFaults(what: string, rows: readonly StoredRow[]): string[] {
  let previous: Uint8Array = new Uint8Array(32);
  return rows.flatMap(({ sequence, sha256, previousSha256, bytes }, index) => {
    const isLinked = previousSha256.equals(previous) && sequence === index + 1;
    const isWhole = createHash('sha256').update(bytes).digest().equals(sha256);
    previous = sha256;
    return isLinked && isWhole ? [] : [`${what}: sequence ${sequence} doesn't fit`];
  });
}
