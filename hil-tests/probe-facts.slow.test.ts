/**
 * What `fieldtap probe` learned is among the devices: with the agent running, after it was killed,
 * and when it was probed while no agent ran.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually, fieldtap, ROOT, startFieldtap } from './bench-process.ts';

interface Known {
  readonly from: string;
  readonly assets: readonly {
    readonly assetId: string;
    readonly facts: readonly {
      readonly name: string;
      readonly value: string;
      readonly source: string;
    }[];
    readonly conflicts?: readonly { readonly name: string }[];
  }[];
}

function configOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ft-probe-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: Bench }
capture: { file: ${join(ROOT, 'hil-tests/captures/bench.pcap')} }
buffer: { path: ${join(folder, 'buffer.db')}, quotaMiB: 64 }
diagnostics: { socket: ${join(folder, 'agent.sock')} }
probe: { allowed: true }
`,
  );
  return config;
}

/** Answers device identification with this vendor, and refuses the rest. */
async function device(context: TestContext, vendor: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const name = Buffer.from(vendor);
      const isAsked = bytes[7] === 0x2b;
      const objects = [0x2b, 0x0e, 1, 1, 0, 0, 1, 0, name.length, ...name];
      const pdu = isAsked ? objects : [bytes[7] | 0x80, 1];
      socket.write(Buffer.from([bytes[0], bytes[1], 0, 0, 0, pdu.length + 1, bytes[6], ...pdu]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  context.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function probe(port: number, config: string): Promise<string> {
  const words = [
    'probe',
    'modbus',
    `127.0.0.1:${port}`,
    '--unit',
    '2',
    '--config',
    config,
    '--yes',
  ];
  const { exitCode, stderr } = await fieldtap(words);
  assert.equal(exitCode, 0, stderr);
  return stderr;
}

async function unit2(
  config: string,
): Promise<(Known['assets'][number] & { from: string }) | undefined> {
  const { exitCode, stdout } = await fieldtap(['assets', '--json', '--config', config]);
  if (exitCode !== 0) return undefined;
  // Printed by the program itself.
  const known = JSON.parse(stdout) as Known;
  const asset = known.assets.find(({ assetId }) => assetId === '127.0.0.1/2');
  return asset && { ...asset, from: known.from };
}

const vendorsOf = (asset: Known['assets'][number] | undefined): string[] =>
  (asset?.facts ?? [])
    .filter(({ name }) => name === 'vendorName')
    .map(({ value, source }) => `${value} ${source}`);

test('a running agent takes it at once and keeps it over kill -9; then its buffer does', async (context) => {
  const config = configOf(context);
  const agent = startFieldtap(['run', '--config', config]);
  context.after(() => agent.stop());
  await eventually(() => unit2(config), 'the unit that is probed, as it was heard');
  await probe(await device(context, 'Acme'), config);
  const live = await eventually(async () => {
    const asset = await unit2(config);
    return vendorsOf(asset).includes('Acme probe') ? asset : undefined;
  }, 'what the probe learned');
  assert.equal(live.from, 'agent');
  await eventually(async () => {
    const { stdout } = await fieldtap([
      'assets',
      '--csv',
      '--config',
      config,
      '--socket',
      '/nowhere',
    ]);
    return stdout.includes('vendorName,Acme,probe') ? true : undefined;
  }, 'the same on the disk');
  agent.signal('SIGKILL');
  await agent.ended();

  const told = await probe(await device(context, 'Other Works'), config);
  assert.ok(!told.includes('no buffer takes it'));
  const dead = await unit2(config);
  assert.equal(dead?.from, 'buffer');
  assert.ok(vendorsOf(dead).includes('Acme probe'), 'what was learned before stands');
  assert.ok(vendorsOf(dead).includes('Other Works probe'));
  assert.ok(
    dead?.conflicts?.some(({ name }) => name === 'vendorName'),
    'a conflict is shown',
  );
  const page = await fieldtap(['assets', '--config', config]);
  assert.match(page.stdout, /CONFLICT: vendorName is "?Other Works"? and "?Acme/);

  const again = startFieldtap(['run', '--config', config]);
  context.after(() => again.stop());
  const after = await eventually(async () => {
    const asset = await unit2(config);
    const isBack = asset?.from === 'agent' && vendorsOf(asset).includes('Other Works probe');
    return isBack ? asset : undefined;
  }, 'the agent to know it too');
  assert.ok(vendorsOf(after).includes('Acme probe'));
});

test('without an agent and without a buffer it says that nobody keeps it', async (context) => {
  const config = configOf(context);
  const told = await probe(await device(context, 'Acme'), config);
  assert.match(told, /no buffer takes it/);
});
