/** A key that was good once: what it signs is refused, and who is told so by a signed receipt. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { readHubStatus } from './hub-status.ts';
import { SqliteStore } from './sqlite-store.ts';
import { type IngestBench, ingestBench } from './testing/ingest-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-revoked-'));
after(() => rmSync(folder, { recursive: true }));

const agent = sampleSigner('agent');
const agentId = agent.signerId;
const summaries = streamTopic(agentId, 2);
const chain = sampleChain(agentId, 5, (message) => sealAgentMessage(agent, message));

function enrol(more: Record<string, unknown> = {}): void {
  const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
  const facts = { agentId, algorithm: 'Ed25519', publicKeyHex, ...more };
  writeFileSync(join(folder, `${agentId}.json`), JSON.stringify(facts));
}

function bench(path = ':memory:'): IngestBench {
  return ingestBench(new SqliteStore(path), folder);
}

async function give(hub: IngestBench, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes) await hub.ingest.receive(summaries, chain[index].bytes);
  await hub.ingest.flush();
}

test('a revoked agent is refused from the next look at its file', async () => {
  const hub = bench();
  enrol();
  await give(hub, 0);
  enrol({ revoked: true });
  hub.clock.advance(1500);
  await give(hub, 1);
  enrol();
  assert.deepEqual([hub.ingest.counts.stored, hub.ingest.counts.refused], [1, 1]);
  assert.deepEqual(hub.last().refused, [{ sequence: 2, reason: 'revoked' }], 'it is told');
  assert.equal(hub.last().cumulative, 1);
  hub.clock.advance(1500);
  await give(hub, 1);
  assert.equal(hub.ingest.counts.stored, 2);
  assert.deepEqual(hub.last().refused, [], 'what is stored is not refused');
});

test('a revoked agent is told once a second, and is one finding however much it sends', async () => {
  const path = join(folder, 'revoked.db');
  const hub = bench(path);
  enrol({ revoked: true });
  for (const at of [0, 1, 2, 3]) await give(hub, at);
  assert.deepEqual(hub.last().refused, [{ sequence: 1, reason: 'revoked' }]);
  hub.clock.advance(1000);
  await give(hub, 4);
  enrol();
  assert.deepEqual(
    hub.last().refused.map(({ sequence }) => sequence),
    [1, 5],
  );
  const { findings } = readHubStatus(path);
  assert.deepEqual(
    findings.map(({ reason, occurrencesCount }) => [reason, occurrencesCount]),
    [['revoked', 5]],
  );
});

test('a former key that was stolen gets no word, and what it forges no receipt', async () => {
  const path = join(folder, 'stolen.db');
  const hub = bench(path);
  const next = sampleSigner('the next key of agent');
  const publicKeyHex = Buffer.from(next.publicKey).toString('hex');
  const furtherKeys = [{ keyNumber: 2, algorithm: 'Ed25519', publicKeyHex }];
  enrol({ firstKeyRevoked: true, furtherKeys });
  await give(hub, 0);
  enrol({ revoked: true });
  hub.clock.advance(1500);
  const forged = Uint8Array.from(chain[1].bytes);
  forged[forged.length - 1] ^= 1;
  await hub.ingest.receive(summaries, forged);
  await hub.ingest.flush();
  enrol();
  assert.deepEqual([hub.receipts.length, hub.ingest.counts.refused], [0, 2]);
  const reasons = readHubStatus(path).findings.map(({ reason }) => reason);
  assert.deepEqual(reasons.sort(), ['revoked', 'signatureInvalid']);
});
