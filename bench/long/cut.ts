/**
 * `npm run long -- cut`: the link is cut for 30 days of an injected clock, with the quota that is
 * the default. When it is mended a hub (the real one's judgement and database) gets everything: what
 * the quota had room for in the order of signing, and the name of all that had to go. The short form
 * is bench/cut.slow.test.ts.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLog } from '../../agent/platform/log.ts';
import { SeededRandom } from '../../agent/platform/random.ts';
import { AgentRegistry, writeAgentFile } from '../../hub/agent-registry.ts';
import { readHubStatus } from '../../hub/hub-status.ts';
import { openDelivered } from '../../hub/open-message.ts';
import { SqliteStore } from '../../hub/sqlite-store.ts';
import type { BatchEntry } from '../../hub/store.ts';
import type { DetectionChange, Observation } from '../../protocols/interval-report.ts';
import { sealReceipt } from '../../protocols/uplink/open.ts';
import { writeEvidence } from '../evidence.ts';
import { madeConversations, OfflineSite } from '../offline-site.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DETECTIONS_EVERY = 60;
/** Rounds of delivery without anything new, after which the outbox should be empty. */
const IDLE_ROUNDS_MAX = 120;

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '30' },
    'quota-mib': { type: 'string', default: '1024' },
    'summary-ms': { type: 'string', default: '60000' },
    conversations: { type: 'string', default: '100' },
    observations: { type: 'string', default: '300' },
    evidence: { type: 'boolean', default: true },
    seed: { type: 'string', default: '1' },
  },
  allowNegative: true,
});

interface Delivered {
  readonly sequences: Map<number, number[]>;
  readonly tombstones: { stream: number; from: number; to: number }[];
}

const lines: string[] = [];
function say(line: string): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-cut-'));
try {
  process.exitCode = await run();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (values.evidence) writeEvidence('cut.txt', 'npm run long -- cut', lines);

async function run(): Promise<number> {
  const [days, quotaMiB, seed] = [values.days, values['quota-mib'], values.seed].map(Number);
  const intervalMs = Number(values['summary-ms']);
  const startedMs = performance.now();
  const site = new OfflineSite({
    path: join(folder, 'agent.db'),
    quotaMiB,
    summaryIntervalMs: intervalMs,
    seed,
  });
  say(`seed ${seed}: link cut for ${days} days, quota ${quotaMiB} MiB, a summary each`);
  say(`${intervalMs / 1000} s with ${values.conversations} conversations`);
  site.uplink.start();
  const turns = Math.round((days * DAY_MS) / intervalMs);
  let alerts = 0;
  for (let turn = 1; turn <= turns; turn++) {
    site.clock.advance(intervalMs - 1);
    const detections = turn % DETECTIONS_EVERY === 0 ? [detection(turn, site)] : [];
    alerts += detections.length;
    site.report(
      {
        conversations: madeConversations(
          Number(values.conversations),
          turn,
          site.clock.wallMs() * 1000,
        ),
        observations: observations(Number(values.observations), turn, site),
        detections,
      },
      intervalMs,
    );
    site.clock.advance(1);
    // Freed memory goes back only where the loop turns.
    await new Promise((resolve) => setImmediate(resolve));
    if (turn % Math.ceil(turns / 6) === 0) tellProgress(site, turn, intervalMs);
  }
  const before = site.buffer.statistics();
  const last = new Map(before?.streams.map(({ stream, lastSequence }) => [stream, lastSequence]));
  const waiting = before?.outboxMessages ?? 0;
  say(`signed: ${last.get(1)} on stream 1, ${last.get(2)} on stream 2; ${waiting} wait`);
  say(`had to make room: ${JSON.stringify(before?.counters)}`);
  const delivered = await deliver(site);
  const after = site.buffer.statistics();
  site.buffer.close();
  const status = readHubStatus(join(folder, 'hub.db'));
  say(`delivered in ${Math.round((performance.now() - startedMs) / 1000)} s in all`);
  return judge({
    alerts,
    last,
    delivered,
    quotaBytes: quotaMiB * 2 ** 20,
    databaseBytes: before?.databaseBytes ?? 0,
    left: after?.outboxMessages ?? -1,
    missing: status.streams.reduce((sum, { missing }) => sum + countOf(missing), 0),
    doubled: status.streams.reduce((sum, { doubled }) => sum + doubled, 0),
  });
}

interface Outcome {
  readonly alerts: number;
  readonly last: ReadonlyMap<number, number>;
  readonly delivered: Delivered;
  readonly quotaBytes: number;
  readonly databaseBytes: number;
  readonly left: number;
  readonly missing: number;
  readonly doubled: number;
}

/** Everything signed is at the hub or in a tombstone that is there; nothing is in neither. */
function judge({ delivered, last, ...outcome }: Outcome): number {
  const { sequences, tombstones } = delivered;
  let named = 0;
  let unnamed = 0;
  let outOfOrder = 0;
  for (const [stream, highest] of last) {
    const got = new Set(sequences.get(stream) ?? []);
    const gone = tombstones.filter((each) => each.stream === stream);
    const isNamed = (sequence: number): boolean =>
      gone.some(({ from, to }) => sequence >= from && sequence <= to);
    for (let sequence = 1; sequence <= highest; sequence++) {
      if (got.has(sequence)) continue;
      if (isNamed(sequence)) named++;
      else unnamed++;
    }
    outOfOrder += outOfOrderOf(sequences.get(stream) ?? []);
  }
  const alertsGot = (sequences.get(1) ?? []).length - 1;
  // biome-ignore format: one check per line
  const checks: readonly (readonly [string, boolean])[] = [
    [`${unnamed} messages neither delivered nor named by a tombstone (0)`, unnamed === 0],
    [`${named} messages named by ${tombstones.length} tombstones; the hub misses them by name: ${outcome.missing}`, outcome.missing === named],
    [`${outcome.doubled} doubled at the hub (0)`, outcome.doubled === 0],
    [`${outcome.left} left in the outbox (0)`, outcome.left === 0],
    [`${alertsGot} messages on the stream of alerts, ${outcome.alerts} alerts raised, none evicted`, alertsGot >= outcome.alerts && !tombstones.some(({ stream }) => stream === 1)],
    [`${outOfOrder} delivered out of order, but for the fresh summary before the backlog (1 at most)`, outOfOrder <= 1],
    [`database ${(outcome.databaseBytes / 2 ** 20).toFixed(1)} MiB within its quota`, outcome.databaseBytes <= outcome.quotaBytes],
  ];
  for (const [text, isGood] of checks) say(`${isGood ? 'pass' : 'FAIL'}  ${text}`);
  return checks.every(([, isGood]) => isGood) ? 0 : 1;
}

/** A message that comes before an older one. */
function outOfOrderOf(sequences: readonly number[]): number {
  return sequences.filter((sequence, index) => (sequences[index + 1] ?? sequence) < sequence)
    .length;
}

function countOf(ranges: readonly { readonly from: number; readonly to: number }[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

/** The link is mended; a hub verifies, stores and receipts until nothing comes any more. */
async function deliver(site: OfflineSite): Promise<Delivered> {
  const agents = join(folder, 'agents');
  mkdirSync(agents);
  const { signerId: agentId, keyNumber, algorithm, publicKey } = site.agent;
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const facts = { agentId, keyNumber, algorithm, publicKeyHex, revoked: false, furtherKeys: [] };
  writeAgentFile(agents, facts);
  const registry = new AgentRegistry(agents, site.clock, silentLog);
  const store = new SqliteStore(join(folder, 'hub.db'), new SeededRandom(Number(values.seed)));
  const sequences = new Map<number, number[]>();
  const tombstones: Delivered['tombstones'] = [];
  site.link.mend();
  for (let idle = 0; idle < IDLE_ROUNDS_MAX; ) {
    const batch: BatchEntry[] = site.link.take().map((message) => openDelivered(message, registry));
    idle = batch.length === 0 ? idle + 1 : 0;
    if (batch.length === 0 && site.buffer.statistics()?.outboxMessages === 0) break;
    for (const entry of batch) {
      if (entry.kind !== 'verified') throw new Error(`refused: ${JSON.stringify(entry)}`);
      const { stream, sequence, tombstone } = entry;
      const got = sequences.get(stream) ?? [];
      got.push(sequence);
      sequences.set(stream, got);
      if (tombstone !== undefined) tombstones.push({ stream, ...tombstone });
    }
    const { receipts } = await store.commit(batch, site.clock.wallMs());
    for (const receipt of receipts) site.receive(sealReceipt(site.hub, receipt));
    if (batch.length === 0) site.clock.advance(1000);
  }
  await store.close();
  return { sequences, tombstones };
}

function tellProgress(site: OfflineSite, turn: number, intervalMs: number): void {
  const statistics = site.buffer.statistics();
  const { outboxMessages = 0, databaseBytes = 0 } = statistics ?? {};
  const day = ((turn * intervalMs) / DAY_MS).toFixed(0).padStart(3);
  const mib = (databaseBytes / 2 ** 20).toFixed(0).padStart(5);
  const resident = (process.memoryUsage.rss() / 2 ** 20).toFixed(0);
  say(`day ${day}  ${mib} MiB on the disk, ${outboxMessages} messages wait, RSS ${resident} MiB`);
}

function detection(turn: number, site: OfflineSite): DetectionChange {
  const atUs = site.clock.wallMs() * 1000;
  return {
    change: 'raised',
    detection: {
      detectionId: turn.toString(16).padStart(16, '0'),
      code: 'MODBUS_FUNCTION_ZERO',
      severity: 'medium',
      title: 'A function code that does not exist',
      techniques: ['T0855'],
      firstSeenUs: atUs,
      lastSeenUs: atUs,
      occurrencesCount: 1,
      client: '10.0.0.5',
      server: '10.0.1.9',
      evidence: { records: [], framesSha256: '00'.repeat(32), evidenceTruncated: false },
      explanation: 'Function code 0 is reserved.',
      remedy: 'Find out which program sends it.',
    },
  };
}

function observations(count: number, turn: number, site: OfflineSite): Observation[] {
  const atUs = site.clock.wallMs() * 1000;
  return Array.from({ length: count }, (_, index) => ({
    kind: 'write',
    timeUs: atUs - (index * MINUTE_MS * 1000) / Math.max(1, count),
    protocol: 'modbus',
    clientIpAddress: '10.0.0.5',
    serverIpAddress: `10.0.1.${10 + (index % 128)}`,
    serverPort: 502,
    unitId: 1 + (index % 20),
    functionCode: 16,
    address: 100 + (index % 40),
    quantity: 1,
    details: { value: (index * 7919 + turn * 31) % 65_536 },
  }));
}
