/** Threads that verify give what this thread would, in order, and their death costs nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SystemClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { AgentRegistry, writeAgentFile } from './agent-registry.ts';
import { MetricsServer } from './metrics-server.ts';
import type { OpenedEntry } from './open-message.ts';
import { OpeningPool } from './opening-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-pool-'));
after(() => rmSync(folder, { recursive: true }));
const agent = sampleSigner('agent');
const registry = new AgentRegistry(folder, new SystemClock(), silentLog);
const topic = streamTopic(agent.signerId, 2);
const chain = sampleChain(agent.signerId, 20, (message) => sealAgentMessage(agent, message));
const messages = [
  ...chain.map(({ bytes }) => ({ topic, bytes })),
  { topic, bytes: new Uint8Array(10) },
  { topic: 'ft/v1/elsewhere', bytes: chain[0].bytes },
];

test('threads answer as the calling thread does', async (context) => {
  const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
  const key = { keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
  writeAgentFile(folder, { agentId: agent.signerId, ...key, revoked: false, furtherKeys: [] });
  const here = new OpeningPool(registry, folder, 0, silentLog);
  const beside = new OpeningPool(registry, folder, 2, silentLog);
  context.after(() => beside.close());
  const jobs = [messages, messages.toReversed(), messages.slice(5)];
  const answers = await Promise.all(jobs.map((job) => beside.open(job)));
  for (const [index, job] of jobs.entries()) {
    const expected = await here.open(job);
    assert.deepEqual(plain(answers[index]), plain(expected));
  }
});

test('a pool that is closed in the middle of its work answers all the same', async () => {
  const pool = new OpeningPool(registry, folder, 1, silentLog);
  const answer = pool.open(messages);
  await pool.close();
  assert.equal((await answer).length, messages.length);
});

test('metrics are served on the loopback, and nothing else is', async () => {
  const metric = { name: 'hub_stored', help: 'messages', value: 7 };
  const server = await MetricsServer.start('127.0.0.1:0', () => [metric]);
  const address = `http://127.0.0.1:${server.port}`;
  assert.match(await (await fetch(`${address}/metrics`)).text(), /^fieldtap_hub_stored 7$/m);
  assert.equal((await fetch(`${address}/agents`)).status, 404);
  const taken = MetricsServer.start(`127.0.0.1:${server.port}`, () => []);
  await assert.rejects(taken, /can't be served/);
  await server.close();
});

/** Bytes cross a thread as another kind of array. */
function plain(entries: readonly OpenedEntry[]): readonly string[] {
  return entries.map((entry) =>
    entry.kind === 'verified'
      ? `${entry.sequence} ${Buffer.from(entry.sha256).toString('hex')} ${entry.messageKind}`
      : `${entry.kind} ${entry.reason} ${entry.agentId}`,
  );
}
