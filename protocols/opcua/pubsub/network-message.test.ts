// NetworkMessages of PubSub, written by hand after OPC 10000-14 §7.2.4: every part that a flag may
// bring, both frames and the three encodings of fields, and what stays closed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader } from '../byte-reader.ts';
import { networkMessage } from './network-message.ts';

const digest = { pseudonym: () => 'p', sha256: () => 's' };

function bytesOf(wire: string): Uint8Array {
  return Uint8Array.from(Buffer.from(wire.replaceAll(' ', ''), 'hex'));
}

function read(bytes: Uint8Array) {
  const reader = new ByteReader({ bytes, offset: 0, length: bytes.length }, false, digest);
  return { message: networkMessage(reader), reader };
}

const KEY = { valid: true, fieldEncoding: 'variant', messageType: 'keyFrame' };
const INT32_27 = { value: { type: 'Int32', value: 27 } };

// biome-ignore format: one message per line
const CASES = [
  { name: 'one data set and nothing else', wire: '01 01 0100 06 1b000000', expect: { uadpVersion: 1, networkMessageType: 'dataSet', dataSetMessages: [{ ...KEY, fieldsCount: 1, fields: [INT32_27] }] } },
  { name: 'a publisher of type Byte', wire: '11 2a 01 0000', expect: { publisherId: { type: 'Byte', value: 42 }, dataSetMessages: [{ ...KEY, fieldsCount: 0, fields: [] }] } },
  { name: 'of type UInt16', wire: '91 01 ca08 01 0000', expect: { publisherId: { type: 'UInt16', value: 2250 } } },
  { name: 'of type UInt32', wire: '91 02 01000080 01 0000', expect: { publisherId: { type: 'UInt32', value: 2147483649 } } },
  { name: 'of type UInt64', wire: '91 03 ffffffffffffffff 01 0000', expect: { publisherId: { type: 'UInt64', value: '18446744073709551615' } } },
  { name: 'of type String', wire: '91 04 03000000 504c43 01 0000', expect: { publisherId: { type: 'String', value: 'PLC' } } },
  { name: 'a class of data sets', wire: '81 08 912b9672 75fa e64a 8d28b404dc7daf63 01 0000', expect: { dataSetClassId: '72962b91-fa75-4ae6-8d28-b404dc7daf63' } },
  { name: 'the whole group header', wire: '21 0f 6400 01000000 0200 0300 01 0000', expect: { groupHeader: { writerGroupId: 100, groupVersion: 1, networkMessageNumber: 2, sequenceNumber: 3 } } },
  { name: 'two writers with sizes', wire: '41 02 0a00 0b00 0800 0800 01 0100 06 1b000000 01 0100 06 1c000000', expect: { dataSetWriterIds: [10, 11], dataSetMessages: [{ ...KEY, fieldsCount: 1, fields: [INT32_27] }, { ...KEY, fieldsCount: 1, fields: [{ value: { type: 'Int32', value: 28 } }] }] } },
  { name: 'a time, picoseconds and promoted fields', wire: '81 e0 02 0010ece16a9ddb01 0900 0500 06 1b000000 01 0000', expect: { timestamp: '2025-03-25T09:47:12.000Z', picoseconds: 9, promotedFields: [{ type: 'Int32', value: 27 }] } },
  { name: 'signed: what follows the data sets stays unread', wire: '81 10 01 07000000 08 0102030405060708 01 0000 aabbccdd', expect: { securityHeader: { signed: true, encrypted: false, forceKeyReset: false, securityTokenId: 7, nonceBytes: 8 }, payloadBytesUnread: 4 } },
  { name: 'encrypted: the payload header is in the clear', wire: 'c1 10 01 0500 0f 07000000 00 0200 aabbccddeeff', expect: { dataSetWriterIds: [5], securityHeader: { signed: true, encrypted: true, forceKeyReset: true, securityTokenId: 7, nonceBytes: 0, footerBytes: 2 }, payloadBytesUnread: 6, dataSetMessages: undefined } },
  { name: 'a chunk has one writer', wire: 'c1 80 01 0500 010000000000 aa', expect: { chunk: true, dataSetWriterIds: [5], payloadBytesUnread: 7, dataSetMessages: undefined } },
  { name: 'a request of discovery', wire: '81 80 04 01 02 01000000 0500', expect: { networkMessageType: 'discoveryRequest', discoveryRequest: { requestType: 'publisherInformation', informationType: 'dataSetMetaData' }, payloadBytesUnread: 6 } },
  { name: 'one of a type without a name', wire: '81 80 04 02', expect: { discoveryRequest: { requestType: 2 } } },
  { name: 'an answer of discovery', wire: '91 81 08 0700 01 2a00 00000000', expect: { networkMessageType: 'discoveryResponse', publisherId: { type: 'UInt16', value: 7 }, discoveryResponse: { responseType: 'publisherEndpoints', sequenceNumber: 42 }, payloadBytesUnread: 4 } },
  { name: 'one of a type that came later', wire: '81 80 08 09 2a00', expect: { discoveryResponse: { responseType: 9, sequenceNumber: 42 } } },
  { name: 'the whole header of a data set', wire: '01 f9 30 0500 0010ece16a9ddb01 0900 ab80 02000000 03000000 0000', expect: { dataSetMessages: [{ ...KEY, sequenceNumber: 5, timestamp: '2025-03-25T09:47:12.000Z', picoseconds: 9, status: { code: 0x80ab0000, name: 'BadInvalidArgument', severity: 2, subCode: 0xab }, configurationVersion: { major: 2, minor: 3 }, fieldsCount: 0, fields: [] }] } },
  { name: 'a delta frame says which field', wire: '01 81 01 0100 0300 06 1b000000', expect: { dataSetMessages: [{ ...KEY, messageType: 'deltaFrame', fieldsCount: 1, fields: [{ fieldIndex: 3, ...INT32_27 }] }] } },
  { name: 'an event', wire: '01 81 02 0100 06 1b000000', expect: { dataSetMessages: [{ ...KEY, messageType: 'event', fieldsCount: 1, fields: [INT32_27] }] } },
  { name: 'a keep-alive has no fields', wire: '01 89 03 0500', expect: { dataSetMessages: [{ ...KEY, messageType: 'keepAlive', sequenceNumber: 5 }] } },
  { name: 'data values with their quality', wire: '01 05 0100 03 06 1b000000 0000ab80', expect: { dataSetMessages: [{ ...KEY, fieldEncoding: 'dataValue', fieldsCount: 1, fields: [{ value: { value: { type: 'Int32', value: 27 }, status: { code: 0x80ab0000, name: 'BadInvalidArgument', severity: 2, subCode: 0xab } } }] }] } },
  { name: 'raw fields only as bytes', wire: '01 03 0102030405', expect: { dataSetMessages: [{ ...KEY, fieldEncoding: 'rawData', rawDataBytes: 5 }] } },
  { name: 'a request of an action', wire: '01 81 04 010203', expect: { dataSetMessages: [{ ...KEY, messageType: 'actionRequest', rawDataBytes: 3 }] } },
  { name: 'a type without a name', wire: '01 81 0c 010203', expect: { dataSetMessages: [{ ...KEY, messageType: 12, rawDataBytes: 3 }] } },
  { name: 'what is marked not valid is not read', wire: '01 00 0100 06 1b000000', expect: { dataSetMessages: [{ ...KEY, valid: false }], payloadBytesUnread: 7 } },
] as const;

for (const { name, wire, expect } of CASES) {
  test(`uadp: ${name}`, () => {
    const { message, reader } = read(bytesOf(wire));
    assert.equal(reader.status, 'ok');
    const told: Readonly<Record<string, unknown>> = { ...message };
    for (const [field, value] of Object.entries(expect)) {
      assert.deepEqual(told[field], value, field);
    }
  });
}

// biome-ignore format: one message per line
const NONE = [
  { name: 'version 0', wire: '00 01 0100' },
  { name: 'version 2', wire: '02 01 0100' },
  { name: 'a fourth network message type', wire: '81 80 0c 01' },
  { name: 'a publisher of a type without a name', wire: '91 05 01' },
  { name: 'promoted fields longer than the message', wire: '81 80 02 ff00 06 1b000000' },
  { name: 'a header that breaks off', wire: '21 0f 6400 0100' },
  { name: 'nothing', wire: '' },
] as const;

for (const { name, wire } of NONE) {
  test(`uadp: no message: ${name}`, () => {
    assert.equal(read(bytesOf(wire)).message, undefined);
  });
}

test('uadp: a data set that is longer than its message is malformed, the header stands', () => {
  const { message, reader } = read(bytesOf('41 02 0a00 0b00 0800 ff00 01 0100 06 1b000000 01'));
  assert.equal(message?.dataSetMessages?.length, 1);
  assert.equal(reader.status, 'malformed');
  assert.equal(reader.anomalies[0]?.name, 'arrayLengthImplausible');
});

test('uadp: promoted fields never run on into what stands behind the message', () => {
  const bytes = bytesOf('81 80 02 0a00 06 1b000000 06 1c000000 01 0000');
  const reader = new ByteReader({ bytes, offset: 0, length: 10 }, false, digest);
  assert.equal(networkMessage(reader), undefined);
  assert.equal(reader.anomalies[0]?.name, 'arrayLengthImplausible');
});

test('uadp: every prefix of a message gives no more than the message, and throws nothing', () => {
  const whole = bytesOf(CASES[8].wire);
  for (let length = 0; length < whole.length; length++) {
    const { message } = read(whole.subarray(0, length));
    assert.ok((message?.dataSetMessages?.length ?? 0) <= 2);
  }
});

test('uadp: whatever the bytes, nothing is thrown and nothing read behind the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xff), (bytes, flags) => {
      bytes[0] = (flags & 0xf0) | 1;
      const { reader } = read(bytes);
      assert.ok(reader.position <= bytes.length && reader.end <= bytes.length);
    }),
  );
});
