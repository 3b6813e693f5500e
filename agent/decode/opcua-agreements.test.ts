/**
 * What earlier messages teach about later ones: agreed sizes, channels and tokens, chunks that
 * alternate, signatures of unknown length, handles that move, namespaces, and supplied keys.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncryptedChunk } from './opcua-chunk-decryptor.ts';
import {
  CREATE_ITEMS,
  ITEMS_CREATED,
  PUBLISH,
  PUBLISHED,
  READ,
  READ_ANSWER,
} from './opcua-made-services.ts';
import {
  ACKNOWLEDGE,
  Bench,
  type Bytes,
  CLEAR_CHANNEL,
  chunk,
  HELLO,
  int32,
  message,
  NULL_TEXT,
  OPEN_REQUEST,
  OPEN_RESPONSE,
  open,
  policyUri,
  request,
  response,
  sequence,
  text,
} from './opcua-made-traffic.ts';

function anomalies(bench: Bench): readonly string[] {
  return bench.records.flatMap((record) => {
    // Every record has the list.
    return (record.anomalies as { name: string; field: string }[]).map(({ name, field }) => {
      return `${name} ${field}`;
    });
  });
}

const msg = (channel: number, token: number, number: number, body: Bytes): Bytes =>
  message('MSGF', int32(channel), int32(token), sequence(number, number), body);

test('chunks of several requests may alternate', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, [
    ...chunk('C', 2, 20, READ.slice(0, 30)),
    ...chunk('C', 3, 21, READ.slice(0, 50)),
    ...chunk('F', 4, 22, READ),
    ...chunk('F', 5, 20, READ.slice(30)),
    ...chunk('F', 6, 21, READ.slice(50)),
  ]);
  for (const [index, id] of [21, 22, 20].entries()) {
    bench.send(1, chunk('F', 2 + index, id, READ_ANSWER));
  }
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read', 'Read', 'Read']);
  const chunks = bench.records.slice(3).map((record) => [record.request, record.anomalies]);
  for (const [asked, found] of chunks) {
    assert.deepEqual((asked as { nodesToRead: unknown[] }).nodesToRead.length, 1);
    assert.deepEqual(found, []);
  }
  assert.equal(bench.analyzer.reassemblyBytesUsed, 0);
});

test('of 17 messages under way the oldest makes room, and it is told', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  for (let id = 20; id < 37; id++) bench.send(0, chunk('C', id - 18, id, READ.slice(0, 30)));
  assert.equal(bench.analyzer.reassemblyRefusedCount, 1);
  bench.send(0, chunk('F', 19, 36, READ.slice(30)));
  bench.send(0, chunk('F', 20, 21, READ.slice(30)));
  bench.end();
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read*', 'Read*']);
  assert.deepEqual(anomalies(bench), ['chunkSequenceBroken requestId']);
  assert.equal(bench.analyzer.reassemblyBytesUsed, 0);
});

test('a gap inside a message of several chunks is told by its record', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, [...chunk('C', 3, 2, READ.slice(0, 30)), ...chunk('F', 4, 2, READ.slice(30))]);
  bench.end();
  assert.deepEqual(anomalies(bench), ['sequenceNumberGap sequenceNumber']);
});

test('a message of many chunks out of order has a bounded list of anomalies', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  for (let count = 0; count < 200; count++) bench.send(0, chunk('C', 2 * count, 2, [1]));
  bench.send(0, chunk('F', 900, 2, []));
  bench.end();
  // Sixteen of the chunks, one for the rest, and one of the body that they make.
  assert.equal(anomalies(bench).length <= 18, true);
});

test('another channel and an unknown token are told; the token before a renewal is not', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  const renewed = [...OPEN_RESPONSE];
  // tokenId stands before a time, a lifetime and a null nonce.
  renewed[renewed.length - 20] = 2;
  bench.send(0, open('None', 7, sequence(2, 2), OPEN_REQUEST));
  bench.send(1, open('None', 7, sequence(2, 2), renewed));
  bench.send(0, [...msg(7, 1, 3, READ), ...msg(7, 2, 4, READ)]);
  assert.deepEqual(anomalies(bench), []);
  bench.send(0, [...msg(7, 3, 5, READ), ...msg(8, 2, 6, READ)]);
  bench.end();
  assert.deepEqual(anomalies(bench), [
    'tokenIdUnknown tokenId',
    'channelIdMismatch secureChannelId',
  ]);
  const opened = bench.records.filter(({ service }) => service === 'OpenSecureChannel');
  assert.deepEqual(
    opened.map(({ renewalsCount, securityModeSource }) => [renewalsCount, securityModeSource]),
    [
      [0, 'opn'],
      [1, 'opn'],
    ],
  );
});

test('after lost bytes nobody is held to an agreement', () => {
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.lose(1, 100);
  bench.send(0, msg(8, 9, 2, READ));
  bench.end();
  assert.deepEqual(anomalies(bench), []);
});

test('sizes: ACK above HEL, a chunk above the buffer, more chunks than agreed', () => {
  const sizes = (first: string, receive: number, send: number, chunks: number): Bytes =>
    message(
      first,
      int32(0),
      int32(receive),
      int32(send),
      int32(0),
      int32(chunks),
      first === 'HELF' ? text('opc.tcp://plc:4840') : [],
    );
  const bench = new Bench();
  bench.send(0, sizes('HELF', 8192, 8192, 2));
  bench.send(1, sizes('ACKF', 8193, 8193, 0));
  bench.send(0, open('None', 0, sequence(1, 1), OPEN_REQUEST));
  bench.send(1, open('None', 7, sequence(1, 1), OPEN_RESPONSE));
  bench.send(0, chunk('F', 2, 2, [...READ, ...new Array(8192).fill(0)]));
  bench.send(1, [
    ...chunk('C', 2, 2, READ_ANSWER.slice(0, 30)),
    ...chunk('C', 3, 2, READ_ANSWER.slice(30, 40)),
    ...chunk('F', 4, 2, READ_ANSWER.slice(40)),
  ]);
  assert.deepEqual(
    anomalies(bench).filter((name) => name.startsWith('buffer')),
    [
      'bufferSizeExceeded receiveBufferSizeBytes',
      'bufferSizeExceeded sendBufferSizeBytes',
      'bufferSizeExceeded messageSizeBytes',
      'bufferSizeExceeded chunksCount',
    ],
  );
});

test('joined inside a signed channel: three bodies tell how long the signature is', () => {
  for (const size of [16, 20, 32, 48]) {
    const signature = new Array(size).fill(0xee);
    const bench = new Bench({}, true);
    for (let id = 2; id < 5; id++) bench.send(0, chunk('F', id, id, [...READ, ...signature]));
    bench.send(0, [
      ...chunk('C', 5, 5, [...READ.slice(0, 50), ...signature]),
      ...chunk('F', 6, 5, [...READ.slice(50), ...signature]),
    ]);
    bench.send(1, chunk('F', 5, 5, [...READ_ANSWER, ...signature]));
    const read = bench.records[0];
    assert.deepEqual(
      [read.matched, read.securityMode, read.securityModeSource, read.bodyReadable],
      [true, 'Sign', 'message', 'assumedYes'],
    );
    assert.deepEqual((read.request as { nodesToRead: unknown }).nodesToRead, [
      { nodeId: 'ns=2;s=Pump1.Speed', attributeId: 13 },
    ]);
    assert.deepEqual([read.anomalies, read.decode], [[], { status: 'ok', confidence: 0.9 }]);
  }
});

test('a handle that ModifyMonitoredItems moved still names its node', () => {
  const modify = request(
    763,
    int32(5),
    int32(2),
    int32(1),
    int32(3),
    int32(78),
    new Array(8).fill(0),
    [0, 0, 0],
    int32(1),
    [1],
  );
  const modified = response(
    766,
    0,
    int32(1),
    int32(0),
    new Array(8).fill(0),
    int32(1),
    [0, 0, 0],
    NULL_TEXT,
  );
  const published = [...PUBLISHED];
  published[published.lastIndexOf(77)] = 78;
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, [...chunk('F', 2, 2, CREATE_ITEMS), ...chunk('F', 3, 3, modify)]);
  bench.send(1, [...chunk('F', 2, 2, ITEMS_CREATED), ...chunk('F', 3, 3, modified)]);
  bench.send(0, chunk('F', 4, 4, PUBLISH));
  bench.send(1, chunk('F', 4, 4, published));
  const record = bench.records.at(-1);
  assert.match(JSON.stringify(record), /"clientHandle":78,"nodeId":"ns=2;s=Level"/);
});

test('namespace indexes get their URIs once the NamespaceArray was read', () => {
  const array: Bytes = [1, 0x8c, ...int32(3), ...text('http://opcfoundation.org/UA/')];
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, chunk('F', 2, 2, READ));
  bench.send(1, chunk('F', 2, 2, READ_ANSWER));
  const namespaceArray = [1, 0, 0xcf, 8, ...int32(13), ...NULL_TEXT, 0, 0, ...NULL_TEXT];
  const zero = new Array(8).fill(0);
  bench.send(0, chunk('F', 3, 3, request(631, zero, int32(0), int32(1), namespaceArray)));
  const uris = [...array, ...text('urn:plc'), ...text('urn:pumps')];
  bench.send(1, chunk('F', 3, 3, response(634, 0, int32(1), uris, int32(0))));
  bench.send(0, chunk('F', 4, 4, READ));
  bench.send(1, chunk('F', 4, 4, READ_ANSWER));
  const reads = bench.records.filter(({ service }) => service === 'Read');
  assert.deepEqual(
    reads.map(({ namespaceUris }) => namespaceUris),
    [undefined, undefined, { 2: 'urn:pumps' }],
  );
});

test('an alias of RegisterNodes is told with its node', () => {
  const pump = [3, 2, 0, ...text('Pump1.Speed')];
  const alias = [3, 9, 0, ...text('a1')];
  const readAlias = [...alias, ...int32(13), ...NULL_TEXT, 0, 0, ...NULL_TEXT];
  const bench = new Bench();
  bench.sendAll(CLEAR_CHANNEL);
  bench.send(0, chunk('F', 2, 2, request(560, int32(1), pump)));
  bench.send(1, chunk('F', 2, 2, response(563, 0, int32(1), alias)));
  const zero = new Array(8).fill(0);
  bench.send(0, chunk('F', 3, 3, request(631, zero, int32(0), int32(1), readAlias)));
  bench.send(1, chunk('F', 3, 3, READ_ANSWER));
  const { registeredNodes } = bench.records.at(-1) ?? {};
  assert.deepEqual(registeredNodes, { 'ns=9;s=a1': 'ns=2;s=Pump1.Speed' });
});

test('supplied keys: the chunk is asked for before its sequence header is read', () => {
  const asked: string[] = [];
  const hidden = (bytes: Bytes): Bytes => bytes.map((byte) => byte ^ 0x55);
  const decryptor = {
    decrypt({ chunk: { bytes, offset, length }, encryptedOffset, ...of }: EncryptedChunk) {
      asked.push(`${of.messageType} ${of.secureChannelId} ${of.tokenId} ${of.securityPolicyUri}`);
      if (of.tokenId === 9) return undefined;
      const plain = bytes
        .slice(offset + encryptedOffset, offset + length)
        .map((byte) => byte ^ 0x55);
      return { bytes: plain, offset: 0, length: plain.length - 2 };
    },
  };
  const bench = new Bench({}, false, decryptor);
  const secured = (type: string, number: number, id: number, body: Bytes, token = 1): Bytes =>
    message(type, int32(7), int32(token), hidden([...sequence(number, id), ...body, 1, 1]));
  const hiddenOpen = (number: number, body: Bytes): Bytes =>
    open('Basic256Sha256', 7, hidden([...sequence(number, 1), ...body, 1, 1]));
  bench.sendAll([
    { from: 0, bytes: HELLO },
    { from: 1, bytes: ACKNOWLEDGE },
  ]);
  // securityMode stands before a null nonce and a lifetime.
  bench.send(0, hiddenOpen(1, OPEN_REQUEST.with(OPEN_REQUEST.length - 12, 3)));
  bench.send(1, hiddenOpen(1, OPEN_RESPONSE));
  bench.send(0, secured('MSGC', 2, 2, READ.slice(0, 40)));
  bench.send(0, secured('MSGF', 3, 2, READ.slice(40)));
  bench.send(1, secured('MSGF', 2, 2, READ_ANSWER));
  bench.send(0, secured('MSGF', 4, 3, READ, 9));
  bench.end();
  assert.deepEqual(bench.services, ['OpenSecureChannel', 'Read', 'encrypted*']);
  const read = bench.records.find(({ service }) => service === 'Read');
  assert.match(JSON.stringify(read), /"nodeId":"ns=2;s=Pump1.Speed","value":\{"type":"Double"/);
  assert.deepEqual(read?.decode, { status: 'ok', confidence: 1 });
  assert.equal(asked[0], `OPN 7 0 ${policyUri('Basic256Sha256')}`);
  assert.equal(asked.length, 6);
});
