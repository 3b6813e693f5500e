/** When a new epoch begins, and that it names the life before: never two messages of one sequence. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { append, hex, readAll, receipt, sha, signer, TestBuffers } from './test-kit.ts';

const buffers = new TestBuffers();

test('a copy older than what was published begins a new epoch that names the former one', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  append(first, 2);
  first.close();
  copyFileSync(path, `${path}.image`);
  const second = buffers.opened(path);
  append(second, 2);
  const published = readAll(second, 2);
  second.close();
  copyFileSync(`${path}.image`, path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  const third = buffers.opened(path);
  const { epoch } = append(third, 2);
  const began = readAll(third, 2).find((message) => message.epoch === epoch);
  assert.deepEqual(
    [
      began?.value.reason,
      began?.value.previousEpoch,
      began?.value.lastSequence,
      began?.value.lastSha256,
    ],
    ['restored', published[0].epoch, 3, hex(sha(published[2].message))],
  );
  third.close();
});

test('a WAL that was cut off: what was published and is gone is told by a signed statement', () => {
  const path = buffers.newPath();
  const first = buffers.openedFull(path);
  for (let count = 0; count < 5; count++) append(first, 2);
  const published = readAll(first, 2);
  // As a kill leaves it, with everything in the WAL, of which half is then gone.
  const cut = buffers.newPath();
  for (const suffix of ['', '-wal', '.signed']) copyFileSync(path + suffix, cut + suffix);
  first.close();
  truncateSync(`${cut}-wal`, Math.floor(statSync(`${cut}-wal`).size * 0.85));
  const second = buffers.openedFull(cut);
  assert.notEqual(append(second, 2).epoch, published[0].epoch);
  const told = readAll(second, 1).find(({ value }) => value.kind === 'statement');
  const left = readAll(second, 2).filter(({ epoch }) => epoch === published[0].epoch).length;
  assert.ok(left > 0 && left < 6, `${left} are left`);
  const { epochOf, streamOf, from, to, count } = told?.value ?? {};
  assert.deepEqual(
    [epochOf, streamOf, from, to, count],
    [published[0].epoch, 2, left + 1, 6, 6 - left],
  );
  second.close();
});

test('a copy that misses what nobody has seen begins a new epoch too, and names it', () => {
  const path = buffers.newPath();
  const first = buffers.openedFull(path);
  append(first, 2);
  readAll(first, 2);
  first.close();
  copyFileSync(path, `${path}.image`);
  const second = buffers.openedFull(path);
  const unseen = append(second, 2);
  second.close();
  copyFileSync(`${path}.image`, path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  const third = buffers.openedFull(path);
  assert.notEqual(append(third, 2).epoch, unseen.epoch);
  const told = readAll(third, 1).find(({ value }) => value.kind === 'statement');
  const { epochOf, streamOf, from, to } = told?.value ?? {};
  const { epoch, sequence } = unseen;
  assert.deepEqual([epochOf, streamOf, from, to], [epoch, 2, sequence, sequence]);
  third.close();
});

// biome-ignore format: one case per line
const losses = [
  { name: 'the database is gone',        spoil: (path: string) => rmSync(path), reason: 'restored' },
  { name: 'the mark is gone',            spoil: (path: string) => rmSync(`${path}.signed`), reason: 'restored' },
  { name: 'the header is overwritten',   spoil: (path: string) => writeFileSync(path, Buffer.alloc(8192, 0xff)), reason: 'quarantined' },
  { name: 'a page is overwritten',       spoil: (path: string) => overwritePages(path), reason: 'quarantined' },
] as const;
for (const { name, spoil, reason } of losses) {
  test(`${name}: a new epoch begins, reason ${reason}`, () => {
    const path = buffers.newPath();
    const first = buffers.opened(path);
    for (let count = 0; count < 20; count++) append(first, 2, 900);
    readAll(first, 2);
    const former = first.statistics()?.epoch;
    first.close();
    spoil(path);
    const second = buffers.opened(path);
    const { epoch } = append(second, 2);
    assert.notEqual(epoch, former);
    const began = readAll(second, 2).find((message) => message.epoch === epoch);
    assert.deepEqual(
      [began?.value.reason, began?.value.previousEpoch, began?.value.lastSequence],
      [reason, former, 21],
    );
    const setAside = readdirSync(buffers.folder).filter((file) =>
      join(buffers.folder, file).startsWith(`${path}.quarantined-`),
    );
    assert.equal(setAside.length > 0, reason === 'quarantined');
    second.close();
    const third = buffers.opened(path);
    assert.equal(append(third, 2).epoch, epoch, 'the new epoch stays');
    third.close();
  });
}

function overwritePages(path: string): void {
  const database = new Sqlite(path);
  database.pragma('wal_checkpoint(TRUNCATE)');
  const root = Number(
    database.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").pluck().get(),
  );
  database.close();
  const file = Buffer.alloc(4096, 0xaa);
  const whole = readFileSync(path);
  file.copy(whole, (root - 1) * 4096);
  writeFileSync(path, whole);
}

test('another key on the same buffer begins a new epoch and sends nothing of the other', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  const { epoch } = append(first, 2);
  first.close();
  const second = buffers.open(path);
  second.signAs({ ...signer, agentId: 'b'.repeat(26) });
  assert.deepEqual(
    readAll(second, 2).map((message) => [message.epoch === epoch, message.value.reason]),
    [[false, 'factoryReset']],
  );
  assert.deepEqual(
    second.refused(9).map((entry) => entry.reason),
    ['foreignAgent', 'foreignAgent', 'foreignAgent'],
  );
  second.close();
});

test('damage met while running sets the file aside and signing goes on in a new epoch', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  const { epoch } = append(buffer, 2);
  readAll(buffer, 2);
  const failed = buffer.append(2, () => {
    throw Object.assign(new Error(), { code: 'SQLITE_CORRUPT' });
  });
  assert.equal(failed.kind === 'fault' ? failed.fault.code : '', 'BUFFER_DAMAGED');
  writeFileSync(path, Buffer.alloc(8192, 0xff));
  buffers.clock.advance(1001);
  assert.notEqual(append(buffer, 2).epoch, epoch);
  assert.equal(existsSync(buffer.lastQuarantinedPath ?? ''), true);
  assert.equal(readAll(buffer, 2)[0].value.reason, 'quarantined');
  buffer.close();
});

test('a hub that has more than we signed shows an older copy: a new epoch begins', () => {
  const buffer = buffers.opened(buffers.newPath());
  const { epoch } = append(buffer, 2);
  const outcome = buffer.applyReceipt(
    receipt({ epoch, cumulative: 9, cumulativeSha256: new Uint8Array(32).fill(1) }),
  );
  assert.equal(outcome.kind, 'ahead');
  const later = append(buffer, 2);
  assert.notEqual(later.epoch, epoch);
  const again = buffer.applyReceipt(
    receipt({ epoch, cumulative: 9, cumulativeSha256: new Uint8Array(32).fill(1) }),
  );
  assert.deepEqual([again.kind, again.kind === 'applied' && again.refused], ['applied', 2]);
  assert.deepEqual(
    buffer.refused(9).map((entry) => entry.reason),
    ['storedUnproven', 'storedUnproven'],
  );
  buffer.close();
});

test('after a restore, the old epoch drains under the hash that the mark has kept', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  append(first, 2);
  first.close();
  copyFileSync(path, `${path}.image`);
  const second = buffers.opened(path);
  append(second, 2);
  const published = readAll(second, 2);
  second.close();
  copyFileSync(`${path}.image`, path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  const third = buffers.opened(path);
  const { epoch, message } = published[2];
  const outcome = third.applyReceipt(
    receipt({ epoch, cumulative: 3, cumulativeSha256: sha(message) }),
  );
  assert.deepEqual([outcome.kind, outcome.kind === 'applied' && outcome.deleted], ['applied', 2]);
  assert.deepEqual(
    readAll(third, 2).map((each) => each.value.reason),
    ['restored'],
  );
  const huge = Number.MAX_SAFE_INTEGER;
  assert.equal(
    third.applyReceipt(receipt({ epoch, cumulative: huge, receiptSerial: 2 })).kind,
    'applied',
  );
  third.close();
});
