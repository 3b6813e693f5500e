/**
 * The process of `npm run bench -- hub-agents`: fills each table that a hub worker keeps of agents
 * with as many as there are, and prints what it took. hub-agents-worker.ts FOLDER AGENTS
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { AgentRegistry } from '../hub/agent-registry.ts';
import { BirthLimit } from '../hub/birth-limit.ts';
import { OpenHoles } from '../hub/open-holes.ts';
import { ReceiptQueue } from '../hub/receipt-queue.ts';
import type { TableUse } from '../hub/table-use.ts';
import { receiptWithHole } from '../hub/testing/receipt-with-hole.ts';
import { agentIdOf } from '../protocols/uplink/agent-id.ts';
import { sealReceipt } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { garbageCollector } from './collect-garbage.ts';

const [folder, countText] = process.argv.slice(2);
const collect = garbageCollector();
mkdirSync(folder, { recursive: true });
const agentIds = Array.from({ length: Number(countText) }, enrol);
const sealed = sealReceipt(sampleSigner('hub'), receiptWithHole(agentIds[0]));

const registry = new AgentRegistry(folder, new SystemClock(), silentLog);
const receipts = new ReceiptQueue();
const holes = new OpenHoles();
const births = new BirthLimit();
fill(
  (agentId) => registry.lookup({ signerId: agentId, keyNumber: 1 }),
  () => registry.use,
);
fill(
  (agentId) => {
    const name = `${agentId}/1/2`;
    const topic = `ft/v1/${agentId}/dn/r`;
    receipts.put({ name, topic, bytes: Uint8Array.from(sealed), isRetained: true });
  },
  () => receipts.use,
);
fill(
  (agentId) => holes.due(receiptWithHole(agentId), 0),
  () => holes.use,
);
fill(
  (agentId) => births.isDue(agentId, 0),
  () => births.use,
);

/** A file as enrolment writes it; any 32 bytes are a key to who only keeps them. */
function enrol(): string {
  const publicKey = randomBytes(32);
  const agentId = agentIdOf(publicKey);
  const publicKeyHex = publicKey.toString('hex');
  const facts = { agentId, keyNumber: 1, algorithm: 'Ed25519', publicKeyHex, siteName: 'Bench' };
  writeFileSync(join(folder, `${agentId}.json`), JSON.stringify(facts));
  return agentId;
}

function fill(put: (agentId: string) => unknown, use: () => TableUse): void {
  collect();
  const before = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  for (const agentId of agentIds) put(agentId);
  const { user, system } = process.cpuUsage(cpu);
  collect();
  const bytes = Math.max(0, process.memoryUsage.rss() - before);
  const cpuUs = (user + system) / agentIds.length;
  process.stdout.write(`${JSON.stringify({ ...use(), bytes, cpuUs })}\n`);
}
