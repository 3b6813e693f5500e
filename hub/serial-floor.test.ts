/** The serials of a hub that doesn't know that its database is an older copy of itself. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { serialFloor } from './serial-floor.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { VerifiedMessage } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-serials-'));
after(() => rmSync(folder, { recursive: true }));
const MORNING_MS = 1_790_000_000_000;

function message(sequence: number): VerifiedMessage {
  const sha256 = new Uint8Array(32).fill(sequence);
  const previousSha256 = new Uint8Array(32).fill(sequence - 1);
  const place = { agentId: 'a'.repeat(26), epoch: 5, stream: 2, sequence } as const;
  const facts = { messageKind: 'summary', signedAtMs: 1, bytes: new Uint8Array(1) } as const;
  return { kind: 'verified', ...place, ...facts, sha256, previousSha256 };
}

async function receiptOf(path: string, sequence: number, nowMs: number) {
  const store = new SqliteStore(path);
  const { receipts } = await store.commit([message(sequence)], nowMs);
  await store.close();
  const [{ receiptSerial, cumulative }] = receipts;
  return { hubEpoch: store.hubEpoch, receiptSerial, cumulative };
}

test('an older copy signs under the old hubEpoch, claims less, and its serial is higher', async () => {
  const path = join(folder, 'hub.db');
  await receiptOf(path, 1, MORNING_MS);
  copyFileSync(path, `${path}.copy`);
  await receiptOf(path, 2, MORNING_MS + 1000);
  const before = await receiptOf(path, 3, MORNING_MS + 2000);
  copyFileSync(`${path}.copy`, path);
  const restored = await receiptOf(path, 2, MORNING_MS + 3000);
  assert.equal(restored.hubEpoch, before.hubEpoch);
  assert.deepEqual([before.cumulative, restored.cumulative], [3, 2]);
  assert.ok(restored.receiptSerial > before.receiptSerial);
});

test('a clock that is set back stops no serial', async () => {
  const path = join(folder, 'back.db');
  const first = await receiptOf(path, 1, MORNING_MS);
  const second = await receiptOf(path, 2, 0);
  const third = await receiptOf(path, 3, 1000);
  assert.deepEqual(
    [second.receiptSerial, third.receiptSerial],
    [first.receiptSerial + 1, first.receiptSerial + 2],
  );
});

// biome-ignore format: one case per line
const floors = [
  { name: 'a usual time',           nowMs: MORNING_MS,              floor: MORNING_MS },
  { name: 'a fraction',             nowMs: 12.75,                   floor: 12 },
  { name: 'before 1970',            nowMs: -5,                      floor: 1 },
  { name: 'a clock out of its mind', nowMs: Number.MAX_SAFE_INTEGER, floor: 9_000_000_000_000 },
];
for (const { name, nowMs, floor } of floors) {
  test(`the floor of ${name}`, () => assert.equal(serialFloor(nowMs), floor));
}
