// Response PDUs by function code, and how they must fit their request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Anomaly } from '../decoded.ts';
import { decodeResponsePdu } from './response.ts';
import { fromHex, guardedSpan, spanFromHex } from './testdata-hex.ts';

// biome-ignore format: one case per line
const cases = [
  { name: '1 read coils, 10 asked',           request: '01 0013 000a', wire: '01 02 cd01', expect: { pduBytes: 4, byteCount: 2, coils: [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], padBits: 0 } },
  { name: '1 read coils, request unknown',    request: '',             wire: '01 01 05',   expect: { pduBytes: 3, byteCount: 1, coils: [1, 0, 1, 0, 0, 0, 0, 0] } },
  { name: '2 read discrete inputs',           request: '02 0000 0008', wire: '02 01 81',   expect: { pduBytes: 3, byteCount: 1, discreteInputs: [1, 0, 0, 0, 0, 0, 0, 1] } },
  { name: '3 read holding registers',         request: '03 006b 0003', wire: '03 06 022b 0000 0064', expect: { pduBytes: 8, byteCount: 6, registers: [555, 0, 100] } },
  { name: '4 read input registers',           request: '04 0008 0001', wire: '04 02 000a', expect: { pduBytes: 4, byteCount: 2, registers: [10] } },
  { name: '5 write single coil: echo',        request: '05 00ac ff00', wire: '05 00ac ff00', expect: { pduBytes: 5, address: 172, outputValue: 65280 } },
  { name: '6 write single register: echo',    request: '06 0001 0003', wire: '06 0001 0003', expect: { pduBytes: 5, address: 1, registerValue: 3 } },
  { name: '7 read exception status',          request: '07',           wire: '07 6d',      expect: { pduBytes: 2, exceptionStatus: 0x6d } },
  { name: '8/11 counter',                     request: '08 000b 0000', wire: '08 000b 0102', expect: { pduBytes: 5, subFunction: 11, subFunctionName: 'returnBusMessageCount', data: [258], counter: 258 } },
  { name: '11 comm event counter',            request: '0b',           wire: '0b ffff 0108', expect: { pduBytes: 5, status: 65535, eventCount: 264 } },
  { name: '12 comm event log',                request: '0c',           wire: '0c 08 0000 0108 0121 20 00', expect: { pduBytes: 10, byteCount: 8, status: 0, eventCount: 264, messageCount: 289, events: [{ kind: 'listenOnly', value: 32 }, { kind: 'restart', value: 0 }] } },
  { name: '15 write multiple coils',          request: '0f 0013 000a 02 cd01', wire: '0f 0013 000a', expect: { pduBytes: 5, address: 19, quantity: 10 } },
  { name: '16 write multiple registers',      request: '10 0001 0002 04 000a 0102', wire: '10 0001 0002', expect: { pduBytes: 5, address: 1, quantity: 2 } },
  { name: '17 report server id with a text',  request: '11',           wire: '11 06 12 ff 50756d70', expect: { pduBytes: 8, byteCount: 6, serverId: 18, runIndicatorStatus: 255, additionalData: 'UHVtcA==', serverIdText: 'Pump' } },
  { name: '20 read file record',              request: '14 07 06 0004 0001 0002', wire: '14 06 05 06 0dfe 0020', expect: { pduBytes: 8, responseDataBytes: 6, groups: [{ fileResponseBytes: 5, referenceType: 6, recordData: 'Df4AIA==' }] } },
  { name: '21 write file record is an echo',  request: '15 0d 06 0004 0007 0003 06af 04be 100d', wire: '15 0d 06 0004 0007 0003 06af 04be 100d', expect: { pduBytes: 15, requestDataBytes: 13, groups: [{ referenceType: 6, fileNumber: 4, recordNumber: 7, recordLength: 3, recordData: 'Bq8EvhAN' }] } },
  { name: '22 mask write register: echo',     request: '16 0004 00f2 0025', wire: '16 0004 00f2 0025', expect: { pduBytes: 7, address: 4, andMask: 0xf2, orMask: 0x25, effect: { bitsSet: 5, bitsCleared: 0xff08, bitsKept: 0xf2 } } },
  { name: '23 read/write multiple registers', request: '17 0003 0002 000e 0001 02 00ff', wire: '17 04 00fe 0acd', expect: { pduBytes: 6, byteCount: 4, registers: [254, 2765] } },
  { name: '24 read FIFO queue',               request: '18 04de',      wire: '18 0006 0002 01b8 1284', expect: { pduBytes: 9, byteCount: 6, fifoCount: 2, fifoRegisters: [440, 4740] } },
  { name: '43/14 device identification',      request: '2b 0e 01 00',  wire: '2b 0e 01 01 00 00 02 00 04 41434d45 02 02 3132', expect: { pduBytes: 17, meiType: 14, readDeviceIdCode: 1, conformityLevel: 1, moreFollows: 0, nextObjectId: 0, numberOfObjects: 2, objects: [{ objectId: 0, name: 'vendorName', valueBytes: 4, value: 'ACME' }, { objectId: 2, name: 'majorMinorRevision', valueBytes: 2, value: '12' }], complete: true } },
  { name: '90 UMAS is named by its request',  request: '5a 00 02',     wire: '5a 00 fe 0102', expect: { pduBytes: 5, umasStatus: 254, umasFunctionName: 'readId', blockBytes: 2 } },
  { name: 'an exception has no fields',       request: '03 0000 0001', wire: '83 02',      expect: { pduBytes: 2 } },
] as const;

for (const { name, request, wire, expect } of cases) {
  test(`response ${name}`, () => {
    const anomalies: Anomaly[] = [];
    const asked = request === '' ? undefined : spanFromHex(request);
    assert.deepEqual(decodeResponsePdu(spanFromHex(wire), asked, anomalies), expect);
    assert.deepEqual(anomalies, []);
  });
}

// biome-ignore format: one case per line
const broken = [
  { name: 'fewer registers than asked',       request: '03 0000 0003', wire: '03 04 0001 0002', names: ['responseQuantityMismatch'] },
  { name: 'more coils than asked',            request: '01 0000 0008', wire: '01 02 0102',   names: ['responseQuantityMismatch'] },
  { name: 'odd byte count',                   request: '',             wire: '03 03 000102', names: ['byteCountMismatch'] },
  { name: 'byte count above what follows',    request: '03 0000 0002', wire: '03 04 0001',   names: ['pduTruncated'] },
  { name: 'pad bits set',                     request: '01 0000 0001', wire: '01 01 03',     names: ['padBitsNotZero'] },
  { name: 'another value comes back',         request: '06 0001 0003', wire: '06 0001 0004', names: ['echoMismatch'] },
  { name: 'another address comes back',       request: '10 0001 0001 02 0000', wire: '10 0002 0001', names: ['echoMismatch'] },
  { name: 'exception code 9',                 request: '03 0000 0001', wire: '83 09',        names: ['exceptionCodeUnknown'] },
  { name: 'exception 2 without an address',   request: '11',           wire: '91 02',        names: ['exceptionCodeNotLegal'] },
  { name: 'exception without its code',       request: '03 0000 0001', wire: '83',           names: ['pduTruncated'] },
  { name: 'queue of 32',                      request: '18 0000',      wire: `18 0042 0020 ${'0001'.repeat(32)}`, names: ['fifoCountAboveLimit'] },
  { name: 'conformity level 4',               request: '2b 0e 01 00',  wire: '2b 0e 01 04 00 00 00', names: ['conformityLevelUnknown'] },
  { name: 'fewer objects than promised',      request: '2b 0e 01 00',  wire: '2b 0e 01 01 00 00 02 00 01 41', names: ['deviceIdentificationIncomplete'] },
  { name: 'unknown function without request', request: '',             wire: '32 00',        names: ['functionCodeUnknown'] },
  { name: 'function code 0',                  request: '',             wire: '00 00',        names: ['functionCodeZero'] },
] as const;

for (const { name, request, wire, names } of broken) {
  test(`response anomaly: ${name}`, () => {
    const anomalies: Anomaly[] = [];
    const asked = request === '' ? undefined : spanFromHex(request);
    decodeResponsePdu(spanFromHex(wire), asked, anomalies);
    assert.deepEqual(
      anomalies.map((anomaly) => anomaly.name),
      names,
    );
  });
}

test('response: every prefix of every case is read without a throw and inside its bytes', () => {
  for (const { request, wire } of [...cases, ...broken]) {
    const whole = fromHex(wire);
    for (let length = 0; length < whole.length; length += 1) {
      decodeResponsePdu(guardedSpan(whole.subarray(0, length)), guardedSpan(fromHex(request)));
    }
  }
});

test('response: arbitrary request and response, no throw, no read past the end', () => {
  const data = fc.uint8Array({ maxLength: 252 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), data, data, (code, asked, answered) => {
      const request = guardedSpan(Uint8Array.of(code & 0x7f, ...asked));
      decodeResponsePdu(guardedSpan(Uint8Array.of(code, ...answered)), request);
    }),
    { numRuns: 300 },
  );
});
