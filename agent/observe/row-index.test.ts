// Rows by the hash of a key, where keys are hostile too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mixedHash, NO_ROW, RowIndex } from './row-index.ts';

test('any rows are found again by their hash, among others with the same', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 60 }), (hashes) => {
      const index = new RowIndex(64);
      for (const [row, hash] of hashes.entries()) assert.ok(index.add(hash, row));
      for (const [row, hash] of hashes.entries())
        assert.ok(candidatesOf(index, hash).includes(row));
      index.clear();
      assert.deepEqual(candidatesOf(index, 0), []);
    }),
  );
});

test('keys that all collide find no room, instead of taking ever longer', () => {
  const index = new RowIndex(1000);
  let added = 0;
  while (index.add(7, added)) added++;
  assert.equal(added, 64);
  assert.equal(candidatesOf(index, 7).length, 64);
  assert.ok(index.add(700, 999), 'others still find theirs');
});

test('keys that differ in one bit have other hashes', () => {
  const hashes = Array.from({ length: 32 }, (_, bit) => mixedHash(1, 0x103, 1 << bit) & 0xffff);
  assert.equal(new Set(hashes).size, 32);
});

function candidatesOf(index: RowIndex, hash: number): number[] {
  const rows: number[] = [];
  for (let probe = 0; index.at(hash, probe) !== NO_ROW; probe++) rows.push(index.at(hash, probe));
  return rows;
}
