/**
 * What a site tells of its devices, read at the hub out of the signed bytes: each device is new
 * once and each fact is told once, over kill -9 of the agent and a link that is cut; and at the
 * sharing level `minimal` nothing that names a device leaves.
 * FIELDTAP_SEED=N repeats the moments of an earlier run.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { eventually, fieldtap } from './bench-process.ts';
import { BenchSite } from './bench-site.ts';
import { addressOf, CLIENT_ADDRESS, macAddressOf, writeMadePlant } from './made-plant.ts';
import { assetChangesOf, readMessage, type ToldAsset, textsIn } from './wire-reader.ts';

const DEVICES = 12;
const APPEAR_MS = 400;
const LIVES = 4;
const LIFE_MS = 2500;
const VENDOR = 'Schneider-Acme';
const devices = Array.from({ length: DEVICES }, (_, index) => ({
  host: 10 + index,
  unitIds: index === 3 ? [1, 7] : [1],
  fromMs: index * APPEAR_MS,
  vendor: VENDOR,
  product: `PUMP-CONTROL-${index}`,
  revision: `v4.${index}.77`,
}));
/** Devices, the client, and the two units of the gateway; a single unit is told as one too. */
const ASSETS = 1 + devices.reduce((sum, { unitIds }) => sum + 1 + unitIds.length, 0);

async function withSite(sharing: string, work: (site: BenchSite) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ft-news-'));
  const capture = join(folder, 'plant.pcap');
  writeMadePlant(capture, { devices, durationMs: 8000, pollMs: 250 });
  const site = await BenchSite.enrolled({ capture: `file: ${JSON.stringify(capture)}`, sharing });
  try {
    await work(site);
  } finally {
    await site.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function messagesAt(site: BenchSite): Uint8Array[] {
  const database = new Database(site.hubDatabase, { readonly: true });
  try {
    const rows = database.prepare<[], { bytes: Uint8Array }>(
      'SELECT bytes FROM message_body ORDER BY epoch, stream, sequence',
    );
    return rows.all().map(({ bytes }) => bytes);
  } finally {
    database.close();
  }
}

test(`over ${LIVES} lives each device is new once and each fact told once`, async (context) => {
  const seed = Number(process.env.FIELDTAP_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  await withSite('standard', async (site) => {
    for (let life = 0; life < LIVES; life++) {
      const agent = site.startAgent();
      await site.until(({ traffic }) => traffic.frames > 0, 'frames');
      await delay(random() * LIFE_MS);
      if (life === 1) site.broker.tell('cut');
      if (life === 2) site.broker.tell('restore');
      agent.signal('SIGKILL');
      await agent.ended();
    }
    site.startAgent();
    const isNew = ({ change }: ToldAsset): boolean => change === 'new';
    const told = await eventually(() => {
      const all = messagesAt(site).flatMap(assetChangesOf);
      return all.filter(isNew).length >= ASSETS ? all : undefined;
    }, 'every device at the hub');
    await site.until(({ uplink }) => uplink?.outboxMessages === 0, 'an empty outbox');
    const after = messagesAt(site).flatMap(assetChangesOf);
    assert.ok(after.length >= told.length);
    const ids = after.filter(isNew).map(({ assetId }) => assetId);
    assert.equal(new Set(ids).size, ASSETS);
    assert.equal(ids.length, ASSETS, 'new once');
    const facts = after.flatMap(({ assetId, facts: each }) =>
      each.filter((fact) => !fact.startsWith('role=')).map((fact) => `${assetId} ${fact}`),
    );
    assert.deepEqual(
      facts.filter((fact, index) => facts.indexOf(fact) < index),
      [],
      'told once',
    );
    const leaks = messagesAt(site).flatMap(leaksIn);
    assert.ok(leaks.includes('PUMP-CONTROL'), 'what the test below looks for would be seen');
    for (const { product } of devices.filter(({ unitIds }) => unitIds.length === 1)) {
      assert.equal(facts.filter((fact) => fact.endsWith(`=${product}`)).length, 1, product);
    }
  });
});

/** All that a stranger at the hub must not learn at `minimal`. */
const SECRETS = [
  VENDOR,
  'PUMP-CONTROL',
  'v4.',
  '10.77.0.',
  CLIENT_ADDRESS,
  '00:80:f4',
  'Bench waterworks',
];

function leaksIn(bytes: Uint8Array): string[] {
  const payload = readMessage(bytes);
  const texts = textsIn(payload);
  const raw = JSON.stringify(texts);
  const asBytes = [addressOf(10), CLIENT_ADDRESS].map((address) =>
    Buffer.from(address.split('.').map(Number)).toString('hex'),
  );
  const macs = [10, 11].map((host) => macAddressOf(host).replaceAll(':', ''));
  return [...SECRETS, ...asBytes, ...macs].filter((secret) =>
    raw.toLowerCase().includes(secret.toLowerCase()),
  );
}

interface Preview {
  readonly messages: readonly {
    readonly messageHex: string;
    readonly message: { readonly assetChanges?: readonly { readonly change: string }[] };
  }[];
}

test('at minimal neither the published bytes nor a preview of them name anything', async () => {
  await withSite('minimal', async (site) => {
    site.broker.tell('cut');
    site.startAgent();
    const words = ['preview', '--json', '--count', '64', '--config', site.agentConfig];
    const previewed = await eventually(async () => {
      const { stdout } = await fieldtap(words);
      if (!stdout.startsWith('{')) return undefined;
      // Printed by the program itself.
      const { messages } = JSON.parse(stdout) as Preview;
      const changes = messages.flatMap(({ message }) => message.assetChanges ?? []);
      return changes.length >= ASSETS ? { messages, changes, stdout } : undefined;
    }, 'every device in what leaves next');
    assert.equal(previewed.changes.filter(({ change }) => change === 'new').length, ASSETS);
    site.broker.tell('restore');
    await site.until(
      ({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0 && uplink?.outboxMessages === 0,
      'an empty outbox',
    );
    const published = messagesAt(site);
    const hex = new Set(published.map((bytes) => Buffer.from(bytes).toString('hex')));
    for (const { messageHex } of previewed.messages) assert.ok(hex.has(messageHex), 'the same');
    const leaks = new Set(published.flatMap(leaksIn));
    for (const secret of SECRETS) if (previewed.stdout.includes(secret)) leaks.add(secret);
    assert.deepEqual([...leaks], []);
  });
});
