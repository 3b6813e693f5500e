/**
 * `npm run long -- flat-memory`: a million summaries through buffer and uplink as they are, each
 * receipted by a hub in this process that keeps nothing but hashes; memory is sampled after a
 * collection. The short form is bench/flat-memory.slow.test.ts.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { fastFolder } from '../../buffer/test-kit.ts';
import type { Stream } from '../../protocols/uplink/messages.ts';
import { openAgentMessage, sealReceipt } from '../../protocols/uplink/open.ts';
import { parseTopic } from '../../protocols/uplink/topics.ts';
import { garbageCollector } from '../collect-garbage.ts';
import { writeEvidence } from '../evidence.ts';
import { madeConversations, OfflineSite } from '../offline-site.ts';

// As agent/start.mjs does it: what is measured is the agent's memory.
setFlagsFromString('--semi-space-growth-factor=1');

const MIB = 2 ** 20;
const OPENED_EVERY = 100;
const INTERVAL_MS = 1000;
const SAMPLES = 50;
/** The first samples belong to warming up: compiled code, caches that fill. */
const WARM_SAMPLES = 4;
/** What the median of the last five samples may lie above that of the first five after warming up. */
const GROWTH_MIB_MAX = 12;

const { values } = parseArgs({
  options: {
    summaries: { type: 'string', default: '1000000' },
    conversations: { type: 'string', default: '5' },
    /** Ends earlier when so many are over, and judges what there is. */
    minutes: { type: 'string', default: '600' },
    evidence: { type: 'boolean', default: true },
    seed: { type: 'string', default: '1' },
  },
  allowNegative: true,
});

interface Sample {
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
}

/** Opens each hundredth message, knows the others by their place, and keeps a hash a stream. */
class ForgetfulHub {
  readonly #site: OfflineSite;
  readonly #streams = new Map<Stream, { cumulative: number; sha256: Uint8Array }>();
  readonly #epoch: number;
  #serial = 0;
  messages = 0;

  constructor(site: OfflineSite) {
    this.#site = site;
    this.#epoch = site.buffer.statistics()?.epoch ?? 0;
  }

  /** Takes what was published, in the order of the streams, and answers with receipts. */
  serve(): void {
    const { link, hub, agent, clock } = this.#site;
    const touched = new Set<Stream>();
    for (const { topic, bytes } of link.take()) {
      const parsed = parseTopic(topic);
      if (parsed?.kind !== 'stream') throw new Error(`published on ${topic}`);
      const { stream } = parsed;
      const head = this.#streams.get(stream) ?? { cumulative: 0, sha256: new Uint8Array(32) };
      const cumulative = head.cumulative + 1;
      if (this.messages++ % OPENED_EVERY === 0) this.#open(topic, bytes, cumulative, head.sha256);
      const sha256 = createHash('sha256').update(bytes).digest();
      this.#streams.set(stream, { cumulative, sha256 });
      touched.add(stream);
    }
    for (const stream of touched) {
      const head = this.#streams.get(stream);
      if (head === undefined) continue;
      const receipt = sealReceipt(hub, {
        kind: 'receipt',
        agentId: agent.signerId,
        epoch: this.#epoch,
        stream,
        cumulative: head.cumulative,
        cumulativeSha256: head.sha256,
        have: [],
        refused: [],
        receiptSerial: ++this.#serial,
        hubEpoch: 77,
        hubTimeMs: clock.wallMs(),
      });
      this.#site.receive(receipt);
    }
  }

  /** A message out of its place would show here, or as a receipt that the agent calls a fork. */
  #open(topic: string, bytes: Uint8Array, sequence: number, previousSha256: Uint8Array): void {
    const opened = openAgentMessage(bytes, () => this.#site.agentKey, topic);
    if (opened.kind === 'refused') throw new Error(`refused: ${opened.reason}`);
    const { message } = opened;
    if (message.sequence !== sequence) throw new Error(`${message.sequence}, not ${sequence}`);
    if (Buffer.compare(message.previousSha256, previousSha256) !== 0) {
      throw new Error('the chain is broken');
    }
  }
}

const lines: string[] = [];
function say(line: string): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

const folder = mkdtempSync(join(fastFolder() || tmpdir(), 'fieldtap-memory-'));
try {
  process.exitCode = await run();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (values.evidence) writeEvidence('flat-memory.txt', 'npm run long -- flat-memory', lines);

async function run(): Promise<number> {
  const [summaries, conversations, seed] = [
    values.summaries,
    values.conversations,
    values.seed,
  ].map(Number);
  const collect = garbageCollector();
  const path = join(folder, 'agent.db');
  const site = new OfflineSite({ path, quotaMiB: 64, summaryIntervalMs: INTERVAL_MS, seed });
  say(`seed ${seed}: ${summaries} summaries with ${conversations} conversations each`);
  site.uplink.start();
  const hub = new ForgetfulHub(site);
  site.link.mend();
  const samples: Sample[] = [];
  const every = Math.ceil(summaries / SAMPLES);
  const startedMs = performance.now();
  const limitMs = Number(values.minutes) * 60_000;
  const endsMs = startedMs + limitMs;
  let sampleAtMs = startedMs + limitMs / SAMPLES;
  let turn = 0;
  while (turn < summaries && performance.now() < endsMs) {
    turn++;
    const atUs = site.clock.wallMs() * 1000;
    const observations = [
      { kind: 'newClient' as const, timeUs: atUs, protocol: 'modbus' as const },
    ];
    site.report(
      { conversations: madeConversations(conversations, turn, atUs), observations },
      INTERVAL_MS,
    );
    site.clock.advance(INTERVAL_MS);
    hub.serve();
    // As in the agent, where each report comes in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve));
    // By time too: a loaded machine does not come far in its time.
    if (turn % every !== 0 && performance.now() < sampleAtMs) continue;
    sampleAtMs = performance.now() + limitMs / SAMPLES;
    // What is freed in a first collection releases buffers that a second one finds.
    collect();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const sample = sampleNow();
    samples.push(sample);
    tell(sample, turn, performance.now() - startedMs);
  }
  const { outboxMessages = -1 } = site.buffer.statistics() ?? {};
  site.buffer.close();
  return judge(samples, hub.messages, turn, outboxMessages);
}

function sampleNow(): Sample {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentMiB: rss / MIB, heapMiB: heapUsed / MIB, externalMiB: external / MIB };
}

function tell({ residentMiB, heapMiB, externalMiB }: Sample, turn: number, tookMs: number): void {
  const rate = Math.round((turn / tookMs) * 1000);
  const [resident, heap, external] = [residentMiB, heapMiB, externalMiB].map((each) =>
    each.toFixed(1).padStart(6),
  );
  const count = String(turn).padStart(8);
  say(`${count}  RSS ${resident} MiB, heap ${heap} MiB, external ${external} MiB, ${rate}/s`);
}

function judge(
  samples: readonly Sample[],
  messages: number,
  summaries: number,
  left: number,
): number {
  const warm = samples.slice(WARM_SAMPLES);
  const growth = (of: (sample: Sample) => number): number =>
    median(warm.slice(-5).map(of)) - median(warm.slice(0, 5).map(of));
  const resident = growth(({ residentMiB }) => residentMiB);
  const heap = growth(({ heapMiB, externalMiB }) => heapMiB + externalMiB);
  // biome-ignore format: one check per line
  const checks: readonly (readonly [string, boolean])[] = [
    [`RSS grew by ${resident.toFixed(1)} MiB (${GROWTH_MIB_MAX} at most)`, resident <= GROWTH_MIB_MAX],
    [`heap and what hangs on it grew by ${heap.toFixed(1)} MiB (2 at most)`, heap <= 2],
    [`${messages} messages came, in one chain`, messages >= summaries],
    [`${left} left in the outbox (1 at most)`, left >= 0 && left <= 1],
  ];
  for (const [text, isGood] of checks) say(`${isGood ? 'pass' : 'FAIL'}  ${text}`);
  return checks.every(([, isGood]) => isGood) ? 0 : 1;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
