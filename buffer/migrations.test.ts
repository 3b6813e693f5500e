/** Every released schema still opens: a file written by that very version, and what it held. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { SCHEMA_VERSION, schemaVersionOf } from './migrations.ts';
import { append, readAll, TestBuffers } from './test-kit.ts';

const buffers = new TestBuffers();

/** Written by version 0.1.0 with two cases, 320 observations, 7 summaries of which 3 are receipted. */
function released(schema: number): string {
  const path = buffers.newPath();
  for (const suffix of ['.db', '.db.signed']) {
    const fixture = join(import.meta.dirname, 'fixtures', `schema-${schema}${suffix}.gz`);
    writeFileSync(path + suffix.slice(3), gunzipSync(readFileSync(fixture)), { mode: 0o600 });
  }
  return path;
}

test('a file of schema 1 goes on where it was: chain, receipts, cases, frames, observations', () => {
  const path = released(1);
  const buffer = buffers.opened(path);
  assert.deepEqual(
    readAll(buffer, 2).map(({ sequence }) => sequence),
    [4, 5, 6, 7],
  );
  const before = readAll(buffer, 2)[3];
  assert.equal(append(buffer, 2).sequence, 8);
  assert.equal(append(buffer, 2).epoch, before.epoch);
  assert.equal(buffer.statistics()?.observationsStored, 320);
  assert.equal(buffer.observations(400).length, 320);
  const frames = buffer.detection('0123456789abcdef')?.evidence.frames ?? [];
  assert.deepEqual(
    frames.map((frame) => frame.byteLength),
    [3, 60],
  );
  assert.deepEqual(
    buffer.alertsDue(9).map(({ detection }) => detection.detectionId),
    ['fedcba9876543210'],
  );
  buffer.close();
  const database = new Sqlite(path, { readonly: true });
  assert.equal(schemaVersionOf(database), SCHEMA_VERSION);
  database.close();
});

test('a flipped bit in frames of schema 1 is seen by the hash in the case', () => {
  const path = released(1);
  const database = new Sqlite(path);
  database.exec("UPDATE detection SET frames = x'00000003010204'");
  database.close();
  const buffer = buffers.opened(path);
  const detection = buffer.detection('0123456789abcdef');
  assert.equal(detection?.code, 'MODBUS_FUNCTION_ZERO');
  assert.equal(detection?.evidence.frames, undefined);
  buffer.close();
});

test('the first schemas are the last ones released: none is edited afterwards', () => {
  const path = released(1);
  const old = new Sqlite(path, { readonly: true });
  const tables = (database: Sqlite.Database): unknown =>
    database.prepare('SELECT name, rootpage, sql FROM sqlite_schema ORDER BY rootpage').all();
  const expected = tables(old);
  old.close();
  const fresh = new Sqlite(buffers.newPath());
  fresh.pragma('auto_vacuum = INCREMENTAL');
  buffers.migrateTo(fresh, 1);
  assert.deepEqual(tables(fresh), expected);
  fresh.close();
});
