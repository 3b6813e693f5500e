// What a record tells of its flow and of other records (docs/fields.md 1.1, 1.6 and 3): frames in,
// lines of `replay --records ndjson` out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureFileDecoder } from '../protocols/pcap/capture-file.ts';
import { FrameHistory } from './capture/frame-history.ts';
import { adu, MadeCapture, MadeConnection } from './commands/replay-made-capture.ts';
import { RecordWriter } from './observe/record-writer.ts';
import { Pipeline } from './pipeline.ts';
import { SiteDigest } from './platform/digest.ts';

const digest = new SiteDigest(new Uint8Array(32));
const POLL = '0300000001';
const ANSWER = '03020007';

interface Line {
  readonly recordId: string;
  readonly kind: string;
  readonly matched?: boolean;
  readonly oneSided?: string;
  readonly supersededBy?: string;
  readonly transactionId?: number;
  readonly bytesBase64?: string;
  readonly requestTtl?: number;
  readonly responseTtl?: number;
  readonly startTimeUs?: number;
  readonly requestTimeUs?: number;
  readonly request?: { readonly address?: number };
  readonly anomalies: readonly { readonly name: string; readonly actual: string }[];
  readonly decode: { readonly status: string; readonly confidence: number };
}

function recordsOf(capture: MadeCapture, modbusPorts?: readonly number[]): Line[] {
  return run(capture, modbusPorts).lines;
}

function run(capture: MadeCapture, modbusPorts?: readonly number[]) {
  const history = new FrameHistory(1 << 20);
  let text = '';
  const write = (lines: Uint8Array) => {
    text += new TextDecoder().decode(lines);
  };
  const records = new RecordWriter({ interfaces: [], digest, sha1Base64: () => '', write });
  const pipeline = new Pipeline({
    interfaces: [],
    digest,
    evidence: history,
    records,
    flowsMax: 64,
    ...(modbusPorts && { modbusPorts }),
  });
  const decoder = new CaptureFileDecoder({ sink: pipeline, interfaceIndex: 0, history });
  decoder.push(capture.bytes());
  decoder.finish();
  pipeline.end();
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line));
  return { pipeline, lines };
}

function talk(client: string, server: string, say: (connection: MadeConnection) => void) {
  const capture = new MadeCapture();
  const connection = capture.connect(client, server);
  say(connection);
  return capture;
}

function names(line: Line): string[] {
  return line.anomalies.map(({ name }) => name);
}

test('one direction alone: the record says which, and is less certain', () => {
  const capture = new MadeCapture();
  const connection = capture.connect('10.0.0.5:40001', '10.0.1.9:502');
  connection.poll(1, 1, POLL, '');
  connection.poll(2, 1, POLL, '');
  const lines = recordsOf(capture);
  assert.equal(lines.length, 2);
  for (const { oneSided, decode } of lines) {
    assert.deepEqual(
      [oneSided, decode],
      ['clientOnly', { status: 'unmatchedRequest', confidence: 0.7 }],
    );
  }
  const heard = recordsOf(
    talk('10.0.0.5:40001', '10.0.1.9:502', (both) => {
      both.poll(1, 1, POLL, ANSWER);
      both.poll(2, 1, POLL, '');
    }),
  );
  assert.deepEqual(
    heard.map(({ oneSided, decode }) => [oneSided, decode.confidence]),
    [
      [undefined, 1],
      [undefined, 1],
    ],
  );
});

test('a request that another one replaced names the record of that one', () => {
  const capture = new MadeCapture();
  const connection = capture.connect('10.0.0.5:40001', '10.0.1.9:502');
  connection.poll(7, 1, POLL, '');
  capture.wait(200);
  connection.poll(7, 1, '0300500001', '');
  capture.wait(200);
  connection.poll(7, 1, '0300600001', ANSWER);
  connection.poll(8, 1, POLL, ANSWER);
  capture.wait(200);
  connection.poll(7, 1, '0300700001', ANSWER);
  const lines = recordsOf(capture);
  const byAddress = new Map(lines.map((line) => [line.request?.address, line]));
  const [first, second, third] = [0, 0x50, 0x60].map((address) =>
    lines.find(({ transactionId, request }) => transactionId === 7 && request?.address === address),
  );
  assert.equal(byAddress.size, 4);
  assert.equal(first?.supersededBy, second?.recordId);
  assert.equal(second?.supersededBy, third?.recordId);
  assert.deepEqual([third?.supersededBy, third?.matched], [undefined, true]);
  const identifiers = lines.map(({ recordId }) => recordId);
  assert.equal(new Set(identifiers).size, identifiers.length, String(identifiers));
});

test('Modbus on another port is told in the first record of its flow alone', () => {
  const polls = (connection: MadeConnection) => {
    for (let number = 1; number <= 3; number++) connection.poll(number, 1, POLL, ANSWER);
  };
  const other = talk('10.0.0.5:40001', '10.0.1.9:1502', polls);
  assert.deepEqual(recordsOf(other).map(names), [['modbusOnOtherPort'], [], []]);
  assert.equal(recordsOf(other)[0].anomalies[0].actual, '1502');
  assert.deepEqual(recordsOf(other, [1502]).map(names), [[], [], []], 'a port given to Modbus');
  const usual = talk('10.0.0.5:40001', '10.0.1.9:502', polls);
  assert.deepEqual(recordsOf(usual).map(names), [[], [], []]);
});

test('evidence names records by the identifiers that their lines have', () => {
  const capture = new MadeCapture();
  const other = capture.connect('10.0.0.7:40002', '10.0.1.9:502');
  other.fromClient(HTTP);
  const connection = capture.connect('10.0.0.5:40001', '10.0.1.9:502');
  connection.poll(7, 1, POLL, '');
  capture.wait(200);
  connection.poll(7, 1, '0300500001', '');
  connection.poll(8, 1, POLL, ANSWER);
  connection.poll(9, 1, '00', '8001');
  connection.fromServer(adu(7, 1, ANSWER));
  const { pipeline, lines } = run(capture);
  const [{ detection }] = pipeline.report(1, 2, []).detections;
  const strange = lines.find(({ transactionId }) => transactionId === 9);
  assert.deepEqual(detection.evidence.records, [strange?.recordId]);
  assert.deepEqual(
    lines.map(({ recordId }) => recordId),
    ['0-1', '0-3', '0-4', '0-2', '0-5'],
    'a line that waits for its successor stands before it',
  );
});

const HTTP = new TextEncoder().encode('GET /?password=horse HTTP/1.1\r\nHost: plc\r\n\r\n');

test('something else on a port of Modbus is one record, with eight bytes of it', () => {
  const web = talk('10.0.0.5:40001', '10.0.1.9:502', (connection) => {
    for (let again = 0; again < 5; again++) {
      connection.fromClient(HTTP);
      connection.fromServer(HTTP);
    }
  });
  const [line, ...rest] = recordsOf(web);
  assert.equal(rest.length, 0);
  assert.deepEqual([line.kind, names(line)], ['malformed', ['notModbusOnModbusPort']]);
  assert.equal(Buffer.from(line.bytesBase64 ?? '', 'base64').toString(), 'GET /?pa');
  const elsewhere = talk('10.0.0.5:40001', '10.0.1.9:80', (connection) => {
    connection.fromClient(HTTP);
  });
  assert.deepEqual(recordsOf(elsewhere), []);
});

test('joined in the middle, one strange segment proves nothing yet; many do', () => {
  const joined = (segments: number) => {
    const capture = new MadeCapture();
    const client = { address: [10, 0, 0, 5], port: 40_001, sequence: 1000 };
    const server = { address: [10, 0, 1, 9], port: 502, sequence: 1000 };
    const connection = new MadeConnection(capture, client, server);
    for (let number = 0; number < segments; number++) connection.fromClient(HTTP);
    return recordsOf(capture).flatMap(names);
  };
  assert.deepEqual(joined(3), []);
  assert.deepEqual(joined(60), ['notModbusOnModbusPort']);
});

test('a record tells when its flow began and how far both sides were away', () => {
  const capture = talk('10.0.0.5:40001', '10.0.1.9:502', (connection) => {
    connection.poll(1, 1, POLL, ANSWER);
  });
  const [line] = recordsOf(capture);
  assert.deepEqual([line.requestTtl, line.responseTtl], [64, 64]);
  assert.ok((line.startTimeUs ?? 0) > 0 && (line.startTimeUs ?? 0) < (line.requestTimeUs ?? 0));
});

test('the same answer once more is a retransmission; another answer is not', () => {
  const capture = talk('10.0.0.5:40001', '10.0.1.9:502', (connection) => {
    connection.poll(1, 1, POLL, ANSWER);
    connection.fromServer(adu(1, 1, ANSWER));
    connection.poll(2, 1, POLL, ANSWER);
    connection.fromServer(adu(2, 1, '03020008'));
  });
  assert.deepEqual(
    recordsOf(capture).map(({ decode }) => decode.status),
    ['ok', 'retransmission', 'ok', 'unmatchedResponse'],
  );
});
