/**
 * The second promise under violence: agent and hub are killed (SIGKILL) at random moments while
 * traffic comes and summaries are signed every second. Afterwards, counted from outside, everything
 * that was signed is at the hub once, in one chain, or still waits.
 * FIELDTAP_LONG=1 kills the agent 20 times; FIELDTAP_SEED=N repeats the moments of an earlier run.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { type BenchProcess, startDevice } from './bench-process.ts';
import { BenchSite } from './bench-site.ts';
import { type Account, compareDatabases } from './databases.ts';
import { assertStopped } from './machine-load.ts';
import { mayCapture } from './privilege.ts';

const IS_LONG = process.env.FIELDTAP_LONG === '1';
const AGENT_KILLS = IS_LONG ? 20 : 6;
/** The kills take turns: into the start, into steady work, into a backlog that drains. */
const TURNS = ['start', 'work', 'backlog'] as const;
/** Random moments lie within so long after the turn's beginning. */
const START_MS = 1500;
const WORK_MS = 1500;
const BACKLOG_MS = 2500;
const BACKLOG_MESSAGES = 3;

test(`nothing signed is lost or doubled over ${AGENT_KILLS} kills`, async (context) => {
  const random = seeded(context);
  const isLive = mayCapture();
  const site = await BenchSite.enrolled(
    isLive ? { capture: 'interfaces: [{ name: lo, role: host }]' } : {},
  );
  try {
    if (isLive) await startPlant(site);
    for (let kill = 0; kill < AGENT_KILLS; kill++) {
      const agent = site.startAgent();
      const turn = TURNS[kill % TURNS.length];
      await reach(site, turn, random);
      if (turn === 'backlog') {
        await killNow(site.hub);
        site.startHub();
      }
      await killNow(agent);
    }
    const account = await endAndCount(site);
    assert.deepEqual(account.faults, []);
    assert.equal(account.epochs, 1);
    assert.ok((account.storedByKind.summary ?? 0) > AGENT_KILLS / 2, JSON.stringify(account));
    context.diagnostic(JSON.stringify({ isLive, ...account }));
  } finally {
    await site.close();
  }
});

/** Resolves at a random moment of the turn. */
async function reach(
  site: BenchSite,
  turn: (typeof TURNS)[number],
  random: () => number,
): Promise<void> {
  switch (turn) {
    case 'start':
      return delay(random() * START_MS);
    case 'work':
      await site.until(({ uplink }) => (uplink?.summariesSigned ?? 0) > 0, 'a summary');
      return delay(random() * WORK_MS);
    case 'backlog':
      await site.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0, 'a receipt');
      site.broker.tell('cut');
      await site.until(
        ({ uplink }) => (uplink?.outboxMessages ?? 0) >= BACKLOG_MESSAGES,
        'a backlog',
      );
      site.broker.tell('restore');
      return delay(random() * BACKLOG_MS);
    default:
      return turn satisfies never;
  }
}

/** Two clients in a hurry, so that every moment has something under way. */
async function startPlant(site: BenchSite): Promise<void> {
  const server = site.keep(startDevice('modbus-server.ts', ['--port', '502', '--units', '1,2']));
  const port = String((await server.ready()).port);
  for (const role of ['hmi', 'historian']) {
    const words = ['--port', port, '--units', '1,2', '--interval-ms', '20', '--role', role];
    await site.keep(startDevice('modbus-client.ts', words)).ready();
  }
}

async function killNow(process: BenchProcess): Promise<void> {
  assert.ok(!process.hasEnded, `${process.name} ended by itself: ${process.stderr.slice(-1000)}`);
  process.signal('SIGKILL');
  assert.equal((await process.ended()).signal, 'SIGKILL');
}

/** One more life, in which the backlog drains; then both files are at rest. */
async function endAndCount(site: BenchSite): Promise<Account> {
  const agent = site.startAgent();
  await site.until(
    ({ uplink }) => uplink?.outboxMessages === 0 && uplink.receiptsApplied > 0,
    'an empty outbox',
  );
  agent.signal('SIGTERM');
  assertStopped(await agent.ended());
  const agentDatabase = new Database(site.agentDatabase, { readonly: true });
  const hubDatabase = new Database(site.hubDatabase, { readonly: true });
  try {
    return compareDatabases(
      <Row>(sql: string) => agentDatabase.prepare<[], Row>(sql).all(),
      <Row>(sql: string) => hubDatabase.prepare<[], Row>(sql).all(),
    );
  } finally {
    agentDatabase.close();
    hubDatabase.close();
  }
}

/** Fractions from a seed that is told, so that a run can be repeated (mulberry32). */
function seeded(context: TestContext): () => number {
  const seed = Number(process.env.FIELDTAP_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`seed ${seed}`);
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function delay(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
