/**
 * What lies below a stream, in the records and the coverage that come out of the whole pipeline:
 * wrappings, redundant networks, copies, holes, encrypted connections.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowTest } from '../hil-tests/needs.ts';
import { hsrFrame, prpFrame, WRAPPINGS } from '../protocols/link/made-wrappings.ts';
import { bytesOf, rawBlockOf } from './decode/raw-frames.ts';
import { RecordWriter } from './observe/record-writer.ts';
import { Pipeline } from './pipeline.ts';
import { SiteDigest } from './platform/digest.ts';

const CLIENT = { host: 5, port: 40_001 };
const SERVER = { host: 9, port: 502 };
const POLL = hex('0001 0000 0006 01 03 0064 0002');
const ANSWER = hex('0001 0000 0007 01 03 04 00010002');
const TALK = [
  { from: CLIENT, to: SERVER, sequence: 1001, payload: POLL },
  { from: SERVER, to: CLIENT, sequence: 5001, acknowledgment: 1013, payload: ANSWER },
];

function run(frames: readonly Uint8Array[]) {
  const digest = new SiteDigest(new Uint8Array(32));
  let text = '';
  const write = (lines: Uint8Array) => {
    text += new TextDecoder().decode(lines);
  };
  const interfaces = [{ name: 'eth1', role: 'mirror' as const }];
  const records = new RecordWriter({ interfaces, digest, sha1Base64: () => '', write });
  const pipeline = new Pipeline({ interfaces, digest, records });
  pipeline.block(rawBlockOf(frames));
  pipeline.end();
  const lines = text.split('\n').slice(0, -1);
  return { pipeline, records: lines.map((line): Record<string, unknown> => JSON.parse(line)) };
}

slowTest('every wrapping gives the same record, and the record names it', () => {
  const [plain] = run(bytesOf(TALK)).records;
  assert.ok(!('encapsulations' in plain) && plain.matched === true);
  for (const { name, wrap, encapsulations, vlanIds = [] } of WRAPPINGS) {
    if (name === 'PRP' || name === 'HSR' || name.includes('MAC 4')) continue;
    const { records } = run(bytesOf(TALK).map(wrap));
    const { vlanIds: seenIds = [], encapsulations: seen = [], ...rest } = records[0];
    assert.deepEqual([seen, seenIds], [encapsulations, vlanIds], name);
    const hasInnerMacs = 'clientMacAddress' in rest;
    const { clientMacAddress: _, serverMacAddress: __, priorityCodePoint, ...words } = rest;
    assert.ok(priorityCodePoint === undefined || vlanIds.length > 0, name);
    const { clientMacAddress: ___, serverMacAddress: ____, ...plainWords } = plain;
    assert.deepEqual([hasInnerMacs, words], [true, plainWords], name);
  }
});

test('the LAN or ring that the completing frame came from, and its number', () => {
  const prp = bytesOf([...TALK, ...TALK.map(again)]).map((frame, at) => prpFrame(frame, 'b', at));
  assert.deepEqual(run(prp).records[1].prp, { lanId: 'B', sequenceNumber: 3 });
  const hsr = bytesOf([...TALK, ...TALK.map(again)]).map((frame, at) => hsrFrame(frame, '2', at));
  assert.deepEqual(run(hsr).records[1].hsr, { pathId: 2, sequenceNumber: 3 });
});

test('copies of a doubled mirror are told as coverage of their interface, once', () => {
  const { pipeline, records } = run(bytesOf(TALK).flatMap((frame) => [frame, frame]));
  assert.equal(records.length, 1);
  const coverage = {
    interfaceName: 'eth1',
    framesSeen: 4,
    framesDropped: 0,
    framesTruncated: 0,
    bytesSeen: 1,
    linkUp: true,
    coveredMs: 1000,
    intervalMs: 1000,
  };
  const tell = () => pipeline.report(1, 2, [coverage]).coverage;
  assert.deepEqual(tell(), [{ ...coverage, framesDuplicate: 2 }]);
  assert.deepEqual(tell(), [coverage]);
});

test('a record behind a hole says what is missing, of which side', () => {
  const later = TALK.map((frame) => ({ ...again(frame), sequence: frame.sequence + 100 }));
  const hole = { ...later[1], acknowledgment: 1113 };
  const { records } = run(bytesOf([...TALK, later[0], hole]));
  const [first, second] = records;
  assert.ok(!('bytesMissed' in first));
  const { gapsCount, bytesMissed, clientBytesMissed, serverBytesMissed } = second;
  assert.deepEqual([clientBytesMissed, serverBytesMissed], [88, 87]);
  assert.deepEqual([gapsCount, bytesMissed], [2, 175]);
});

test('an encrypted connection is one record, and nothing of it is Modbus', () => {
  const random = '11'.repeat(32);
  const hello = hex(`16 0301 002d 01 000029 0303 ${random} 00 0002 1301 01 00`);
  const answer = hex(
    `16 0303 0034 02 000030 0303 ${random} 00 1301 00 0008 002b 0002 0304 ffff 17 0303 0002 aabb`,
  );
  const to = { host: 9, port: 802 };
  const frames = bytesOf([
    { from: CLIENT, to, sequence: 1001, payload: hello },
    { from: to, to: CLIENT, sequence: 5001, acknowledgment: 1001 + hello.length, payload: answer },
  ]);
  const { pipeline, records } = run(frames);
  assert.equal(records.length, 1);
  const { kind, transport, tlsVersion, cipherSuite, certificatesHidden, recordsCount } = records[0];
  assert.deepEqual([kind, transport, tlsVersion], ['transportMessage', 'tls', 'TLS 1.3']);
  assert.deepEqual([cipherSuite, certificatesHidden], ['TLS_AES_128_GCM_SHA256', true]);
  assert.equal(recordsCount, 3);
  assert.equal(pipeline.totals().decode.modbus.requests, 0);
});

/** The same poll once more, later in the stream. */
function again<T extends (typeof TALK)[number]>(frame: T): T {
  return { ...frame, sequence: frame.sequence + frame.payload.length };
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
