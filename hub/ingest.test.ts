/** Forged, replayed, damaged, doubled, forked and missing messages: what the hub makes of each. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleEs256Signer, sampleSigner } from '../protocols/uplink/sample-keys.ts';
import {
  sampleAlert,
  sampleBytes,
  sampleChain,
  sampleSummary,
} from '../protocols/uplink/sample-messages.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { encodeStatus } from '../protocols/uplink/status.ts';
import { statusTopic, streamTopic } from '../protocols/uplink/topics.ts';
import { readHubStatus } from './hub-status.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { HubStore } from './store.ts';
import { type IngestBench, ingestBench } from './testing/ingest-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-ingest-'));
after(() => rmSync(folder, { recursive: true }));

const agent = sampleSigner('agent');
const other = sampleSigner('other agent');
const stranger = sampleSigner('stranger');
const agentId = agent.signerId;
const summaries = streamTopic(agentId, 2);
const chain = sampleChain(agentId, 8, (message) => sealAgentMessage(agent, message));

function enrol(signer: Signer, more: Record<string, unknown> = {}): void {
  const { algorithm, publicKey, signerId } = signer;
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const facts = { agentId: signerId, algorithm, publicKeyHex, ...more };
  writeFileSync(join(folder, `${signerId}.json`), JSON.stringify(facts));
}

enrol(agent);
enrol(other);

interface Bench extends IngestBench {
  readonly store: SqliteStore;
}

function bench(path = ':memory:', wrap = (store: HubStore): HubStore => store): Bench {
  const store = new SqliteStore(path);
  return { ...ingestBench(wrap(store), folder), store };
}

async function give(hub: Bench, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes) await hub.ingest.receive(summaries, chain[index].bytes);
  await hub.ingest.flush();
}

test('a whole chain gives one row each and a receipt for the last', async () => {
  const hub = bench();
  await give(hub, 0, 1, 2);
  assert.equal(hub.ingest.counts.stored, 3);
  const { cumulative, cumulativeSha256, have, refused } = hub.last();
  assert.deepEqual({ cumulative, have, refused }, { cumulative: 3, have: [], refused: [] });
  assert.deepEqual(Buffer.from(cumulativeSha256), hub.last().cumulativeSha256);
  await hub.store.close();
});

test('the same message twice is one row, and its receipt comes again under a higher serial', async () => {
  const hub = bench();
  await give(hub, 0, 1);
  await give(hub, 1, 1);
  const { stored, duplicates } = hub.ingest.counts;
  assert.deepEqual({ stored, duplicates }, { stored: 2, duplicates: 2 });
  const [first, second] = hub.receipts;
  assert.deepEqual([second.cumulative, second.receiptSerial], [2, first.receiptSerial + 1]);
});

test('a gap is told by ranges, is a finding, and closes when it is filled', async () => {
  const path = join(folder, 'gap.db');
  const hub = bench(path);
  await give(hub, 0, 1, 4, 5, 7);
  const first = hub.last();
  assert.equal(first.cumulative, 2);
  assert.deepEqual(
    first.have.map(({ from, to }) => [from, to]),
    [
      [5, 6],
      [8, 8],
    ],
  );
  await give(hub, 3, 2, 6);
  assert.deepEqual([hub.last().cumulative, hub.last().have], [8, []]);
  await hub.store.close();
  const rows = await findings(path);
  assert.deepEqual(
    rows.map(({ kind, reason, sequence, closed }) => ({ kind, reason, sequence, closed })),
    [{ kind: 'gap', reason: 'missing', sequence: 3, closed: 1 }],
  );
});

test('a clone with the same sequence is refused as a fork, and both chains are told apart by hash', async () => {
  const hub = bench();
  await give(hub, 0, 1);
  const clone = {
    ...sampleSummary(agentId, 2),
    previousSha256: hub.last().cumulativeSha256,
    observationsCount: 99,
  };
  const genuine = hub.last().cumulativeSha256;
  await hub.ingest.receive(summaries, sealAgentMessage(agent, clone));
  await hub.ingest.flush();
  assert.equal(hub.ingest.counts.forked, 1);
  assert.deepEqual(hub.last().cumulativeSha256, genuine);
  assert.deepEqual(hub.last().refused, [], 'the stored sequence stays stored');
});

test('another predecessor is a fork from either side', async () => {
  const hub = bench();
  await give(hub, 0, 1, 3);
  const unlinked = { ...sampleSummary(agentId, 3), previousSha256: sampleBytes('elsewhere', 32) };
  await hub.ingest.receive(summaries, sealAgentMessage(agent, unlinked));
  await hub.ingest.flush();
  assert.deepEqual(hub.last().refused, [{ sequence: 3, reason: 'forked' }]);
  const before = bench();
  await give(before, 0, 2);
  const wrongSuccessor = {
    ...sampleSummary(agentId, 2),
    observationsCount: 5,
    previousSha256: before.last().cumulativeSha256,
  };
  await before.ingest.receive(summaries, sealAgentMessage(agent, wrongSuccessor));
  await before.ingest.flush();
  assert.deepEqual(before.last().refused, [{ sequence: 2, reason: 'forked' }]);
  await give(before, 1);
  assert.deepEqual(
    [before.last().cumulative, before.last().refused],
    [3, []],
    'the right one heals it',
  );
});

const flipped = Uint8Array.from(chain[1].bytes);
flipped[flipped.length - 70] ^= 1;

// biome-ignore format: one case per line
const refusals: readonly { name: string; topic: string; bytes: Uint8Array; reason: string }[] = [
  { name: 'a flipped bit',                        topic: summaries,                        bytes: flipped, reason: 'signatureInvalid' },
  { name: 'an agent that nobody enrolled',        topic: streamTopic(stranger.signerId, 2), bytes: sealAgentMessage(stranger, sampleSummary(stranger.signerId, 2)), reason: 'keyUnknown' },
  { name: 'a key number that nobody enrolled',    topic: summaries,                        bytes: sealAgentMessage(sampleEs256Signer('agent'), sampleSummary(agentId, 2)), reason: 'keyUnknown' },
  { name: 'replayed on another agent\'s topic',   topic: streamTopic(other.signerId, 2),   bytes: chain[1].bytes, reason: 'topicMismatch' },
  { name: 'replayed on another stream\'s topic',  topic: streamTopic(agentId, 1),          bytes: chain[1].bytes, reason: 'topicMismatch' },
  { name: 'signed in another agent\'s name',      topic: summaries,                        bytes: sealAgentMessage({ ...other, signerId: agentId }, sampleSummary(agentId, 2)), reason: 'signatureInvalid' },
  { name: 'own key, another agent inside',        topic: streamTopic(other.signerId, 2),   bytes: sealAgentMessage(other, sampleSummary(agentId, 2)), reason: 'signatureInvalid' },
  { name: 'nothing',                              topic: summaries,                        bytes: new Uint8Array(0), reason: 'envelopeUnreadable' },
  { name: 'more than 64 KiB',                     topic: summaries,                        bytes: new Uint8Array(65_537), reason: 'tooLarge' },
  { name: 'a topic that is none of ours',         topic: 'ft/v1/x/up/s',                   bytes: chain[1].bytes, reason: 'topicMismatch' },
];

for (const { name, topic, bytes, reason } of refusals) {
  test(`refused without a receipt: ${name}`, async () => {
    const path = join(folder, `refused-${reason}-${name.length}.db`);
    const hub = bench(path);
    await hub.ingest.receive(topic, bytes);
    await hub.ingest.flush();
    const { stored, refused, received } = hub.ingest.counts;
    assert.deepEqual({ stored, refused, received }, { stored: 0, refused: 1, received: 1 });
    assert.deepEqual(hub.receipts, []);
    await hub.store.close();
    assert.deepEqual(
      (await findings(path)).map((row) => row.reason),
      [reason],
    );
  });
}

test('what its own agent signed and breaks a rule is answered in the receipt', async () => {
  const hub = bench();
  await give(hub, 0);
  const reversed = { ...sampleSummary(agentId, 2), toUs: 5 };
  await hub.ingest.receive(summaries, sealAgentMessage(agent, reversed));
  await hub.ingest.flush();
  assert.deepEqual(hub.last().refused, [{ sequence: 2, reason: 'timeReversed' }]);
  assert.equal(hub.last().cumulative, 1);
});

test('a bridge may put a prefix before the topic', async () => {
  const hub = bench();
  await hub.ingest.receive(`bridge/north/${summaries}`, chain[0].bytes);
  await hub.ingest.flush();
  assert.equal(hub.ingest.counts.stored, 1);
});

test('alerts and summaries have chains of their own', async () => {
  const hub = bench();
  await give(hub, 0, 1);
  await hub.ingest.receive(
    streamTopic(agentId, 1),
    sealAgentMessage(agent, sampleAlert(agentId, 7)),
  );
  await hub.ingest.flush();
  const { stream, cumulative, have } = hub.last();
  assert.deepEqual([stream, cumulative, have.map(({ from }) => from)], [1, 0, [7]]);
});

test('a birth brings the receipts of every stream again, at most once a second', async () => {
  const hub = bench();
  await give(hub, 0, 1);
  await hub.ingest.receive(
    streamTopic(agentId, 1),
    sealAgentMessage(agent, sampleAlert(agentId, 7)),
  );
  await hub.ingest.flush();
  hub.receipts.length = 0;
  for (let turn = 0; turn < 3; turn++)
    await hub.ingest.receive(statusTopic(agentId), encodeStatus('birth'));
  await hub.ingest.flush();
  // Stream 3 too, of which nothing is stored: a backup may have lost all that there was.
  assert.deepEqual(hub.receipts.map(({ stream }) => stream).sort(), [1, 2, 3]);
  await hub.ingest.receive(statusTopic(agentId), encodeStatus('gone'));
  await hub.ingest.receive(statusTopic(stranger.signerId), encodeStatus('birth'));
  await hub.ingest.flush();
  assert.equal(hub.receipts.length, 3);
});

test('a restart keeps hubEpoch and serial, and a lost receipt comes again', async () => {
  const path = join(folder, 'restart.db');
  const first = bench(path);
  await give(first, 0, 1);
  // Between commit and publish the process dies: the receipt is lost, the rows are not.
  await first.store.close();
  const second = bench(path);
  await give(second, 1);
  assert.equal(second.last().hubEpoch, first.last().hubEpoch);
  assert.equal(second.last().receiptSerial, first.last().receiptSerial + 1);
  assert.equal(second.last().cumulative, 2);
  assert.equal(second.ingest.counts.duplicates, 1);
});

function unchanged(store: HubStore): Omit<HubStore, 'commit'> {
  return {
    hubEpoch: store.hubEpoch,
    commitsCount: () => store.commitsCount(),
    commitsUncertain: store.commitsUncertain,
    beginHubEpoch: (from) => store.beginHubEpoch(from),
    watchSilence: (nowMs, silentAfterMs) => store.watchSilence(nowMs, silentAfterMs),
    close: () => store.close(),
  };
}

test('a commit that fails sends no receipt, and the resend is taken', async () => {
  let failures = 1;
  const hub = bench(':memory:', (store) => ({
    ...unchanged(store),
    commit: (batch, nowMs) =>
      failures-- > 0 ? Promise.reject(new Error('disk full')) : store.commit(batch, nowMs),
  }));
  await give(hub, 0, 1);
  assert.deepEqual([hub.receipts.length, hub.ingest.counts.commitFailures], [0, 1]);
  await give(hub, 0, 1);
  assert.deepEqual([hub.last().cumulative, hub.ingest.counts.stored], [2, 2]);
});

test('while the store is behind, the link is made to wait', async () => {
  let release = (): void => {};
  const topic = streamTopic(stranger.signerId, 2);
  const tiny = new Uint8Array(3);
  const hub = bench(':memory:', (store) => ({
    ...unchanged(store),
    commit: (batch, nowMs) =>
      new Promise((resolve) => {
        release = () => resolve(store.commit(batch, nowMs));
      }),
  }));
  let given = 0;
  const feeding = (async () => {
    for (; given < 1500; given++) await hub.ingest.receive(topic, tiny);
  })();
  for (let seen = -1; seen !== given; ) {
    seen = given;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(given < 1400, `${given} were taken`);
  const pump = setInterval(() => release(), 1);
  await feeding;
  await hub.ingest.flush();
  clearInterval(pump);
  assert.equal(hub.ingest.counts.refused, 1500);
});

test('message_key has exactly the columns of the contract', async () => {
  const path = join(folder, 'columns.db');
  await bench(path).store.close();
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path, { readonly: true });
  // biome-ignore format: a row of the pragma
  const columns = database.prepare<[], { name: string; pk: number }>('PRAGMA table_info(message_key)').all();
  database.close();
  assert.deepEqual(
    columns.map(({ name, pk }) => [name, pk]),
    [
      ['agentId', 1],
      ['epoch', 2],
      ['stream', 3],
      ['sequence', 4],
      ['sha256', 0],
    ],
  );
});

interface FindingRow {
  readonly kind: string;
  readonly reason: string;
  readonly sequence: number;
  readonly closed: number;
}

async function findings(path: string): Promise<FindingRow[]> {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare<[], FindingRow>(
      'SELECT kind, reason, sequence, closedAtMs IS NOT NULL AS closed FROM finding',
    )
    .all();
  database.close();
  return rows;
}

test('status counts in the database itself: stored, missing, doubled, findings', async () => {
  const path = join(folder, 'status.db');
  const hub = bench(path);
  await give(hub, 0, 1, 1, 3, 6);
  await hub.ingest.receive(summaries, flipped);
  await hub.ingest.flush();
  const { streams, findings: found } = readHubStatus(path);
  await hub.store.close();
  assert.deepEqual(streams, [
    {
      agentId,
      epoch: 123_456_789_012,
      stream: 2,
      stored: 4,
      highestSequence: 7,
      missing: [
        { from: 3, to: 3 },
        { from: 5, to: 6 },
      ],
      doubled: 0,
    },
  ]);
  assert.deepEqual(found.map(({ kind, reason }) => `${kind} ${reason}`).sort(), [
    'gap missing',
    'refused signatureInvalid',
  ]);
  assert.throws(() => readHubStatus(join(folder, 'nowhere.db')), { code: 'HUB_DATABASE_MISSING' });
});
