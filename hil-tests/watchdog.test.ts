/**
 * The agent under a made-up service manager: it says when it is ready, feeds the watchdog while it
 * works, and stops feeding when one of its threads hangs, though the others still run.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchProcess, eventually, fieldtap, startFieldtap } from './bench-process.ts';
import { BENCH_CAPTURE } from './bench-site.ts';
import { assertStopped } from './machine-load.ts';
import { type Need, testNeeding } from './needs.ts';

const WATCHDOG_USEC = 3_000_000;
/** A part may be silent for half as long again, and the next feed is a second later. */
const STARVED_MS = 1.5 * (WATCHDOG_USEC / 1000) + 2000;
const FEED = 'WATCHDOG=1';
const NEEDS: readonly Need[] = [
  { kind: 'package', program: 'socat' },
  { kind: 'package', program: 'python3' },
  { kind: 'privilege', capability: 'root' },
];

testNeeding(
  NEEDS,
  'ready, fed, starved by a capture thread that hangs, fed again, stopping',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ft-watchdog-'));
    const config = join(folder, 'fieldtap.yaml');
    writeFileSync(
      config,
      `capture: { file: ${JSON.stringify(BENCH_CAPTURE)} }
buffer: { path: buffer.db, quotaMiB: 16 }
diagnostics: { socket: agent.sock }
`,
    );
    const socket = join(folder, 'notify.sock');
    const manager = new BenchProcess(['socat', '-u', `UNIX-RECV:${socket}`, 'STDOUT']);
    const started: BenchProcess[] = [manager];
    const feeds = (): number => manager.stdout.split(FEED).length - 1;
    try {
      await eventually(
        () => readdirSync(folder).includes('notify.sock') || undefined,
        'the socket',
      );
      const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(WATCHDOG_USEC) };
      const agent = startFieldtap(['run', '--config', config], { env });
      started.push(agent);
      await manager.until(({ stdout }) => stdout.includes('READY=1') || undefined, 'READY=1');
      await manager.until(() => feeds() >= 2 || undefined, 'the watchdog being fed');

      const holder = new BenchProcess([
        '/usr/bin/python3',
        join(import.meta.dirname, 'hold-thread.py'),
        captureThread(agent.pid),
      ]);
      started.push(holder);
      await holder.until(
        ({ stdout }) => stdout.includes('held') || undefined,
        'the thread being held',
      );
      await manager.until(
        ({ stdout }) => stdout.includes('STATUS=no progress: capture') || undefined,
        'the word that capture hangs',
      );
      const starvedAt = feeds();
      await new Promise((resolve) => setTimeout(resolve, STARVED_MS));
      assert.equal(feeds(), starvedAt, 'the watchdog was fed although capture hangs');
      const status = await fieldtap(['status', '--socket', join(folder, 'agent.sock')]);
      assert.equal(status.exitCode, 0, 'the main thread hangs too: this test shows nothing');

      holder.hangUp();
      await manager.until(() => feeds() > starvedAt || undefined, 'the watchdog being fed again');
      agent.signal('SIGTERM');
      assertStopped(await agent.ended());
      await manager.until(({ stdout }) => stdout.includes('STOPPING=1') || undefined, 'STOPPING=1');
    } finally {
      await Promise.all(started.map((each) => each.stop()));
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** The thread of Node's worker: the only one that has run JavaScript beside the main one. */
function captureThread(pid: number): string {
  const threads = readdirSync(`/proc/${pid}/task`);
  const found = threads.find((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').startsWith('WorkerThread'),
  );
  assert.ok(
    found,
    `no worker among ${threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()).join(' ')}`,
  );
  return found;
}
