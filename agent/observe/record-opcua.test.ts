// What a record of OPC UA tells beyond the one message (docs/fields.md 2.2, 2.3, 2.5 and 2.7): gaps
// between notifications, sights of certificates, the channel's times, and what is wrong as a whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import { SiteDigest } from '../platform/digest.ts';
import {
  BEGIN_US,
  int32,
  madeEnd,
  madeFlow,
  madeOpcua,
  madeSide,
  uaBytes,
  uaResponse,
} from './made-traffic.ts';
import { RecordWriter } from './record-writer.ts';

const digest = new SiteDigest(new Uint8Array(32));
const flow = madeFlow({ protocol: 'opcua', server: madeEnd('10.0.1.20', 4840) });

/** Fields are looked at by name, as every reader of NDJSON would. */
type Line = Readonly<Record<string, never>>;

function recordsOf(transactions: readonly OpcuaTransaction[]): Record<string, unknown>[] {
  let text = '';
  const write = (lines: Uint8Array) => {
    text += new TextDecoder().decode(lines);
  };
  const writer = new RecordWriter({ interfaces: [], digest, sha1Base64: () => '', write });
  for (const transaction of transactions) writer.opcuaTransaction(transaction);
  writer.flush();
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}

function namesOf({ anomalies }: Record<string, unknown>): string[] {
  // Every record has the list.
  return (anomalies as { name: string }[]).map(({ name }) => name);
}

/** A keep-alive: no notification, and the sequence number that comes next. */
function keepAlive(sequenceNumber: number): OpcuaTransaction {
  const time = new Uint8Array(8);
  const body = uaBytes(
    uaResponse(829, 0),
    int32(5),
    int32(0),
    0,
    int32(sequenceNumber),
    time,
    int32(0),
    int32(0),
    int32(0),
  );
  const request = madeSide(new Uint8Array(0), 826);
  return madeOpcua('Publish', { flow, request, response: madeSide(body, 829) });
}

test('a Publish says how many notifications before it are missing', () => {
  const lines = recordsOf([7, 7, 9, 9].map(keepAlive));
  const gaps = lines.map(({ response }) => (response as Line).sequenceNumberGap);
  assert.deepEqual(gaps, [undefined, undefined, 2, undefined]);
});

test('a channel number out of turn says by how much', () => {
  const gap = (expected: string, actual: string) => {
    const anomaly = {
      name: 'sequenceNumberGap',
      field: 'sequenceNumber',
      offsetBytes: 16,
      expected,
      actual,
    };
    const response = madeSide(uaResponse(634, 0), 634);
    return madeOpcua('Read', { flow, response, anomalies: [anomaly] });
  };
  const lines = recordsOf([gap('52', '55'), gap('52', '51'), gap('4294967295', '1')]);
  assert.deepEqual(
    lines.map(({ sequenceNumberGap }) => sequenceNumberGap),
    [3, -1, 2],
  );
});

test('the record of OPN says since when the channel is open', () => {
  const open = (channelOpenedAtUs: number) => {
    const response = madeSide(uaResponse(449, 0), 449, { messageType: 'OPN' });
    return madeOpcua('OpenSecureChannel', { flow, response, channelOpenedAtUs });
  };
  const [first, unseen] = recordsOf([open(BEGIN_US), open(0)]);
  assert.equal(first.openedAt, '2026-09-21T14:13:20.000Z');
  assert.equal('openedAt' in unseen, false);
});

// biome-ignore format: one case per line
const anomalies = [
  { name: 'a response nobody asked for',        over: {},                                                   expect: ['responseUnmatched'] },
  { name: 'joined in the middle',               over: { flow: madeFlow({ ...flow, midstream: true }) },     expect: [] },
  { name: 'after a hole',                       over: { flow: madeFlow({ ...flow, gapsCount: 1 }) },        expect: [] },
  { name: 'the client was never heard',         over: { flow: madeFlow({ ...flow, clientSegmentsCount: 0 }) }, expect: [] },
  { name: 'cipher text has no request to miss', over: { service: 'encrypted', bodyReadable: 'no' as const }, expect: [] },
];

for (const { name, over, expect } of anomalies) {
  test(`responses alone: ${name}`, () => {
    const response = madeSide(uaResponse(634, 0), 634);
    const [line] = recordsOf([madeOpcua('Read', { flow, response, ...over })]);
    assert.deepEqual(
      namesOf(line).filter((anomaly) => !anomaly.startsWith('body')),
      expect,
    );
  });
}

test('a body that ends inside its header is unreadable; a longer one than we read is too long', () => {
  const cut = madeSide(uaResponse(634, 0).subarray(0, 9), 634);
  const request = madeSide(new Uint8Array(0), 631);
  const long = madeSide(uaResponse(634, 0), 634, { truncated: true, messageBytes: 100_000 });
  const short = madeSide(uaResponse(634, 0), 634, { truncated: true, messageBytes: 900 });
  const lines = recordsOf(
    [cut, long, short].map((response) => madeOpcua('Read', { flow, request, response })),
  );
  assert.deepEqual(
    lines.map((line) => namesOf(line).filter((name) => /^body(Unr|Too)/.test(name))),
    [['bodyUnreadable'], ['bodyTooLong'], []],
  );
});

test('a certificate that two hosts show names both', () => {
  const open = (server: string) => {
    const certificate = uaBytes('policy', int32(3), Uint8Array.of(0x30, 1, 0), null);
    const response = madeSide(uaResponse(449, 0), 449, {
      messageType: 'OPN',
      securityHeader: { bytes: certificate, offset: 0, length: certificate.length },
    });
    const other = madeFlow({ protocol: 'opcua', flowNumber: 9, server: madeEnd(server, 4840) });
    return madeOpcua('OpenSecureChannel', { flow: other, response });
  };
  const lines = recordsOf([open('10.0.1.20'), open('10.0.1.21')]);
  const hosts = lines.map(({ response }) => {
    // The record of a chunk of OPN has its sender's certificate.
    const { senderCertificate } = response as { senderCertificate: { seenOnHosts: string[] } };
    return senderCertificate.seenOnHosts;
  });
  assert.deepEqual(hosts, [['10.0.1.20'], ['10.0.1.20', '10.0.1.21']]);
  const names = namesOf(lines[0]).filter((name) => name.startsWith('certificate'));
  assert.deepEqual(names, ['certificateUnparseable'], 'three bytes are no certificate');
});

test('a service that is in no table: its header by who sent it, and the rest unread', () => {
  const bytes = (...list: number[]) => Uint8Array.from(list);
  const time = bytes(0, 0x80, 0x3e, 0xd5, 0xde, 0xb1, 0x9d, 1);
  const typeId = bytes(1, 2, 0x89, 0x13);
  const noHeader = bytes(0, 0, 0);
  const token = bytes(0, 0);
  const asked = uaBytes(typeId, token, time, int32(7), int32(0), int32(-1), int32(500), noHeader);
  const answered = uaBytes(typeId, time, int32(7), int32(0), 0, int32(0), noHeader, bytes(1, 2));
  const [record] = recordsOf([
    madeOpcua('unknown', { flow, request: madeSide(asked, 0), response: madeSide(answered, 0) }),
  ]);
  assert.partialDeepStrictEqual(record, {
    service: 'unknown',
    request: { requestHeader: { requestHandle: 7, timeoutHintMs: 500 } },
    response: { responseHeader: { requestHandle: 7, serviceResult: { name: 'Good' } } },
    decode: { status: 'ok' },
  });
});
