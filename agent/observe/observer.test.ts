/** What an observer makes of transactions: counts, rare facts and bounds, as a table of cases. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowTest } from '../../hil-tests/needs.ts';
import type { Observation } from '../../protocols/interval-report.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { SiteDigest } from '../platform/digest.ts';
import { CONVERSATIONS_MAX } from './conversation-table.ts';
import {
  activateSessionBody,
  BEGIN_US,
  madeEnd,
  madeFlow,
  madeModbus,
  madeOpcua,
  madeSide,
  noDecode,
  uaResponse,
  writeBody,
} from './made-traffic.ts';
import { OBSERVATIONS_PER_KIND_MAX } from './observation-log.ts';
import { Observer } from './observer.ts';

const BAD_USER_ACCESS_DENIED = 0x801f0000;

function observer(): Observer {
  return new Observer(
    { interfaces: [{ name: 'eth1', role: 'mirror' }] },
    new SiteDigest(new Uint8Array(32)),
  );
}

function report(watched: Observer) {
  return watched.report(BEGIN_US, BEGIN_US + 1_000_000, [], noDecode());
}

/** Kind and the fields that make the case, as one line. */
function line(observation: Observation): string {
  const { kind, unitId, functionCode, service, address, nodeId, details } = observation;
  const parts = { unitId, functionCode, service, address, nodeId, ...details };
  const told = Object.entries(parts).filter(([, value]) => value !== undefined);
  return [kind, ...told.map(([name, value]) => `${name}=${value}`)].join(' ');
}

const POLL = ['0300000002', '030400010002'] as const;

// biome-ignore format: one case per line
const observationCases: { name: string; seen: (readonly [string, string, Partial<ModbusTransaction>?])[]; expect: string[] }[] = [
  { name: 'a first poll tells server, client, pair and function code; the second tells nothing', seen: [[...POLL], [...POLL]], expect: [
    'newAsset unitId=3 role=server', 'newAsset role=client', 'newClient unitId=3', 'newFunctionCode unitId=3 functionCode=3'] },
  { name: 'a second unit behind the server', seen: [[...POLL], [...POLL, { unitId: 4 }]], expect: ['newAsset unitId=4 role=unit', 'newFunctionCode unitId=4 functionCode=3'] },
  { name: 'write single coil on', seen: [['050013ff00', '050013ff00']], expect: ['write unitId=3 functionCode=5 address=19 object=coil value=1 outcome=done'] },
  { name: 'write single register, three times', seen: [['0600010003', '0600010003'], ['0600010004', '0600010004'], ['0600010005', '']], expect: [
    'write unitId=3 functionCode=6 address=1 object=holdingRegister value=3 outcome=done count=3'] },
  { name: 'write multiple coils, refused', seen: [['0f0013000a02cd01', '8f02']], expect: [
    'exception unitId=3 functionCode=15 state=started exceptionCode=2 exceptionName=illegalDataAddress',
    'write unitId=3 functionCode=15 address=19 object=coil outcome=illegalDataAddress'] },
  { name: 'write multiple registers', seen: [['100001000204000a0102', '1000010002']], expect: ['write unitId=3 functionCode=16 address=1 object=holdingRegister outcome=done'] },
  { name: 'mask write', seen: [['16000400f20025', '16000400f20025']], expect: ['write unitId=3 functionCode=22 address=4 object=holdingRegister outcome=done'] },
  { name: 'read/write multiple: the written range', seen: [['1700030006000e00030600ff00ff00ff', '170c00fe0acd00010003000d00ff']], expect: [
    'write unitId=3 functionCode=23 address=14 object=holdingRegister outcome=done'] },
  { name: 'write file record', seen: [['150d0600040007000306af04be100d', '150d0600040007000306af04be100d']], expect: ['write unitId=3 functionCode=21 address=7 object=file fileNumber=4 outcome=done'] },
  { name: 'a write cut before its address tells nothing', seen: [['06', '']], expect: [] },
  { name: 'exceptions: start told once, stop after a quiet minute', seen: [
    ['0300000002', '8302'], ['0300000002', '8302'], [...POLL], [...POLL, { responseTimeUs: BEGIN_US + 61_000_000 }], [...POLL]], expect: [
    'exception unitId=3 functionCode=3 state=started exceptionCode=2 exceptionName=illegalDataAddress',
    'exception unitId=3 functionCode=3 state=stopped exceptionCode=2 exceptionName=illegalDataAddress count=2'] },
];

const NEWS = ['newAsset role=client', 'newAsset unitId=3 role=server', 'newClient unitId=3'];

for (const { name, seen, expect } of observationCases) {
  test(name, () => {
    const watched = observer();
    for (const [request, response, over] of seen)
      watched.modbusTransaction(madeModbus(request, response, over));
    const lines = report(watched).observations.map(line);
    const isNews = (text: string) =>
      NEWS.includes(text) || text.startsWith('newFunctionCode unitId=3');
    const kept = expect.some(isNews) ? lines : lines.filter((text) => !isNews(text));
    assert.deepEqual(kept.sort(), [...expect].sort());
  });
}

test('a conversation counts requests, retries, exceptions, writes and what went unanswered', () => {
  const watched = observer();
  watched.modbusTransaction(madeModbus(...POLL, { retriesCount: 2 }));
  watched.modbusTransaction(madeModbus('0300000002', '8302', { rttUs: 9000 }));
  watched.modbusTransaction(madeModbus('0600010003', ''));
  watched.modbusTransaction(madeModbus('', '030400010002'));
  const [conversation] = report(watched).conversations;
  assert.deepEqual(conversation, {
    protocol: 'modbus',
    transport: 'tcp',
    clientIpAddress: '10.0.0.5',
    serverIpAddress: '10.0.1.9',
    serverPort: 502,
    unitId: 3,
    requests: 5,
    responses: 2,
    exceptions: 1,
    unmatchedRequests: 1,
    writes: 1,
    anomalies: 0,
    rttUs: { p50: 1535, p95: 9000, max: 9000 },
    functionCodes: [
      { functionCode: 3, requests: 4, responses: 2, exceptions: 1 },
      { functionCode: 6, requests: 1, responses: 0, exceptions: 0 },
    ],
    bytesMissed: 0,
    firstSeenUs: BEGIN_US,
    lastSeenUs: BEGIN_US + 1333,
    roleConfidence: 1,
  });
});

test('a report holds its interval, totals hold all of them', () => {
  const watched = observer();
  const decode = noDecode();
  for (let interval = 1; interval <= 3; interval++) {
    for (let poll = 0; poll < interval; poll++) watched.modbusTransaction(madeModbus(...POLL));
    decode.framesCount += 10 * interval;
    decode.modbus.requests += interval;
    const told = watched.report(0, 1, [], decode);
    assert.equal(told.reportNumber, interval - 1);
    assert.equal(told.conversations[0].requests, interval);
    assert.equal(told.conversations[0].functionCodes?.[0].responses, interval);
    assert.equal(told.traffic.frames, 10 * interval);
    assert.equal(told.traffic.modbusRequests, interval);
    assert.equal(told.traffic.modbusTransactions, interval);
  }
  assert.deepEqual(report(watched).conversations, [], 'silence is no conversation');
  const { conversations, modbusTransactions } = watched.totals();
  assert.equal(modbusTransactions, 6);
  assert.equal(conversations[0].requests, 6);
  assert.deepEqual(conversations[0].functionCodes, [
    { functionCode: 3, requests: 6, responses: 6, exceptions: 0 },
  ]);
});

test('reports keep the 500 busiest conversations and tell how many they folded', () => {
  const watched = observer();
  for (let client = 0; client < 600; client++) {
    const flow = madeFlow({
      flowNumber: client,
      slot: client,
      client: madeEnd(`10.1.${client >> 8}.${client & 255}`, 40_000),
    });
    for (let poll = 0; poll <= client % 7; poll++)
      watched.modbusTransaction(madeModbus(...POLL, { flow }));
  }
  const { conversations, conversationsFolded, observations, observationsFolded } = report(watched);
  assert.equal(conversations.length, 500);
  assert.equal(conversationsFolded, 100);
  assert.equal(conversations[0].requests, 7);
  assert.ok(
    conversations.every(
      (one, index) => index === 0 || one.requests <= conversations[index - 1].requests,
    ),
  );
  const newAssets = observations.filter((one) => one.kind === 'newAsset').length;
  assert.equal(newAssets, OBSERVATIONS_PER_KIND_MAX, 'no kind takes more than its share');
  assert.ok(observationsFolded > 0);
});

slowTest('a flood of conversations stays within the table and is counted', () => {
  const watched = observer();
  for (let client = 0; client < CONVERSATIONS_MAX + 1000; client++) {
    const flow = madeFlow({
      flowNumber: client,
      slot: client & 8191,
      client: madeEnd(`10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`, 40_000),
    });
    const timeUs = BEGIN_US + client;
    watched.modbusTransaction(
      madeModbus(...POLL, { flow, requestTimeUs: timeUs, responseTimeUs: timeUs }),
    );
  }
  const use = () => report(watched).tables.find((table) => table.table === 'conversations');
  assert.deepEqual(use(), {
    table: 'conversations',
    used: 8191,
    max: 8191,
    evicted: 0,
    refused: 1001,
  });
  assert.deepEqual(use(), {
    table: 'conversations',
    used: 6144,
    max: 8191,
    evicted: 2047,
    refused: 1001,
  });
  watched.modbusTransaction(madeModbus(...POLL));
  assert.equal(report(watched).conversations[0].requests, 1, 'there is room again');
});

test('a device identification is joined over its transactions, per unit', () => {
  const watched = observer();
  const first = '2b0e0101ff0101000441636d65';
  const second = '2b0e01010000010203312e30';
  watched.modbusTransaction(madeModbus('2b0e0100', first, { unitId: 3 }));
  watched.modbusTransaction(madeModbus('2b0e0101', second, { unitId: 3 }));
  watched.modbusTransaction(madeModbus('11', '11060aff50574c31', { unitId: 4 }));
  const told = watched
    .totals()
    .assets.flatMap(({ assetId, facts }) => facts.map((fact) => ({ assetId, ...fact })))
    .filter(({ source }) => source.startsWith('modbus.'))
    .map(({ assetId, name, value, source }) => `${assetId} ${name}=${value} ${source}`);
  assert.deepEqual(told, [
    '10.0.1.9/3 vendorName=Acme modbus.readDeviceIdentification',
    '10.0.1.9/3 conformityLevel=1 modbus.readDeviceIdentification',
    '10.0.1.9/3 majorMinorRevision=1.0 modbus.readDeviceIdentification',
    '10.0.1.9/4 serverId=10 modbus.reportServerId',
    '10.0.1.9/4 serverIdText=PWL1 modbus.reportServerId',
    '10.0.1.9/4 runIndicatorStatus=255 modbus.reportServerId',
  ]);
});

test('units become assets of their own once a server answered for more than one', () => {
  const watched = observer();
  const ids = () =>
    watched
      .totals()
      .assets.map((asset) => `${asset.assetId} ${asset.roles} ${asset.unitId ?? '-'}`);
  watched.modbusTransaction(madeModbus(...POLL, { unitId: 1 }));
  watched.modbusTransaction(madeModbus(...POLL, { unitId: 255 }));
  assert.deepEqual(ids(), ['10.0.0.5 client -', '10.0.1.9 server 1']);
  watched.modbusTransaction(madeModbus('0300000002', '830b', { unitId: 7 }));
  watched.modbusTransaction(madeModbus('0300000002', '', { unitId: 8 }));
  assert.equal(ids().length, 2, 'absent devices and unanswered guesses are no assets');
  watched.modbusTransaction(madeModbus('0300000002', '8302', { unitId: 2 }));
  assert.deepEqual(ids(), [
    '10.0.0.5 client -',
    '10.0.1.9 server -',
    '10.0.1.9/1 server 1',
    '10.0.1.9/2 server 2',
  ]);
});

test('an asset has its address, MAC address, protocol and port, and is heard last when it spoke', () => {
  const watched = observer();
  const flow = madeFlow({ server: madeEnd('10.0.1.9', 1502, '00:80:f4:01:02:03') });
  watched.modbusTransaction(madeModbus(...POLL, { flow, responseTimeUs: BEGIN_US + 5_000_000 }));
  const asset = watched.totals().assets.find((one) => one.assetId === '10.0.1.9');
  assert.equal(asset?.macAddress, '00:80:f4:01:02:03');
  assert.equal(asset?.lastSeenUs, BEGIN_US + 5_000_000);
  assert.deepEqual(
    asset?.facts.map((fact) => [fact.name, fact.value]),
    [
      ['protocol', 'modbus'],
      ['modbusPort', 1502],
      ['macAddress', '00:80:f4:01:02:03'],
    ],
  );
});

test('OPC UA: logins, refused logins and writes are told, services are counted', () => {
  const watched = observer();
  const response = (typeId: number, result: number) =>
    madeSide(uaResponse(typeId, result), typeId, { timeUs: BEGIN_US + 500 });
  const request = madeSide(activateSessionBody('operator', 'x', 'rsa'), 467);
  watched.opcuaTransaction(madeOpcua('ActivateSession', { request, response: response(470, 0) }));
  watched.opcuaTransaction(
    madeOpcua('ActivateSession', {
      request,
      response: response(397, BAD_USER_ACCESS_DENIED),
      serviceResult: BAD_USER_ACCESS_DENIED,
    }),
  );
  for (const value of [48.5, 49]) {
    const write = madeSide(writeBody('Pump1.SetPoint', value), 673);
    watched.opcuaTransaction(
      madeOpcua('Write', { request: write, response: response(676, 0), rttUs: 500 }),
    );
  }
  const told = report(watched);
  const userName = /userName=(hash:[0-9a-f]{32})/.exec(told.observations.map(line).join('\n'))?.[1];
  assert.ok(userName !== undefined, 'the user name is a pseudonym');
  assert.deepEqual(
    told.observations.map(line).filter((text) => !text.startsWith('new')),
    [
      `login tokenType=UserName userName=${userName} result=Good securityMode=None`,
      'exception service=ActivateSession state=started statusCode=2149515264 statusName=BadUserAccessDenied',
      `loginFailed tokenType=UserName userName=${userName} result=BadUserAccessDenied securityMode=None`,
      'write service=Write nodeId=ns=2;s=Pump1.SetPoint attributeId=13 value=48.5 outcome=done count=2',
    ],
  );
  const [conversation] = told.conversations;
  assert.deepEqual(conversation.services, [
    { service: 'ActivateSession', count: 4 },
    { service: 'Write', count: 4 },
  ]);
  assert.equal(conversation.exceptions, 1);
  assert.equal(conversation.writes, 2);
});

test('a gap is told and added to the conversation of its flow', () => {
  const watched = observer();
  const transaction = madeModbus(...POLL);
  watched.modbusTransaction(transaction);
  watched.gap({ flow: transaction.flow, timeUs: BEGIN_US, fromClient: false, bytesMissed: 1460 });
  const told = report(watched);
  assert.equal(
    told.observations.map(line).at(-1),
    'gap bytesMissed=1460 fromClient=false interfaceName=eth1',
  );
  assert.equal(told.conversations[0].bytesMissed, 1460);
});

test('malformed messages: the first case per flow and hour', () => {
  const watched = observer();
  const anomaly = {
    name: 'lengthTooLong',
    field: 'lengthBytes',
    offsetBytes: 4,
    expected: '2..254',
    actual: '6000',
  };
  const bytes = { bytes: new Uint8Array(8), offset: 0, length: 8 };
  const frame = { frameNumber: 1, frameAddress: -1, frameBytes: 0 };
  for (const [flowNumber, timeUs] of [
    [1, 0],
    [1, 1],
    [2, 2],
    [1, 3_600_000_000],
  ]) {
    watched.malformed({
      flow: madeFlow({ flowNumber }),
      protocol: 'modbus',
      timeUs,
      fromClient: true,
      anomalies: [anomaly],
      bytes,
      ...frame,
    });
  }
  const told = report(watched).observations;
  assert.equal(told.length, 3);
  assert.equal(
    line(told[0]),
    'malformed fromClient=true name=lengthTooLong field=lengthBytes offsetBytes=4 expected=2..254 actual=6000',
  );
});
