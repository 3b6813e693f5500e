/**
 * `decode.registerMaps` from the file that the engineer writes to what he reads: the running agent
 * tells values with name, type, scale and unit, its buffer the same after it was killed, and an
 * agent without the map tells registers alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type BenchProcess, eventually, fieldtap, ROOT, startFieldtap } from './bench-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-map-'));
const running: BenchProcess[] = [];
after(async () => {
  for (const agent of running) await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Addresses that the plant of the bench polls on unit 1. */
writeFileSync(
  join(folder, 'pump.yaml'),
  `registers:
  - { unitId: 1, object: inputRegister, address: 100, name: Level, scale: 0.1, engineeringUnit: cm }
  - { unitId: 1, object: inputRegister, reference: 30102, name: Flow, dataType: int32 }
  - { unitId: 99, object: inputRegister, address: 100, name: Nobody }
`,
);

function configure(name: string, decode: string): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `site: { name: Map, sharing: minimal }
capture: { file: ${join(ROOT, 'hil-tests/captures/bench.pcap')} }
${decode}
buffer: { path: ${join(folder, `${name}.db`)}, quotaMiB: 64 }
diagnostics: { socket: ${join(folder, `${name}.sock`)} }
`,
  );
  return path;
}

interface Typed {
  readonly reference: number;
  readonly name: string;
  readonly value: number;
  readonly engineeringUnit?: string;
}

interface Range {
  readonly unitId: number;
  readonly object: string;
  readonly address: number;
  readonly values?: readonly number[];
  readonly value?: number;
  readonly typed?: readonly Typed[];
}

interface Registers {
  readonly from: 'agent' | 'buffer';
  readonly registers: readonly Range[];
}

async function ask(config: string): Promise<Registers | undefined> {
  const { exitCode, stdout } = await fieldtap(['registers', '--json', '--config', config]);
  // Printed by the program itself.
  return exitCode === 0 ? (JSON.parse(stdout) as Registers) : undefined;
}

/** Input registers of unit 1 from address 100, once the agent has them. */
function firstRange(config: string, from: Registers['from']): Promise<Range> {
  return eventually(async () => {
    const answer = await ask(config);
    if (answer?.from !== from) return undefined;
    return answer.registers.find(
      ({ unitId, object, address }) =>
        unitId === 1 && object === 'inputRegister' && address === 100,
    );
  }, `registers of unit 1, asked of the ${from}`);
}

function start(config: string): BenchProcess {
  const agent = startFieldtap(['run', '--config', config]);
  running.push(agent);
  return agent;
}

function held(range: Range, index: number): number {
  return range.values?.[index] ?? range.value ?? Number.NaN;
}

test('a running agent tells registers by the names, types and units of the map', async () => {
  const config = configure('mapped', 'decode: { registerMaps: [pump.yaml] }');
  const agent = start(config);
  const range = await firstRange(config, 'agent');
  const [level, flow] = range.typed ?? [];
  assert.deepEqual(
    [level.reference, level.name, level.engineeringUnit, flow.reference, flow.name],
    [30_101, 'Level', 'cm', 30_102, 'Flow'],
  );
  assert.ok(
    level.value > 0 && Math.abs(level.value - held(range, 0) / 10) < 1e-9,
    `${level.value}`,
  );
  assert.equal(flow.value, held(range, 1) * 65_536 + held(range, 2));
  const page = await fieldtap(['registers', '--config', config]);
  assert.match(page.stdout, /30101 Level: [\d.]+ cm/);
  assert.doesNotMatch(page.stdout, /Nobody/);
  await agent.stop();
  const saved = await firstRange(config, 'buffer');
  assert.deepEqual(
    saved.typed?.map(({ name, engineeringUnit }) => [name, engineeringUnit]),
    [
      ['Level', 'cm'],
      ['Flow', undefined],
    ],
  );
});

test('without a map the same agent tells registers alone', async () => {
  const config = configure('plain', '');
  start(config);
  const range = await firstRange(config, 'agent');
  assert.equal(range.typed, undefined);
});

test('a map that is wrong stops the start, with file and line', async () => {
  writeFileSync(
    join(folder, 'wrong.yaml'),
    'registers:\n  - { unitId: 1, object: coyl, name: x }\n',
  );
  const config = configure('wrong-map', 'decode: { registerMaps: [wrong.yaml] }');
  const { exitCode, stderr } = await fieldtap(['run', '--config', config]);
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /wrong\.yaml.*line 2|line 2.*wrong\.yaml/s);
});
