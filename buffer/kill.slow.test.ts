/**
 * kill -9 at random moments: a child signs at full speed and says each committed sequence on its
 * standard output; after each kill the file opens, the chain is whole, nothing said is missing.
 * This same file is the child when FIELDTAP_KILL_WRITER names a buffer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { SystemClock } from '../agent/platform/clock.ts';
import { SeededRandom, SystemRandom } from '../agent/platform/random.ts';
import type { ChainPosition } from './outbox.ts';
import { SiteBuffer } from './site-buffer.ts';

const KILLS = Number(process.env.FIELDTAP_KILLS ?? 10);
const writerPath = process.env.FIELDTAP_KILL_WRITER;

function openBuffer(path: string): SiteBuffer {
  const buffer = SiteBuffer.open({
    path,
    quotaMiB: 64,
    clock: new SystemClock(),
    random: new SystemRandom(),
  });
  const result = buffer.signAs({
    agentId: 'a'.repeat(26),
    epochBegins: (position) => sealed(position),
  });
  assert.equal(result.kind, 'recorded');
  return buffer;
}

/** Epoch, stream, sequence and predecessor as text: what the parent checks without our code. */
function sealed(position: ChainPosition): Uint8Array {
  const previous = Buffer.from(position.previousSha256).toString('hex');
  return Buffer.from(
    `${position.epoch} ${position.stream} ${position.sequence} ${previous}`.padEnd(1500, '.'),
  );
}

function write(path: string): void {
  const buffer = openBuffer(path);
  for (let count = 0; ; count++) {
    const result = buffer.append(count % 3 === 0 ? 1 : 2, sealed);
    if (result.kind === 'fault') throw result.fault;
    if (count % 4 === 0) buffer.read(result.id);
    writeSync(1, `${result.epoch} ${result.stream} ${result.sequence}\n`);
  }
}

/** So many lines at least, and then for so long: on any machine there is something to lose. */
const LINES_MIN = 5;
const WORK_MS = 100;

/** Lines the child had written completely when it was killed, `delayMs` after the fifth. */
function killAfter(path: string, delayMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', import.meta.filename],
      {
        env: { ...process.env, FIELDTAP_KILL_WRITER: path, NODE_TEST_CONTEXT: '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let errors = '';
    let isWorking = false;
    child.stdout.on('data', (bytes) => {
      output += bytes;
      if (isWorking || output.split('\n').length <= LINES_MIN) return;
      isWorking = true;
      setTimeout(() => child.kill('SIGKILL'), delayMs);
    });
    child.stderr.on('data', (bytes) => {
      errors += bytes;
    });
    child.on('close', (code) => {
      if (code !== null) reject(new Error(`the writer ended by itself with ${code}: ${errors}`));
      else resolve(output.split('\n').slice(0, -1));
    });
  });
}

if (writerPath !== undefined) {
  write(writerPath);
} else {
  test(`${KILLS} kills at random moments lose nothing and sign nothing twice`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldtap-kill-'));
    try {
      const killed = [1, 2].map((seed) => killAgainAndAgain(join(folder, `${seed}.db`), seed));
      const counts = await Promise.all(killed);
      assert.ok(Math.min(...counts) > KILLS, `${counts} messages are too few to prove anything`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** Half of the kills on one buffer; answers how many messages were said to be on the disk. */
async function killAgainAndAgain(path: string, seed: number): Promise<number> {
  const random = new SeededRandom(seed);
  const said = new Set<string>();
  for (let kill = 0; kill < KILLS / 2; kill++) {
    for (const line of await killAfter(path, random.fraction() * WORK_MS)) {
      assert.ok(!said.has(line), `${line} was signed twice`);
      said.add(line);
    }
    checkFile(path, said);
  }
  return said.size;
}

/** Reads with plain SQLite, without our code: the chain from its first to its last message. */
function checkFile(path: string, said: ReadonlySet<string>): void {
  const database = new Sqlite(path);
  assert.equal(database.pragma('quick_check', { simple: true }), 'ok');
  const rows = database
    .prepare<[], { epoch: number; stream: number; sequence: number; message: Buffer }>(
      'SELECT epoch, stream, sequence, message FROM outbox ORDER BY stream, sequence',
    )
    .all();
  const epochs = database.prepare('SELECT count(*) FROM epoch').pluck().get();
  assert.equal(epochs, 1, 'a kill is no reason for a new epoch');
  const found = new Set<string>();
  let previous = { stream: 0, sequence: 0, sha256: '' };
  for (const { epoch, stream, sequence, message } of rows) {
    if (stream !== previous.stream) previous = { stream, sequence: 0, sha256: '00'.repeat(32) };
    assert.equal(
      message.toString().replace(/\.+$/, ''),
      `${epoch} ${stream} ${previous.sequence + 1} ${previous.sha256}`,
    );
    assert.equal(sequence, previous.sequence + 1);
    previous = { stream, sequence, sha256: createHash('sha256').update(message).digest('hex') };
    found.add(`${epoch} ${stream} ${sequence}`);
  }
  const missing = [...said].filter((line) => !found.has(line));
  assert.deepEqual(missing, []);
  database.close();
}
