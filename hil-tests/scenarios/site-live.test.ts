/**
 * The live view on a real terminal, on one that changes its size, on a dumb one and into a pipe; and
 * observations as they come.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { BenchProcess, eventually, fieldtap, ROOT, startFieldtap } from '../bench-process.ts';
import { testNeeding } from '../needs.ts';

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
buffer: { path: buffer.db, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
`,
  );
  const running = startFieldtap(['run', '--config', config]);
  context.after(() => running.stop());
  await eventually(async () => {
    const { stdout } = await fieldtap(['status', '--json', '--config', config]);
    return stdout.includes('"isCapturing":true') || undefined;
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
    chmodSync(dirname(config), 0o755);
    const before = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    for (const words of [['status'], ['top', '--intervals', '1'], ['tail', '--lines', '1']]) {
      const { exitCode, stderr } = await fieldtap([...words, '--config', config], { before });
      assert.equal(exitCode, 1);
      assert.match(stderr, /\[AGENT_SOCKET_FORBIDDEN\]/);
    }
    const found = await fieldtap(['doctor', '--config', config, '--json'], { before });
    const { checks } = JSON.parse(found.stdout);
    const faults = checks.filter(({ verdict }: { verdict: string }) => verdict === 'fault');
    assert.deepEqual(faults, [], 'what this user may not do is no fault of the agent');
  },
);
