/**
 * Modbus in UDP as a table: which datagrams are messages, which flows are Modbus, and what a copy
 * is; then the derived capture of real messages, whole.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { ipv4Pieces, rawBlockOf, udpFrame } from './raw-frames.ts';
import { CLIENT, OTHER_PORT, SERVER } from './test-decoder.ts';
import { RecordingSink } from './test-traffic.ts';

const REQUEST = '0001 0000 0006 01 03 0064 0002';
const RESPONSE = '0001 0000 0007 01 03 04 00010002';
const q = (wire = REQUEST, id = 0) => udpFrame(CLIENT, SERVER, fromHex(wire), id);
const a = (wire = RESPONSE, id = 0) => udpFrame(SERVER, CLIENT, fromHex(wire), id);
const elsewhereQ = (id: number) => udpFrame(CLIENT, OTHER_PORT, fromHex(REQUEST), id);
const elsewhereA = (id: number) => udpFrame(OTHER_PORT, CLIENT, fromHex(RESPONSE), id);

// biome-ignore format: one case per line
const cases: readonly { name: string; frames: readonly Uint8Array[]; counts: readonly [number, number, number, number]; copies?: number }[] = [
  { name: 'a request and its response',            frames: [q(), a()],                                  counts: [1, 1, 0, 0] },
  { name: 'a response alone',                      frames: [a()],                                       counts: [0, 1, 0, 0] },
  { name: 'an exception',                          frames: [q(), a('0001 0000 0003 01 83 02')],         counts: [1, 0, 1, 0] },
  { name: 'bytes left over are no message',        frames: [q(`${REQUEST} 00`), a(`${RESPONSE} 00`)],   counts: [0, 0, 0, 0] },
  { name: 'two messages in one datagram are none', frames: [q(`${REQUEST} ${REQUEST}`)],                counts: [0, 0, 0, 0] },
  { name: 'cut by one byte',                       frames: [q(REQUEST.slice(0, -2))],                   counts: [0, 0, 0, 0] },
  { name: 'on a known flow, bytes left over',      frames: [q(), q(`${REQUEST} 00`)],                   counts: [1, 0, 0, 1] },
  { name: 'on a port of nobody, unanswered',       frames: [elsewhereQ(1)],                             counts: [0, 0, 0, 0] },
  { name: 'on a port of nobody, answered',         frames: [elsewhereQ(1), elsewhereA(2)],              counts: [1, 1, 0, 0] },
  { name: 'asked ten times, answered once',        frames: [...Array.from({ length: 10 }, (_, at) => elsewhereQ(at + 1)), elsewhereA(9)], counts: [2, 1, 0, 0] },
  { name: 'a doubled mirror',                      frames: [q(REQUEST, 1), q(REQUEST, 1), a(RESPONSE, 1), a(RESPONSE, 1)], counts: [1, 1, 0, 0], copies: 2 },
  { name: 'copies in a bunch, with identifications', frames: [q(REQUEST, 1), a(RESPONSE, 1), q(REQUEST, 1), a(RESPONSE, 1)], counts: [1, 1, 0, 0], copies: 2 },
  { name: 'the same asked again after its answer', frames: [q(), a(), q(), a()],                        counts: [2, 2, 0, 0] },
  { name: 'the same asked again, by its number',   frames: [q(REQUEST, 1), q(REQUEST, 2)],              counts: [2, 0, 0, 0] },
  { name: 'in pieces',                             frames: [...ipv4Pieces(q(REQUEST, 1), 8), a()],      counts: [1, 1, 0, 0] },
];

function hear(frames: readonly Uint8Array[]) {
  const counters = createDecodeCounters();
  const transactions: { transport: string; anomalies: string[] }[] = [];
  const sink = Object.assign(new RecordingSink(), {
    modbusTransaction: ({ transport, anomalies }: ModbusTransaction) =>
      transactions.push({ transport, anomalies: anomalies.map(({ name }) => name) }),
  });
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: 16 }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: 16 }, sink, counters.opcua),
  };
  const decoder = new Decoder({ flowsMax: 16 }, analyzers, sink, counters);
  decoder.block(rawBlockOf(frames));
  return { counters, decoder, transactions };
}

for (const { name, frames, counts, copies = 0 } of cases) {
  test(`UDP: ${name}`, () => {
    const { counters } = hear(frames);
    const { requests, responses, exceptions, malformed } = counters.modbus;
    assert.deepEqual([requests, responses, exceptions, malformed], counts);
    assert.equal(counters.carriers?.framesDuplicateCount, copies);
  });
}

test('a datagram that came in pieces says so in its record, and only there', () => {
  const frames = [
    ...ipv4Pieces(q(REQUEST, 1), 8),
    a(),
    q('0002 0000 0006 01 03 0064 0002'),
    a('0002 0000 0007 01 03 04 00010002'),
  ];
  const { transactions } = hear(frames);
  assert.deepEqual(transactions, [
    { transport: 'udp', anomalies: ['fragmentedByIp'] },
    { transport: 'udp', anomalies: [] },
  ]);
});

test('a flood of datagrams of others takes no row', () => {
  const frames = Array.from({ length: 1000 }, (_, port) =>
    udpFrame({ host: 5, port }, { host: 9, port: 53 }, fromHex('1234 0100 0001 0000 0000 0000')),
  );
  const { counters } = hear(frames);
  assert.deepEqual([counters.flowsUsed, counters.framesNotOursCount], [0, 1000]);
});

testNeeding([{ kind: 'corpus' }], 'derived Modbus/UDP: every message of the truth', () => {
  const path = join(corpusFolder ?? '', 'derived', 'modbus-udp-502.pcap');
  const truth = readFileSync(`${path}.truth.ndjson`, 'utf8').trim().split('\n').length;
  const { counters, decoder } = hear([]);
  const file = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  file.push(readFileSync(path));
  file.finish();
  const { requests, responses, exceptions, malformed } = counters.modbus;
  assert.deepEqual([requests + responses + exceptions, malformed], [truth, 0]);
});

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
