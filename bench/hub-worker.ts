/**
 * One worker of `npm run bench -- hub`: the hub's ingest over a store, fed from memory. Signs its
 * messages first, says that it is ready, and measures from the word `go` to the last commit.
 * hub-worker.ts JOB, where JOB is the JSON of HubJob.
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
import {
  busySummary,
  sampleEpochBegins,
  sampleSummary,
} from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import type { HubJob } from './hub-job.ts';

// Only bench/hub.ts starts this file, with this one word.
const job = JSON.parse(process.argv[2]) as HubJob;
const clock = new SystemClock();
const store = job.store.startsWith('sqlite:')
  ? new SqliteStore(job.store.slice('sqlite:'.length))
  : await PostgresStore.open(job.store);
const registry = new AgentRegistry(job.agents, clock, silentLog);
const pool = new OpeningPool(registry, job.agents, job.verifyThreads, silentLog);
const signer = openReceiptSigner(`${job.agents}-keys-${process.pid}`);
const summaryOf = job.summaries === 'busy' ? busySummary : sampleSummary;
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
const chains = job.sites.map(chainOf);
const messages = Array.from({ length: job.messagesPerSite }, (_, at) =>
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
  for (let sequence = 2; sequence <= job.messagesPerSite; sequence++) {
    const previousSha256 = messageSha256(sealed[sealed.length - 1]);
    sealed.push(sealAgentMessage(agent, { ...summaryOf(signerId, sequence), previousSha256 }));
  }
  return { topic: streamTopic(signerId, 2), sealed };
}
