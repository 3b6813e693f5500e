/**
 * What security hides and what it leaves: each mode and policy, seen from outside.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { READ, READ_ANSWER } from './opcua-made-services.ts';
import {
  Bench,
  chunk,
  HELLO,
  int32,
  message,
  OPEN_REQUEST,
  OPEN_RESPONSE,
  open,
  sequence,
} from './opcua-made-traffic.ts';

test('mode Sign is read, its signature left behind; RSA hides the OPN', () => {
  const bench = new Bench();
  const signature = new Array(32).fill(0xee);
  bench.sendAll([
    { from: 0, bytes: HELLO },
    { from: 0, bytes: open('Basic256Sha256', 0, new Array(256).fill(0xcc)) },
    { from: 1, bytes: open('Basic256Sha256', 7, new Array(256).fill(0xcd)) },
    { from: 0, bytes: chunk('F', 2, 2, [...READ, ...signature]) },
    { from: 1, bytes: chunk('F', 2, 2, [...READ_ANSWER, ...signature]) },
    {
      from: 0,
      bytes: [
        ...chunk('C', 3, 3, [...READ.slice(0, 50), ...signature]),
        ...chunk('F', 4, 3, [...READ.slice(50), ...signature]),
      ],
    },
    { from: 1, bytes: chunk('F', 3, 3, [...READ_ANSWER, ...signature]) },
  ]);
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read', 'Read']);
  const [, opened, read, chunked] = bench.records;
  assert.deepEqual(
    [opened.bodyReadable, opened.matched, opened.securityPolicyName, 'requestTypeId' in opened],
    ['no', true, 'Basic256Sha256', false],
  );
  assert.deepEqual(opened.request, {
    messageSizeBytes: open('Basic256Sha256', 0, new Array(256).fill(0)).length,
  });
  assert.deepEqual([read.securityMode, read.anomalies, chunked.anomalies], ['Sign', [], []]);
  assert.equal(bench.counters.encryptedMessages, 2);
});

test('cipher text is never read as service or sequence number', () => {
  const bench = new Bench();
  const cipher = Array.from({ length: 160 }, (_, index) => (index * 37 + 11) & 0xff);
  bench.sendAll([
    { from: 0, bytes: open('Basic256Sha256', 0, cipher) },
    { from: 1, bytes: open('Basic256Sha256', 7, cipher) },
    { from: 0, bytes: message('MSGF', int32(7), int32(1), cipher) },
    {
      from: 1,
      bytes: [
        ...message('MSGC', int32(7), int32(1), cipher),
        ...message('MSGF', int32(7), int32(1), cipher),
      ],
    },
    { from: 0, bytes: message('CLOF', int32(7), int32(1), cipher) },
  ]);
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'encrypted*', 'encrypted*']);
  const [, asked, answered, closed] = bench.records;
  assert.deepEqual(asked.request, { messageSizeBytes: 176 });
  assert.deepEqual(answered.response, { messageSizeBytes: 352, chunksCount: 2 });
  assert.deepEqual([asked.securityMode, asked.bodyReadable], ['SignAndEncrypt', 'no']);
  assert.deepEqual(Object.keys(closed), [
    'messageType',
    'chunkType',
    'messageSizeBytes',
    'secureChannelId',
    'tokenId',
    'bodyReadable',
    'openedAt',
    'closedAt',
    'anomalies',
    'decode',
  ]);
  assert.deepEqual(bench.counters.services, { OpenSecureChannel: 2, CloseSecureChannel: 1 });
});

test('ECC only signs the OPN: mode and lifetimes stand in it', () => {
  const bench = new Bench();
  const asked = [...OPEN_REQUEST];
  asked[asked.length - 12] = 3;
  bench.sendAll([
    { from: 0, bytes: open('ECC_nistP256_AesGcm', 0, sequence(1, 1), asked) },
    { from: 1, bytes: open('ECC_nistP256_AesGcm', 7, sequence(1, 1), OPEN_RESPONSE) },
    { from: 0, bytes: chunk('F', 2, 2, READ) },
  ]);
  assert.deepEqual(
    [bench.records[0].securityMode, bench.records[0].matched],
    ['SignAndEncrypt', true],
  );
  assert.deepEqual(
    bench.services,
    ['OpenSecureChannel', 'encrypted*'],
    'a declared mode is believed',
  );
});

test('joined inside a session: clear bodies are assumed readable, others not', () => {
  const clear = new Bench({}, true);
  clear.sendAll([
    { from: 0, bytes: chunk('F', 90, 50, READ) },
    { from: 1, bytes: chunk('F', 91, 50, READ_ANSWER) },
  ]);
  assert.deepEqual([clear.services, clear.records[0].bodyReadable], [['Read'], 'assumedYes']);
  const hidden = new Bench({}, true);
  hidden.send(0, message('MSGF', int32(7), int32(1), new Array(64).fill(0x99)));
  assert.deepEqual(
    [hidden.services, hidden.records[0].bodyReadable],
    [['encrypted*'], 'assumedNo'],
  );
});
