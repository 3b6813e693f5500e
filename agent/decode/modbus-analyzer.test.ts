// Framing and pairing of Modbus/TCP and UDP: what is counted, what is paired, what is given up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import { ModbusTestFlow } from './modbus-test-flow.ts';

const REQUEST = '0011 0000 0006 03 03 0064 0002';
const RESPONSE = '0011 0000 0007 03 03 04 0200 0007';
/** A request of unit 1 for one register at address 0 under this transaction identifier. */
const ask = (id: number): string => `${id.toString(16).padStart(4, '0')} 0000 0006 01 03 0000 0001`;
const answer = (id: number): string =>
  `${id.toString(16).padStart(4, '0')} 0000 0005 01 03 02 002a`;

test('a poll: one transaction with both PDUs, times, frames and no anomalies', () => {
  const flow = new ModbusTestFlow().client(REQUEST).server(RESPONSE);
  assert.deepEqual(flow.transactions, [
    {
      slot: 0,
      matched: true,
      transport: 'tcp',
      transactionId: 17,
      unitId: 3,
      functionCode: 3,
      exceptionCode: 0,
      request: '0300640002',
      response: '030402000007',
      requestTimeUs: 1_001_000,
      responseTimeUs: 1_002_000,
      rttUs: 1000,
      retriesCount: 0,
      frames: [1, 2],
      anomalies: [],
    },
  ]);
  const { byFunctionCode, ...counts } = flow.counters;
  assert.deepEqual(counts, {
    requests: 1,
    responses: 1,
    exceptions: 0,
    unmatchedRequests: 0,
    unmatchedResponses: 0,
    malformed: 0,
  });
  assert.equal(byFunctionCode[3], 2);
});

// biome-ignore format: one case per line
const pairs = [
  { name: 'an exception belongs to its request',       client: [REQUEST], server: ['0011 0000 0003 03 83 02'], expect: [{ matched: true, exceptionCode: 2, functionCode: 3, anomalies: [] }], counts: { requests: 1, responses: 0, exceptions: 1 } },
  { name: 'the unit id is part of the key',            client: [REQUEST], server: ['0011 0000 0007 04 03 04 0200 0007'], expect: [{ matched: false, unitId: 4, request: '', anomalies: ['responseUnitMismatch'] }], counts: { unmatchedResponses: 1 } },
  { name: 'the function code is part of the key',      client: [REQUEST], server: ['0011 0000 0007 03 04 04 0200 0007'], expect: [{ matched: false, functionCode: 4, anomalies: ['responseFunctionMismatch'] }], counts: { unmatchedResponses: 1 } },
  { name: 'a second answer',                           client: [REQUEST], server: [RESPONSE, RESPONSE], expect: [{ matched: true }, { matched: false, anomalies: ['responseDuplicate'] }], counts: { responses: 2, unmatchedResponses: 1 } },
  { name: 'a second answer that says something else',  client: [REQUEST], server: [RESPONSE, '0011 0000 0007 03 03 04 0200 0008'], expect: [{ matched: true }, { matched: false, anomalies: ['responseDuplicate', 'responseDuplicateDiffers'] }], counts: {} },
  { name: 'two answers to a repeated request may differ', client: [REQUEST, REQUEST], server: [RESPONSE, '0011 0000 0007 03 03 04 0200 0008'], expect: [{ matched: true, retriesCount: 1 }, { matched: false, anomalies: ['responseDuplicate'] }], counts: {} },
  { name: 'an answer to nothing',                      client: [REQUEST], server: ['0012 0000 0007 03 03 04 0200 0007'], expect: [{ matched: false, anomalies: ['responseUnsolicited'] }], counts: {} },
  { name: 'answers in another order',                  client: [ask(1), ask(2)], server: [answer(2), answer(1)], expect: [{ transactionId: 2, matched: true }, { transactionId: 1, matched: true }], counts: { unmatchedRequests: 0 } },
  { name: 'several requests and answers in a segment', client: [ask(1) + ask(2) + ask(3)], server: [answer(1) + answer(2) + answer(3)], expect: [{ transactionId: 1, frames: [1, 2] }, { transactionId: 2, frames: [1, 2] }, { transactionId: 3, frames: [1, 2] }], counts: { requests: 3, responses: 3 } },
  { name: 'the same request again is a retry',         client: [REQUEST, REQUEST], server: [RESPONSE], expect: [{ matched: true, retriesCount: 1, requestTimeUs: 1_001_000, anomalies: ['requestDuplicate'] }], counts: { requests: 2, responses: 1 } },
  { name: 'one identifier for all, pipelined: by size of the answer, oldest first', client: ['0000 0000 0006 01 03 0000 0001', '0000 0000 0006 01 03 0010 0002'], server: ['0000 0000 0007 01 03 04 0001 0002', '0000 0000 0005 01 03 02 0009'], expect: [{ matched: true, request: '0300100002', anomalies: ['transactionIdReused'] }, { matched: true, request: '0300000001', anomalies: [] }], counts: {} },
  { name: 'function code 0',                           client: ['0001 0000 0006 01 00 0000 0000'], server: ['0001 0000 0003 01 80 01'], expect: [{ matched: true, functionCode: 0, exceptionCode: 1, anomalies: ['functionCodeZero'] }], counts: { requests: 1, exceptions: 1 } },
  { name: 'an exception from the client is a request', client: ['0001 0000 0003 01 83 02'], server: ['0001 0000 0003 01 83 02'], expect: [{ matched: true, functionCode: 3, anomalies: ['functionCodeAbove127InRequest', 'exceptionFromClient'] }], counts: { requests: 1, exceptions: 1 } },
  { name: 'an echo that differs',                      client: ['0001 0000 0006 01 06 0001 0003'], server: ['0001 0000 0006 01 06 0001 0004'], expect: [{ matched: true, anomalies: ['echoMismatch'] }], counts: {} },
  { name: 'a function nobody knows',                   client: ['0001 0000 0003 01 32 ff'], server: ['0001 0000 0003 01 32 fe'], expect: [{ matched: true, functionCode: 50, request: '32ff', response: '32fe', anomalies: ['functionCodeUnknown'] }], counts: {} },
] as const;

for (const { name, client, server, expect, counts } of pairs) {
  test(`pairing: ${name}`, () => {
    const flow = new ModbusTestFlow();
    for (const wire of client) flow.client(wire);
    for (const wire of server) flow.server(wire);
    assert.partialDeepStrictEqual(flow.transactions, expect);
    assert.equal(flow.transactions.length, expect.length);
    assert.partialDeepStrictEqual(flow.counters, counts);
  });
}

test('giving up: by capture time, told as unanswered, and a later answer is late', () => {
  const flow = new ModbusTestFlow({ requestTimeoutMs: 2000 }).client(REQUEST).wait(2_000_000);
  assert.equal(flow.transactions.length, 0);
  flow.wait(1);
  assert.partialDeepStrictEqual(flow.transactions, [
    {
      matched: false,
      response: '',
      responseTimeUs: -1,
      rttUs: -1,
      anomalies: ['requestUnanswered'],
    },
  ]);
  flow.server(RESPONSE);
  assert.partialDeepStrictEqual(flow.transactions[1], {
    matched: false,
    anomalies: ['responseLate'],
  });
  assert.partialDeepStrictEqual(flow.counters, { unmatchedRequests: 1, unmatchedResponses: 1 });
});

test('giving up: a reused identifier replaces a request that waits longer than a round trip', () => {
  const flow = new ModbusTestFlow().client('0000 0000 0006 01 03 0000 0001').wait(200_000);
  flow.client('0000 0000 0006 01 03 0010 0001').server('0000 0000 0005 01 03 02 0009');
  assert.partialDeepStrictEqual(flow.transactions, [
    { matched: false, request: '0300000001' },
    { matched: true, request: '0300100001', anomalies: ['transactionIdReused'] },
  ]);
});

test('giving up: a poll repeated after the timeout is a request of its own', () => {
  const flow = new ModbusTestFlow({ requestTimeoutMs: 1000 });
  for (let poll = 0; poll < 3; poll += 1) flow.client(REQUEST).wait(1_500_000);
  assert.equal(flow.counters.unmatchedRequests, 3);
});

test('giving up: the end of a flow lets everything go, without blame', () => {
  const flow = new ModbusTestFlow().client(ask(1)).client(ask(2)).end();
  assert.partialDeepStrictEqual(flow.transactions, [
    { matched: false, transactionId: 1, anomalies: [] },
    { matched: false, transactionId: 2, anomalies: [] },
  ]);
  flow.begin(0);
  flow.on(0).server(answer(1));
  assert.deepEqual(flow.transactions[2].matched, false);
});

test('pairing: the same request after a wait is a retry of a client without patience', () => {
  const flow = new ModbusTestFlow();
  flow.client(ask(1)).wait(200_000).client(ask(1)).server(answer(1));
  assert.partialDeepStrictEqual(flow.transactions, [
    { matched: true, retriesCount: 1, anomalies: ['requestDuplicate', 'requestRetransmitted'] },
  ]);
});

test('limits: the 33rd request of a flow pushes out its first, and says so', () => {
  const flow = new ModbusTestFlow();
  for (let id = 1; id <= 33; id += 1) flow.client(ask(id));
  assert.equal(flow.analyzer.pendingEvictedCount, 1);
  assert.partialDeepStrictEqual(flow.transactions, [{ transactionId: 1, matched: false }]);
  flow.server(answer(33));
  assert.deepEqual(flow.transactions[1].anomalies, ['requestsOutstandingTooMany']);
});

test('limits: a full pool of requests gives up the oldest of all flows', () => {
  const flow = new ModbusTestFlow({ requestsPendingMax: 4 });
  for (let slot = 0; slot < 6; slot += 1) {
    if (slot > 0) flow.begin(slot);
    flow.on(slot).client(ask(slot));
  }
  assert.equal(flow.analyzer.pendingEvictedCount, 2);
  assert.deepEqual(
    flow.transactions.map(({ slot, matched }) => [slot, matched]),
    [
      [0, false],
      [1, false],
    ],
  );
  for (let slot = 2; slot < 6; slot += 1) flow.on(slot).server(answer(slot));
  assert.equal(flow.transactions.filter(({ matched }) => matched).length, 4);
});

test('limits: first parts of messages beyond the pool are refused, counted and told as missed', () => {
  const flow = new ModbusTestFlow({ partialMessagesMax: 1 });
  flow.begin(1);
  flow.on(0).client('0001 0000 0006 01');
  flow
    .on(1)
    .client('0001 0000 0006 01')
    .client(`03 0000 0001${ask(2)}`);
  assert.equal(flow.analyzer.partialsRefusedCount, 1);
  assert.equal(flow.flows[1].clientBytesMissed, 12);
  assert.equal(flow.counters.requests, 1);
  flow.on(0).client('03 0000 0001');
  assert.equal(flow.counters.requests, 2);
});

test('limits: a first part gives its room back when its message is whole', () => {
  const flow = new ModbusTestFlow({ partialMessagesMax: 1 });
  for (let id = 1; id <= 5; id += 1)
    flow.client(fromHex(ask(id)).subarray(0, 7)).client('03 0000 0001');
  assert.equal(flow.counters.requests, 5);
  assert.equal(flow.analyzer.partialsRefusedCount, 0);
});

test('loss: a one-sided capture blames nobody', () => {
  const flow = new ModbusTestFlow({}, { midstream: true });
  flow.server(RESPONSE);
  assert.partialDeepStrictEqual(flow.transactions, [
    { matched: false, requestTimeUs: -1, request: '', response: '030402000007', anomalies: [] },
  ]);
});

// biome-ignore format: one case per line
const holes = [
  { name: 'a hole of whole messages',             before: ask(1), missed: 12, after: ask(3), requests: 2, bytesMissed: 0 },
  { name: 'a hole inside a message, whose rest is passed over exactly', before: '0001 0000 0006 01 03', missed: 2, after: `0001 ${ask(2)}`, requests: 1, bytesMissed: 10 },
  { name: 'a hole inside a message, before one that only its place gives away', before: '0001 0000 0006 01 03', missed: 2, after: '0001 0002 0000 0003 01 32 ff', requests: 1, bytesMissed: 10 },
  { name: 'a hole to the end of a message',       before: '0001 0000 0006 01 03', missed: 4, after: ask(2), requests: 1, bytesMissed: 8 },
  { name: 'a hole over the end of a message',     before: '0001 0000 0006 01 03', missed: 10, after: `06 01 03 0000 0001 ${ask(3)}${ask(4)}`, requests: 2, bytesMissed: 15 },
  { name: 'a hole, then a message that breaks its own rules', before: ask(1), missed: 9, after: '0011 0000 0003 08 15 00', requests: 2, bytesMissed: 0 },
  { name: 'a hole, then the middle of a message', before: '', missed: 5, after: `06 01 03 0000 0001 ${ask(3)}`, requests: 1, bytesMissed: 7 },
] as const;

for (const { name, before, missed, after, requests, bytesMissed } of holes) {
  test(`loss: ${name}`, () => {
    const flow = new ModbusTestFlow();
    if (before !== '') flow.client(before);
    flow.clientGap(missed).client(after);
    assert.equal(flow.counters.requests, requests);
    assert.equal(flow.counters.malformed, 0);
    assert.equal(flow.context.flow.clientBytesMissed, bytesMissed);
    flow.client(ask(9));
    assert.equal(flow.counters.requests, requests + 1);
  });
}

test('loss: registers of zeros are not taken for a header', () => {
  const flow = new ModbusTestFlow();
  const registers = '0001 0000 0005 0003 0000 0000 0000 0000 0000 0000 0000';
  flow
    .server(answer(1))
    .serverGap(9)
    .server(`${registers}${answer(2)}`)
    .server(answer(3));
  assert.equal(flow.counters.responses, 3);
  assert.equal(flow.counters.malformed, 0);
});

// biome-ignore format: one case per line
const breaks = [
  { name: 'protocol id',                  wire: ['0001 0010 0006 01 03 0000 0001'], names: ['protocolIdNotZero'], requests: 0 },
  { name: 'length 0',                     wire: ['0001 0000 0000 01 03'], names: ['lengthTooShort'], requests: 0 },
  { name: 'length 6000',                  wire: ['0001 0000 1770 01 03'], names: ['lengthTooLong'], requests: 0 },
  { name: 'bytes behind the message',     wire: [`${ask(1)}010123`], names: ['bytesAfterPdu'], requests: 1 },
  { name: 'the next segment is a message again', wire: ['0001 0010 0006 01 03 0000 0001', ask(2)], names: ['protocolIdNotZero'], requests: 1 },
  { name: 'each message with one fault of its own is told', wire: ['0001 0010 0006 01 03 0000 0001', '0002 0010 0006 01 03 0000 0001'], names: ['protocolIdNotZero', 'protocolIdNotZero'], requests: 0 },
  { name: 'one report for a stream of something else', wire: ['474554202f20485454502f', '312e310d0a0d0a474554202f', '20485454502f312e310d0a0d0a'], names: ['protocolIdNotZero'], requests: 0 },
  { name: 'a part and a segment that don\'t belong together', wire: ['0001', ask(2)], names: ['protocolIdNotZero'], requests: 1 },
  { name: 'a part, then a whole message', wire: ['0001 00', ask(2)], names: ['lengthTooLong'], requests: 1 },
] as const;

for (const { name, wire, names, requests } of breaks) {
  test(`broken header: ${name}`, () => {
    const flow = new ModbusTestFlow();
    for (const segment of wire) flow.client(segment);
    assert.deepEqual(
      flow.malformed.map((message) => message.name),
      names,
    );
    assert.equal(flow.counters.malformed, names.length);
    assert.equal(flow.counters.requests, requests);
  });
}

test('broken header: the report holds field, offset and the first 64 bytes', () => {
  const flow = new ModbusTestFlow().client(`0001 0000 1770 01 03${'aa'.repeat(100)}`);
  const shown = `000100001770${'0103'}${'aa'.repeat(56)}`;
  assert.deepEqual(flow.malformed, [
    { name: 'lengthTooLong', text: `lengthBytes at 4 is 6000: ${shown}`, frame: 1 },
  ]);
});

// biome-ignore format: one case per line
const datagrams = [
  { name: 'one message',        wire: REQUEST,               names: [],                    requests: 1 },
  { name: 'bytes left over',    wire: `${REQUEST}00`,        names: ['lengthMismatch'],    requests: 0 },
  { name: 'two messages',       wire: ask(1) + ask(2),       names: ['lengthMismatch'],    requests: 0 },
  { name: 'cut',                wire: '0011 0000 0006 03 03 0064', names: ['lengthMismatch'], requests: 0 },
  { name: 'shorter than a header', wire: '0011 00',          names: ['pduTruncated'],      requests: 0 },
  { name: 'QUIC',               wire: 'cb00 0000 0108 e346 f69f', names: ['lengthTooLong'], requests: 0 },
] as const;

for (const { name, wire, names, requests } of datagrams) {
  test(`datagram: ${name}`, () => {
    const flow = new ModbusTestFlow({}, { ipProtocol: 'udp' }).client(wire);
    assert.deepEqual(
      flow.malformed.map((message) => message.name),
      names,
    );
    assert.equal(flow.counters.requests, requests);
    flow.end();
    assert.deepEqual(
      flow.transactions.map(({ transport }) => transport),
      Array(requests).fill('udp'),
    );
  });
}

/** Requests and answers in turn, as two streams. */
const conversation = fc
  .array(
    fc.tuple(fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 1, max: 60 }), fc.boolean()),
    { minLength: 1, maxLength: 12 },
  )
  .map((polls) =>
    polls.map(([id, quantity, isException], index) => {
      const key = `${((id + index) & 0xffff).toString(16).padStart(4, '0')}0000`;
      const request = `${key}0006 05 03 0001 00${quantity.toString(16).padStart(2, '0')}`;
      const registers = '1234'.repeat(quantity);
      const bytes = (quantity * 2).toString(16).padStart(2, '0');
      const length = (quantity * 2 + 3).toString(16).padStart(4, '0');
      return {
        request,
        response: isException
          ? `${key}0003 05 83 02`
          : `${key}${length} 05 03 ${bytes} ${registers}`,
      };
    }),
  );

test('any segmentation of the same streams gives the same transactions and counts', () => {
  fc.assert(
    fc.property(
      conversation,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
      (polls, sizes) => {
        const whole = new ModbusTestFlow();
        for (const { request } of polls) whole.client(request);
        for (const { response } of polls) whole.server(response);
        const cut = new ModbusTestFlow();
        for (const piece of pieces(polls.map(({ request }) => request).join(''), sizes))
          cut.client(piece);
        for (const piece of pieces(polls.map(({ response }) => response).join(''), sizes))
          cut.server(piece);
        const facts = (flow: ModbusTestFlow): unknown =>
          flow.transactions.map(({ transactionId, matched, request, response, anomalies }) => ({
            transactionId,
            matched,
            request,
            response,
            anomalies,
          }));
        assert.deepEqual(facts(cut), facts(whole));
        assert.deepEqual(cut.counters, whole.counters);
      },
    ),
    { numRuns: 60 },
  );
});

test('any bytes with any holes: no throw, and every table stays within its limits', () => {
  const flow = new ModbusTestFlow({ requestsPendingMax: 8, partialMessagesMax: 2 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.uint8Array({ minLength: 8, maxLength: 300 }).map((chunk) => chunk.fill(0, 2, 5)),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(bytes, fc.boolean(), fc.integer({ min: 0, max: 300 })), { maxLength: 12 }),
      (segments) => {
        for (const [segment, isClient, hole] of segments) {
          if (hole > 0 && hole < 100) isClient ? flow.clientGap(hole) : flow.serverGap(hole);
          if (isClient) flow.client(segment);
          else flow.server(segment);
          if (hole > 290) flow.wait(1_000_000);
        }
      },
    ),
    { numRuns: 300 },
  );
  const { requests, responses, exceptions } = flow.counters;
  flow.end();
  const records = flow.transactions.reduce(
    (sum, { request, response, retriesCount }) =>
      sum + (request === '' ? 0 : 1 + retriesCount) + (response === '' ? 0 : 1),
    0,
  );
  assert.equal(records, requests + responses + exceptions);
});

function pieces(hex: string, sizes: readonly number[]): Uint8Array[] {
  const bytes = fromHex(hex);
  const found: Uint8Array[] = [];
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length];
    found.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}
