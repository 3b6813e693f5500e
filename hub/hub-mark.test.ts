/** A hub restored from yesterday's backup begins a new hubEpoch; nothing else does. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { HubMark } from './hub-mark.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { BatchEntry } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-mark-'));
after(() => rmSync(folder, { recursive: true }));
const { signerId: agentId } = sampleSigner('agent');
const path = join(folder, 'hub.db');
const markPath = join(folder, 'mark.json');

/** Opens, checks, commits so many batches, checks again as the worker does on its way out. */
async function life(batches: number): Promise<{ isRestored: boolean; hubEpoch: number }> {
  const store = new SqliteStore(path);
  const mark = new HubMark(markPath, store);
  const isRestored = await mark.checkRestored();
  const finding: BatchEntry = { kind: 'finding', reason: 'keyUnknown', agentId, detail: '' };
  for (let batch = 0; batch < batches; batch++) await store.commit([finding], 1000 + batch);
  const { hubEpoch } = store;
  assert.equal(await mark.checkRestored(), false);
  await store.close();
  return { isRestored, hubEpoch };
}

test('restarts keep the hubEpoch, a restored backup does not', async () => {
  const first = await life(3);
  assert.equal(first.isRestored, false);
  copyFileSync(path, join(folder, 'backup.db'));
  const second = await life(2);
  assert.deepEqual([second.isRestored, second.hubEpoch], [false, first.hubEpoch]);
  copyFileSync(join(folder, 'backup.db'), path);
  const restored = await life(1);
  assert.equal(restored.isRestored, true);
  assert.notEqual(restored.hubEpoch, first.hubEpoch);
  const next = await life(0);
  assert.deepEqual([next.isRestored, next.hubEpoch], [false, restored.hubEpoch]);
});

test('a backup from before an earlier restore does not bring its hubEpoch back', async () => {
  const { hubEpoch: former } = await life(1);
  const backup = readFileSync(path);
  await life(2);
  writeFileSync(path, backup);
  const { hubEpoch: restored } = await life(5);
  writeFileSync(path, backup);
  const again = await life(9);
  assert.equal(again.isRestored, true);
  assert.ok(again.hubEpoch !== former && again.hubEpoch !== restored);
});

test('a second worker that notices later takes the new epoch of the first', async () => {
  const backup = readFileSync(path);
  const { hubEpoch } = await life(4);
  writeFileSync(path, backup);
  const [one, other] = [new SqliteStore(path), new SqliteStore(path)];
  await one.beginHubEpoch(hubEpoch);
  await other.beginHubEpoch(hubEpoch);
  assert.equal(other.hubEpoch, one.hubEpoch);
  assert.notEqual(one.hubEpoch, hubEpoch);
  await one.close();
  await other.close();
});

test('a mark that is damaged or missing is no restore', async () => {
  writeFileSync(markPath, '{"hubEpoch":');
  assert.equal((await life(1)).isRestored, false);
  rmSync(markPath);
  assert.equal((await life(1)).isRestored, false);
});
