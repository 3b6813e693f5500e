/** The stages together: frames in, reports and records out; whatever the segments, whatever comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { slowTest } from '../hil-tests/needs.ts';
import { FRAME_WORDS, LINKTYPE_ETHERNET } from '../protocols/frame-block.ts';
import { CaptureFileDecoder } from '../protocols/pcap/capture-file.ts';
import { FrameHistory } from './capture/frame-history.ts';
import { adu, MadeCapture } from './commands/replay-made-capture.ts';
import { activateSessionBody, uaBytes, uaChunk } from './observe/made-traffic.ts';
import { RecordWriter } from './observe/record-writer.ts';
import { Pipeline } from './pipeline.ts';
import { SiteDigest } from './platform/digest.ts';

const digest = new SiteDigest(new Uint8Array(32));
const PASSWORD = 'correct horse battery staple';

interface Ran {
  readonly pipeline: Pipeline;
  records(): Record<string, unknown>[];
}

function start(): Ran & { feed(capture: Uint8Array): void } {
  let text = '';
  const history = new FrameHistory(1 << 20);
  const write = (lines: Uint8Array) => {
    text += new TextDecoder().decode(lines);
  };
  const records = new RecordWriter({ interfaces: [], digest, sha1Base64: () => '', write });
  const pipeline = new Pipeline({ interfaces: [], digest, evidence: history, records });
  return {
    pipeline,
    feed(capture) {
      const decoder = new CaptureFileDecoder({ sink: pipeline, interfaceIndex: 0, history });
      decoder.push(capture);
      decoder.finish();
    },
    records() {
      pipeline.end();
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    },
  };
}

test('a report tells its interval, and records count within it', () => {
  const ran = start();
  const capture = new MadeCapture();
  const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
  for (let poll = 1; poll <= 4; poll++) plc.poll(poll, 1, '0300640002', '030402000007');
  const bytes = capture.bytes();
  ran.feed(bytes);
  const coverage = [
    {
      interfaceName: 'eth1',
      framesSeen: 10,
      framesDropped: 0,
      framesTruncated: 0,
      bytesSeen: 1,
      linkUp: true,
      coveredMs: 1000,
      intervalMs: 1000,
    },
  ];
  const first = ran.pipeline.report(1, 2, coverage);
  assert.equal(first.reportNumber, 0);
  assert.deepEqual(
    [first.traffic.frames, first.traffic.modbusRequests, first.traffic.modbusTransactions],
    [10, 4, 4],
  );
  assert.equal(first.conversations[0].requests, 4);
  assert.deepEqual(first.coverage, coverage);
  assert.doesNotThrow(() => structuredClone(first), 'a report crosses to the main thread');
  const second = ran.pipeline.report(2, 3, coverage);
  assert.deepEqual(
    [second.reportNumber, second.traffic.frames, second.conversations.length],
    [1, 0, 0],
  );
  ran.feed(bytes);
  assert.deepEqual(
    ran
      .records()
      .map((record) => record.recordId)
      .slice(0, 4),
    ['0-1', '0-2', '0-3', '0-4'],
  );
  const { firstFrameUs, lastFrameUs } = ran.pipeline.totals();
  assert.deepEqual([firstFrameUs, lastFrameUs], [1_790_000_000_001_000, 1_790_000_000_010_000]);
});

/** What a record says beside when and in which frame. */
function sayings(records: readonly Record<string, unknown>[]): unknown[] {
  return records.map(
    ({ requestTimeUs: _, responseTimeUs: __, rttMs: ___, frames: ____, ...rest }) => rest,
  );
}

slowTest('however the stream is cut into segments, the records are the same', () => {
  const requests = [1, 2, 3].map((id) => adu(id, id, '0300640002'));
  const responses = [1, 2, 3].map((id) => adu(id, id, '030402000007'));
  const run = (cuts: readonly number[]): unknown[] => {
    const capture = new MadeCapture();
    const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
    for (const part of cut(uaBytes(...requests), cuts)) plc.fromClient(part);
    for (const part of cut(uaBytes(...responses), cuts)) plc.fromServer(part);
    const ran = start();
    ran.feed(capture.bytes());
    return sayings(ran.records());
  };
  const whole = run([]);
  assert.equal(whole.length, 3);
  const anyCuts = fc.uniqueArray(fc.integer({ min: 1, max: 35 }), { maxLength: 6 });
  fc.assert(
    fc.property(anyCuts, (cuts) => assert.deepEqual(run(cuts), whole)),
    { numRuns: 30 },
  );
});

test('a password split over two segments is in no record, report or evidence', () => {
  const chunk = uaChunk(activateSessionBody('operator', PASSWORD));
  const at = Buffer.from(chunk).indexOf(PASSWORD);
  for (let offset = at - 2; offset < at + PASSWORD.length + 2; offset += 3) {
    const capture = new MadeCapture();
    const ua = capture.connect('10.0.0.6:51000', '10.0.1.20:4840');
    for (const part of cut(chunk, [offset])) ua.fromClient(part);
    const ran = start();
    ran.feed(capture.bytes());
    const [record] = ran.records();
    assert.equal(record.service, 'ActivateSession');
    const [{ detection }] = ran.pipeline.report(1, 2, []).detections;
    assert.equal(detection.code, 'OPCUA_PASSWORD_CLEAR_TEXT');
    const frames = (detection.evidence.frames ?? []).map((frame) =>
      Buffer.from(frame).toString('latin1'),
    );
    const all = [JSON.stringify(record), JSON.stringify(detection), ...frames].join('\n');
    for (let start = 0; start + 6 <= PASSWORD.length; start++) {
      assert.ok(!all.includes(PASSWORD.slice(start, start + 6)), `cut at ${offset - at}`);
    }
  }
});

test('any frames: no throw, and nothing is counted that is not there', () => {
  const anyFrames = fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 8 });
  const { pipeline } = start();
  fc.assert(
    fc.property(anyFrames, (frames) => {
      const bytes = uaBytes(...frames);
      const index = new Uint32Array(frames.length * FRAME_WORDS);
      let offset = 0;
      for (const [number, frame] of frames.entries()) {
        index.set(
          [offset, frame.length, frame.length, 1_790_000_000, 0, 0, 0, number + 1],
          number * FRAME_WORDS,
        );
        offset += frame.length;
      }
      const block = { bytes, index, framesCount: frames.length, interfaceIndex: 0 };
      pipeline.block({
        ...block,
        linkType: LINKTYPE_ETHERNET,
        monotonicMs: -1,
        historyAddress: -1,
      });
      assert.equal(pipeline.totals().decode.modbus.requests, 0);
    }),
  );
});

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}
