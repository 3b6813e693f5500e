// The whole decode stage on captures that nobody here made: PDU counts against an independent
// reassembler, and real PDUs wrapped anew against the truth that lies beside each.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import type { ByteSpan } from '../../protocols/decoded.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import { RECOGNIZED_NO, SENDER_UNKNOWN, type StreamAnalyzer } from './stream-analyzer.ts';

interface Pdu {
  readonly dir: string;
  readonly tid: number;
  readonly unit: number;
  readonly fc: number;
  readonly pdu: string;
}

/**
 * One PDU more than the oracle, because the bytes show it: a header with a length too small leaves
 * three bytes over, and the oracle doesn't find back for the message after them.
 */
const ONE_MORE = [
  'digitalbond__Quickdraw-Snort/modbus_test_data_part1.pcap',
  'arkime__arkime/tests/pcap/modbus.pcap',
];
/** Fuzzed, with holes and sequence numbers that jump: no decoder agrees with another. */
const NO_TRUTH = ['zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap'];

testNeeding([{ kind: 'corpus' }], 'corpus: PDU counts equal the independent reassembler', () => {
  const differences: string[] = [];
  let compared = 0;
  for (const { path, expected } of modbusCaptures()) {
    const { pdus } = decodeFile(join(corpusFolder ?? '', 'captures', path));
    if (NO_TRUTH.includes(path)) continue;
    compared += 1;
    const right = expected + (ONE_MORE.includes(path) ? 1 : 0);
    if (pdus.length !== right) differences.push(`${path}: ${pdus.length}, not ${right}`);
  }
  assert.deepEqual(differences, []);
  assert.ok(compared >= 25, `${compared} captures with an answer`);
});

const WRAPPED = [
  'vlan10',
  'qinq-ns',
  'one-sided-server',
  'split-coalesced-seqwrap',
  'ooo-dup-loss0',
  'midstream-loss',
];

for (const name of WRAPPED) {
  testNeeding([{ kind: 'corpus' }], `derived: every PDU of ${name}, and none else`, () => {
    const file = join(corpusFolder ?? '', 'derived', `${name}.pcap`);
    const truth = readFileSync(`${file}.truth.ndjson`, 'utf8').trim().split('\n').map(pduOfLine);
    const { pdus, malformed } = decodeFile(file);
    assert.deepEqual(pdus.map(textOf).sort(), truth.map(textOf).sort());
    assert.equal(malformed, 0);
  });
}

test('corpus: the lists of exceptions name files that exist', {
  skip: corpusFolder === undefined,
}, () => {
  for (const path of [...ONE_MORE, ...NO_TRUTH]) {
    assert.ok(existsSync(join(corpusFolder ?? '', 'captures', path)), path);
  }
});

function modbusCaptures(): { path: string; expected: number }[] {
  const [head, ...lines] = readFileSync(join(corpusFolder ?? '', 'MANIFEST.tsv'), 'utf8')
    .trim()
    .split('\n');
  const names = head.split('\t');
  return lines
    .map((line) => line.split('\t'))
    .filter((cells) => cells[names.indexOf('kind')] === 'modbus')
    .map((cells) => ({
      path: cells[names.indexOf('path')],
      answer: cells[names.indexOf('xcheck_modbus')],
    }))
    .filter(({ answer }) => answer !== '')
    .map(({ path, answer }) => ({ path, expected: Number(answer) }));
}

function decodeFile(file: string): { pdus: Pdu[]; malformed: number } {
  const pdus: Pdu[] = [];
  const counters = createDecodeCounters();
  const sink: DecodeSink = {
    modbusTransaction: (transaction) => keep(transaction, pdus),
    opcuaTransaction: () => {},
    opcuaTransportMessage: () => {},
    malformed: () => {},
    gap: () => {},
    flowEnded: () => {},
  };
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: 1024 }, sink, counters.modbus),
    opcua: NO_OPCUA,
  };
  const decoder = new Decoder({ flowsMax: 1024 }, analyzers, sink, counters);
  const reader = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  reader.push(readFileSync(file));
  reader.finish();
  decoder.end();
  const { requests, responses, exceptions, malformed } = counters.modbus;
  assert.equal(pdus.length, requests + responses + exceptions, 'records hold every PDU counted');
  return { pdus, malformed };
}

function keep(transaction: ModbusTransaction, pdus: Pdu[]): void {
  const { transactionId: tid, unitId: unit, functionCode: fc, retriesCount } = transaction;
  const add = (dir: string, span: ByteSpan): void => {
    const { bytes, offset, length } = span;
    const pdu = Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
    if (length > 0) pdus.push({ dir, tid, unit, fc, pdu });
  };
  for (let repeat = 0; repeat <= retriesCount; repeat += 1) add('request', transaction.requestPdu);
  add('response', transaction.responsePdu);
}

/** The truth says `exception` where we say `response`. */
function pduOfLine(line: string): Pdu {
  const pdu: Pdu = JSON.parse(line);
  return { ...pdu, dir: pdu.dir === 'request' ? 'request' : 'response', fc: pdu.fc & 0x7f };
}

function textOf({ dir, tid, unit, fc, pdu }: Pdu): string {
  return `${dir} ${tid} ${unit} ${fc} ${pdu}`;
}

const NO_OPCUA: StreamAnalyzer = {
  protocol: 'opcua',
  recognize: () => RECOGNIZED_NO,
  senderOf: () => SENDER_UNKNOWN,
  confirm: () => false,
  flowBegan: () => {},
  segment: () => {},
  gap: () => {},
  flowEnded: () => {},
  advance: () => {},
};
