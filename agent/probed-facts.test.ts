// What a probe learned stands beside what was heard, through the agent and through its buffer alike.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateRow } from '../protocols/interval-report.ts';
import { savedKnowledge } from './knowledge-answer.ts';
import { AssetTable } from './observe/asset-table.ts';
import { saveAsset } from './observe/state-assets.ts';
import { learnProbed, probedFacts, savedWithProbed } from './probed-facts.ts';

const HEARD_US = 1000;
const NOW_US = 5000;
const facts = { vendorName: 'Acme', productCode: 'X1' };

function heard(address = '10.0.1.9'): AssetTable {
  const assets = new AssetTable();
  assets.row(address, HEARD_US);
  const tell = (unitId: number, name: string, value: string) =>
    assets.unitFact(address, unitId, name, value, 'modbus.readDeviceIdentification', HEARD_US);
  for (const unitId of [1, 3]) {
    assets.unit({ address, unitId, firstSeenUs: HEARD_US, lastSeenUs: HEARD_US });
  }
  tell(3, 'vendorName', 'Acme');
  tell(3, 'productCode', 'X0');
  return assets;
}

function rowOf(assets: AssetTable, address = '10.0.1.9'): StateRow {
  const row = assets.get(address);
  assert.ok(row);
  return saveAsset(row);
}

// biome-ignore format: one case a line
const REFUSED = [
  { name: 'no object',        body: 'text' },
  { name: 'no facts',         body: { address: '10.0.1.9', facts: {} } },
  { name: 'no address',       body: { facts } },
  { name: 'facts of no text', body: { address: '10.0.1.9', facts: { vendorName: 5 } } },
] as const;

for (const { name, body } of REFUSED) {
  test(`nothing is learned from ${name}`, () => {
    assert.equal(probedFacts(body, NOW_US), undefined);
  });
}

test('what comes over the socket is cut to size', () => {
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [`n${at}`, 'v'.repeat(999)]),
  );
  const learned = probedFacts({ address: '10.0.1.9', unitId: 700, facts: many }, NOW_US);
  assert.equal(learned?.facts.length, 64);
  assert.equal(learned?.facts[0].value.length, 256);
  assert.equal(learned?.unitId, undefined);
});

const WAYS = {
  'to the agent': (assets: AssetTable, body: object) => {
    const probed = probedFacts(body, NOW_US);
    assert.ok(probed);
    learnProbed(assets, probed);
    return assets;
  },
  'into the buffer': (assets: AssetTable, body: object) => {
    const probed = probedFacts(body, NOW_US);
    assert.ok(probed);
    return savedKnowledge(savedWithProbed([rowOf(assets)], probed)).assets;
  },
} as const;

for (const [way, learn] of Object.entries(WAYS)) {
  test(`${way}: the same again has both sources, another value is a conflict that is shown`, () => {
    const assets = learn(heard(), { address: '10.0.1.9', unitId: 3, facts });
    const unit = assets.list().find(({ assetId }) => assetId === '10.0.1.9/3');
    const told = unit?.facts.map(({ name, value, source }) => `${name} ${value} ${source}`);
    assert.ok(told?.includes('vendorName Acme modbus.readDeviceIdentification'));
    assert.ok(told?.includes('vendorName Acme probe'));
    assert.ok(told?.includes('productCode X1 probe'));
    assert.deepEqual(unit?.conflicts, [{ name: 'productCode', values: ['X1', 'X0'] }]);
    assert.equal(unit?.lastSeenUs, NOW_US);
  });

  test(`${way}: a device that was never heard is there now, with what it said`, () => {
    const assets = learn(heard(), { address: '10.0.1.77', unitId: 255, facts });
    const asset = assets.list().find(({ assetId }) => assetId === '10.0.1.77');
    assert.deepEqual(
      asset?.facts.map(({ name, source }) => `${name} ${source}`),
      ['vendorName probe', 'productCode probe'],
    );
  });
}
