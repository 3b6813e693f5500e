/** The store in PostgreSQL: the same answers as SQLite, and two workers beside each other. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Client } from 'pg';
import { testNeeding } from '../hil-tests/needs.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain, sampleSummary } from '../protocols/uplink/sample-messages.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { writeAgentFile } from './agent-registry.ts';
import { PostgresStore } from './postgres-store.ts';
import { openReader } from './reader.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { HubStore } from './store.ts';
import { type IngestBench, ingestBench } from './testing/ingest-bench.ts';
import { startPostgres, type TemporaryPostgres } from './testing/temporary-postgres.ts';

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'hub-postgres-'));
chmodSync(folder, 0o755);
let postgres: TemporaryPostgres | undefined;
after(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true });
});

const NEEDS = [{ kind: 'package', program: 'postgres' }] as const;

async function url(): Promise<string> {
  postgres ??= await startPostgres(folder);
  return postgres.url;
}

interface Bench extends IngestBench {
  readonly store: HubStore;
}

function bench(store: HubStore): Bench {
  return { ...ingestBench(store, folder), store };
}

interface Site {
  readonly agent: Signer;
  readonly topic: string;
  readonly chain: readonly Uint8Array[];
}

function site(name: string, messages: number): Site {
  const agent = sampleSigner(name);
  const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
  writeAgentFile(folder, {
    agentId: agent.signerId,
    keyNumber: 1,
    algorithm: 'Ed25519',
    publicKeyHex,
    revoked: false,
    furtherKeys: [],
  });
  const chain = sampleChain(agent.signerId, messages, (message) =>
    sealAgentMessage(agent, message),
  );
  return { agent, topic: streamTopic(agent.signerId, 2), chain: chain.map(({ bytes }) => bytes) };
}

async function give(hub: Bench, { topic, chain }: Site, ...at: readonly number[]): Promise<void> {
  for (const index of at) await hub.ingest.receive(topic, chain[index]);
  await hub.ingest.flush();
}

/** Receipts without what is random or a clock. */
function plain(receipts: readonly Receipt[]): unknown[] {
  return receipts.map(({ hubEpoch: _, hubTimeMs: __, cumulativeSha256, have, ...rest }) => ({
    ...rest,
    cumulativeSha256: Buffer.from(cumulativeSha256).toString('hex'),
    have: have.map(({ from, to }) => [from, to]),
  }));
}

testNeeding(NEEDS, 'both stores answer the same messages with the same receipts', async () => {
  const north = site('north', 12);
  const clone = { ...sampleSummary(north.agent.signerId, 3), observationsCount: 99 };
  const answers: unknown[] = [];
  const counts: unknown[] = [];
  for (const store of [new SqliteStore(':memory:'), await PostgresStore.open(await url())]) {
    const hub = bench(store);
    await give(hub, north, 0, 1, 4, 5);
    await give(hub, north, 5, 4);
    await hub.ingest.receive(north.topic, sealAgentMessage(north.agent, clone));
    await give(hub, north, 8, 2, 3);
    await give(hub, north, 7, 6, 11, 10, 9);
    answers.push(plain(hub.receipts));
    counts.push({ ...hub.ingest.counts });
    await store.close();
  }
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(counts[1], counts[0]);
});

testNeeding(NEEDS, 'a resend a day later is one row, in the day it first came', async () => {
  const south = site('south', 3);
  const hub = bench(await PostgresStore.open(await url()));
  await give(hub, south, 0, 1);
  hub.clock.advance(DAY_MS);
  await give(hub, south, 0, 1, 2);
  assert.deepEqual([hub.ingest.counts.stored, hub.ingest.counts.duplicates], [3, 2]);
  await hub.store.close();
  const client = new Client(await url());
  await client.connect();
  const days = await client.query(
    `SELECT count(*)::int AS rows, count(DISTINCT tableoid)::int AS days FROM message_body
     WHERE "agentId" = $1`,
    [south.agent.signerId],
  );
  const columns = await client.query(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_name = 'message_key' ORDER BY ordinal_position`,
  );
  await client.end();
  assert.deepEqual(days.rows, [{ rows: 3, days: 2 }]);
  const names = columns.rows.map(({ name }) => String(name));
  assert.deepEqual(names, ['agentId', 'epoch', 'stream', 'sequence', 'sha256']);
});

testNeeding(NEEDS, 'two workers take the same agents at once: each message once', async () => {
  const sites = ['east', 'west', 'middle'].map((name) => site(name, 40));
  const workers = [
    bench(await PostgresStore.open(await url())),
    bench(await PostgresStore.open(await url())),
  ];
  // Every message to both, in another order: as a broker does that delivers again.
  await Promise.all(
    workers.map(async (worker, number) => {
      for (let index = 0; index < 40; index++) {
        for (const { topic, chain } of sites) {
          const at = number === 0 ? index : (index * 7) % 40;
          await worker.ingest.receive(topic, chain[at]);
        }
        if (index % 8 === 0) await worker.ingest.flush();
      }
      await worker.ingest.flush();
    }),
  );
  const [one, other] = workers.map(({ ingest }) => ingest.counts);
  assert.equal(one.commitFailures + other.commitFailures, 0);
  assert.equal(one.stored + other.stored, 120);
  assert.equal(one.duplicates + other.duplicates, 120);
  const serials = workers.flatMap(({ receipts }) =>
    receipts.map(({ agentId, receiptSerial }) => `${agentId} ${receiptSerial}`),
  );
  assert.equal(new Set(serials).size, serials.length, 'no serial twice');
  for (const { store } of workers) await store.close();
  const reader = await openReader({ path: '', url: await url() });
  const { streams } = await reader.status();
  for (const { agent } of sites) {
    const found = streams.find(({ agentId }) => agentId === agent.signerId);
    assert.deepEqual([found?.stored, found?.missing, found?.doubled], [40, [], 0]);
  }
  let read = 0;
  for await (const _ of reader.messages(sites[0].agent.signerId)) read += 1;
  assert.equal(read, 40);
  await reader.close();
});

testNeeding(NEEDS, 'silence is a finding that closes when the agent is back', async () => {
  const quiet = site('quiet', 2);
  const hub = bench(await PostgresStore.open(await url()));
  const nowMs = hub.clock.wallMs();
  await give(hub, quiet, 0);
  const { signerId } = quiet.agent;
  assert.ok(!(await hub.store.watchSilence(nowMs + 1000, 5000)).includes(signerId));
  assert.ok((await hub.store.watchSilence(nowMs + 6000, 5000)).includes(signerId));
  assert.deepEqual(await hub.store.watchSilence(nowMs + 7000, 5000), []);
  hub.clock.advance(8000);
  await give(hub, quiet, 1);
  await hub.store.watchSilence(nowMs + 9000, 5000);
  await hub.store.close();
  const reader = await openReader({ path: '', url: await url() });
  const { findings } = await reader.status();
  await reader.close();
  const found = findings.find(({ agentId, kind }) => agentId === signerId && kind === 'silent');
  assert.equal(found?.closedAtMs, nowMs + 9000);
});
