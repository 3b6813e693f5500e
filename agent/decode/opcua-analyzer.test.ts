/**
 * The analyzer on streams made by hand: what becomes of a conversation, however it is cut, and what
 * is told when an answer or a header is not what it should be.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { conversation, LOGGED_IN, PASSWORD, READ, READ_ANSWER } from './opcua-made-services.ts';
import {
  Bench,
  type Bytes,
  CLEAR_CHANNEL,
  chunk,
  int32,
  letters,
  response,
  text,
} from './opcua-made-traffic.ts';

function played(cut: (bytes: Bytes) => readonly Bytes[]): Bench {
  const bench = new Bench();
  for (const { from, bytes } of conversation) for (const part of cut(bytes)) bench.send(from, part);
  bench.end();
  return bench;
}

const whole = played((bytes) => [bytes]);

test('a conversation becomes its transactions and transport messages', () => {
  assert.deepEqual(whole.services, [
    'OpenSecureChannel',
    'ActivateSession',
    'CreateMonitoredItems',
    'Read',
    'Publish',
  ]);
  assert.deepEqual(whole.counters, {
    transportMessages: 15,
    messages: 13,
    chunks: 13,
    malformed: 0,
    encryptedMessages: 0,
    byType: { HEL: 1, ACK: 1, OPN: 2, MSG: 10, CLO: 1 },
    services: {
      OpenSecureChannel: 2,
      ActivateSession: 2,
      CreateMonitoredItems: 2,
      Publish: 2,
      Read: 2,
      CloseSecureChannel: 1,
    },
  });
  assert.deepEqual(
    whole.records.filter((record) => (record.anomalies as unknown[]).length > 0),
    [],
  );
});

test('a Read has its values bound to their nodes, in the shape of the records', () => {
  const { anomalies, decode, ...record } =
    whole.records.find(({ service }) => service === 'Read') ?? {};
  assert.deepEqual(record, {
    secureChannelId: 7,
    tokenId: 1,
    securityMode: 'None',
    service: 'Read',
    requestTypeId: 631,
    responseTypeId: 634,
    matched: true,
    request: {
      sequenceNumber: 7,
      requestId: 5,
      messageSizeBytes: 24 + READ.length,
      requestHeader: {
        timestamp: '2025-07-28T20:41:31.427Z',
        requestHandle: 1,
        returnDiagnostics: 0,
        timeoutHintMs: 60000,
      },
      maxAgeMs: 0,
      timestampsToReturn: 0,
      nodesToRead: [{ nodeId: 'ns=2;s=Pump1.Speed', attributeId: 13 }],
    },
    response: {
      sequenceNumber: 4,
      requestId: 5,
      messageSizeBytes: 24 + READ_ANSWER.length,
      responseHeader: {
        timestamp: '2025-07-28T20:41:31.427Z',
        requestHandle: 1,
        serviceResult: { code: 0, name: 'Good' },
        stringTableCount: 0,
      },
      results: [
        {
          nodeId: 'ns=2;s=Pump1.Speed',
          value: { type: 'Double', value: 48.5 },
          status: { code: 0, name: 'Good' },
        },
      ],
      diagnosticInfos: [],
    },
  });
  assert.deepEqual([anomalies, decode], [[], { status: 'ok', confidence: 1 }]);
});

test('a notification names the node of its client handle', () => {
  const record = JSON.stringify(whole.records.find(({ service }) => service === 'Publish'));
  assert.match(
    record,
    /"dataChanges":\[\{"clientHandle":77,"nodeId":"ns=2;s=Level","value":\{"type":"Double","value":48.5\}/,
  );
});

test('a password over two chunks is in no record', () => {
  const records = JSON.stringify(whole.records);
  assert.match(records, /"passwordIsClearText":true/);
  for (const secret of [PASSWORD, 'operator1', 'SIGNATURE'])
    assert.equal(records.includes(secret), false);
});

test('any segmentation of the same streams gives the same records', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }),
      (sizes) => {
        let turn = 0;
        const cut = (bytes: Bytes): readonly Bytes[] => {
          const parts: Bytes[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = sizes[turn++ % sizes.length];
            parts.push(bytes.slice(at, at + size));
            at += size;
          }
          return parts;
        };
        const parted = played(cut);
        // Each segment has its own moment here, so the channel's times differ.
        assert.deepEqual(parted.records.map(timeless), whole.records.map(timeless));
        assert.deepEqual(parted.counters, whole.counters);
      },
    ),
    { numRuns: 60 },
  );
});

function timeless({ openedAt, closedAt, ...rest }: Record<string, unknown>) {
  return [openedAt === undefined, closedAt === undefined, rest];
}

test('an aborted message is told and thrown away', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, [
    ...chunk('C', 2, 2, READ.slice(0, 30)),
    ...chunk('A', 3, 2, [...int32(0x80080000 | 0), ...text('too large')]),
  ]);
  bench.send(0, chunk('F', 4, 3, READ));
  bench.end();
  const aborted = bench.records.find(({ chunkType }) => chunkType === 'A');
  assert.deepEqual(aborted?.abort, {
    code: 0x80080000,
    name: 'BadEncodingLimitsExceeded',
    reason: 'too large',
  });
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*']);
  assert.deepEqual([bench.counters.transportMessages, bench.counters.messages], [7, 5]);
});

test('where a header is due and something else stands, it is told once', () => {
  const cases: readonly [Bytes, string][] = [
    [letters('GET / HTTP/1.1\r\n\r\n'), 'messageTypeUnknown'],
    [[...letters('MSGX'), ...int32(60), ...READ], 'chunkTypeUnknown'],
    [[...letters('MSGF'), ...int32(-1), ...READ], 'messageSizeImplausible'],
    [[...letters('ACKF'), ...int32(29), ...READ], 'messageSizeImplausible'],
  ];
  for (const [bytes, name] of cases) {
    const bench = new Bench();
    bench.sendAll(CLEAR_CHANNEL);
    bench.send(0, bytes);
    bench.send(0, bytes.slice(1));
    bench.send(0, chunk('F', 2, 2, READ));
    bench.end();
    assert.deepEqual([bench.malformed, bench.counters.malformed], [[name], 1]);
    assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*'], 'goes on behind it');
  }
});

test('an answer of another service, a fault and a reused id say so', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, chunk('F', 2, 2, READ));
  bench.send(1, chunk('F', 2, 2, LOGGED_IN));
  bench.send(0, chunk('F', 3, 3, READ));
  bench.send(1, chunk('F', 3, 3, response(397, 0x80340000 | 0)));
  bench.send(0, chunk('F', 4, 4, READ));
  bench.send(0, chunk('F', 6, 4, READ));
  bench.send(1, chunk('F', 4, 4, READ_ANSWER));
  const names = bench.records
    .slice(3)
    .map(({ anomalies }) => (anomalies as { name: string }[]).map(({ name }) => name).join());
  assert.deepEqual(names, ['serviceMismatch', '', '', 'sequenceNumberGap,requestIdReused']);
  assert.equal(bench.records[4].responseTypeId, 397);
});
