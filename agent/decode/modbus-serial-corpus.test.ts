/** RTU inside TCP against captures whose truth lies beside them, and against everybody else's. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { DecodeCounters, DecodeSink } from '../../protocols/decode-sink.ts';
import type { ByteSpan } from '../../protocols/decoded.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';

const FLOWS_MAX = 1024;
const folder = corpusFolder ?? '';

testNeeding([{ kind: 'corpus' }], 'derived: every PDU of RTU over TCP on port 4001', () => {
  const file = join(folder, 'derived', 'rtu-over-tcp-4001.pcap');
  const truth = readFileSync(`${file}.truth.ndjson`, 'utf8').trim().split('\n');
  const expected = truth.map((line) => {
    const { dir, unit, pdu } = JSON.parse(line);
    return `rtuOverTcp ${dir === 'request' ? 'request' : 'response'} ${unit} ${pdu}`;
  });
  const { pdus, counters } = decode(file);
  assert.deepEqual(pdus.sort(), expected.sort());
  const { malformed, unmatchedRequests, unmatchedResponses } = counters.modbus;
  assert.deepEqual([malformed, unmatchedRequests, unmatchedResponses], [0, 0, 0]);
});

testNeeding([{ kind: 'corpus' }], 'corpus: no serial frames in any capture of others', () => {
  const found: string[] = [];
  const paths = manifest().filter(({ kind }) => kind !== 'modbus' && kind !== 'opcua');
  assert.equal(paths.length, 200);
  for (const { path } of paths) {
    const file = join(folder, 'captures', path);
    assert.ok(existsSync(file), path);
    found.push(...decode(file).pdus.map((pdu) => `${path}: ${pdu}`));
  }
  assert.deepEqual(found, []);
});

testNeeding(
  [{ kind: 'corpus' }],
  'corpus: captures of Modbus/TCP are as without the carriers',
  () => {
    for (const { path, kind } of manifest()) {
      if (kind !== 'modbus') continue;
      const { pdus } = decode(join(folder, 'captures', path));
      const others = pdus.filter((pdu) => !/^(tcp|udp) /.test(pdu));
      assert.deepEqual([path, others], [path, []]);
    }
  },
);

function decode(file: string): { pdus: string[]; counters: DecodeCounters } {
  const pdus: string[] = [];
  const counters = createDecodeCounters();
  const sink: DecodeSink = {
    modbusTransaction: ({ transport, unitId, requestPdu, responsePdu }) => {
      const add = (side: string, span: ByteSpan): void => {
        if (span.length === 0) return;
        pdus.push(`${transport} ${side} ${unitId} ${hexOf(span)}`);
      };
      add('request', requestPdu);
      add('response', responsePdu);
    },
    opcuaTransaction: () => {},
    opcuaTransportMessage: () => {},
    malformed: () => {},
    gap: () => {},
    flowEnded: () => {},
  };
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: FLOWS_MAX }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: FLOWS_MAX }, sink, counters.opcua),
  };
  const decoder = new Decoder({ flowsMax: FLOWS_MAX }, analyzers, sink, counters);
  const reader = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  reader.push(readFileSync(file));
  reader.finish();
  decoder.end();
  return { pdus, counters };
}

function hexOf({ bytes, offset, length }: ByteSpan): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
}

function manifest(): { path: string; kind: string }[] {
  const [head, ...rows] = readFileSync(join(folder, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = head.split('\t');
  return rows
    .map((row) => row.split('\t'))
    .map((cells) => ({ path: cells[names.indexOf('path')], kind: cells[names.indexOf('kind')] }));
}
