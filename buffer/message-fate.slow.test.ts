// What has become of a signed message, for whoever has to tell again what it told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, readAll, receipt, sha, TestBuffers } from './test-kit.ts';

const buffers = new TestBuffers();

test('the fate of a message: it waits, the hub has it, or it had to go', () => {
  const path = buffers.newPath();
  const buffer = buffers.openedFull(path, 6);
  const { epoch, sequence } = append(buffer, 2, 1000);
  const fateOf = (of: number) => buffer.state((state) => state.fateOf(epoch, 2, of));
  assert.equal(fateOf(sequence), 'pending');
  assert.equal(
    buffer.state((state) => state.fateOf(epoch + 1, 2, sequence)),
    'settled',
    'no epoch',
  );
  const first = readAll(buffer, 2).find((each) => each.sequence === sequence);
  assert.ok(first);
  const claim = { epoch, cumulative: sequence, cumulativeSha256: sha(first.message) };
  assert.equal(buffer.applyReceipt(receipt(claim)).kind, 'applied');
  assert.equal(fateOf(sequence), 'settled');
  const next = append(buffer, 2, 1000);
  for (let count = 0; count < 150; count++) append(buffer, 2, 40_000);
  assert.equal(fateOf(next.sequence), 'lost', 'a tombstone stands for it');
  buffer.close();
});
