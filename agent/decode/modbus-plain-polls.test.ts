/**
 * The short way of an ordinary poll (modbus-plain-polls.ts) and the long way tell the same of any
 * traffic: every block is decoded twice, as Ethernet and from its IP header on, where no short way
 * takes it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import { crc16 } from '../../protocols/modbus/crc16.ts';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import type { FlowTable } from './flow-table.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import type { TakePlainPoll } from './modbus-plain-polls.ts';
import type { SegmentContext } from './stream-analyzer.ts';
import { c, OPEN, s } from './test-decoder.ts';
import { blockOf, FakeAnalyzer, type FrameFields, fromIpHeader } from './test-traffic.ts';

const FRAMES_PER_BLOCK = 5;
const LIMITS = { flowsMax: 8, transactionsPendingMax: 3, requestsPendingMax: 16 };
/** Request and response PDUs, the ordinary ones first, each beside what might answer it. */
const PDUS = [
  ['0300010002', '030400010002'],
  ['0300010002', '030400010003'],
  ['0100000009', '0102ff01'],
  ['0100000009', '0102ff03'],
  ['0400100001', '8402'],
  ['0400100001', '84'],
  ['0500020f00', '050002ff00'],
  ['050002ff00', '050002ff00'],
  ['0600031234', '0600031234'],
  ['0600031234', '0600031235'],
  ['10000100020400010002', '1000010002'],
  ['0f0001000901ff', '0f00010009'],
  ['0300010000', '0300'],
  ['03ffff0002', '030400010002'],
  ['2b0e0100', '2b0e01010000010004414243'],
  ['08000000ab', '08000000ab'],
  ['11', '110355ff00'],
  ['63', 'e301'],
] as const;

const step = fc.record({
  isClient: fc.boolean(),
  isNext: fc.constantFrom(true, true, true, true, true, true, true, false),
  pdu: fc.oneof(fc.constantFrom(0, 2, 4, 7, 8), fc.nat({ max: PDUS.length - 1 })),
  transactionId: fc.constantFrom(1, 1, 1, 2, 0x8001),
  unitId: fc.constantFrom(1, 1, 1, 255),
  /** Whole, in two parts, twice in one segment, with a wrong length, with another protocol id. */
  shape: fc.constantFrom('whole', 'whole', 'whole', 'whole', 'parts', 'twice', 'long', 'other'),
  waitUs: fc.constantFrom(1, 900, 120_000, 6_000_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
/** A poll and its answer, then whatever comes. */
const steps = fc.array(step, { minLength: 10, maxLength: 40 });

test('both ways tell the same of any conversation', () => {
  fc.assert(
    fc.property(steps, (spoken) => {
      const frames = framesOf(spoken);
      const both = [decoded(frames, true), decoded(frames, false)];
      // Every conversation begins with a poll that takes the short way.
      assert.ok(both[0].shortCount > 0);
      assert.deepEqual(both[0].told, both[1].told);
    }),
    { numRuns: 100 },
  );
});

test('frames of RTU over TCP are left to their own reader', () => {
  const frames = [
    ...OPEN,
    c(1001, rtu('010300010002'), 5001),
    s(5001, rtu('01030400010002'), 1009),
    // An MBAP header that fits its segment, inside a stream of serial frames.
    c(1009, fromHex('000100000006010300010002'), 5010),
  ];
  const { told, shortCount } = decoded(frames, true);
  assert.deepEqual(told, decoded(frames, false).told);
  assert.match(JSON.stringify(told), /rtuOverTcp/);
  assert.equal(shortCount, 0);
});

/** Unit id and PDU with their CRC behind them, low byte first. */
function rtu(hex: string): Uint8Array {
  const body = fromHex(hex);
  const crc = crc16(body, 0, body.length);
  return Uint8Array.of(...body, crc & 0xff, crc >> 8);
}

function framesOf(spoken: readonly Step[]): FrameFields[] {
  const next = { client: 1001, server: 5001 };
  let timeUs = 1_790_000_000_000_000;
  const frames: FrameFields[] = OPEN.map((frame) => ({ ...frame, timeUs }));
  const send = (isClient: boolean, payload: Uint8Array, isNext: boolean): void => {
    const side = isClient ? 'client' : 'server';
    const from = isNext ? next[side] : next[side] - 4;
    const acknowledged = next[isClient ? 'server' : 'client'];
    frames.push((isClient ? c : s)(from, payload, acknowledged, { timeUs }));
    if (isNext) next[side] += payload.length;
  };
  for (const each of [...beginning(), ...spoken]) {
    timeUs += each.waitUs;
    for (const payload of segmentsOf(each)) send(each.isClient, payload, each.isNext);
  }
  return frames;
}

function beginning(): Step[] {
  const poll: Omit<Step, 'isClient'> = {
    isNext: true,
    pdu: 0,
    transactionId: 1,
    unitId: 1,
    shape: 'whole',
    waitUs: 1,
  };
  const polls = [1, 2, 3].flatMap(() => [true, false]);
  return polls.map((isClient) => ({ ...poll, isClient }));
}

function segmentsOf({ isClient, pdu, transactionId, unitId, shape }: Step): Uint8Array[] {
  const body = fromHex(PDUS[pdu][isClient ? 0 : 1]);
  const adu = new Uint8Array(7 + body.length);
  const view = new DataView(adu.buffer);
  view.setUint16(0, transactionId);
  view.setUint16(2, shape === 'other' ? 1 : 0);
  view.setUint16(4, 1 + body.length + (shape === 'long' ? 1 : 0));
  adu[6] = unitId;
  adu.set(body, 7);
  if (shape === 'parts') return [adu.subarray(0, 5), adu.subarray(5)];
  return shape === 'twice' ? [Uint8Array.of(...adu, ...adu)] : [adu];
}

function decoded(frames: readonly FrameFields[], isShort: boolean) {
  const told: unknown[] = [];
  const sink: DecodeSink = {
    modbusTransaction: (transaction) => told.push(copyOf(transaction)),
    malformed: ({ timeUs, fromClient, anomalies }) => told.push({ timeUs, fromClient, anomalies }),
    opcuaTransaction: () => {},
    opcuaTransportMessage: () => {},
    gap: ({ timeUs, bytesMissed }) => told.push({ timeUs, bytesMissed }),
    // No MAC addresses: the long way has no Ethernet header here.
    flowEnded: ({ client: _client, server: _server, ...flow }) => told.push(flow),
  };
  const counters = createDecodeCounters();
  const modbus = new CountingCarriers(LIMITS, sink, counters.modbus);
  const opcua = new FakeAnalyzer('opcua');
  const options = { flowsMax: LIMITS.flowsMax, reassemblyBlocksMax: 64 };
  const decoder = new Decoder(options, { modbus, opcua }, sink, counters);
  for (let at = 0; at < frames.length; at += FRAMES_PER_BLOCK) {
    const block = blockOf(frames.slice(at, at + FRAMES_PER_BLOCK));
    decoder.block(isShort ? block : fromIpHeader(block));
  }
  decoder.end();
  return { told: [...told, { ...counters, bytesCount: 0 }], shortCount: modbus.shortCount };
}

/** Knows how many messages took the short way. */
class CountingCarriers extends ModbusCarriers {
  shortCount = 0;

  override createTakePlainPoll(flows: FlowTable, context: SegmentContext): TakePlainPoll {
    const take = super.createTakePlainPoll(flows, context);
    return (...segment) => {
      const isTaken = take(...segment);
      if (isTaken) this.shortCount++;
      return isTaken;
    };
  }
}

function copyOf(transaction: ModbusTransaction): unknown {
  const hex = ({ bytes, offset, length }: ModbusTransaction['requestPdu']): string =>
    Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
  const { flow, requestPdu, responsePdu, anomalies } = transaction;
  const { matched, transport, transactionId, unitId, functionCode, exceptionCode } = transaction;
  const { requestTimeUs, responseTimeUs, rttUs, retriesCount, isSuperseded } = transaction;
  const { requestFrameNumber, responseFrameNumber, requestFrameBytes } = transaction;
  return {
    facts: [matched, transport, transactionId, unitId, functionCode, exceptionCode, isSuperseded],
    times: [requestTimeUs, responseTimeUs, rttUs, retriesCount, flow.lastSeenUs],
    frames: [requestFrameNumber, responseFrameNumber, requestFrameBytes],
    segments: [flow.clientSegmentsCount, flow.serverSegmentsCount],
    pdus: [hex(requestPdu), hex(responsePdu)],
    anomalies: anomalies.map(({ name }) => name),
  };
}
