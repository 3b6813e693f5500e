/**
 * A restart changes nothing that `--json` shows: a plant talks for some seconds, the agent is killed
 * (SIGKILL), and another one that hears nothing any more shows the same devices, conversations and
 * registers from its first answer on; but registers say that they are from before the restart. And
 * the pages for a person fit a terminal, with and without a plant.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type BenchProcess, eventually, fieldtap, startFieldtap } from './bench-process.ts';
import { addressOf, writeMadePlant } from './made-plant.ts';

const TOPICS = ['assets', 'conversations', 'registers'] as const;
const COLUMNS = 80;
const QUIET = { quietAtMs: [0, 3_600_000], durationMs: 8000, pollMs: 300 };
const folder = mkdtempSync(join(tmpdir(), 'ft-restart-'));
const running: BenchProcess[] = [];
after(async () => {
  for (const agent of running) await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

const talking = configOf('talking', {
  ...QUIET,
  // It begins after the state was looked through first, so that all of it is saved at once.
  devices: Array.from({ length: 20 }, (_, index) => ({
    host: 10 + index,
    unitIds: index % 5 === 0 ? [1, 2, 7] : [1],
    fromMs: 3000,
    vendor: 'Acme Process Automation and Water Treatment Works of the North',
    product: `Pump controller with a name as long as they come ${index}`,
    revision: `v4.${index}`,
  })),
  registerAt: (address: number, poll: number) => (address % 2 === 0 ? address : poll),
});
const silent = configOf('silent', { ...QUIET, devices: [] });

/** Both use one buffer. */
function configOf(name: string, plant: Parameters<typeof writeMadePlant>[1]): string {
  const capture = join(folder, `${name}.pcap`);
  writeMadePlant(capture, plant);
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `site: { name: Restart }
capture: { file: ${capture} }
buffer: { path: ${join(folder, 'buffer.db')}, quotaMiB: 64 }
diagnostics: { socket: ${join(folder, 'agent.sock')} }
`,
  );
  return path;
}

function start(config: string): BenchProcess {
  const agent = startFieldtap(['run', '--config', config]);
  running.push(agent);
  return agent;
}

type Shown = Readonly<Record<string, unknown>>;

/** Saved once a minute, and not worth a minute of this test. */
const LEFT_OUT = ['lastSeenUs', 'stale'];

/** Everything that is shown, but for why a value may be old. Undefined while nobody answers. */
async function shown(config: string, socket?: string): Promise<Shown | undefined> {
  const all: Record<string, unknown> = {};
  const offline = socket === undefined ? [] : ['--socket', socket];
  const asked = TOPICS.map((topic) => fieldtap([topic, '--json', '--config', config, ...offline]));
  for (const [index, { exitCode, stdout }] of (await Promise.all(asked)).entries()) {
    const topic = TOPICS[index];
    if (exitCode !== 0) return undefined;
    all[topic] = JSON.parse(stdout, (key, value) => (LEFT_OUT.includes(key) ? undefined : value));
  }
  return all;
}

function without({ ...all }: Shown, key: string): Shown {
  return JSON.parse(JSON.stringify(all), (name, value) => (name === key ? undefined : value));
}

/** Why values may be old, each reason once. */
async function staleReasons(config: string): Promise<string[]> {
  const { stdout } = await fieldtap(['registers', '--json', '--config', config]);
  // Printed by the program itself.
  const { registers } = JSON.parse(stdout) as { registers: { readonly stale?: string }[] };
  return [...new Set(registers.map(({ stale }) => stale ?? 'fresh'))];
}

test('no plant: each page says so, and what to do next', async () => {
  const agent = start(silent);
  for (const topic of TOPICS) {
    const page = await eventually(async () => {
      const { exitCode, stdout } = await fieldtap([topic, '--config', silent]);
      return exitCode === 0 ? stdout : undefined;
    }, topic);
    assert.match(page, /^No .* seen yet; "fieldtap doctor" says what the sensor hears\.\n$/);
  }
  await agent.stop();
});

test('kill -9 and a restart: nothing is changed, and the gap is told', async () => {
  const agent = start(talking);
  const before = await eventually(async () => {
    const live = await shown(talking);
    const text = JSON.stringify(live);
    if (!text?.includes(`"${addressOf(29)}"`)) return undefined;
    const saved = await shown(talking, join(folder, 'nobody.sock'));
    const isSaved = JSON.stringify(saved).replaceAll('"buffer"', '"agent"') === text;
    return isSaved ? live : undefined;
  }, 'everything on the disk');
  agent.signal('SIGKILL');
  await agent.ended();

  const dead = await shown(talking);
  assert.deepEqual(without(dead ?? {}, 'from'), without(before, 'from'), 'out of the buffer');
  start(silent);
  const again = await eventually(async () => {
    const live = await shown(silent);
    return JSON.stringify(live)?.includes('"buffer"') === false ? live : undefined;
  }, 'the agent again');
  assert.deepEqual(again, before);
  assert.deepEqual(await staleReasons(silent), ['restart']);
});

test('a plant with many devices and long names: no line is longer than a terminal', async () => {
  for (const words of [
    ['assets'],
    ['conversations'],
    ['conversations', '--details'],
    ['registers'],
  ]) {
    const { stdout, exitCode } = await fieldtap([...words, '--config', silent]);
    assert.equal(exitCode, 0);
    const lines = stdout.split('\n');
    assert.deepEqual(
      lines.filter((line) => line.length > COLUMNS),
      [],
      words.join(' '),
    );
    assert.ok(lines.length > 20, words.join(' '));
  }
  const { stdout } = await fieldtap(['registers', '--config', silent, '--server', addressOf(10)]);
  assert.match(stdout, /STALE: restart/);
  assert.match(stdout, /WRITTEN: 40101 by 10\.77\.0\.250, \d+ times/);
  const one = await fieldtap(['conversations', '--config', silent, '--server', addressOf(11)]);
  assert.match(one.stdout, /function 3 at 100\.\.107: every \d+ ms, jitter/);
});
