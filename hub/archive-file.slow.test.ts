/** Out of one hub and into another: everything once, and what isn't right refused by name. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { ArchiveReader, encodeArchiveRecord } from '../protocols/uplink/archive.ts';
import { ArchiveVerifier } from '../protocols/uplink/archive-verifier.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { openReceipt, sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain, sampleSummary } from '../protocols/uplink/sample-messages.ts';
import { verificationKey } from '../protocols/uplink/signature.ts';
import { AgentRegistry, writeAgentFile } from './agent-registry.ts';
import { exportArchive, importArchive, writeReceipts } from './archive-file.ts';
import { parseHubConfig } from './config.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { SqliteStore } from './sqlite-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-archive-'));
after(() => rmSync(folder, { recursive: true }));
const agent = sampleSigner('agent');
const hub = sampleSigner('hub');
const clock = new ManualClock();
const agents = join(folder, 'agents');
const registry = new AgentRegistry(agents, clock, silentLog);
const stick = join(folder, 'stick.ftar');
const MESSAGES = 300;

test('a stick from a site: taken once, receipted, exported, verified', async () => {
  mkdirSync(agents);
  const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
  const { signerId: agentId } = agent;
  const key = { keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
  writeAgentFile(agents, { agentId, ...key, revoked: false, furtherKeys: [] });
  const chain = sampleChain(agentId, MESSAGES, (message) => sealAgentMessage(agent, message));
  const records = chain.map(({ bytes }) => encodeArchiveRecord({ kind: 'message', bytes }));
  writeFileSync(stick, Buffer.concat(records));

  const path = join(folder, 'hub.db');
  const store = new SqliteStore(path);
  const receipts = new Map<string, Receipt>();
  const take = (receipt: Receipt): void => void receipts.set(`${receipt.stream}`, receipt);
  const first = await importArchive(stick, store, registry, clock, take);
  assert.deepEqual([first.messages, first.stored, first.duplicates], [MESSAGES, MESSAGES, 0]);
  const second = await importArchive(stick, store, registry, clock, take);
  assert.deepEqual([second.stored, second.duplicates], [0, MESSAGES]);
  await store.close();

  const back = join(folder, 'receipts.ftar');
  writeReceipts(back, receipts.values(), hub, clock);
  const reader = new ArchiveReader();
  const items = [...reader.push(readFileSync(back))];
  const receipt = items.find(({ kind }) => kind === 'receipt');
  assert.ok(receipt?.kind === 'receipt');
  const hubKey = verificationKey('Ed25519', hub.publicKey);
  const opened = openReceipt(receipt.bytes, () => hubKey, agentId);
  assert.ok(opened.kind === 'opened');
  assert.equal(opened.receipt.cumulative, MESSAGES);

  const parsed = parseHubConfig(`broker: { url: "mqtts://b:1" }\nagents: ${agents}\n`);
  assert.ok(parsed.kind === 'config');
  const out = join(folder, 'out.ftar');
  const open = new SqliteReader(path);
  assert.equal(await exportArchive(out, open, parsed.config, hub, clock), MESSAGES);
  await open.close();
  const verifier = new ArchiveVerifier();
  const exported = new ArchiveReader();
  for (const item of exported.push(readFileSync(out))) verifier.take(item);
  const report = verifier.report();
  assert.deepEqual([report.messages, report.findings], [MESSAGES, []]);
  await assert.rejects(async () => {
    const again = new SqliteReader(path);
    await exportArchive(out, again, parsed.config, hub, clock).finally(() => again.close());
  }, /may be there already/);
});

test('a tampered stick: the forged message is refused by name, the rest is taken', async () => {
  const stranger = sampleSigner('stranger');
  const forged = sealAgentMessage(stranger, sampleSummary(stranger.signerId, 2));
  appendFileSync(stick, encodeArchiveRecord({ kind: 'message', bytes: forged }));
  appendFileSync(stick, 'torn');
  const store = new SqliteStore(':memory:');
  const imported = await importArchive(stick, store, registry, clock, () => {});
  assert.deepEqual([imported.stored, imported.refused, imported.damaged], [MESSAGES, 1, 1]);
  assert.deepEqual(imported.reasons, { keyUnknown: 1 });
  await store.close();
});
