/**
 * The whole main job, from devices to the hub, as somebody who starts the demo sees it; what it
 * claims is counted again from outside, and it leaves nothing behind, however it ends.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { type BenchProcess, eventually, fieldtap, startFieldtap } from './bench-process.ts';
import { type Account, compareDatabases, MESSAGE_KEY_COLUMNS } from './databases.ts';
import { testNeeding } from './needs.ts';
import { mayCapture, withoutCapture } from './privilege.ts';
import { type Surroundings, surroundings } from './surroundings.ts';

/** Point 3 of the demo's description: its final object has these keys, in this order. */
// biome-ignore format: as the description writes them
const KEYS = [
  'captureSource', 'framesCaptured', 'framesDropped', 'modbusTransactions', 'opcuaTransactions',
  'observations', 'alertsRaised', 'alertsVerified', 'summariesSigned', 'summariesVerified',
  'receiptsApplied', 'linkCuts', 'outboxLeft', 'lost', 'doubled',
];

/** The plant makes at least so many a second while it works. */
const RATES = { framesCaptured: 40, modbusTransactions: 10, opcuaTransactions: 4 } as const;

type Result = Readonly<Record<string, unknown>>;

testNeeding([{ kind: 'privilege', capability: 'netRaw' }], 'demo, live', async () => {
  const place = surroundings();
  try {
    const words = ['demo', '--seconds', '25', '--json', '--directory', place.directory];
    const { exitCode, stdout, stderr } = await fieldtap(words, { env: place.env });
    assert.equal(exitCode, 0, stderr);
    const result = lastObject(stdout);
    assert.equal(result.captureSource, 'live');
    assertSettled(result, stderr);
    assert.equal(result.linkCuts, 1);
    const { from, to } = workingSeconds(stderr);
    for (const [name, rate] of Object.entries(RATES)) {
      const count = Number(result[name]);
      assert.ok(count >= rate * (to - from), `${name} ${count} in ${to - from} s`);
    }
    assertCounted(result, place.directory);
    assertNothingLeft(place);
  } finally {
    place.remove();
  }
});

const setpriv = { kind: 'package', program: 'setpriv' } as const;

testNeeding(mayCapture() ? [setpriv] : [], 'demo, without permission to capture', async () => {
  const place = surroundings();
  try {
    const words = ['demo', '--seconds', '12', '--directory', place.directory];
    const options = { env: place.env, before: withoutCapture() };
    const { exitCode, stdout, stderr } = await fieldtap(words, options);
    assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
    const said = stdout.split('\n').find((line) => /capture socket|CAP_NET_RAW/.test(line)) ?? '';
    assert.match(said, /root/);
    assert.match(said, /setcap/);
    assert.match(said, /Going on with a capture of this same plant/);
    assert.match(stdout, /captured {2}\d+ frames from the kept capture/);
    assert.match(stdout, /verdict {3}lost 0, doubled 0: nothing was lost/);
    const account = countOutside(place.directory);
    assert.deepEqual(account.faults, []);
    assert.ok((account.storedByKind.alert ?? 0) >= 2, JSON.stringify(account));
    assert.ok((account.storedByKind.summary ?? 0) >= 3, JSON.stringify(account));
    assertNothingLeft(place);
  } finally {
    place.remove();
  }
});

test('demo, Ctrl-C while it works: it ends with its verdict and leaves nothing behind', async () => {
  const place = surroundings();
  const words = ['demo', '--seconds', '600', '--json', '--directory', place.directory];
  const demo = startFieldtap(words, { env: place.env, detached: true });
  try {
    await working(demo);
    demo.signalGroup('SIGINT');
    const { exitCode, stdout, stderr } = await demo.ended();
    assert.equal(exitCode, 0, stderr);
    assertSettled(lastObject(stdout), stderr, 0);
    assertNothingLeft(place);
  } finally {
    await demo.stop();
    place.remove();
  }
});

test('demo, killed: no process stays behind', async () => {
  const place = surroundings();
  const demo = startFieldtap(['demo', '--seconds', '600', '--json'], { env: place.env });
  try {
    await working(demo);
    assert.ok(place.processes().length >= 8, `only ${place.processes().join('\n')}`);
    demo.signal('SIGKILL');
    await demo.ended();
    await eventually(
      () => (place.processes().length === 0 ? true : undefined),
      'the end of every process',
      30_000,
    ).catch((error) => {
      throw new Error(`${error.message}:\n${place.processes().join('\n')}`);
    });
  } finally {
    await demo.stop();
    place.remove();
  }
});

/** Has signed and got receipts; the screen is on standard error with --json. */
async function working(demo: BenchProcess): Promise<void> {
  await demo.until(({ stderr }) => /receipts [1-9]/.exec(stderr) ?? undefined, 'a receipt');
}

function lastObject(stdout: string): Result {
  const lines = stdout.trimEnd().split('\n');
  const parsed: unknown = JSON.parse(lines.at(-1) ?? '');
  assert.ok(typeof parsed === 'object' && parsed !== null);
  const result = { ...parsed };
  assert.deepEqual(Object.keys(result), KEYS);
  return result;
}

function assertSettled(result: Result, stderr: string, alertsMin = 2): void {
  const account = `${JSON.stringify(result)}\n${stderr}`;
  assert.equal(result.lost, 0, account);
  assert.equal(result.doubled, 0, account);
  assert.equal(result.outboxLeft, 0, account);
  assert.equal(result.alertsVerified, result.alertsRaised, account);
  assert.equal(result.summariesVerified, result.summariesSigned, account);
  assert.ok(Number(result.alertsRaised) >= alertsMin, account);
  assert.ok(Number(result.summariesSigned) > 0, account);
  assert.ok(Number(result.receiptsApplied) > 0, account);
  assert.ok(Number(result.framesCaptured) > 0, account);
}

/** The demo's own word, held against both databases. */
function assertCounted(result: Result, directory: string): void {
  const account = countOutside(directory);
  assert.deepEqual(account.faults, []);
  assert.equal(account.waiting, 0);
  assert.equal(account.storedByKind.summary, result.summariesVerified);
  assert.equal(account.storedByKind.alert, result.alertsVerified);
  assert.equal(account.stored, account.signed);
}

function countOutside(directory: string): Account {
  const agent = new Database(join(directory, 'agent.db'), { readonly: true });
  const hub = new Database(join(directory, 'hub.db'), { readonly: true });
  try {
    const columns = hub
      .prepare<[], string>("SELECT name FROM pragma_table_info('message_key')")
      .pluck()
      .all();
    assert.deepEqual(columns, MESSAGE_KEY_COLUMNS);
    return compareDatabases(
      <Row>(sql: string) => agent.prepare<[], Row>(sql).all(),
      <Row>(sql: string) => hub.prepare<[], Row>(sql).all(),
    );
  } finally {
    agent.close();
    hub.close();
  }
}

function assertNothingLeft(place: Surroundings): void {
  assert.deepEqual(place.processes(), []);
  assert.deepEqual(place.files(), []);
  assert.ok(existsSync(place.directory));
}

/** When the devices began and ended to work, by the seconds on the screen. */
function workingSeconds(screen: string): { from: number; to: number } {
  const secondsOf = (what: string): number => {
    const match = new RegExp(`^ *(\\d+) s  ${what}`, 'm').exec(screen);
    assert.ok(match, `the screen does not say "${what}":\n${screen}`);
    return Number(match[1]);
  };
  return { from: secondsOf('the plant works'), to: secondsOf('the devices stop') };
}
