/**
 * One worker of `npm run bench -- hub`: the hub's ingest over a store, fed from memory. Signs its
 * messages first, says that it is ready, and measures from the word `go` to the last commit.
 * hub-worker.ts AGENTS STORE MESSAGES_PER_SITE SITE...
 */
import { SystemClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { AgentRegistry } from '../hub/agent-registry.ts';
import { Ingest } from '../hub/ingest.ts';
import { OpeningPool } from '../hub/opening-pool.ts';
import { PostgresStore } from '../hub/postgres-store.ts';
import { openReceiptSigner } from '../hub/receipt-key.ts';
import { SqliteStore } from '../hub/sqlite-store.ts';
import { messageSha256 } from '../protocols/uplink/cose.ts';
import { sealAgentMessage, sealReceipt } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleEpochBegins, sampleSummary } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';

const [agents, storeName, countText, ...sites] = process.argv.slice(2);
const messagesPerSite = Number(countText);
const clock = new SystemClock();
const store = storeName.startsWith('sqlite:')
  ? new SqliteStore(storeName.slice('sqlite:'.length))
  : await PostgresStore.open(storeName);
const registry = new AgentRegistry(agents, clock, silentLog);
const threads = Number(process.env.HUB_BENCH_THREADS ?? 1);
const pool = new OpeningPool(registry, agents, threads, silentLog);
const signer = openReceiptSigner(`${agents}-keys-${process.pid}`);
let receipts = 0;
const ingest = new Ingest({
  store,
  registry,
  clock,
  log: silentLog,
  open: (messages) => pool.open(messages),
  publishReceipt: (receipt) => {
    sealReceipt(signer, receipt);
    receipts += 1;
  },
});

// Sites take turns, as summaries of many gateways arrive.
const chains = sites.map(chainOf);
const messages = Array.from({ length: messagesPerSite }, (_, at) =>
  chains.map(({ topic, sealed }) => ({ topic, bytes: sealed[at] })),
).flat();

process.stdout.write('ready\n');
process.stdin.once('data', () => {
  run().then(
    (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});

async function run() {
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  for (const { topic, bytes } of messages) await ingest.receive(topic, bytes);
  await ingest.flush();
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { stored } = ingest.counts;
  if (stored !== messages.length) throw new Error(`${stored} of ${messages.length} stored`);
  await store.close();
  await pool.close();
  return { messages: stored, receipts, seconds, cpuUs: user + system };
}

function chainOf(site: string): { topic: string; sealed: Uint8Array[] } {
  const agent = sampleSigner(site);
  const { signerId } = agent;
  const sealed = [sealAgentMessage(agent, sampleEpochBegins(signerId, 2))];
  for (let sequence = 2; sequence <= messagesPerSite; sequence++) {
    const previousSha256 = messageSha256(sealed[sealed.length - 1]);
    sealed.push(sealAgentMessage(agent, { ...sampleSummary(signerId, sequence), previousSha256 }));
  }
  return { topic: streamTopic(signerId, 2), sealed };
}
