// Request PDUs by function code: fields, and the anomalies that a broken limit is named by.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Anomaly } from '../decoded.ts';
import { decodeRequestPdu } from './request.ts';
import { fromHex, guardedSpan, spanFromHex } from './testdata-hex.ts';

// biome-ignore format: one case per line
const cases = [
  { name: '1 read coils',                         wire: '01 0013 0025',                expect: { pduBytes: 5, address: 19, quantity: 37 } },
  { name: '2 read discrete inputs',               wire: '02 00c4 0016',                expect: { pduBytes: 5, address: 196, quantity: 22 } },
  { name: '3 read holding registers',             wire: '03 006b 0003',                expect: { pduBytes: 5, address: 107, quantity: 3 } },
  { name: '4 read input registers',               wire: '04 0008 0001',                expect: { pduBytes: 5, address: 8, quantity: 1 } },
  { name: '5 write single coil on',               wire: '05 00ac ff00',                expect: { pduBytes: 5, address: 172, outputValue: 65280 } },
  { name: '6 write single register',              wire: '06 0001 0003',                expect: { pduBytes: 5, address: 1, registerValue: 3 } },
  { name: '7 read exception status',              wire: '07',                          expect: { pduBytes: 1 } },
  { name: '8/0 return query data',                wire: '08 0000 a537',                expect: { pduBytes: 5, subFunction: 0, subFunctionName: 'returnQueryData', data: [0xa537] } },
  { name: '8/4 force listen only mode',           wire: '08 0004 0000',                expect: { pduBytes: 5, subFunction: 4, subFunctionName: 'forceListenOnlyMode', data: [0] } },
  { name: '11 get comm event counter',            wire: '0b',                          expect: { pduBytes: 1 } },
  { name: '12 get comm event log',                wire: '0c',                          expect: { pduBytes: 1 } },
  { name: '15 write multiple coils',              wire: '0f 0013 000a 02 cd01',        expect: { pduBytes: 8, address: 19, quantity: 10, byteCount: 2, coils: [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], padBits: 0 } },
  { name: '16 write multiple registers',          wire: '10 0001 0002 04 000a 0102',   expect: { pduBytes: 10, address: 1, quantity: 2, byteCount: 4, registers: [10, 258] } },
  { name: '17 report server id',                  wire: '11',                          expect: { pduBytes: 1 } },
  { name: '20 read file record',                  wire: '14 0e 06 0004 0001 0002 06 0003 0009 0002', expect: { pduBytes: 16, byteCount: 14, groups: [{ referenceType: 6, fileNumber: 4, recordNumber: 1, recordLength: 2 }, { referenceType: 6, fileNumber: 3, recordNumber: 9, recordLength: 2 }] } },
  { name: '21 write file record',                 wire: '15 0d 06 0004 0007 0003 06af 04be 100d', expect: { pduBytes: 15, requestDataBytes: 13, groups: [{ referenceType: 6, fileNumber: 4, recordNumber: 7, recordLength: 3, recordData: 'Bq8EvhAN' }] } },
  { name: '22 mask write register',               wire: '16 0004 00f2 0025',           expect: { pduBytes: 7, address: 4, andMask: 0xf2, orMask: 0x25, effect: { bitsSet: 0x05, bitsCleared: 0xff08, bitsKept: 0xf2 } } },
  { name: '23 read/write multiple registers',     wire: '17 0003 0006 000e 0003 06 00ff 00ff 00ff', expect: { pduBytes: 16, read: { address: 3, quantity: 6 }, write: { address: 14, quantity: 3, byteCount: 6, registers: [255, 255, 255] } } },
  { name: '24 read FIFO queue',                   wire: '18 04de',                     expect: { pduBytes: 3, fifoPointerAddress: 1246 } },
  { name: '43/14 read device identification',     wire: '2b 0e 01 00',                 expect: { pduBytes: 4, meiType: 14, readDeviceIdCode: 1, objectId: 0 } },
  { name: '43/13 CANopen: size only',             wire: '2b 0d 01 02 03',              expect: { pduBytes: 5, meiType: 13, dataBytes: 3 } },
  { name: '90 UMAS read block',                   wire: '5a 00 20 01 02',              expect: { pduBytes: 5, umasFunction: 0x20, umasFunctionName: 'readMemoryBlock', blockBytes: 2 } },
  { name: '90 UMAS upload goes into the controller', wire: '5a 01 31 00',              expect: { pduBytes: 4, umasFunction: 0x31, umasFunctionName: 'uploadBlock', blockBytes: 1, programDirection: 'toController' } },
  { name: '90 UMAS upload of block 7',                wire: '5a 01 31 00 01 0700 f400 aabb', expect: { pduBytes: 11, umasFunction: 0x31, umasFunctionName: 'uploadBlock', blockNumber: 7, blockBytes: 8, programDirection: 'toController' } },
  { name: '90 UMAS download ends behind block 258',   wire: '5a 01 35 00 01 0201',      expect: { pduBytes: 7, umasFunction: 0x35, umasFunctionName: 'endStrategyDownload', blockNumber: 258, blockBytes: 4, programDirection: 'fromController' } },
  { name: '90 UMAS signed message: what it wraps counts', wire: `5a 01 38 ${'ee'.repeat(32)} 01 41 ff`, expect: { pduBytes: 38, umasSigned: true, umasFunction: 0x41, umasFunctionName: 'stopPlc', blockBytes: 1 } },
  { name: '90 UMAS signed message, with its own function code', wire: `5a 01 38 ${'ee'.repeat(32)} 5a 01 31 ff`, expect: { pduBytes: 39, umasSigned: true, umasFunction: 0x31, umasFunctionName: 'uploadBlock', blockBytes: 1, programDirection: 'toController' } },
  { name: '90 UMAS signed message cut in its signature', wire: '5a 01 38 eeee', expect: { pduBytes: 5, umasFunction: 0x38, umasFunctionName: 'signedMessage', blockBytes: 2 } },
  { name: '100 user defined: bytes are kept',     wire: '64 01 02',                    expect: { pduBytes: 3, bytesBase64: 'ZAEC' } },
] as const;

for (const { name, wire, expect } of cases) {
  test(`request ${name}`, () => {
    const anomalies: Anomaly[] = [];
    assert.deepEqual(decodeRequestPdu(spanFromHex(wire), anomalies), expect);
    assert.deepEqual(anomalies, []);
  });
}

// biome-ignore format: one case per line
const broken = [
  { name: 'quantity 0',                           wire: '03 0000 0000',                names: ['quantityZero'] },
  { name: '126 registers',                        wire: '03 0000 007e',                names: ['quantityAboveLimit'] },
  { name: '2001 coils',                           wire: '01 0000 07d1',                names: ['quantityAboveLimit'] },
  { name: 'the range ends behind 65535',          wire: '03 ffff 0002',                names: ['addressRangeOverflow'] },
  { name: 'coil value 0xFFFF',                    wire: '05 0001 ffff',                names: ['coilValueIllegal'] },
  { name: '124 registers written, 2 there',       wire: '10 0000 007c 04 0001 0002',   names: ['quantityAboveLimit', 'byteCountMismatch'] },
  { name: 'byte count contradicts the quantity',  wire: '10 0000 0001 04 0001 0002',   names: ['byteCountMismatch'] },
  { name: 'pad bits set',                         wire: '0f 0000 0001 01 ff',          names: ['padBitsNotZero'] },
  { name: 'cut after the address',                wire: '03 0001',                     names: ['pduTruncated'] },
  { name: 'one byte too many',                    wire: '06 0001 0002 00',             names: ['bytesAfterPdu'] },
  { name: 'values cut',                           wire: '10 0000 0002 04 0001',        names: ['pduTruncated'] },
  { name: 'function code 0',                      wire: '00 0000 0000',                names: ['functionCodeZero'] },
  { name: 'function code 50',                     wire: '32',                          names: ['functionCodeUnknown'] },
  { name: 'function code 125',                    wire: '7d 00',                       names: ['functionCodeReserved'] },
  { name: 'an exception sent by the client',      wire: '83 02',                       names: ['functionCodeAbove127InRequest', 'exceptionFromClient'] },
  { name: 'function code 228',                    wire: 'e4 ff 00 00',                 names: ['functionCodeAbove127InRequest'] },
  { name: 'diagnostics sub-function 5',           wire: '08 0005 0000',                names: ['reservedSubFunction'] },
  { name: 'MEI type 1',                           wire: '2b 01 00',                    names: ['meiTypeUnknown'] },
  { name: 'reference type 7',                     wire: '14 07 07 0001 0000 0001',     names: ['referenceTypeIllegal'] },
  { name: 'file 0, record 10000',                 wire: '14 07 06 0000 2710 0001',     names: ['fileNumberZero', 'recordNumberAboveLimit'] },
] as const;

for (const { name, wire, names } of broken) {
  test(`request anomaly: ${name}`, () => {
    const anomalies: Anomaly[] = [];
    decodeRequestPdu(spanFromHex(wire), anomalies);
    assert.deepEqual(
      anomalies.map((anomaly) => anomaly.name),
      names,
    );
  });
}

test('request: an anomaly says field, place, what was expected and what stood there', () => {
  const anomalies: Anomaly[] = [];
  decodeRequestPdu(spanFromHex('03 0000 007e'), anomalies);
  assert.deepEqual(anomalies, [
    {
      name: 'quantityAboveLimit',
      field: 'quantity',
      offsetBytes: 3,
      expected: '1..125',
      actual: '126',
    },
  ]);
});

test('request: of a cut PDU the fields that are there are kept', () => {
  assert.deepEqual(decodeRequestPdu(spanFromHex('10 0001 0002 04 000a 01')), {
    pduBytes: 9,
    address: 1,
    quantity: 2,
    byteCount: 4,
    registers: [10],
  });
});

test('request: a UMAS session key leaves as a pseudonym, and not at all without a digest', () => {
  const digest = { pseudonym: () => '9f2c', sha256: () => 'ab' };
  const wire = spanFromHex('5a 42 10');
  assert.equal(decodeRequestPdu(wire, [], { digest }).sessionKey, 'hash:9f2c');
  assert.equal('sessionKey' in decodeRequestPdu(wire), false);
  const file = spanFromHex('15 0d 06 0004 0007 0003 06af 04be 100d');
  assert.equal(decodeRequestPdu(file, [], { digest }).groups?.[0].recordSha256, 'ab');
});

test('request: every prefix of every case is read without a throw and inside its bytes', () => {
  for (const { wire } of [...cases, ...broken]) {
    const whole = fromHex(wire);
    for (let length = 0; length < whole.length; length += 1) {
      const fields = decodeRequestPdu(guardedSpan(whole.subarray(0, length)));
      assert.equal(fields.pduBytes, length);
    }
  }
});

test('request: the guard that these tests lean on notices a read on either side', () => {
  const guarded = guardedSpan(Uint8Array.of(3));
  assert.throws(() => guarded.bytes[guarded.offset + 1], /read at 1/);
  assert.throws(() => guarded.bytes[guarded.offset - 1], /read at -1/);
});

test('request: arbitrary bytes, no throw, no read past the end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 252 }),
      (code, data) => {
        decodeRequestPdu(guardedSpan(Uint8Array.of(code, ...data)));
      },
    ),
    { numRuns: 300 },
  );
});
