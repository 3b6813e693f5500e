// The hub learns each device once, new ones first, and only a receipt takes it off the list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AssetChange } from '../protocols/interval-report.ts';
import { ASSETS_WAITING_MAX, AssetNews } from './asset-news.ts';

const change = (assetId: string, over: Partial<AssetChange> = {}): AssetChange => ({
  change: 'new',
  assetId,
  address: assetId,
  roles: ['server'],
  facts: [],
  lastSeenUs: 1000,
  ...over,
});
const fact = (name: string, value: string) => ({ name, value, source: 'test', confidence: 1 });
const news = () => new AssetNews((text) => text.padEnd(32, '0'));

test('a device waits until its receipt, and what it tells meanwhile is added', () => {
  const waiting = news();
  waiting.add([change('a', { facts: [fact('vendorName', 'Acme')] })]);
  const first = waiting.pending(10);
  assert.equal(first.changes[0].assetId, 'asset:a000000000');
  assert.deepEqual(first.changes[0].facts, [
    { fact: 'role', value: 'server' },
    { fact: 'vendorName', value: 'Acme' },
  ]);
  waiting.add([change('a', { change: 'changed', facts: [fact('productCode', 'X1')] })]);
  waiting.receipted(first.mark);
  const second = waiting.pending(10);
  assert.equal(second.changes.length, 1, 'it changed after the summary was made');
  waiting.receipted(second.mark);
  assert.deepEqual(waiting.pending(10).changes, []);
});

test('new devices first, then those heard last; what does not fit is told later', () => {
  const waiting = news();
  waiting.add([
    change('old', { change: 'changed', lastSeenUs: 1 }),
    change('busy', { change: 'changed', lastSeenUs: 9 }),
    change('new'),
  ]);
  const first = waiting.pending(2);
  assert.deepEqual(
    first.changes.map(({ address }) => address),
    ['new', 'busy'],
  );
  assert.equal(first.folded, 1);
  waiting.receipted(first.mark);
  assert.deepEqual(
    waiting.pending(2).changes.map(({ address }) => address),
    ['old'],
  );
});

test('more devices than there is room for: the one heard longest ago goes, and is counted', () => {
  const waiting = news();
  for (let number = 0; number <= ASSETS_WAITING_MAX; number++) {
    waiting.add([change(`host-${number}`, { lastSeenUs: number })]);
  }
  const { changes, folded } = waiting.pending(64);
  assert.equal(changes.length, 64);
  assert.equal(folded, ASSETS_WAITING_MAX - 64 + 1);
});
