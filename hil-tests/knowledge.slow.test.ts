/**
 * What is known of a plant, through the program as a black box: asked of the running agent and of
 * its buffer, before and after a kill -9 in the middle of a capture.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type BenchProcess, eventually, fieldtap, ROOT, startFieldtap } from './bench-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-knowledge-'));
const config = join(folder, 'fieldtap.yaml');
writeFileSync(
  config,
  `site: { name: Knowledge, sharing: minimal }
capture: { file: ${join(ROOT, 'hil-tests/captures/bench.pcap')} }
buffer: { path: ${join(folder, 'buffer.db')}, quotaMiB: 64 }
diagnostics: { socket: ${join(folder, 'agent.sock')} }
`,
);
const running: BenchProcess[] = [];
after(async () => {
  for (const agent of running) await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Fact {
  readonly name: string;
  readonly value: string | number;
  readonly source: string;
}

interface Known {
  readonly from: 'agent' | 'buffer';
  readonly notes: readonly { readonly assetId: string; readonly name?: string }[];
  readonly assets: readonly { readonly assetId: string; readonly facts: readonly Fact[] }[];
}

interface Registers {
  readonly from: 'agent' | 'buffer';
  readonly registers: readonly {
    readonly server: string;
    readonly unitId: number;
    readonly object: string;
    readonly address: number;
    readonly quantity: number;
    readonly stale?: string;
  }[];
  readonly nodes: readonly { readonly nodeId: string; readonly stale?: string }[];
}

const SOCKET_OF_NOBODY = ['--socket', join(folder, 'nobody.sock')];

function start(): BenchProcess {
  const agent = startFieldtap(['run', '--config', config]);
  running.push(agent);
  return agent;
}

/** Undefined while nobody answers. `offline`: read the buffer, though an agent runs. */
async function ask<T>(topic: string, offline: boolean): Promise<T | undefined> {
  const words = [topic, '--json', '--config', config, ...(offline ? SOCKET_OF_NOBODY : [])];
  const { exitCode, stdout } = await fieldtap(words);
  // The tests below look at what it holds.
  return exitCode === 0 ? (JSON.parse(stdout) as T) : undefined;
}

/** Everything but times: each device with what it told, and who said so. */
function factsOf({ assets }: Known): string[] {
  return assets
    .flatMap(({ assetId, facts }) =>
      facts.map(({ name, value, source }) => `${assetId} ${name} ${value} ${source}`),
    )
    .sort();
}

function missingOf(now: Known, before: Known): string[] {
  const known = new Set(factsOf(now));
  return factsOf(before).filter((fact) => !known.has(fact));
}

const placesOf = ({ registers, nodes }: Registers): string[] =>
  [
    ...registers.map(
      ({ server, unitId, object, address, quantity }) =>
        `${server} ${unitId} ${object} ${address} ${quantity}`,
    ),
    ...nodes.map(({ nodeId }) => nodeId),
  ].sort();

test('kill -9 in the middle of a capture: what was known is known again', async () => {
  const first = start();
  const before = await eventually(async () => {
    const live = await ask<Known>('assets', false);
    if (live?.from !== 'agent' || live.assets.length < 3) return undefined;
    const saved = await ask<Known>('assets', true);
    const isSaved = saved !== undefined && factsOf(saved).join() === factsOf(live).join();
    return isSaved ? live : undefined;
  }, 'all devices of the capture, on the disk too');
  const note = ['assets', 'note', '127.0.0.1/2', '--name', 'Pump 3', '--config', config];
  assert.equal((await fieldtap(note)).exitCode, 0);
  const registers = await ask<Registers>('registers', true);
  assert.ok((registers?.registers.length ?? 0) > 3);
  first.signal('SIGKILL');
  await first.ended();

  const dead = await ask<Known>('assets', false);
  assert.equal(dead?.from, 'buffer', 'nobody runs: the buffer answers');
  assert.deepEqual(missingOf(dead, before), [], 'what was saved meanwhile may be more');
  assert.equal(dead.notes[0]?.name, 'Pump 3');

  start();
  const again = await eventually(async () => {
    const live = await ask<Known>('assets', false);
    return live?.from === 'agent' && live.assets.length >= before.assets.length ? live : undefined;
  }, 'the devices again');
  assert.deepEqual(missingOf(again, before), []);
  assert.deepEqual(again.notes, dead.notes, 'what the engineer said stands');
  const after = await ask<Registers>('registers', false);
  const lost = placesOf(registers ?? { from: 'agent', registers: [], nodes: [] }).filter(
    (place) => after === undefined || !placesOf(after).includes(place),
  );
  assert.deepEqual(lost, []);
});

test('a summary of a capture holds the same devices and registers, as JSON', async () => {
  const capture = join(ROOT, 'hil-tests/captures/bench.pcap');
  const { exitCode, stdout } = await fieldtap([
    'replay',
    capture,
    '--summary',
    'json',
    '--registers',
  ]);
  assert.equal(exitCode, 0);
  // Printed by the program itself.
  const summary = JSON.parse(stdout) as Known & Registers;
  assert.ok(summary.assets.some(({ assetId }) => assetId === '127.0.0.1/2'));
  assert.ok(summary.registers.length > 3);
  assert.ok(summary.nodes.length > 0);
});

test('each form for another program: CSV, and an inventory in the form of CycloneDX', async () => {
  const words = (topic: string, form: string) => [topic, form, '--config', config];
  for (const topic of ['assets', 'conversations', 'registers']) {
    const { exitCode, stdout } = await fieldtap(words(topic, '--csv'));
    assert.equal(exitCode, 0, topic);
    const [header, ...rows] = stdout.trim().split('\r\n');
    assert.ok(rows.length > 0, topic);
    assert.ok(header.includes('server') || header.startsWith('assetId'), topic);
  }
  const { stdout } = await fieldtap(words('assets', '--cyclonedx'));
  // The form is public; these are the fields that every reader asks for.
  const inventory = JSON.parse(stdout) as { bomFormat: string; components: { type: string }[] };
  assert.equal(inventory.bomFormat, 'CycloneDX');
  assert.ok(inventory.components.every(({ type }) => type === 'device'));
});
