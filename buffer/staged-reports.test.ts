/** Group commit: what waits, how long, what a refusing disk does to it, and what flash pays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { COMMIT_INTERVAL_MS, OBSERVATIONS_PER_BLOCK, StagedReports } from './staged-reports.ts';
import { append, detection, readAll, report, TestBuffers } from './test-kit.ts';
import { DAY_MS, WearMeter } from './wear-meter.ts';

const buffers = new TestBuffers();

/** Blocks in the file, seen from outside. */
function blocksIn(path: string): number {
  const database = new Sqlite(path, { readonly: true });
  const count = Number(database.prepare('SELECT count(*) FROM observation_block').pluck().get());
  database.close();
  return count;
}

test('few observations wait for each other; a message, a case or a close takes them along', () => {
  const path = buffers.newPath();
  const buffer = buffers.opened(path);
  buffer.recordReport(report(3));
  buffers.clock.advance(COMMIT_INTERVAL_MS - 1);
  buffer.recordReport(report(3));
  assert.equal(blocksIn(path), 0);
  assert.equal(buffer.statistics()?.observationsStored, 6);
  buffers.clock.advance(1);
  buffer.recordReport(report(0));
  assert.equal(blocksIn(path), 1);
  buffer.recordReport(report(1));
  append(buffer, 2);
  assert.equal(blocksIn(path), 2);
  buffer.recordReport(report(1, [{ change: 'raised', detection: detection({}) }]));
  assert.equal(blocksIn(path), 3);
  buffer.recordReport(report(OBSERVATIONS_PER_BLOCK));
  assert.equal(blocksIn(path), 4);
  buffer.recordReport(report(1));
  buffer.close();
  assert.equal(blocksIn(path), 5);
});

test('a disk that refuses: the newest wait within a limit, and the loss is told when it is back', () => {
  const path = buffers.newPath();
  const buffer = buffers.openedFull(path);
  const blocker = new Sqlite(path);
  blocker.exec('BEGIN IMMEDIATE');
  const results = Array.from({ length: 20 }, () => buffer.recordReport(report(200)).kind);
  const raised = report(0, [{ change: 'raised', detection: detection({}) }]);
  assert.equal(buffer.recordReport(raised).kind, 'fault');
  assert.ok(results.slice(1).every((kind) => kind === 'fault'));
  assert.equal(buffer.fault?.code, 'BUFFER_BUSY');
  blocker.exec('ROLLBACK');
  blocker.close();
  assert.equal(buffer.recordReport(report(0)).kind, 'recorded');
  assert.equal(buffer.statistics()?.observationsStored, 2048);
  assert.equal(buffer.statistics()?.counters.observationsLost, 4000 - 2048);
  assert.equal(buffer.alertsDue(9).length, 1);
  const told = readAll(buffer, 1).filter(({ value }) => value.kind === 'statement');
  assert.deepEqual(
    told.map(({ value }) => value.count),
    [4000 - 2048],
  );
  buffer.close();
});

test('the latest state of a case waits, and that it is new', () => {
  const staged = new StagedReports();
  const of = (change: 'raised' | 'repeated', occurrencesCount: number): void =>
    staged.add(report(0, [{ change, detection: detection({ occurrencesCount }) }]), 0);
  of('raised', 1);
  of('repeated', 7);
  const [waiting] = staged.content().detections;
  assert.deepEqual([waiting.change, waiting.detection.occurrencesCount], ['raised', 7]);
});

test('bytes written are counted by day, over restarts', () => {
  const path = buffers.newPath();
  let written = 1000;
  const options = { bytesWritten: () => written };
  const first = buffers.opened(path, 16, options);
  written += 5000;
  append(first, 2);
  written += 70;
  assert.equal(first.statistics()?.bytesWrittenToday, 5070);
  first.close();
  const second = buffers.opened(path, 16, options);
  append(second, 2);
  written += 30;
  assert.equal(second.statistics()?.bytesWrittenToday, 5030, 'the last minute of a life is lost');
  buffers.clock.advance(DAY_MS);
  assert.equal(second.statistics()?.bytesWrittenToday, 30);
  assert.equal(second.statistics()?.bytesWrittenYesterday, 5000);
  second.close();
});

test('the kernel tells what was written', () => {
  assert.ok(new WearMeter().unsaved() >= 0);
});
