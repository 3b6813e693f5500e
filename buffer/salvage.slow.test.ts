/**
 * A damaged file of each kind: it is set aside, the agent signs on at once in a new epoch, a child
 * process salvages what is readable, and what is missing is told by a signed statement.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { allowedMs } from '../hil-tests/machine-load.ts';
import { bufferChildWords } from './child-process.ts';
import type { SiteBuffer } from './site-buffer.ts';
import { append, detection, type Read, readAll, report, TestBuffers } from './test-kit.ts';

const buffers = new TestBuffers();
const PAGE_BYTES = 4096;
const SUMMARIES = 400;
const STEPS_MAX = 300;

/** 400 summaries, 20 alerts, 5,120 observations, one case with frames. */
function made(): string {
  const path = buffers.newPath();
  const buffer = buffers.openedFull(path);
  const frames = [new Uint8Array(900).fill(7)];
  const raised = { change: 'raised', detection: detection({ evidence: { records: [], frames } }) };
  buffer.recordReport(report(0, [{ ...raised, change: 'raised' }]));
  for (let count = 0; count < SUMMARIES; count++) append(buffer, 2, 900);
  for (let count = 0; count < 20; count++) append(buffer, 1, 300);
  for (let count = 0; count < 20; count++) buffer.recordReport(report(256));
  buffer.close();
  return path;
}

function overwrite(path: string, offset: number, bytes: number): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.alloc(bytes, 0xa5), 0, bytes, offset);
  closeSync(descriptor);
}

function flipAndOverwrite(path: string): void {
  const database = new Sqlite(path);
  database.exec(
    "UPDATE outbox SET message = cast(message || x'00' AS BLOB) WHERE stream = 2 AND sequence = 9",
  );
  database.close();
  overwrite(path, 0, 100);
}

/** The page of a leaf of the table, somewhere in its middle. */
function leafOf(path: string, table: string): number {
  const database = new Sqlite(path, { readonly: true });
  const pages = database.prepare(
    `SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno`,
  );
  try {
    const all = pages.pluck().all(table);
    return Number(all[Math.floor(all.length / 2)]);
  } finally {
    database.close();
  }
}

/** Lets the upkeep work until the salvage has ended one way or the other. */
async function salvaged(buffer: SiteBuffer, notices: string[]): Promise<Read[]> {
  for (let step = 0; step < STEPS_MAX && notices.length === 0; step++) {
    buffers.clock.advance(1001);
    const startedMs = performance.now();
    buffer.recordReport(report(0));
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < allowedMs(500), `a step took ${tookMs} ms`);
    await setTimeout(20);
  }
  return readAll(buffer, 1).filter(({ value }) => value.kind === 'statement');
}

const open = (path: string, notices: string[]): SiteBuffer =>
  buffers.openedFull(path, 16, {
    childWords: bufferChildWords(),
    onNotice: ({ event, text }) => notices.push(`${event}: ${text}`),
  });

/** Sequences of the former epoch that are there again. */
const summariesOf = (buffer: SiteBuffer, epoch: number): number[] =>
  readAll(buffer, 2).flatMap((message) => (message.epoch === epoch ? message.sequence : []));

// biome-ignore format: one case per line
const cases = [
  { name: 'the header',                   damage: (path: string) => overwrite(path, 0, 100),                 lost: 0 },
  { name: 'the whole first page',         damage: (path: string) => overwrite(path, 0, PAGE_BYTES),          lost: 0 },
  { name: 'the header, and a bit of a summary', damage: flipAndOverwrite,                          lost: 1 },
  { name: 'a page of summaries',          damage: (path: string) => overwrite(path, (leafOf(path, 'outbox') - 1) * PAGE_BYTES, PAGE_BYTES), lost: 4 },
  { name: 'a page of observations',       damage: (path: string) => overwrite(path, (leafOf(path, 'observation_block') - 1) * PAGE_BYTES, PAGE_BYTES), lost: 0 },
];

for (const { name, damage, lost } of cases) {
  test(`${name} is overwritten: all but ${lost} summaries at most come back, in their epoch`, async () => {
    const path = made();
    const before = new Sqlite(path, { readonly: true });
    const epoch = Number(before.prepare('SELECT epoch FROM epoch').pluck().get());
    before.close();
    damage(path);
    const notices: string[] = [];
    const buffer = open(path, notices);
    assert.ok(buffer.lastQuarantinedPath, 'set aside');
    const fresh = append(buffer, 2);
    assert.notEqual(fresh.epoch, epoch);
    const statements = await salvaged(buffer, notices);
    assert.match(notices[0], /^salvaged: /);
    const back = summariesOf(buffer, epoch);
    assert.ok(lost !== 1 || !back.includes(9), 'what is damaged does not come back');
    assert.ok(back.length >= SUMMARIES + 1 - lost, `${back.length} of ${SUMMARIES + 1}`);
    const missing = statements.find(({ value }) => value.streamOf === 2);
    assert.equal(missing?.value.count ?? 0, SUMMARIES + 1 - back.length);
    assert.equal(buffer.detections(9).length, 1);
    assert.match(statements[0].value.text ?? '', /messages and \d+ observations were salvaged/);
    assert.equal(statements[0].epoch, fresh.epoch);
    // The next life tells nothing twice, and both epochs drain oldest first.
    buffer.close();
    const next = open(path, notices);
    assert.equal(append(next, 2).epoch, fresh.epoch);
    assert.equal(readAll(next, 2)[0].epoch, epoch);
    const again = readAll(next, 1).filter(({ value }) => value.kind === 'statement');
    assert.equal(again.length, statements.length);
    next.close();
  });
}

test('a look at the whole file finds flipped bits that SQLite does not see, and tells them', async () => {
  const path = made();
  const database = new Sqlite(path);
  for (const table of ['observation_block', 'evidence_block']) {
    database.exec(`UPDATE ${table} SET body = cast(body || x'00' AS BLOB) WHERE id = 1`);
  }
  database.exec("UPDATE outbox SET message = cast(message || x'00' AS BLOB) WHERE sequence = 7");
  assert.equal(database.pragma('quick_check', { simple: true }), 'ok');
  database.close();
  const buffer = buffers.openedFull(path, 16, { childWords: bufferChildWords(), firstCheckMs: 0 });
  const found = (): number => buffer.statistics()?.counters.messagesDamaged ?? 0;
  for (let step = 0; step < STEPS_MAX && found() < 2; step++) {
    buffers.clock.advance(1001);
    buffer.recordReport(report(0));
    await setTimeout(20);
  }
  const told = readAll(buffer, 1).filter(({ value }) => value.kind === 'statement');
  assert.deepEqual(
    told.map(({ value: { streamOf, from, count } }) => [streamOf, from, count]),
    [
      [1, 7, 1],
      [2, 7, 1],
      [undefined, undefined, 256],
      [undefined, undefined, 1],
    ],
  );
  assert.equal(buffer.detections(9).length, 1);
  assert.equal(buffer.detections(9)[0].detection.evidence.frames, undefined);
  assert.equal(buffer.lastQuarantinedPath, undefined);
  buffer.close();
});

test('damaged pages that an open does not see are found by the look at the whole file', async () => {
  const path = made();
  const first = buffers.openedFull(path, 16, { childWords: bufferChildWords(), firstCheckMs: 0 });
  const page = leafOf(path, 'observation_block');
  overwrite(path, (page - 1) * PAGE_BYTES, PAGE_BYTES);
  for (let step = 0; step < STEPS_MAX && first.lastQuarantinedPath === undefined; step++) {
    buffers.clock.advance(1001);
    first.recordReport(report(0));
    await setTimeout(20);
  }
  assert.ok(first.lastQuarantinedPath);
  append(first, 2);
  first.close();
});

test('nothing at all is readable: said so, and the agent goes on', async () => {
  const path = made();
  overwrite(path, 0, statSync(path).size);
  const notices: string[] = [];
  const buffer = open(path, notices);
  const statements = await salvaged(buffer, notices);
  assert.match(notices[0], /^salvageFailed: /);
  assert.match(statements[0].value.text ?? '', /damaged and set aside; nothing could be salvaged/);
  append(buffer, 2);
  buffer.close();
});

test('the file is cut in half: what is left comes back', async () => {
  const path = made();
  truncateSync(path, Math.floor(statSync(path).size / 2 / PAGE_BYTES) * PAGE_BYTES);
  const notices: string[] = [];
  const buffer = open(path, notices);
  await salvaged(buffer, notices);
  assert.match(notices[0], /^salvaged: /);
  assert.ok(readAll(buffer, 2).length > 10);
  buffer.close();
});

test('a kill in the middle of a salvage begins it again', async () => {
  const path = made();
  overwrite(path, 0, 100);
  const first = open(path, []);
  append(first, 2);
  buffers.clock.advance(1001);
  first.recordReport(report(0));
  first.close();
  const notices: string[] = [];
  const second = open(path, notices);
  await salvaged(second, notices);
  assert.match(notices[0], /^salvaged: /);
  assert.equal(second.detections(9).length, 1);
  second.close();
  assert.ok(readFileSync(path).byteLength > 0);
});
