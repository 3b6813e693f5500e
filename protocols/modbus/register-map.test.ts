// Register maps: each data type from its words, and which entries a transaction touches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressOfReference,
  mappedValues,
  RegisterMap,
  type RegisterMapEntry,
  referenceOf,
  wordsOf,
} from './register-map.ts';
import { spanFromHex } from './testdata-hex.ts';

const SERVER = '10.0.1.9';
const NOTHING = spanFromHex('');

function entry(more: Partial<RegisterMapEntry>): RegisterMapEntry {
  const dataType = more.dataType ?? 'uint16';
  return {
    unitId: 3,
    object: 'holdingRegister',
    address: 100,
    name: 'point',
    dataType,
    wordOrder: 'highFirst',
    scale: 1,
    words: wordsOf(dataType),
    ...more,
  };
}

// biome-ignore format: one case per line
const types = [
  { name: 'uint16',                   of: {},                                            words: 'fffe',             value: 65534 },
  { name: 'int16',                    of: { dataType: 'int16' },                         words: 'fffe',             value: -2 },
  { name: 'int16, tenths',            of: { dataType: 'int16', scale: 0.1 },             words: '00d7',             value: 21.5 },
  { name: 'uint32',                   of: { dataType: 'uint32' },                        words: '0001 0002',        value: 65538 },
  { name: 'uint32, low word first',   of: { dataType: 'uint32', wordOrder: 'lowFirst' }, words: '0002 0001',        value: 65538 },
  { name: 'int32',                    of: { dataType: 'int32' },                         words: 'ffff fffe',        value: -2 },
  { name: 'float32',                  of: { dataType: 'float32' },                       words: '41ac 0000',        value: 21.5 },
  { name: 'float32, low word first',  of: { dataType: 'float32', wordOrder: 'lowFirst' }, words: '0000 41ac',       value: 21.5 },
  { name: 'float32, no number',       of: { dataType: 'float32' },                       words: '7fc0 0000',        value: 'NaN' },
  { name: 'float64',                  of: { dataType: 'float64' },                       words: '4035 8000 0000 0000', value: 21.5 },
  { name: 'uint64 is text',           of: { dataType: 'uint64' },                        words: 'ffff ffff ffff ffff', value: '18446744073709551615' },
  { name: 'bool',                     of: { dataType: 'bool' },                          words: '0001',             value: true },
  { name: 'string, to the first zero', of: { dataType: 'string', words: 3 },             words: '5075 6d70 0041',   value: 'Pump' },
] as const;

for (const { name, of, words, value } of types) {
  test(`value: ${name}`, () => {
    const map = new RegisterMap([entry(of)]);
    const bytes = words.replaceAll(' ', '').length / 2;
    const request = spanFromHex(`03 0064 ${(bytes / 2).toString(16).padStart(4, '0')}`);
    const response = spanFromHex(`03 ${bytes.toString(16).padStart(2, '0')} ${words}`);
    assert.deepEqual(
      mappedValues(map, SERVER, 3, request, response).map((one) => one.value),
      [value],
    );
  });
}

// biome-ignore format: one case per line
const touched = [
  { name: 'a read beside it',                     of: {},                           unitId: 3, wire: ['03 0065 0001', '03 02 0001'], expect: [] },
  { name: 'another unit',                         of: {},                           unitId: 4, wire: ['03 0064 0001', '03 02 0001'], expect: [] },
  { name: 'another object',                       of: {},                           unitId: 3, wire: ['04 0064 0001', '04 02 0001'], expect: [] },
  { name: 'another server',                       of: { server: '10.0.1.8' },       unitId: 3, wire: ['03 0064 0001', '03 02 0001'], expect: [] },
  { name: 'half of a value',                      of: { dataType: 'uint32' as const, words: 2 }, unitId: 3, wire: ['03 0064 0001', '03 02 0001'], expect: [] },
  { name: 'a write of one register',              of: {},                           unitId: 3, wire: ['06 0064 0007', '06 0064 0007'], expect: [7] },
  { name: 'a write of several',                   of: { address: 101 },             unitId: 3, wire: ['10 0064 0002 04 0001 0009', '10 0064 0002'], expect: [9] },
  { name: 'a write without an answer',            of: {},                           unitId: 3, wire: ['06 0064 0007', ''], expect: [] },
  { name: 'a write that was refused',             of: {},                           unitId: 3, wire: ['06 0064 0007', '86 02'], expect: [] },
  { name: 'a coil set',                           of: { object: 'coil' as const, dataType: 'bool' as const }, unitId: 3, wire: ['05 0064 ff00', '05 0064 ff00'], expect: [true] },
  { name: 'coils read',                           of: { object: 'coil' as const, address: 101, dataType: 'bool' as const }, unitId: 3, wire: ['01 0064 0002', '01 01 02'], expect: [true] },
  { name: 'inputs read',                          of: { object: 'discreteInput' as const, dataType: 'bool' as const }, unitId: 3, wire: ['02 0064 0001', '02 01 00'], expect: [false] },
  { name: 'written and read in one',              of: {},                           unitId: 3, wire: ['17 0064 0001 0064 0001 02 0007', '17 02 0007'], expect: [7, 7] },
  { name: 'a response whose request is unknown',  of: {},                           unitId: 3, wire: ['', '03 02 0001'], expect: [] },
  { name: 'no data at all',                       of: {},                           unitId: 3, wire: ['11', '11 01 00'], expect: [] },
];

for (const { name, of, unitId, wire, expect } of touched) {
  test(`touched: ${name}`, () => {
    const [request, response] = wire.map((hex) => (hex === '' ? NOTHING : spanFromHex(hex)));
    const values = mappedValues(new RegisterMap([entry(of)]), SERVER, unitId, request, response);
    assert.deepEqual(
      values.map((one) => one.value),
      expect,
    );
  });
}

test('an entry for this server counts before one for all', () => {
  const map = new RegisterMap([entry({ name: 'own', server: SERVER }), entry({ name: 'all' })]);
  const names = (server: string) =>
    map.find(server, 3, 'holdingRegister', 100, 1).map((one) => one.name);
  assert.deepEqual([names(SERVER), names('10.0.1.8')], [['own'], ['all']]);
});

test('references: five digits as far as they reach, then six, and back', () => {
  assert.equal(referenceOf('holdingRegister', 0), 40001);
  assert.equal(referenceOf('holdingRegister', 9998), 49999);
  assert.equal(referenceOf('holdingRegister', 9999), 410000);
  assert.equal(referenceOf('coil', 0), 1);
  assert.equal(referenceOf('inputRegister', 107), 30108);
  for (const address of [0, 9998, 9999, 65535]) {
    assert.equal(
      addressOfReference('holdingRegister', referenceOf('holdingRegister', address)),
      address,
    );
  }
  assert.equal(addressOfReference('holdingRegister', 30001), undefined);
});
