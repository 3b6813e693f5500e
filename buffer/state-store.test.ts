// What is known of the plant in the buffer: the newest row counts, damage is left out, notes stay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { StateRow } from '../protocols/interval-report.ts';
import { ReadOnlyBuffer } from './read-only-buffer.ts';
import { readState } from './state-store.ts';
import { shown, TestBuffers, text } from './test-kit.ts';

const buffers = new TestBuffers();
const row = (key: string, body: string): StateRow => ({ kind: 'asset', key, version: 1, body });

test('the newest row of a kind and key counts, also after a restart', () => {
  const path = buffers.newPath();
  const buffer = buffers.open(path);
  buffer.state((state) => state.save([row('10.0.1.9', '{"a":1}'), row('10.0.1.10', '{}')]));
  buffer.state((state) => state.save([row('10.0.1.9', '{"a":2}')]));
  buffer.close();
  const again = buffers.open(path);
  const rows = again.state((state) => state.rows()) ?? [];
  again.close();
  assert.deepEqual(rows.map(({ key, body }) => [key, body]).sort(), [
    ['10.0.1.10', '{}'],
    ['10.0.1.9', '{"a":2}'],
  ]);
});

test('a damaged row is left out and counted', () => {
  const path = buffers.newPath();
  const buffer = buffers.open(path);
  buffer.state((state) => state.save([row('a', '{}'), row('b', '{}')]));
  buffer.close();
  const database = new Sqlite(path);
  database.prepare("UPDATE state SET crc32 = crc32 + 1 WHERE key = 'a'").run();
  database.prepare("UPDATE state SET kind = 'unheard' WHERE key = 'b'").run();
  assert.deepEqual(readState(database), { rows: [], rowsDamaged: 2, lastId: 2 });
  database.close();
});

test('the engineer says, changes and takes away what he said of a device', () => {
  const path = buffers.newPath();
  const buffer = buffers.open(path);
  const say = (name: string, note: string) =>
    buffer.state((state) => state.setNote({ assetId: '10.0.1.9/7', name, note, changedMs: 5 }));
  assert.equal(say('Pump 3', 'spare in room 2'), true);
  assert.equal(say('Pump 4', ''), true);
  const [note] = buffer.state((state) => state.notes()) ?? [];
  assert.equal(note.name, 'Pump 4');
  assert.equal(say('', ''), true);
  assert.deepEqual(
    buffer.state((state) => state.notes()),
    [],
  );
  buffer.close();
});

test('commands read it while no agent runs; a file of an older version has none', () => {
  const path = buffers.newPath();
  const buffer = buffers.open(path);
  buffer.state((state) => state.save([row('a', '{}')]));
  buffer.close();
  const reader = new ReadOnlyBuffer(path);
  assert.equal(reader.knownState().length, 1);
  reader.close();
  const old = buffers.newPath();
  const database = new Sqlite(old);
  buffers.migrateTo(database, 1);
  database.close();
  const oldReader = new ReadOnlyBuffer(old);
  assert.deepEqual(oldReader.knownState(), []);
  assert.deepEqual(oldReader.notes(), []);
  oldReader.close();
});

test('news of devices are kept with the state, in order, and go where they are told', () => {
  const path = buffers.newPath();
  const buffer = buffers.open(path);
  const news = (key: string, body: string | undefined) => ({ key, version: 1, body });
  buffer.state((state) => state.save([row('a', '{}')], [news('x', '{"a":1}'), news('y', '{}')]));
  buffer.state((state) => state.save([], [news('x', '{"a":2}'), news('y', undefined)]));
  buffer.close();
  const again = buffers.open(path);
  assert.deepEqual(
    again.state((state) => state.news()),
    [news('x', '{"a":2}')],
  );
  assert.deepEqual(
    again.state((state) => state.rows())?.map(({ key }) => key),
    ['a'],
  );
  again.close();
});

test('what a message writes to the state is there exactly when the message is', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  const sign = (body: string, isBroken: boolean) =>
    buffer.append(2, (position, state) => {
      state.putNews([{ key: `message ${position.sequence}`, version: 1, body }]);
      if (isBroken) throw new Error('the pen breaks');
      return text({ ...shown(position) });
    });
  assert.throws(() => sign('lost', true));
  assert.equal(sign('told', false).kind, 'appended');
  assert.deepEqual(
    buffer.state((state) => state.news())?.map(({ body }) => body),
    ['told'],
  );
  buffer.close();
});
