/** Real datagrams to a real socket, by path and by abstract name; socat plays the manager. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { testNeeding } from '../../hil-tests/needs.ts';
import { openNotifier, watchdogMs } from './notify-socket.ts';

const TRIES_MAX = 500;

// biome-ignore format: one socket per line
const SOCKETS = [
  { name: 'a path', variable: (folder: string) => join(folder, 'notify.sock'), listen: 'UNIX-RECV:' },
  { name: 'an abstract name', variable: () => `@ft-notify-${process.pid}`, listen: 'ABSTRACT-RECV:' },
];

for (const { name, variable, listen } of SOCKETS) {
  testNeeding([{ kind: 'package', program: 'socat' }], `a word arrives by ${name}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ft-notify-'));
    const address = variable(folder);
    const manager = spawn('socat', ['-u', `${listen}${address.replace('@', '')}`, 'STDOUT']);
    try {
      const heard = listenTo(manager);
      const notifier = await openNotifier({ NOTIFY_SOCKET: address });
      assert.ok(notifier);
      await until(() => notifier.notify('READY=1', 'STATUS=capturing'));
      await until(() => heard().includes('READY=1\nSTATUS=capturing'));
    } finally {
      manager.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('where nobody listens there is no notifier, and a word to nobody is told so', async () => {
  assert.equal(await openNotifier({}), undefined);
  assert.equal(await openNotifier({ NOTIFY_SOCKET: 'vsock:2:1234' }), undefined);
  assert.equal(await openNotifier({ NOTIFY_SOCKET: `/${'x'.repeat(108)}` }), undefined);
  const gone = await openNotifier({ NOTIFY_SOCKET: '/nonexistent/notify.sock' });
  assert.equal(gone?.notify('READY=1'), false);
});

// biome-ignore format: one environment per line
const WATCHDOGS = [
  { environment: {}, expected: undefined },
  { environment: { WATCHDOG_USEC: '30000000' }, expected: 30_000 },
  { environment: { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '41' }, expected: 30_000 },
  { environment: { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' }, expected: undefined },
  { environment: { WATCHDOG_USEC: '0' }, expected: undefined },
  { environment: { WATCHDOG_USEC: 'soon' }, expected: undefined },
];

test('the watchdog is for this process, and has a time', () => {
  for (const { environment, expected } of WATCHDOGS) {
    assert.equal(watchdogMs(environment, 41), expected, JSON.stringify(environment));
  }
});

function listenTo({ stdout }: ChildProcess): () => string {
  let text = '';
  stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return () => text;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('waited in vain');
}
