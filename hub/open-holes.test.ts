/** When the hub asks for what is missing: not at once, not often, not for what has come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { HOLE_PATIENCE_MS, holesIn, OpenHoles, REQUEST_INTERVAL_MS } from './open-holes.ts';

const hash = new Uint8Array(32);

function receipt(cumulative: number, from?: number): Receipt {
  return {
    kind: 'receipt',
    agentId: 'a',
    epoch: 1,
    stream: 2,
    cumulative,
    cumulativeSha256: hash,
    have: from === undefined ? [] : [{ from, to: from + 1, lastSha256: hash }],
    refused: [],
    receiptSerial: 1,
    hubEpoch: 1,
    hubTimeMs: 1,
  };
}

test('a hole is asked for when it has lasted, and again after a while', () => {
  const holes = new OpenHoles();
  const missing = { epoch: 1, stream: 2, from: 4, to: 8 };
  assert.equal(holes.due(receipt(3, 9), 0), undefined);
  assert.equal(holes.due(receipt(3, 9), HOLE_PATIENCE_MS - 1), undefined);
  assert.deepEqual(holes.due(receipt(3, 9), HOLE_PATIENCE_MS), missing);
  assert.equal(holes.due(receipt(3, 9), HOLE_PATIENCE_MS + 1), undefined);
  const later = HOLE_PATIENCE_MS + REQUEST_INTERVAL_MS;
  assert.deepEqual(holes.due(receipt(3, 9), later), missing);
});

test('a hole that closes or moves begins anew', () => {
  const holes = new OpenHoles();
  holes.due(receipt(3, 9), 0);
  holes.due(receipt(12), 1);
  assert.equal(holes.due(receipt(3, 9), HOLE_PATIENCE_MS + 1), undefined);
  assert.equal(holes.due(receipt(5, 9), 2 * HOLE_PATIENCE_MS + 2), undefined);
});

test('a hole above one that stays is asked for as well', () => {
  const range = (from: number, to: number) => ({ from, to, lastSha256: hash });
  const place = { epoch: 1, stream: 2 } as const;
  const shown = { ...receipt(3), have: [range(5, 6), range(9, 9)] };
  assert.deepEqual(holesIn(shown), [
    { ...place, from: 4, to: 4 },
    { ...place, from: 7, to: 8 },
  ]);
  const many = { ...receipt(3), have: Array.from({ length: 32 }, (_, at) => range(5 + 2 * at, 5)) };
  assert.deepEqual(holesIn(many), [{ ...place, from: 4, to: 4 }]);
});
