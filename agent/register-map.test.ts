// Register maps as files: what is accepted, and faults with the line they stand in; and the values
// of a replay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegisterMap } from '../protocols/modbus/register-map.ts';
import { madeModbus } from './observe/made-traffic.ts';
import { RegisterValues } from './observe/register-values.ts';
import { loadRegisterMaps, parseRegisterMap } from './register-map.ts';

const MAP = `registers:
  - { unitId: 3, object: holdingRegister, reference: 40101, name: Pump1.Speed, dataType: int16, scale: 0.1, engineeringUnit: rpm }
  - { unitId: 3, object: holdingRegister, address: 101, name: Pump1.Name, dataType: string, words: 2, server: 10.0.1.9 }
`;

test('a reference and an address, with defaults filled in', () => {
  assert.partialDeepStrictEqual(parseRegisterMap(MAP, 'map.yaml'), [
    { address: 100, name: 'Pump1.Speed', wordOrder: 'highFirst', words: 1, scale: 0.1 },
    { address: 101, name: 'Pump1.Name', words: 2, scale: 1, server: '10.0.1.9' },
  ]);
});

// biome-ignore format: one fault per line
const faults = [
  { name: 'no YAML',                     text: 'registers: [',                                                                          says: /line 1/ },
  { name: 'an unknown key',              text: `registers:\n  - { unitId: 1, object: coil, address: 1, name: a, colour: red }`,         says: /map.yaml:2: registers.0.colour is no key/ },
  { name: 'an unknown type',             text: `registers:\n\n  - { unitId: 1, object: coil, address: 1, name: a, dataType: int24 }`,   says: /line 3:.*map.yaml:3: registers.0.dataType/s },
  { name: 'address and reference',       text: `registers:\n  - { unitId: 1, object: coil, address: 1, reference: 2, name: a }`,        says: /line 2:.*either address/s },
  { name: 'a reference of another object', text: `registers:\n  - { unitId: 1, object: inputRegister, reference: 40001, name: a }`,     says: /map.yaml:2: registers.0.reference .*no reference of this object/ },
  { name: 'a string without its length', text: `registers:\n  - { unitId: 1, object: inputRegister, address: 1, name: a, dataType: string }`, says: /words belongs to dataType string/ },
  { name: 'a unit beyond a byte',        text: `registers:\n  - { unitId: 256, object: coil, address: 1, name: a }`,                     says: /map.yaml:2: registers.0.unitId/ },
] as const;

for (const { name, text, says } of faults) {
  test(`refused: ${name}`, () => {
    assert.throws(() => parseRegisterMap(text, 'map.yaml'), says);
  });
}

test('a file that is not there is a fault, not a stack', () => {
  assert.throws(() => loadRegisterMaps(['/no/such/map.yaml']), /can't be read/);
});

test('values say whether they changed, from the second sight on', () => {
  const values = new RegisterValues(new RegisterMap(parseRegisterMap(MAP, 'map.yaml')));
  const read = (word: string) => values.of(madeModbus('0300640001', `0302${word}`))?.[0];
  assert.deepEqual(read('00d7'), {
    reference: 40101,
    name: 'Pump1.Speed',
    dataType: 'int16',
    wordOrder: 'highFirst',
    scale: 0.1,
    value: 21.5,
    engineeringUnit: 'rpm',
  });
  assert.partialDeepStrictEqual(read('00d7'), { changed: false, previousValue: 21.5 });
  assert.partialDeepStrictEqual(read('00d8'), { changed: true, previousValue: 21.5, value: 21.6 });
  assert.equal(values.of(madeModbus('0300000001', '03020001')), undefined);
});
