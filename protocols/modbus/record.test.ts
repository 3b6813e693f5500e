// The protocol part of a record, field by field as in the example lines of FIELDS.md section 0.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ANOMALIES } from '../decoded.ts';
import type { FlowFacts } from '../flow.ts';
import { modbusRecordFields } from './record.ts';
import { spanFromHex } from './testdata-hex.ts';
import type { ModbusTransaction } from './transaction.ts';

const endpoint = { ipAddress: '10.0.0.5', ipBytes: new Uint8Array(4), port: 40012 };
const flow: FlowFacts = {
  flowNumber: 3,
  slot: 0,
  protocol: 'modbus',
  ipProtocol: 'tcp',
  interfaceIndex: 0,
  client: endpoint,
  server: endpoint,
  vlanIds: [],
  startTimeUs: 0,
  midstream: false,
  roleSource: 'syn',
  roleConfidence: 1,
  originator: 'client',
  clientSegmentsCount: 1,
  serverSegmentsCount: 1,
  clientBytesMissed: 0,
  serverBytesMissed: 0,
  gapsCount: 0,
  lastSeenUs: 0,
};

function transaction(
  request: string,
  response: string,
  more: Partial<ModbusTransaction> = {},
): ModbusTransaction {
  const requestPdu = spanFromHex(request);
  const responsePdu = spanFromHex(response);
  const first = requestPdu.length > 0 ? requestPdu : responsePdu;
  return {
    flow,
    transport: 'tcp',
    matched: requestPdu.length > 0 && responsePdu.length > 0,
    transactionId: 17,
    protocolId: 0,
    unitId: 3,
    functionCode: first.bytes[first.offset] & 0x7f,
    exceptionCode: 0,
    requestPdu,
    responsePdu,
    requestTimeUs: 1,
    responseTimeUs: 2,
    rttUs: 1,
    retriesCount: 0,
    requestFrameNumber: 41,
    responseFrameNumber: 42,
    requestFrameAddress: -1,
    requestFrameBytes: 0,
    responseFrameAddress: -1,
    responseFrameBytes: 0,
    anomalies: NO_ANOMALIES,
    ...more,
  };
}

test('record: the example of FIELDS.md section 0, with the header of section 1.1', () => {
  assert.deepEqual(modbusRecordFields(transaction('03 0064 0002', '03 04 0200 0007')), {
    transport: 'tcp',
    transactionId: 17,
    protocolId: 0,
    unitId: 3,
    functionCode: 3,
    functionName: 'readHoldingRegisters',
    functionClass: 'public',
    access: 'read',
    object: 'holdingRegister',
    matched: true,
    request: { pduBytes: 5, lengthBytes: 6, address: 100, quantity: 2 },
    response: { pduBytes: 6, lengthBytes: 7, byteCount: 4, registers: [512, 7] },
    anomalies: [],
  });
});

test('record: an exception is named and judged', () => {
  const record = modbusRecordFields(transaction('11', '91 02', { exceptionCode: 2 }));
  assert.partialDeepStrictEqual(record, {
    functionName: 'reportServerId',
    exceptionCode: 2,
    exceptionName: 'illegalDataAddress',
    exceptionLegalForFunction: false,
    response: { pduBytes: 2, lengthBytes: 3 },
  });
});

test('record: what is absent has no key', () => {
  const request = modbusRecordFields(transaction('03 0064 0002', ''));
  assert.equal(request.matched, false);
  for (const key of ['response', 'exceptionCode', 'exceptionName', 'retriesCount']) {
    assert.ok(!(key in request), key);
  }
  assert.ok(!('request' in modbusRecordFields(transaction('', '03 02 0001'))));
  assert.ok(!JSON.stringify(request).includes('null'));
});

test('record: repetitions, a serial line without an MBAP header, a request above 127', () => {
  assert.equal(modbusRecordFields(transaction('11', '', { retriesCount: 2 })).retriesCount, 2);
  const serial = modbusRecordFields(transaction('11', '', { transport: 'rtu' }));
  assert.ok(!('transactionId' in serial));
  assert.equal(modbusRecordFields(transaction('83 02', '')).functionClass, 'invalid');
});

test('record: device identification is named by its MEI type', () => {
  const record = modbusRecordFields(transaction('2b 0e 01 00', 'ab 01', { exceptionCode: 1 }));
  assert.equal(record.functionName, 'readDeviceIdentification');
  assert.equal(record.access, 'identify');
});
