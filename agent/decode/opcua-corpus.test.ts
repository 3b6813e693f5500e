/**
 * OPC UA over captures that nobody here made: the number of transport messages against two other
 * decoders, each message's service and ids against tshark, and 810 raw messages of a fuzz corpus.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import { secretSpans } from '../../protocols/opcua/secret-spans.ts';
import { decodeServiceBody } from '../../protocols/opcua/service-body.ts';
import type { OpcuaSide } from '../../protocols/opcua/transaction.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusAnalyzer } from './modbus-analyzer.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { Bench } from './opcua-made-traffic.ts';

const FLOWS_MAX = 1024;
const NEEDS = [{ kind: 'corpus' }] as const;
const folder = corpusFolder ?? '';
const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

interface Capture {
  readonly path: string;
  readonly messages: number;
}

function capturesWithOpcua(): readonly Capture[] {
  const [header, ...rows] = readFileSync(join(folder, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = header.split('\t');
  return rows
    .map((row) => row.split('\t'))
    .map((cells) => ({
      path: cells[names.indexOf('path')],
      messages: Number(cells[names.indexOf('xcheck_opcua')]),
    }))
    .filter(({ messages }) => messages > 0);
}

interface Played {
  readonly transportMessages: number;
  /** `frame service-id request-id channel sequence-number`, of each message that could be read. */
  readonly messages: readonly string[];
}

const played = new Map<string, Played>();

function play(path: string): Played {
  const before = played.get(path);
  const now = before ?? playAnew(path);
  played.set(path, now);
  return now;
}

function playAnew(path: string): Played {
  const counters = createDecodeCounters();
  const messages: string[] = [];
  const ignored = (): void => {};
  const sink = {
    modbusTransaction: ignored,
    opcuaTransaction: (transaction: Parameters<typeof opcuaTransactionFields>[0]) => {
      const { request, response, requestId } = transaction;
      opcuaTransactionFields(transaction, digest);
      const tell = (side: OpcuaSide): void => {
        if (side.typeId === 0) return;
        messages.push(`${side.frameNumber} ${side.typeId} ${requestId} ${side.sequenceNumber}`);
      };
      if (request.present) tell(request);
      if (response.present) tell(response);
    },
    opcuaTransportMessage: (told: Parameters<typeof opcuaTransportFields>[0]) => {
      const record = opcuaTransportFields(told, digest);
      const { requestTypeId, request } = record;
      if (requestTypeId === undefined) return;
      // `request` of a CLO has both numbers.
      const { requestId, sequenceNumber } = request as Record<string, unknown>;
      messages.push(`${told.frameNumber} ${requestTypeId} ${requestId} ${sequenceNumber}`);
    },
    malformed: ignored,
    gap: ignored,
    flowEnded: ignored,
  };
  const options = { flowsMax: FLOWS_MAX };
  const opcua = new OpcuaAnalyzer(options, sink, counters.opcua);
  const modbus = new ModbusAnalyzer(options, sink, counters.modbus);
  const decoder = new Decoder(options, { modbus, opcua }, sink, counters);
  const file = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  file.push(readFileSync(join(folder, 'captures', path)));
  file.finish();
  decoder.end();
  return { transportMessages: counters.opcua.transportMessages, messages: messages.sort() };
}

/** tshark's lines of the same form; where it reads cipher text as numbers it says `enc`. */
function oracle(path: string): readonly string[] {
  const lines = readFileSync(join(folder, 'oracle', `${path}.opcua.ndjson`), 'utf8').trim();
  return lines
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ svc, enc }) => svc !== undefined && enc !== true)
    .map(({ frame, svc, reqid, seq }) => `${frame} ${svc} ${reqid} ${seq}`)
    .sort();
}

testNeeding(NEEDS, 'transport messages are as many as others count', () => {
  const different = capturesWithOpcua()
    .map(({ path, messages }) => ({ path, messages, ours: play(path).transportMessages }))
    .filter(({ messages, ours }) => messages !== ours);
  assert.deepEqual(different, []);
});

testNeeding(NEEDS, 'each message has the service and the numbers that tshark sees', () => {
  let compared = 0;
  for (const { path } of capturesWithOpcua()) {
    const ours = new Set(play(path).messages);
    const theirs = oracle(path);
    const missing = theirs.filter((line) => !ours.has(line));
    assert.deepEqual(missing, [], path);
    compared += theirs.length;
  }
  assert.ok(compared > 2000, `${compared} messages compared`);
});

testNeeding(NEEDS, '810 raw messages: none throws, as a stream or as a body', () => {
  const names = readdirSync(join(folder, 'opcua-messages'));
  assert.ok(names.length >= 810);
  for (const name of names) {
    const bytes = Uint8Array.from(readFileSync(join(folder, 'opcua-messages', name)));
    const bench = new Bench();
    bench.send(0, bytes);
    bench.end();
    for (const offset of [0, 24].filter((at) => at < bytes.length)) {
      const body = { bytes, offset, length: bytes.length - offset };
      decodeServiceBody(body, false, digest);
      secretSpans(body, 467);
    }
  }
});
