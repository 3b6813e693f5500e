/** A hub that was restored waits no longer for what its agent says is gone. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Database from 'better-sqlite3';
import { ManualClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleAlert, sampleChain } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { AgentRegistry } from './agent-registry.ts';
import { Ingest } from './ingest.ts';
import { SqliteStore } from './sqlite-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-lost-'));
after(() => rmSync(folder, { recursive: true }));
const agent = sampleSigner('agent');
const agentId = agent.signerId;
const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
writeFileSync(join(folder, `${agentId}.json`), JSON.stringify({ agentId, publicKeyHex }));
const chain = sampleChain(agentId, 5, (message) => sealAgentMessage(agent, message));
const { epoch, signedAtMs, clockSource, previousSha256 } = sampleAlert(agentId, 7);

test('what the agent says that this hub has lost is no longer waited for', async () => {
  const path = join(folder, 'hub.db');
  const store = new SqliteStore(path);
  const clock = new ManualClock();
  const receipts: Receipt[] = [];
  const ingest = new Ingest({
    store,
    registry: new AgentRegistry(folder, clock, silentLog),
    clock,
    log: silentLog,
    publishReceipt: (receipt) => receipts.push(receipt),
  });
  const cumulative = (): number | undefined =>
    receipts.filter(({ stream }) => stream === 2).at(-1)?.cumulative;
  for (const at of [0, 3, 4]) await ingest.receive(streamTopic(agentId, 2), chain[at].bytes);
  await ingest.flush();
  assert.equal(cumulative(), 1);

  const lost = { code: 'hubLost', epochOf: epoch, streamOf: 2, from: 2, to: 3 } as const;
  const say = async (sequence: number, count: number): Promise<void> => {
    const place = { agentId, epoch, stream: 1, sequence, previousSha256 } as const;
    const signed = { ...place, signedAtMs, clockSource };
    const word = { kind: 'statement', ...signed, ...lost, count, text: 'Deleted.' } as const;
    await ingest.receive(streamTopic(agentId, 1), sealAgentMessage(agent, word));
    await ingest.flush();
  };
  // Many short ranges told together are no word about each of them.
  await say(9, 1);
  assert.equal(cumulative(), 1);
  await say(11, 2);
  assert.equal(cumulative(), 5);
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare("SELECT detail FROM finding WHERE reason = 'hubLost'")
    .pluck()
    .all();
  assert.deepEqual(rows, ['2 of 2 to 3 receipted, and lost by the hub, by its signed word']);
  database.close();
  await store.close();
});
