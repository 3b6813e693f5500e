/** The buffer's promises, one a test: chain, eviction, faults as results. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { ReadOnlyBuffer } from './read-only-buffer.ts';
import {
  append,
  detection,
  hex,
  readAll,
  report,
  sha,
  shown,
  TestBuffers,
  text,
} from './test-kit.ts';

const buffers = new TestBuffers();

test('a stream begins with epochBegins and every message names the hash of its predecessor', () => {
  const buffer = buffers.opened(buffers.newPath());
  for (let count = 0; count < 5; count++) append(buffer, 2);
  const messages = readAll(buffer, 2);
  assert.deepEqual(
    messages.map((message) => message.sequence),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal(messages[0].value.reason, 'new');
  assert.equal(messages[0].value.previousEpoch, undefined);
  let previous = '00'.repeat(32);
  for (const { message, value } of messages) {
    assert.equal(value.previousSha256, previous);
    previous = hex(sha(message));
  }
  assert.deepEqual(
    readAll(buffer, 1).map((message) => message.sequence),
    [1],
  );
  buffer.close();
});

test('an epoch goes on through a restart, and a second writer is refused', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  const { epoch } = append(first, 2);
  assert.throws(() => buffers.open(path), { code: 'BUFFER_IN_USE' });
  first.close();
  const second = buffers.opened(path);
  assert.deepEqual({ ...append(second, 2) }.epoch, epoch);
  assert.equal(readAll(second, 2).length, 3);
  second.close();
});

test('a message whose making fails leaves no hole', () => {
  const buffer = buffers.opened(buffers.newPath());
  assert.throws(
    () =>
      buffer.append(2, () => {
        throw new Error('no key');
      }),
    /no key/,
  );
  assert.throws(() => buffer.append(2, () => new Uint8Array(64 * 1024 + 1)), RangeError);
  assert.equal(append(buffer, 2).sequence, 2);
  buffer.close();
});

test('the files belong to the owner alone', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  append(buffer, 2);
  for (const suffix of ['', '-wal', '-shm', '.signed', '.lock']) {
    assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
  }
  buffer.close();
});

test('a flipped bit in a message is kept for the operator and never published', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  const { sequence } = append(first, 2, 50);
  first.close();
  const database = new Sqlite(path);
  database.exec(
    `UPDATE outbox SET message = cast(message || x'00' AS BLOB) WHERE stream = 2 AND sequence = ${sequence}`,
  );
  database.close();
  const second = buffers.opened(path);
  const entry = second.pending(2, 0, 9).find((message) => message.sequence === sequence);
  assert.equal(second.read(entry?.id ?? 0).kind, 'gone');
  assert.deepEqual(
    second.refused(9).map((refused) => [refused.sequence, refused.reason]),
    [[sequence, 'damagedOnDisk']],
  );
  second.close();
});

test('observations and detections come back whole, also through a read-only door', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  assert.equal(
    buffer.recordReport(report(3, [{ change: 'raised', detection: detection({}) }])).kind,
    'recorded',
  );
  assert.deepEqual(
    buffer.observations(2).map((observation) => observation.address),
    [2, 1],
  );
  assert.deepEqual(buffer.detections(9), [{ state: 'raised', detection: detection({}) }]);
  const reader = new ReadOnlyBuffer(path);
  assert.equal(reader.statistics().observationsStored, 3);
  assert.equal(reader.detections(9)[0].detection.code, 'MODBUS_FUNCTION_ZERO');
  reader.close();
  buffer.close();
  assert.throws(() => new ReadOnlyBuffer(join(buffers.folder, 'none.db')), {
    code: 'BUFFER_MISSING',
  });
});

test('an alert is due until it is signed, and again an hour later', () => {
  const path = buffers.newPath();
  const first = buffers.opened(path);
  const hour = 3_600_000_000;
  first.recordReport(report(0, [{ change: 'raised', detection: detection({}) }]));
  first.close();
  const buffer = buffers.opened(path);
  const [due] = buffer.alertsDue(9);
  assert.deepEqual([due.change, due.detection.code], ['raised', 'MODBUS_FUNCTION_ZERO']);
  buffer.append(1, (position) => text(shown(position)), due);
  assert.deepEqual(buffer.alertsDue(9), []);
  buffer.recordReport(
    report(0, [
      { change: 'repeated', detection: detection({ lastSeenUs: hour, occurrencesCount: 2 }) },
    ]),
  );
  assert.deepEqual(buffer.alertsDue(9), []);
  buffer.recordReport(
    report(0, [
      { change: 'repeated', detection: detection({ lastSeenUs: hour + 1, occurrencesCount: 3 }) },
    ]),
  );
  assert.deepEqual(
    buffer.alertsDue(9).map((next) => [next.change, next.detection.occurrencesCount]),
    [['repeated', 3]],
  );
  buffer.close();
});

test('at the quota the oldest observations go first, then new summaries wait, alerts still pass', () => {
  const buffer = buffers.opened(buffers.newPath(), 6);
  const filler = report(200);
  for (let count = 0; count < 40; count++) buffer.recordReport(filler);
  let fault: string | undefined;
  for (let count = 0; count < 200 && fault === undefined; count++) {
    const result = buffer.append(2, () => randomBytes(30_000));
    if (result.kind === 'fault') fault = result.fault.code;
  }
  const statistics = buffer.statistics();
  assert.equal(fault, 'BUFFER_QUOTA_REACHED');
  assert.equal(statistics?.observationsStored, 0);
  assert.equal(statistics?.counters.observationsEvicted, 8000);
  assert.equal(statistics?.counters.summariesRefused, 1);
  assert.equal(append(buffer, 1, 1000).sequence, 2);
  buffer.close();
});

test('a disk that is full or read-only answers with a fault, and the buffer opens itself again', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  append(buffer, 2);
  const sqlite = (code: string): Error => Object.assign(new Error(code), { code });
  // biome-ignore format: one case per line
  const cases = [
    { code: 'SQLITE_FULL',               fault: 'BUFFER_DISK_FULL',  reopens: false },
    { code: 'SQLITE_READONLY_DBMOVED',   fault: 'BUFFER_READ_ONLY',  reopens: true },
    { code: 'SQLITE_IOERR_FSYNC',        fault: 'BUFFER_DISK_ERROR', reopens: true },
    { code: 'SQLITE_BUSY',               fault: 'BUFFER_BUSY',       reopens: false },
  ];
  for (const { code, fault, reopens } of cases) {
    const before = buffer.statistics()?.outboxMessages ?? 0;
    const failed = buffer.append(2, () => {
      throw sqlite(code);
    });
    assert.equal(failed.kind === 'fault' ? failed.fault.code : '', fault);
    // Status reads the figures before the fault: reading goes well on a full disk.
    buffer.statistics();
    assert.equal(buffer.fault?.code, fault);
    const soon = buffer.append(2, () => text('soon'));
    assert.equal(soon.kind, reopens ? 'fault' : 'appended', code);
    buffers.clock.advance(1001);
    const later = buffer.append(2, () => text('later'));
    assert.equal(later.kind, 'appended');
    assert.equal(buffer.fault, undefined);
    assert.equal(buffer.statistics()?.outboxMessages, before + (reopens ? 1 : 2));
  }
  buffer.close();
});

test('a newer schema is refused with a sentence', () => {
  const path = buffers.newPath();
  buffers.opened(path).close();
  const database = new Sqlite(path);
  database.pragma('user_version = 99');
  database.close();
  assert.throws(
    () => buffers.open(path),
    (error) => error instanceof OperatorFault && error.code === 'BUFFER_SCHEMA_NEWER',
  );
  assert.throws(() => new ReadOnlyBuffer(path), { code: 'BUFFER_SCHEMA_NEWER' });
});
