/**
 * The whole decode stage on the corpus: counts against an independent reassembler for all captures
 * of both protocols, none at all in those of others, and the same when a mirror shows each frame
 * twice.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import { FRAME_WORDS, type FrameBlock, type FrameBlockSink } from '../../protocols/frame-block.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { RecordingSink } from './test-traffic.ts';

const FLOWS_MAX = 1024;
const folder = corpusFolder ?? '';
const NEEDS = [{ kind: 'corpus' }] as const;

/** Where our count is not the independent reassembler's, and why ours is right. */
// biome-ignore format: one capture a line
const EXCEPTIONS: readonly { path: string; modbus: number; cause: string }[] = [
  { path: 'digitalbond__Quickdraw-Snort/modbus_test_data_part1.pcap', modbus: 46,
    cause: 'frame 111 has 3 bytes behind its message; the message of frame 113 is whole and plausible' },
  { path: 'arkime__arkime/tests/pcap/modbus.pcap', modbus: 838, cause: 'holds the same frames 111 and 113' },
];

/** Fuzzed: jumping sequence numbers, holes and cut frames, of which each reader makes its own. */
const WITHOUT_ANSWER = ['zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap'];

interface Capture {
  readonly path: string;
  readonly kind: string;
  readonly modbus: string;
  readonly opcua: string;
}

testNeeding(NEEDS, 'corpus: Modbus PDUs equal the independent count', () => {
  const captures = capturesOf('modbus').filter(
    ({ path, modbus }) => modbus !== '' && !WITHOUT_ANSWER.includes(path),
  );
  assert.equal(captures.length, 27);
  const expected = captures.map(({ path, modbus }) => expectedOf(path, modbus));
  assert.deepEqual(
    captures.map(({ path }) => summaryOf(path, decodeCapture(path))),
    expected,
  );
});

testNeeding(NEEDS, 'corpus: OPC UA transport messages equal the independent count', () => {
  const captures = capturesOf('opcua');
  assert.equal(captures.length, 35);
  assert.deepEqual(
    captures.map(({ path }) => summaryOf(path, decodeCapture(path))),
    captures.map(({ path, opcua }) => `${path}: 0 modbus, ${opcua} opcua`),
  );
});

testNeeding(
  NEEDS,
  'corpus: 200 captures of other protocols, damage and look-alikes give none',
  () => {
    const captures = readManifest().filter(({ kind }) => kind !== 'modbus' && kind !== 'opcua');
    assert.equal(captures.length, 200);
    assert.deepEqual(
      captures.map(({ path }) => summaryOf(path, decodeCapture(path))),
      captures.map(({ path }) => `${path}: 0 modbus, 0 opcua`),
    );
  },
);

testNeeding(NEEDS, 'corpus: every frame twice gives the same counts', () => {
  const captures = [...capturesOf('modbus'), ...capturesOf('opcua')];
  assert.deepEqual(
    captures.map(({ path }) => summaryOf(path, decodeCapture(path, doubled))),
    captures.map(({ path, kind, modbus, opcua }) => {
      if (kind === 'opcua') return `${path}: 0 modbus, ${opcua} opcua`;
      const isAnswered = modbus !== '' && !WITHOUT_ANSWER.includes(path);
      return isAnswered ? expectedOf(path, modbus) : summaryOf(path, decodeCapture(path));
    }),
  );
});

function expectedOf(path: string, modbus: string): string {
  const exception = EXCEPTIONS.find((known) => known.path === path);
  return `${path}: ${exception?.modbus ?? modbus} modbus, 0 opcua`;
}

type Mirror = (sink: FrameBlockSink) => FrameBlockSink;

function doubled(sink: FrameBlockSink): FrameBlockSink {
  return {
    block: (block: FrameBlock) => {
      const index = new Uint32Array(block.framesCount * 2 * FRAME_WORDS);
      for (let frame = 0; frame < block.framesCount; frame++) {
        const words = block.index.subarray(frame * FRAME_WORDS, (frame + 1) * FRAME_WORDS);
        index.set(words, frame * 2 * FRAME_WORDS);
        index.set(words, (frame * 2 + 1) * FRAME_WORDS);
      }
      sink.block({ ...block, index, framesCount: block.framesCount * 2 });
    },
  };
}

function decodeCapture(path: string, mirror: Mirror = (sink) => sink): DecodeCounters {
  const counters = createDecodeCounters();
  const sink = new RecordingSink();
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: FLOWS_MAX }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: FLOWS_MAX }, sink, counters.opcua),
  };
  const decoder = new Decoder({ flowsMax: FLOWS_MAX }, analyzers, sink, counters);
  const file = new CaptureFileDecoder({ sink: mirror(decoder), interfaceIndex: 0 });
  file.push(readFileSync(join(folder, 'captures', path)));
  file.finish();
  decoder.end();
  assert.deepEqual([path, counters.flowsUsed, counters.reassemblyBytesUsed], [path, 0, 0]);
  return counters;
}

function summaryOf(path: string, { modbus, opcua }: DecodeCounters): string {
  const pdus = modbus.requests + modbus.responses + modbus.exceptions;
  // No capture of the corpus has PubSub.
  assert.equal(opcua.byType.UADP, undefined, path);
  return `${path}: ${pdus} modbus, ${opcua.transportMessages} opcua`;
}

function capturesOf(kind: string): readonly Capture[] {
  return readManifest().filter((capture) => capture.kind === kind);
}

function readManifest(): readonly Capture[] {
  const [head, ...rows] = readFileSync(join(folder, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = head.split('\t');
  return rows
    .map((row) => row.split('\t'))
    .map((cells) => ({
      path: cells[names.indexOf('path')],
      kind: cells[names.indexOf('kind')],
      modbus: cells[names.indexOf('xcheck_modbus')],
      opcua: cells[names.indexOf('xcheck_opcua')],
    }));
}
