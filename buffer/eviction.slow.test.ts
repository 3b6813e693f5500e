/** What goes first when the quota is reached, and that each goes by name. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { SiteBuffer } from './site-buffer.ts';
import {
  append,
  detection,
  fullSigner,
  hex,
  readAll,
  receipt,
  report,
  sha,
  shown,
  TestBuffers,
  text,
} from './test-kit.ts';

const buffers = new TestBuffers();
const QUOTA_MIB = 6;

/** A message that hardly shrinks. */
function appendLarge(buffer: SiteBuffer, stream: 1 | 2 | 3): { sequence: number; sha: string } {
  const padding = randomBytes(12_000).toString('hex');
  const result = buffer.append(stream, (position) => text({ ...shown(position), padding }));
  if (result.kind !== 'appended') throw result.fault;
  const read = buffer.read(result.id);
  assert.ok(read.kind === 'message');
  return {
    sequence: result.sequence,
    sha: createHash('sha256').update(read.message).digest('hex'),
  };
}

test('evidence goes first, then requested evidence, then the oldest summaries, alerts last', () => {
  const buffer = buffers.openedFull(buffers.newPath(), QUOTA_MIB);
  buffer.recordReport(report(300, [{ change: 'raised', detection: detection({}) }]));
  for (let count = 0; count < 3; count++) appendLarge(buffer, 1);
  for (let count = 0; count < 8; count++) appendLarge(buffer, 3);
  const evicted = (): Record<string, number> => ({ ...buffer.statistics()?.counters });
  const order: string[] = [];
  const note = (name: string, isSo: boolean): void => {
    if (isSo && !order.includes(name)) order.push(name);
  };
  const hashes = new Map<number, string>();
  for (let count = 0; count < 200; count++) {
    const { sequence, sha: hash } = appendLarge(buffer, 2);
    hashes.set(sequence, hash);
    note('observations', (evicted().observationsEvicted ?? 0) > 0);
    note('frames', (evicted().evidenceEvicted ?? 0) > 0);
    note(
      'requested',
      readAll(buffer, 3).some(({ value }) => value.kind === 'tombstone'),
    );
    note(
      'summaries',
      readAll(buffer, 2).some(({ value }) => value.kind === 'tombstone'),
    );
  }
  assert.deepEqual(order, ['observations', 'frames', 'requested', 'summaries']);
  assert.equal(readAll(buffer, 1).length, 4, 'all alerts, and what begins the stream');

  // Every sequence is there, or in exactly one tombstone that ends with the right hash.
  const rest = readAll(buffer, 2);
  const seen = rest.map(({ sequence }) => sequence);
  const tombstones = rest.filter(({ value }) => value.kind === 'tombstone');
  for (const { value, epoch } of tombstones) {
    assert.equal(value.epochOf, epoch);
    assert.equal(value.lastSha256, hashes.get(value.to ?? 0));
    const range = Array.from({ length: value.messages ?? 0 }, (_, at) => (value.from ?? 0) + at);
    assert.equal(range.at(-1), value.to);
    seen.push(...range);
  }
  const last = Math.max(...seen);
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    Array.from({ length: last }, (_, at) => at + 1),
  );
  assert.equal(rest[0].sequence, 1, 'what begins the epoch stays');
  assert.deepEqual(buffer.fault, undefined);
  buffer.close();
});

test('alerts alone: the oldest go when nothing else is left, and the file keeps its size', () => {
  const buffer = buffers.openedFull(buffers.newPath(), QUOTA_MIB);
  for (let count = 0; count < 250; count++) appendLarge(buffer, 1);
  const rest = readAll(buffer, 1);
  assert.ok(rest.some(({ value }) => value.kind === 'tombstone'));
  assert.equal(rest.at(-1)?.sequence, 251 + rest.filter(({ value }) => value.kind).length);
  assert.ok((buffer.statistics()?.databaseBytes ?? 0) <= QUOTA_MIB * 1024 * 1024);
  buffer.close();
});

test('a receipt over an evicted range is still judged by the hash of its end', () => {
  const buffer = buffers.openedFull(buffers.newPath(), QUOTA_MIB);
  for (let count = 0; count < 150; count++) appendLarge(buffer, 2);
  const tombstone = readAll(buffer, 2).find(({ value }) => value.kind === 'tombstone');
  assert.ok(tombstone?.value.to !== undefined && tombstone.value.lastSha256 !== undefined);
  const { epoch } = tombstone;
  const cumulativeSha256 = Buffer.from(tombstone.value.lastSha256, 'hex');
  const wrong = receipt({
    epoch,
    cumulative: tombstone.value.to,
    cumulativeSha256: sha(text('?')),
  });
  assert.equal(buffer.applyReceipt(wrong).kind, 'fork');
  const right = receipt({ epoch, cumulative: tombstone.value.to, cumulativeSha256 });
  assert.equal(buffer.applyReceipt(right).kind, 'applied');
  const newest = buffer.newest(2);
  assert.ok(newest);
  const read = buffer.read(newest.id);
  assert.ok(read.kind === 'message');
  const all = receipt({
    epoch,
    cumulative: newest.sequence,
    cumulativeSha256: sha(read.message),
    receiptSerial: 3,
  });
  assert.equal(buffer.applyReceipt(all).kind, 'applied');
  assert.deepEqual(readAll(buffer, 2), []);
  buffer.close();
});

test('a flipped bit in a message is told by a signed statement, once', () => {
  const path = buffers.newPath();
  const first = buffers.openedFull(path);
  const { sequence, epoch } = append(first, 2, 50);
  first.close();
  const database = new Sqlite(path);
  database.exec(
    `UPDATE outbox SET message = cast(message || x'00' AS BLOB) WHERE stream = 2 AND sequence = ${sequence}`,
  );
  database.close();
  const buffer = buffers.openedFull(path);
  const entry = buffer.pending(2, 0, 9).find((message) => message.sequence === sequence);
  assert.equal(buffer.read(entry?.id ?? 0).kind, 'gone');
  append(buffer, 2);
  append(buffer, 2);
  const told = readAll(buffer, 1).filter(({ value }) => value.kind === 'statement');
  assert.deepEqual(
    told.map(({ value: { epochOf, streamOf, from, to, count } }) => [
      epochOf,
      streamOf,
      from,
      to,
      count,
    ]),
    [[epoch, 2, sequence, sequence, 1]],
  );
  buffer.close();
});

test('frames come back as they were, and not at all with a flipped bit', () => {
  const path = buffers.newPath();
  const frames = [randomBytes(300), new Uint8Array(0), new Uint8Array(1500)];
  const shownFrames = (buffer: SiteBuffer): string[] | undefined =>
    buffer.detection('0123456789abcdef')?.evidence.frames?.map((frame) => hex(frame));
  const evidence = { records: [], frames };
  const first = buffers.openedFull(path);
  first.recordReport(report(0, [{ change: 'raised', detection: detection({ evidence }) }]));
  assert.deepEqual(shownFrames(first), frames.map(hex));
  first.close();
  const database = new Sqlite(path);
  const body = database.prepare('SELECT body FROM evidence_block').pluck().get();
  assert.ok(body instanceof Uint8Array && body.byteLength < 600, 'packed');
  body[40] ^= 1;
  database.prepare('UPDATE evidence_block SET body = ?').run(body);
  database.close();
  const second = buffers.openedFull(path);
  assert.equal(shownFrames(second), undefined);
  assert.equal(second.detections(9).length, 1);
  second.close();
});

test('without a signer that knows tombstones nothing signed is ever evicted', () => {
  assert.ok(fullSigner.tombstone !== undefined);
  const buffer = buffers.opened(buffers.newPath(), QUOTA_MIB);
  assert.throws(() => {
    for (let count = 0; count < 200; count++) appendLarge(buffer, 2);
  }, /BUFFER_QUOTA_REACHED|reached buffer\.quotaMiB/);
  assert.equal(readAll(buffer, 2)[1].sequence, 2);
  buffer.close();
});
