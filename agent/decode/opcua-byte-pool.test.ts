/**
 * The pool's promise: never more bytes than its limit, handed out and kept together.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_BYTES_MAX, BytePool, copyBytes } from './opcua-byte-pool.ts';

test('blocks hold what was asked for and come back', () => {
  const pool = new BytePool(1_000_000);
  for (const length of [1, 128, 129, 3000, BLOCK_BYTES_MAX]) {
    const block = pool.take(length);
    assert.ok(block !== undefined && block.length >= length);
    pool.give(block);
    assert.equal(pool.take(length), block, 'the same block again');
    pool.give(block);
  }
  assert.equal(pool.bytesUsed, 0);
});

test('when full it refuses and counts', () => {
  const pool = new BytePool(1000);
  const blocks = [pool.take(400), pool.take(400), pool.take(100)];
  assert.deepEqual(
    blocks.map((block) => block?.length),
    [512, undefined, 128],
  );
  assert.deepEqual([pool.bytesUsed, pool.refusedCount], [640, 1]);
});

test('free blocks of another size make room', () => {
  const pool = new BytePool(1024);
  const small = Array.from({ length: 8 }, () => pool.take(100));
  for (const block of small) if (block !== undefined) pool.give(block);
  assert.equal(pool.take(500)?.length, 512);
  assert.equal(pool.take(500)?.length, 512);
  assert.equal(pool.take(1), undefined);
});

test('copies short and long spans alike', () => {
  for (const length of [0, 1, 192, 193, 1000]) {
    const from = Uint8Array.from({ length: 1200 }, (_, index) => index);
    const to = new Uint8Array(1200);
    copyBytes(from, 7, to, 9, length);
    assert.deepEqual(to.subarray(9, 9 + length), from.subarray(7, 7 + length));
    assert.equal(to[9 + length], 0);
  }
});
