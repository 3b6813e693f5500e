// PubSub from the frame to the record: over UDP and Ethernet, in VLANs, copied by a mirror, and
// what on the same port or EtherType is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  LINKTYPE_ETHERNET,
} from '../protocols/frame-block.ts';
import { summaryText } from './commands/replay-text.ts';
import { RecordWriter } from './observe/record-writer.ts';
import { Pipeline } from './pipeline.ts';

const digest = { pseudonym: () => 'p', sha256: () => 's' };
const MACS = '01005e00020e 020000000001';
/** 10.0.0.9 to 224.0.2.14, identification 0x1234. */
const ADDRESSES = '0a000009 e000020e';
/** Publisher 2250, writer 10, one Int32 of 27. */
const MESSAGE = 'd1 01 ca08 01 0a00 01 0100 06 1b000000';

function bytesOf(wire: string): Uint8Array {
  return Uint8Array.from(Buffer.from(wire.replaceAll(' ', ''), 'hex'));
}

function word(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function udp(payload: string, ports = '12d0 12e8', identification = '1234'): string {
  const length = bytesOf(payload).length;
  const ip = `4500 ${word(28 + length)} ${identification} 0000 40 11 0000 ${ADDRESSES}`;
  return `${MACS} 0800 ${ip} ${ports} ${word(8 + length)} 0000 ${payload}`;
}

/** A microsecond apart. */
function run(wires: readonly string[]) {
  const frames = wires.map(bytesOf);
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  const index = new Uint32Array(frames.length * FRAME_WORDS);
  let offset = 0;
  for (const [number, frame] of frames.entries()) {
    bytes.set(frame, offset);
    const row = index.subarray(number * FRAME_WORDS);
    row[FRAME_OFFSET] = offset;
    row[FRAME_CAPTURED_BYTES] = frame.length;
    row[FRAME_ORIGINAL_BYTES] = frame.length;
    row[FRAME_SECONDS] = 1_790_000_000;
    row[FRAME_NANOSECONDS] = number * 1000;
    row[FRAME_NUMBER] = number + 1;
    offset += frame.length;
  }
  let text = '';
  const write = (lines: Uint8Array) => {
    text += new TextDecoder().decode(lines);
  };
  const records = new RecordWriter({ interfaces: [], digest, sha1Base64: () => '', write });
  const pipeline = new Pipeline({ interfaces: [], digest, records, flowsMax: 64 });
  const block: FrameBlock = {
    bytes,
    index,
    framesCount: frames.length,
    linkType: LINKTYPE_ETHERNET,
    interfaceIndex: 0,
    historyAddress: -1,
    monotonicMs: 0,
  };
  pipeline.block(block);
  pipeline.end();
  const lines = text.split('\n').slice(0, -1);
  const totals = pipeline.totals();
  const page = summaryText('made', totals);
  return { lines: lines.map((line) => JSON.parse(line)), decode: totals.decode, page };
}

const PUBLISHED = {
  messageType: 'UADP',
  uadpVersion: 1,
  networkMessageType: 'dataSet',
  publisherId: { type: 'UInt16', value: 2250 },
  dataSetWriterIds: [10],
};

test('a datagram on a port of OPC UA: record and count, and nothing else', () => {
  const { lines, decode } = run([udp(MESSAGE)]);
  assert.equal(lines.length, 1);
  const { recordId: _, dataSetMessages, ...record } = lines[0];
  assert.deepEqual(record, {
    protocol: 'opcua',
    kind: 'transportMessage',
    requestTimeUs: 1_790_000_000_000_000,
    clientIpAddress: '10.0.0.9',
    clientPort: 4816,
    serverIpAddress: '224.0.2.14',
    serverPort: 4840,
    ipProtocol: 'udp',
    clientMacAddress: '02:00:00:00:00:01',
    serverMacAddress: '01:00:5e:00:02:0e',
    ...PUBLISHED,
    messageSizeBytes: 15,
    transport: 'udp4840',
    frames: { request: [1] },
    anomalies: [],
    decode: { status: 'ok', confidence: 1 },
  });
  assert.deepEqual(dataSetMessages[0].fields, [{ value: { type: 'Int32', value: 27 } }]);
  assert.equal(decode.opcua.byType.UADP, 1);
  assert.equal(decode.opcua.transportMessages, 0);
  assert.equal(decode.framesNotOursCount, 0);
});

test('the page of a replay says so, and no longer that there is no OPC UA', () => {
  const { page } = run([udp(MESSAGE)]);
  assert.match(page, /\n1 message of OPC UA PubSub: --records ndjson shows them\.\n/);
  assert.doesNotMatch(page, /no OPC UA/);
});

test('an Ethernet frame, behind two VLAN tags, padded', () => {
  const { lines, decode } = run([`${MACS} 88a8 0064 8100 00c8 b62c ${MESSAGE} 000000`]);
  const { clientIpAddress, vlanIds, transport, payloadBytesUnread, publisherId } = lines[0];
  assert.equal(clientIpAddress, undefined);
  assert.deepEqual(vlanIds, [100, 200]);
  assert.equal(transport, 'ethernet0xB62C');
  assert.equal(payloadBytesUnread, 3);
  assert.deepEqual(publisherId, PUBLISHED.publisherId);
  assert.equal(decode.opcua.byType.UADP, 1);
});

test('an encrypted payload stays closed: the record says partial', () => {
  const { lines } = run([udp('c1 10 01 0500 03 07000000 00 aabbccddeeff')]);
  assert.deepEqual(lines[0].decode, { status: 'partial', confidence: 1 });
  assert.equal(lines[0].payloadBytesUnread, 6);
});

test('a mirror that shows it twice: one record, one copy counted', () => {
  const { lines, decode } = run([udp(MESSAGE), udp(MESSAGE), udp(MESSAGE, '12d0 12e8', '1235')]);
  assert.equal(lines.length, 2);
  assert.equal(decode.carriers?.framesDuplicateCount, 1);
});

// biome-ignore format: one frame per line
const NONE = [
  { name: 'another port', wire: udp(MESSAGE, '12d0 1389') },
  { name: 'another version', wire: udp(`02${MESSAGE.slice(2)}`) },
  { name: 'an empty datagram', wire: udp('') },
  { name: 'an Ethernet frame of another EtherType', wire: `${MACS} b62d ${MESSAGE}` },
  { name: 'an Ethernet frame that ends with its EtherType', wire: `${MACS} b62c` },
];

for (const { name, wire } of NONE) {
  test(`no message: ${name}`, () => {
    const { lines, decode } = run([wire]);
    assert.equal(lines.length, 0);
    assert.equal(decode.opcua.byType.UADP, undefined);
    assert.equal(decode.framesNotOursCount, 1);
  });
}
