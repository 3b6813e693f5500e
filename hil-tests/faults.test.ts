/**
 * The running agent as its users meet it when something around it is broken: it goes on with what
 * it can do, says what it can't and why, and is itself again when the cause has gone.
 */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BenchProcess, eventually, fieldtap, startHub } from './bench-process.ts';
import { BenchSite } from './bench-site.ts';
import { allowedMs, assertStopped } from './machine-load.ts';
import { testNeeding } from './needs.ts';
import { freePort } from './tls-broker.ts';

const STOP_MS_MAX = 2000;

/** An agent whose broker is dead, shared by the tests that only look at it. */
let site: BenchSite;
let agent: BenchProcess;
let metricsPort = 0;

before(async () => {
  metricsPort = await freePort();
  const diagnostics = `metrics: { listen: "127.0.0.1:${metricsPort}" }`;
  site = await BenchSite.withDeadBroker({ diagnostics });
  agent = site.startAgent();
  await site.until(({ uplink }) => uplink?.fault !== undefined, 'the first failed attempt');
});
after(() => site.close());

test('the broker is dead: capture goes on, and status and doctor name the cause', async () => {
  const { traffic } = await site.until(({ isCapturing }) => isCapturing, 'capture');
  const now = await site.until(
    (status) =>
      status.traffic.frames > traffic.frames &&
      (status.uplink?.outboxMessages ?? 0) > 3 &&
      status.observations > 0,
    'frames, observations and a backlog',
  );
  assert.equal(now.uplink?.isConnected, false);
  assert.equal(now.uplink?.fault?.code, 'UPLINK_BROKER_UNREACHABLE');
  const status = await fieldtap(['status', '--config', site.agentConfig]);
  assert.equal(status.exitCode, 0);
  assert.match(status.stdout, /NOT CONNECTED to mqtt:\/\/127\.0\.0\.1:1/);
  assert.match(status.stdout, /UPLINK_BROKER_UNREACHABLE: The broker .* can't be reached/);
  const doctor = await fieldtap(['doctor', '--config', site.agentConfig]);
  assert.equal(doctor.exitCode, 1);
  const faults = doctor.stdout.split('\n').filter((line) => line.startsWith('FAULT'));
  assert.equal(faults.length, 1, doctor.stdout);
  assert.match(faults[0], /uplink:tcp +failed after .*name worked/);
  assert.match(doctor.stdout, /\n +-> \S/);
});

test('a second agent is refused, on the same buffer and on the same socket', async () => {
  const config = readFileSync(site.agentConfig, 'utf8').replace(/metrics:.*/, '');
  const sameBuffer = join(site.directory, 'same-buffer.yaml');
  writeFileSync(sameBuffer, config.replace('agent.sock', 'other.sock'));
  const sameSocket = join(site.directory, 'same-socket.yaml');
  writeFileSync(sameSocket, config.replace('agent.db', 'other.db'));
  const [buffer, socket] = await Promise.all(
    [sameBuffer, sameSocket].map((path) => fieldtap(['run', '--config', path])),
  );
  assert.equal(buffer.exitCode, 1);
  assert.match(buffer.stderr, /agent\.db" is written by another process.*\[BUFFER_IN_USE\]/);
  assert.equal(socket.exitCode, 1);
  assert.match(socket.stderr, /already answers on ".*agent\.sock".*\[AGENT_ALREADY_RUNNING\]/);
  assert.equal(agent.hasEnded, false);
  assert.ok(await site.status(), 'the first agent no longer answers');
});

// biome-ignore format: the names that the description of the daily tools lists
const METRICS = [
  'framesSeen', 'framesDropped', 'bytesMissed', 'transactions', 'observations', 'outboxMessages',
  'outboxBytes', 'receiptAgeSeconds',
];

test('metrics: every promised figure is there, with a number', async () => {
  await site.until(({ traffic }) => traffic.modbusTransactions > 0, 'a transaction');
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  assert.equal(response.status, 200);
  const text = await response.text();
  const figureOf = (name: string): number => {
    const line = new RegExp(`^fieldtap_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text);
    assert.ok(line, `no ${name} in:\n${text}`);
    return Number(line[1]);
  };
  for (const name of METRICS) assert.ok(Number.isFinite(figureOf(name)), name);
  assert.ok(figureOf('framesSeen') > 0);
  assert.ok(figureOf('transactions') > 0);
  assert.equal(figureOf('receiptAgeSeconds'), -1);
});

test('SIGTERM ends it within two seconds, though the broker is dead, and keeps all', async () => {
  const waiting = (await site.status())?.uplink?.outboxMessages ?? 0;
  assert.ok(waiting > 0);
  const tookMs = await stopped(agent);
  assert.ok(tookMs <= allowedMs(STOP_MS_MAX), `it took ${tookMs} ms`);
  agent = site.startAgent();
  await site.until(
    ({ uplink }) => (uplink?.outboxMessages ?? 0) >= waiting,
    'what had waited before',
  );
});

test('the hub does not answer: SIGTERM ends the agent within two seconds', async () => {
  const mute = await BenchSite.enrolled();
  try {
    await mute.hub.stop();
    const running = mute.startAgent();
    await mute.until(
      ({ uplink }) => uplink?.isConnected === true && uplink.outboxMessages > 0,
      'a message that gets no receipt',
    );
    const tookMs = await stopped(running);
    assert.ok(tookMs <= allowedMs(STOP_MS_MAX), `it took ${tookMs} ms`);
  } finally {
    await mute.close();
  }
});

test('enrolment by halves: each side names what is missing, and nothing is lost', async () => {
  const half = await BenchSite.withBroker();
  try {
    const keyless = await fieldtap(['run', '--config', half.agentConfig]);
    assert.equal(keyless.exitCode, 1);
    assert.match(keyless.stderr, /receipt-key\.json" can't be used.*RECEIPT_KEY_MISSING/);
    const agentId = await half.makeAgentKey();
    half.startHub();
    await half.takeReceiptKey();
    const running = half.startAgent();
    const before = await half.until(
      ({ uplink }) => uplink?.isConnected === true && uplink.outboxMessages > 2,
      'messages to a hub that does not know the agent',
    );
    assert.equal(before.uplink?.receiptsApplied, 0);
    const finding = await eventually(async () => {
      const { stdout } = await startHub(['status', '--config', half.hubConfig]).ended();
      return /^.*keyUnknown.*$/m.exec(stdout)?.[0];
    }, 'the hub to tell of an unknown agent');
    assert.match(finding, new RegExp(agentId), finding);
    const doctor = await fieldtap(['doctor', '--config', half.agentConfig]);
    // So soon after the start a missing receipt is no fault yet.
    assert.match(doctor.stdout, /ok +uplink:connection +connected to/);
    assert.match(doctor.stdout, /\? +receipt +none yet, \d+ messages waiting/);
    half.registerAgent(agentId);
    await running.stop();
    half.startAgent();
    await half.until(({ uplink }) => uplink?.outboxMessages === 0, 'the backlog to drain');
  } finally {
    await half.close();
  }
});

testNeeding(
  [
    { kind: 'privilege', capability: 'root' },
    { kind: 'package', program: 'unshare' },
  ],
  'the disk is full: capture goes on, the fault is told, and it passes with its cause',
  async () => {
    const full = await BenchSite.withDeadBroker({});
    const folder = join(full.directory, 'small');
    mkdirSync(folder);
    try {
      const config = readFileSync(full.agentConfig, 'utf8');
      writeFileSync(full.agentConfig, config.replace(full.agentDatabase, `${folder}/agent.db`));
      // A disk of 2 MiB that only this agent sees.
      const mount = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"';
      const running = full.startAgent(['unshare', '-m', 'sh', '-c', mount, folder]);
      const good = await full.until(
        ({ buffer, uplink }) => buffer.fault === undefined && (uplink?.summariesSigned ?? 0) > 0,
        'a summary on the disk',
      );
      const filler = `/proc/${running.pid}/root${folder}/filler`;
      const fillers: string[] = [];
      // The agent gives up its ballast first, so that the disk has to be filled again.
      const isFull = await full.until(({ buffer }) => {
        fillers.push(`${filler}-${fillers.length}`);
        fill(fillers[fillers.length - 1]);
        return buffer.fault?.code === 'BUFFER_DISK_FULL';
      }, 'the fault of a full disk');
      await full.until(
        ({ traffic, isCapturing }) => isCapturing && traffic.frames > isFull.traffic.frames,
        'frames while the disk is full',
      );
      const { stdout } = await fieldtap(['status', '--config', full.agentConfig]);
      assert.match(stdout, /FAULT BUFFER_DISK_FULL/);
      for (const path of fillers) rmSync(path);
      await full.until(
        ({ buffer, uplink }) =>
          buffer.fault === undefined &&
          (uplink?.outboxMessages ?? 0) > (good.uplink?.outboxMessages ?? 0) + 1,
        'new messages on the disk',
      );
      assert.equal((await full.status())?.workerRestarts, 0);
    } finally {
      await full.close();
    }
  },
);

/** Milliseconds from SIGTERM to the end, which must be a good one. */
async function stopped(process: BenchProcess): Promise<number> {
  const beganMs = performance.now();
  process.signal('SIGTERM');
  const ended = await process.ended();
  const tookMs = performance.now() - beganMs;
  assertStopped(ended);
  return tookMs;
}

/** Writes until the disk takes no more. */
function fill(path: string): void {
  const descriptor = openSync(path, 'w');
  for (const size of [65_536, 4096, 1]) {
    const piece = Buffer.alloc(size);
    try {
      for (;;) writeSync(descriptor, piece);
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC', `${error}`);
    }
  }
  // A file that is still open would keep its space when it is removed.
  closeSync(descriptor);
}
