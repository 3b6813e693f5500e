// Whole captures through the fast and the slow way of writing records: the same bytes, and most of
// an ordinary site's records take the fast way.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RecordWriter } from '../agent/observe/record-writer.ts';
import { Pipeline } from '../agent/pipeline.ts';
import { SiteDigest } from '../agent/platform/digest.ts';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import { generateModbus } from './generate-modbus.ts';
import { holdFrames } from './held-frames.ts';

const digest = new SiteDigest(new Uint8Array(32).fill(7));

/** SHA-256 of all lines, and their number. */
function written(capture: Uint8Array, isFast: boolean): { sha256: string; lines: number } {
  const hash = createHash('sha256');
  let lines = 0;
  const write = (piece: Uint8Array) => {
    hash.update(piece);
    for (const byte of piece) if (byte === 0x0a) lines++;
  };
  const sha1Base64 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');
  const records = new RecordWriter({ interfaces: [], digest, sha1Base64, write, isFast });
  const pipeline = new Pipeline({ interfaces: [], digest, records, flowsMax: 1024 });
  for (const block of holdFrames(capture)) pipeline.block(block);
  pipeline.end();
  return { sha256: hash.digest('hex'), lines };
}

test('generated traffic: the same bytes on both ways', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-records-'));
  try {
    const path = join(folder, 'poll.pcap');
    generateModbus(path, 20_000, 3);
    const capture = readFileSync(path);
    const fast = written(capture, true);
    assert.ok(fast.lines > 5000, `${fast.lines} records`);
    assert.deepEqual(fast, written(capture, false));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// biome-ignore format: one capture a line
const CAPTURES = [
  'captures/digitalbond__Quickdraw-Snort/modbus_test_data_part1.pcap',
  'captures/zeek__zeek/testing/btest/Traces/modbus/modbus-and-non-modbus-p502.pcap',
  'captures/zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap',
  'captures/zeek__zeek/testing/btest/Traces/modbus/modbusBig.pcap',
];

for (const name of CAPTURES) {
  testNeeding([{ kind: 'corpus' }], `corpus, ${name}: the same bytes on both ways`, () => {
    const capture = readFileSync(join(corpusFolder ?? '', name));
    assert.deepEqual(written(capture, true), written(capture, false));
  });
}
