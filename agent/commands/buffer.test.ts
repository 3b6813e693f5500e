/** `fieldtap buffer`: what a person sees of a good file, a damaged one, and one in use. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { append, report, TestBuffers } from '../../buffer/test-kit.ts';
import { bufferCheck, bufferCompact, bufferStats } from './buffer.ts';

const buffers = new TestBuffers();

/** Standard output of a command, and its exit code. */
function said(context: TestContext, run: () => number): { code: number; text: string } {
  let text = '';
  const write = context.mock.method(process.stdout, 'write', (part: string) => {
    text += part;
    return true;
  });
  try {
    return { code: run(), text };
  } finally {
    write.mock.restore();
  }
}

const options = (path: string, json = false) => ({ config: 'none', path, json });

function filled(): string {
  const path = buffers.newPath();
  const buffer = buffers.openedFull(path);
  for (let count = 0; count < 40; count++) append(buffer, 2, 4000);
  buffer.recordReport(report(300));
  buffer.close();
  return path;
}

test('check: 0 for a good file, 1 and the place for a damaged one', (context) => {
  const path = filled();
  const good = said(context, () => bufferCheck(options(path)));
  assert.equal(good.code, 0);
  assert.match(good.text, /outbox +42 rows, all good\n[\s\S]*Nothing is damaged/);
  const database = new Sqlite(path);
  database.exec("UPDATE observation_block SET body = cast(body || x'00' AS BLOB)");
  database.exec('UPDATE stream_head SET lastSequence = lastSequence + 64 WHERE stream = 2');
  database.close();
  const bad = said(context, () => bufferCheck(options(path, true)));
  assert.equal(bad.code, 1);
  const { isGood, heads, rows } = JSON.parse(bad.text);
  assert.deepEqual([isGood, heads, rows.observation_block], [false, 1, { count: 1, damaged: 1 }]);
});

test('stats: beside a running agent, as text and as JSON', (context) => {
  const path = buffers.newPath();
  const buffer = buffers.openedFull(path);
  append(buffer, 2);
  const text = said(context, () => bufferStats(options(path)));
  assert.match(text.text, /waiting +3 messages/);
  assert.match(text.text, /written +\d+\.\d MiB today/);
  const json = said(context, () => bufferStats(options(path, true)));
  assert.equal(JSON.parse(json.text).outboxMessages, 3);
  buffer.close();
});

test('compact: gives pages back, and is refused beside a running agent', (context) => {
  const path = filled();
  const database = new Sqlite(path);
  database.exec('DELETE FROM outbox');
  database.close();
  const done = said(context, () => bufferCompact(options(path, true)));
  const { bytesBefore, bytesAfter } = JSON.parse(done.text);
  assert.ok(bytesAfter < bytesBefore / 2, `${bytesAfter} of ${bytesBefore}`);
  const copy = buffers.newPath();
  copyFileSync(path, copy);
  const buffer = buffers.openedFull(copy);
  assert.throws(() => bufferCompact(options(copy)), { code: 'BUFFER_IN_USE' });
  buffer.close();
  assert.throws(() => bufferCompact(options(buffers.newPath())), { code: 'BUFFER_MISSING' });
});
