/** Records by FIELDS.md section 0, and Community ID by the vectors its authors publish. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SiteDigest } from '../platform/digest.ts';
import { communityId } from './community-id.ts';
import {
  activateSessionBody,
  BEGIN_US,
  ipBytes,
  madeEnd,
  madeFlow,
  madeModbus,
  madeOpcua,
  madeSide,
  uaResponse,
} from './made-traffic.ts';
import { RECORD_PIECE_BYTES } from './record-bytes.ts';
import { RecordWriter } from './record-writer.ts';

const sha1Base64 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');

function ipv6(text: string): Uint8Array {
  const [head, tail = ''] = text.split('::');
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const known = [words(head), words(tail)];
  const all = [...known[0], ...Array(8 - known[0].length - known[1].length).fill(0), ...known[1]];
  return Uint8Array.from(all.flatMap((word) => [word >>> 8, word & 255]));
}

// Baselines of github.com/corelight/community-id-spec, seed 0.
// biome-ignore format: one case per line
const communityIdCases = [
  { name: 'tcp', ipProtocol: 'tcp', one: { ipBytes: ipBytes('128.232.110.120'), port: 34855 }, other: { ipBytes: ipBytes('66.35.250.204'), port: 80 }, expect: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=' },
  { name: 'udp', ipProtocol: 'udp', one: { ipBytes: ipBytes('192.168.1.52'), port: 54585 }, other: { ipBytes: ipBytes('8.8.8.8'), port: 53 }, expect: '1:d/FP5EW3wiY1vCndhwleRRKHowQ=' },
  { name: 'tcp over IPv6', ipProtocol: 'tcp', one: { ipBytes: ipv6('2607:f8b0:400c:c03::1a'), port: 25 }, other: { ipBytes: ipv6('2001:470:e5bf:dead:4957:2174:e82c:4887'), port: 63943 }, expect: '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=' },
] as const;

for (const { name, ipProtocol, one, other, expect } of communityIdCases) {
  test(`Community ID: ${name}, from either end`, () => {
    assert.equal(communityId(one, other, ipProtocol, sha1Base64), expect);
    assert.equal(communityId(other, one, ipProtocol, sha1Base64), expect);
  });
}

function records(
  feed: (writer: RecordWriter) => void,
  interfaces: { name: string }[] = [],
): string[] {
  let text = '';
  const digest = new SiteDigest(new Uint8Array(32));
  const writer = new RecordWriter({
    interfaces,
    digest,
    sha1Base64,
    write: (lines) => (text += new TextDecoder().decode(lines)),
  });
  feed(writer);
  writer.flush();
  return text.split('\n').slice(0, -1);
}

test('a poll is the record of FIELDS.md section 0, with the header of section 1.1', () => {
  const [line] = records(
    (writer) => writer.modbusTransaction(madeModbus('0300640002', '030402000007')),
    [{ name: 'eth1' }],
  );
  assert.deepEqual(JSON.parse(line), {
    protocol: 'modbus',
    kind: 'transaction',
    recordId: '0-1',
    requestTimeUs: BEGIN_US,
    responseTimeUs: BEGIN_US + 1333,
    rttMs: 1.333,
    interfaceName: 'eth1',
    clientIpAddress: '10.0.0.5',
    clientPort: 40012,
    serverIpAddress: '10.0.1.9',
    serverPort: 502,
    ipProtocol: 'tcp',
    flowId: 'c3',
    startTimeUs: BEGIN_US,
    communityId: communityId(
      madeEnd('10.0.0.5', 40012),
      madeEnd('10.0.1.9', 502),
      'tcp',
      sha1Base64,
    ),
    originator: 'client',
    roleSource: 'syn',
    roleConfidence: 1,
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
    frames: { request: [41], response: [42] },
    anomalies: [],
    decode: { status: 'ok', confidence: 1 },
  });
});

test('what was not seen is absent, never null', () => {
  const [request, response] = records((writer) => {
    writer.modbusTransaction(
      madeModbus('0300640002', '', {
        flow: madeFlow({ serverSegmentsCount: 0 }),
        requestFrameNumber: 0,
      }),
    );
    writer.modbusTransaction(madeModbus('', '030402000007'));
  }).map((line) => JSON.parse(line));
  assert.equal(request.decode.status, 'unmatchedRequest');
  assert.equal(request.oneSided, 'clientOnly');
  for (const name of ['responseTimeUs', 'rttMs', 'interfaceName', 'response', 'frames'])
    assert.ok(!(name in request), name);
  assert.equal(response.recordId, '0-2');
  assert.equal(response.decode.status, 'unmatchedResponse');
  assert.deepEqual(response.frames, { response: [42] });
  for (const name of ['requestTimeUs', 'rttMs', 'request', 'oneSided'])
    assert.ok(!(name in response), name);
});

test('bytes that are no message are the third record of FIELDS.md section 0', () => {
  const anomaly = {
    name: 'lengthTooLong',
    field: 'lengthBytes',
    offsetBytes: 4,
    expected: '2..254',
    actual: '6000',
  };
  const bytes = Uint8Array.of(0, 1, 0, 0, 0x17, 0x70, 1, 3);
  const [line] = records((writer) =>
    writer.malformed({
      flow: madeFlow(),
      protocol: 'modbus',
      timeUs: BEGIN_US,
      fromClient: true,
      anomalies: [anomaly],
      bytes: { bytes, offset: 0, length: 8 },
      frameNumber: 45,
      frameAddress: -1,
      frameBytes: 0,
    }),
  );
  const { kind, requestTimeUs, transport, anomalies, bytesBase64, frames, decode } =
    JSON.parse(line);
  assert.deepEqual(
    [kind, requestTimeUs, transport, bytesBase64],
    ['malformed', BEGIN_US, 'tcp', 'AAEAABdwAQM='],
  );
  assert.deepEqual(anomalies, [anomaly]);
  assert.deepEqual(frames, { request: [45] });
  assert.deepEqual(decode, { status: 'malformed', confidence: 0.9 });
});

test('a login is told without its password and with a pseudonym for its user', () => {
  const [line] = records((writer) =>
    writer.opcuaTransaction(
      madeOpcua('ActivateSession', {
        request: madeSide(activateSessionBody('operator', 'correct horse'), 467),
        response: madeSide(uaResponse(470, 0), 470, { timeUs: BEGIN_US + 1000, frameNumber: 44 }),
        rttUs: 1000,
      }),
    ),
  );
  assert.ok(!line.includes('horse') && !line.includes('operator'), line);
  const record = JSON.parse(line);
  assert.equal(record.service, 'ActivateSession');
  assert.equal(record.rttMs, 1);
  assert.equal(record.request.userIdentityToken.passwordIsClearText, true);
  assert.match(record.request.userIdentityToken.userName, /^hash:[0-9a-f]{32}$/);
  assert.deepEqual(record.frames, { request: [43], response: [44] });
});

test('HEL is a transport message; its text from the wire is escaped, losslessly', () => {
  const url = 'opc.tcp://\u202eplc\u001b[2J:4840';
  const text = new TextEncoder().encode(url);
  const bytes = new Uint8Array(32 + text.length);
  bytes.set(new TextEncoder().encode('HELF'));
  bytes.set([32 + text.length], 4);
  bytes.set([text.length], 28);
  bytes.set(text, 32);
  const [line] = records((writer) =>
    writer.opcuaTransportMessage({
      flow: madeFlow({ protocol: 'opcua' }),
      messageType: 'HEL',
      chunkType: 'F',
      timeUs: BEGIN_US,
      fromClient: true,
      message: { bytes, offset: 0, length: bytes.length },
      secureChannelId: 0,
      frameNumber: 1,
      frameAddress: -1,
      frameBytes: 0,
      anomalies: [],
    }),
  );
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  const record = JSON.parse(line);
  assert.deepEqual(
    [record.kind, record.messageType, record.endpointUrl],
    ['transportMessage', 'HEL', url],
  );
});

test('VLANs, MAC addresses, gaps and a join in the middle are told where they are so', () => {
  const flow = madeFlow({
    client: madeEnd('10.0.0.5', 40_012, '00:00:5e:00:53:01'),
    vlanIds: [100, 7],
    midstream: true,
    originator: 'unknown',
    gapsCount: 2,
    clientBytesMissed: 12,
    serverBytesMissed: 1460,
  });
  const [line] = records((writer) =>
    writer.modbusTransaction(madeModbus('0300640002', '', { flow })),
  );
  const {
    vlanIds,
    clientMacAddress,
    serverMacAddress,
    midstream,
    originator,
    gapsCount,
    bytesMissed,
  } = JSON.parse(line);
  assert.deepEqual(
    [vlanIds, clientMacAddress, serverMacAddress, midstream],
    [[100, 7], '00:00:5e:00:53:01', undefined, true],
  );
  assert.deepEqual([originator, gapsCount, bytesMissed], ['unknown', 2, 1472]);
});

test('numbers begin again with each interval, and what is held stays small', () => {
  let longest = 0;
  const digest = new SiteDigest(new Uint8Array(32));
  const pieces: string[] = [];
  const writer = new RecordWriter({
    interfaces: [],
    digest,
    sha1Base64,
    write: (lines) => pieces.push(new TextDecoder().decode(lines)),
  });
  for (let poll = 0; poll < 500; poll++)
    writer.modbusTransaction(madeModbus('0300640002', '030402000007'));
  writer.endInterval();
  writer.modbusTransaction(madeModbus('0300640002', '030402000007'));
  writer.flush();
  for (const piece of pieces) longest = Math.max(longest, piece.length);
  assert.ok(longest < RECORD_PIECE_BYTES + 2000, `${longest}`);
  assert.ok(
    pieces.every((piece) => piece.endsWith('\n')),
    'whole lines only',
  );
  const lines = pieces.join('').split('\n').slice(0, -1);
  assert.equal(JSON.parse(lines[499]).recordId, '0-500');
  assert.equal(JSON.parse(lines[500]).recordId, '1-1');
});

test('a serial line stands in place of addresses and ports', () => {
  const end = madeEnd('boilers', 0);
  const line = { lineName: 'boilers', baudRate: 9600, parity: 'even', stopBits: 1 } as const;
  const flow = madeFlow({
    client: end,
    server: end,
    transport: 'rtu',
    line: { ...line, bytesNotFramed: 7 },
  });
  const checks = { requestCheck: 0x1241, responseCheck: 0x3412 };
  const [text] = records((writer) =>
    writer.modbusTransaction(
      madeModbus('03006b0003', '0306022b00000064', { flow, transport: 'rtu', ...checks }),
    ),
  );
  const record = JSON.parse(text);
  const { lineName, baudRate, parity, stopBits, bytesNotFramed, transport } = record;
  const told = { lineName, baudRate, parity, stopBits, bytesNotFramed, transport };
  assert.deepEqual(told, { ...line, bytesNotFramed: 7, transport: 'rtu' });
  assert.deepEqual([record.request.crc, record.request.crcValid], [0x1241, true]);
  assert.ok(!('transactionId' in record));
  assert.ok(!Object.keys(record).some((key) => /IpAddress|Port|communityId|ipProtocol/.test(key)));
});
