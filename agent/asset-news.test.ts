// The hub learns each device once, new ones first, whatever happens to messages and to the power.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageFate, NewsRow } from '../buffer/state-store.ts';
import type { AssetChange } from '../protocols/interval-report.ts';
import { ASSETS_WAITING_MAX, AssetNews, MESSAGES_UNDER_WAY_MAX } from './asset-news.ts';

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

/** A list with a disk: what it answers is kept, and a new list can begin with it. */
function news() {
  const disk = new Map<string, NewsRow>();
  const keep = (rows: readonly NewsRow[]) => {
    for (const row of rows) {
      if (row.body === undefined) disk.delete(row.key);
      else disk.set(row.key, row);
    }
  };
  const open = () => {
    const assets = new AssetNews((text) => text.slice('asset:'.length).padEnd(16, '.'));
    keep(assets.restore([...disk.values()]));
    return assets;
  };
  const life = { assets: open() };
  return {
    disk,
    add: (...changes: readonly AssetChange[]) => keep(life.assets.add(changes)),
    pending: (changesMax = 64) => life.assets.pending(changesMax),
    /** Signs a message with what waits; answers what it tells. */
    sign: (sequence: number, changesMax = 64, isRolledBack = false) => {
      const { changes } = life.assets.pending(changesMax);
      const place = { epoch: 1, sequence };
      const rows = life.assets.telling(place, changes);
      if (isRolledBack) return [];
      keep(rows);
      life.assets.told(place, changes);
      return changes.map((each) => `${each.change} ${each.address}`);
    },
    review: (fates: Readonly<Record<number, MessageFate>>) =>
      keep(life.assets.review(({ sequence }) => fates[sequence] ?? 'pending')),
    restart: () => {
      life.assets = open();
    },
  };
}

test('a device is told once, and what it tells meanwhile is told as a change', () => {
  const { add, pending, sign, review, disk } = news();
  add(change('a', { facts: [fact('vendorName', 'Acme')] }));
  const [first] = pending().changes;
  assert.equal(first.assetId, 'a...............');
  assert.deepEqual(first.facts, [
    { fact: 'role', value: 'server' },
    { fact: 'vendorName', value: 'Acme' },
  ]);
  assert.deepEqual(sign(1), ['new a']);
  assert.deepEqual(pending().changes, [], 'under way');
  add(change('a', { change: 'changed', facts: [fact('productCode', 'X1')] }));
  assert.deepEqual(sign(2), ['changed a']);
  review({ 1: 'settled', 2: 'settled' });
  assert.deepEqual(sign(3), []);
  assert.equal(disk.size, 0, 'nothing is left behind');
});

test('a message that is lost gives back what it told, with what came after', () => {
  const { add, pending, sign, review } = news();
  add(change('a', { facts: [fact('vendorName', 'Acme')] }));
  sign(1);
  add(change('a', { change: 'changed', facts: [fact('productCode', 'X1')] }));
  review({ 1: 'lost' });
  const [again] = pending().changes;
  assert.equal(again.change, 'new');
  assert.deepEqual(again.facts.map(({ value }) => value).sort(), ['Acme', 'X1', 'server']);
});

// biome-ignore format: one case a line
const KILLS = [
  { name: 'before anything is signed',             sign: false, isRolledBack: false, fate: undefined, told: ['new a', 'new b'] },
  { name: 'while a message was signed',            sign: true,  isRolledBack: true,  fate: undefined, told: ['new a', 'new b'] },
  { name: 'after it was signed',                   sign: true,  isRolledBack: false, fate: 'pending', told: [] },
  { name: 'after the hub has it',                  sign: true,  isRolledBack: false, fate: 'settled', told: [] },
  { name: 'after it was given up for want of room', sign: true, isRolledBack: false, fate: 'lost',    told: ['new a', 'new b'] },
] as const;

for (const { name, sign: isSigned, isRolledBack, fate, told } of KILLS) {
  test(`killed ${name}: nothing is lost, nothing new twice`, () => {
    const { add, sign, review, restart, disk } = news();
    add(change('a', { lastSeenUs: 2000 }), change('b'));
    if (isSigned) sign(1, 64, isRolledBack);
    restart();
    review({ 1: fate ?? 'settled' });
    assert.deepEqual(sign(2), told);
    restart();
    review({ 1: 'settled', 2: 'settled' });
    assert.deepEqual(sign(3), []);
    assert.equal(disk.size, 0);
  });
}

test('new devices first, then those heard last; what does not fit is told later', () => {
  const { add, pending, sign } = news();
  add(
    change('old', { change: 'changed', lastSeenUs: 1 }),
    change('busy', { change: 'changed', lastSeenUs: 9 }),
    change('new'),
  );
  assert.equal(pending(2).folded, 1);
  assert.deepEqual(sign(1, 2), ['new new', 'changed busy']);
  assert.deepEqual(sign(2, 2), ['changed old']);
});

test('facts that do not fit one message follow in the next', () => {
  const { add, pending, sign, restart } = news();
  const facts = Array.from({ length: 30 }, (_, number) => fact('endpoint', `url ${number}`));
  add(change('a', { facts: facts.slice(0, 16) }));
  add(change('a', { change: 'changed', facts: facts.slice(16) }));
  const values: string[] = [];
  for (let sequence = 1; sequence <= 3; sequence++) {
    for (const each of pending().changes) values.push(...each.facts.map(({ value }) => value));
    sign(sequence);
    restart();
  }
  assert.equal(new Set(values).size, 31);
  assert.equal(values.length, 31, 'each once');
});

test('more devices than there is room for: the one heard longest ago goes, and is counted', () => {
  const { add, pending, disk } = news();
  for (let number = 0; number <= ASSETS_WAITING_MAX; number++) {
    add(change(`host-${number}`, { lastSeenUs: number }));
  }
  const { changes, folded } = pending();
  assert.equal(changes.length, 64);
  assert.equal(folded, ASSETS_WAITING_MAX - 64 + 1);
  assert.equal(disk.size, ASSETS_WAITING_MAX);
});

test('messages under way are bounded: the oldest is trusted to arrive', () => {
  const { add, sign, review, disk } = news();
  for (let sequence = 1; sequence <= MESSAGES_UNDER_WAY_MAX + 5; sequence++) {
    add(change(`host-${sequence}`));
    sign(sequence);
    review({});
  }
  assert.equal(disk.size, MESSAGES_UNDER_WAY_MAX);
});

test('rows of another version, or damaged ones, are given up', () => {
  const { add, pending, disk, restart } = news();
  add(change('a'), change('b'), change('c'));
  const [first, second] = [...disk.keys()];
  disk.set(first, { key: first, version: 99, body: '{}' });
  disk.set(second, { key: second, version: 1, body: '{"assetId":5}' });
  restart();
  assert.equal(pending().changes.length, 1);
  assert.equal(disk.size, 1);
});
