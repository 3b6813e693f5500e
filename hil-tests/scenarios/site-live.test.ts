/**
 * The live view on a real terminal, on one that changes its size, on a dumb one and into a pipe; and
 * observations as they come.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { BenchProcess, eventually, fieldtap, ROOT, startFieldtap } from '../bench-process.ts';
import { askAgent } from '../control-socket.ts';
import { testNeeding } from '../needs.ts';
import { SOMEBODY, WITHOUT_POWER } from '../privilege.ts';

const CAPTURE = join(import.meta.dirname, '../captures/bench.pcap');
const ESCAPE = String.fromCharCode(27);

async function agent(context: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-live-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: Bench }
capture: { file: ${CAPTURE} }
buffer: { path: state/buffer.db, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
`,
  );
  const running = startFieldtap(['run', '--config', config]);
  context.after(() => running.stop());
  await eventually(async () => {
    const status = await askAgent(join(folder, 'agent.sock'), '/v1/status');
    return status?.includes('"isCapturing":true') || undefined;
  }, 'the agent to capture');
  return config;
}

/** What a terminal would show: each screen as its lines, without styles. */
function screensOf(output: string): string[][] {
  const style = new RegExp(`${ESCAPE}\\[[0-9;?]*[a-zA-Z]`, 'g');
  return output
    .split(`${ESCAPE}[H`)
    .slice(1)
    .map((screen) => screen.split(/\r+\n/).map((line) => line.replaceAll(style, '')));
}

testNeeding(
  [{ kind: 'package', program: 'script' }],
  'top fits the terminal, also after its size has changed, and leaves it as it was',
  async (context) => {
    const config = await agent(context);
    const top = `"${process.execPath}" "${join(ROOT, 'agent/main.ts')}" top --config "${config}"`;
    // The size changes while it runs; the terminal tells it by SIGWINCH.
    const change = 't=$(tty); (sleep 4; stty rows 8 cols 30 <"$t") &';
    const line = `stty rows 12 cols 60; ${change} ${top} --intervals 8`;
    const terminal = new BenchProcess(['script', '-qec', line, '/dev/null'], {
      env: { TERM: 'xterm', SHELL: '/bin/bash' },
    });
    context.after(() => terminal.stop());
    const { stdout } = await terminal.ended();
    const screens = screensOf(stdout);
    assert.ok(screens.length >= 8, `${screens.length} screens`);
    const isWithin = (screen: readonly string[], columns: number, rows: number): boolean =>
      screen.length <= rows && screen.every((text) => text.length <= columns);
    assert.ok(
      screens.every((screen) => isWithin(screen, 60, 12)),
      stdout.slice(-2000),
    );
    assert.ok(isWithin(screens.at(-1) ?? [], 30, 8), screens.at(-1)?.join('\n'));
    assert.ok(stdout.includes(`${ESCAPE}[?1049l`), 'the screen before is back');
  },
);

testNeeding(
  [],
  'top on a dumb terminal and into a pipe: lines; tail: observations',
  async (context) => {
    const config = await agent(context);
    const words = ['top', '--config', config, '--intervals', '2'];
    const { stdout, exitCode } = await fieldtap(words, { env: { TERM: 'dumb' } });
    assert.equal(exitCode, 0);
    assert.ok(!stdout.includes(ESCAPE));
    assert.equal(stdout.trim().split('\n').length, 2);
    assert.match(stdout, /frames\/s, \d+ transactions\/s, 0 dropped/);
    const view = JSON.parse((await fieldtap([...words, '--json'])).stdout.split('\n')[0]);
    assert.ok(view.rows.length > 0);
    const kinds = ['--kind', 'write', '--lines', '2', '--json'];
    const lines = (await fieldtap(['tail', '--config', config, ...kinds])).stdout
      .trim()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).kind),
      ['write', 'write'],
    );
  },
);

testNeeding(
  [{ kind: 'privilege', capability: 'root' }],
  'a user who may not use the socket is told so, and not that no agent runs',
  async (context) => {
    const config = await agent(context);
    const folder = dirname(config);
    const state = join(folder, 'state');
    mkdirSync(join(state, 'enrolment'));
    // As systemd makes it: nobody else may look in.
    chmodSync(state, 0o700);
    for (const path of [join(folder, 'agent.sock'), state]) chownSync(path, SOMEBODY, SOMEBODY);
    const before = WITHOUT_POWER;
    const commands = ['status', 'top', 'tail', 'advisories', 'assets', 'conversations', 'preview'];
    for (const command of commands) {
      const { exitCode, stderr } = await fieldtap([command, '--config', config], { before });
      assert.equal(exitCode, 1);
      assert.match(stderr, /\[AGENT_SOCKET_FORBIDDEN\]/);
    }
    const stats = await fieldtap(['buffer', 'stats', '--config', config], { before });
    assert.match(stats.stderr, /may not read the buffer.*as root.*\[BUFFER_UNOPENABLE\]/);
    const enrolled = join(folder, 'enrolled.yaml');
    const uplink = 'uplink: { broker: "mqtt://127.0.0.1:1", credentials: state/enrolment }\n';
    writeFileSync(enrolled, readFileSync(config, 'utf8') + uplink);
    // That nobody answers at the broker's port is true for every user.
    const cases = [
      { file: config, faults: [] },
      { file: enrolled, faults: ['uplink:tcp'] },
    ];
    for (const { file, faults } of cases) {
      const found = await fieldtap(['doctor', '--config', file, '--json'], { before });
      const { checks } = JSON.parse(found.stdout);
      const told = checks.filter(({ verdict }: { verdict: string }) => verdict === 'fault');
      const names = told.map(({ name }: { name: string }) => name);
      assert.deepEqual(names, faults, 'what this user may not do is no fault of the agent');
    }
  },
);
