/** A tapped line as the rest of the program meets it: transactions, retries, broadcasts, noise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecodeSink, MalformedMessage } from '../../protocols/decode-sink.ts';
import { FRAME_WORDS, LINKTYPE_SERIAL_BYTES } from '../../protocols/frame-block.ts';
import { encodeAsciiFrame } from '../../protocols/modbus/ascii.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import { encodeRtuFrame } from '../../protocols/modbus/rtu-framer.ts';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { createDecodeCounters } from './decode-counters.ts';
import type { SerialFraming } from './modbus-serial-frames.ts';
import { SerialLines } from './serial-lines.ts';

const START_US = 1_790_000_000_000_000;
const LINE = { lineName: 'boiler', baudRate: 9600, parity: 'even', stopBits: 1 } as const;

class Line {
  readonly transactions: string[] = [];
  readonly records: ReturnType<typeof modbusRecordFields>[] = [];
  readonly malformed: string[] = [];
  readonly counters = createDecodeCounters();
  readonly lines: SerialLines;
  readonly framing: SerialFraming;
  timeUs = START_US;

  constructor(framing: SerialFraming = 'rtu') {
    this.framing = framing;
    const sink: DecodeSink = {
      modbusTransaction: (transaction) => this.#keep(transaction),
      malformed: (message) => this.#keepMalformed(message),
      opcuaTransaction: () => {},
      opcuaTransportMessage: () => {},
      gap: () => {},
      flowEnded: () => {},
    };
    this.lines = new SerialLines([{ ...LINE, framing, interfaceIndex: 3 }], sink, this.counters);
  }

  /** A frame of unit identifier and PDU, `afterMs` after the one before. */
  send(text: string, afterMs = 10): this {
    const bytes = fromHex(text);
    const encode = this.framing === 'rtu' ? encodeRtuFrame : encodeAsciiFrame;
    return this.bytes(encode(bytes[0], bytes.subarray(1)), afterMs);
  }

  bytes(content: Uint8Array, afterMs = 10, interfaceIndex = 3): this {
    this.timeUs += afterMs * 1000;
    const block = Uint8Array.from([0xee, 0xee, ...content, 0xee]);
    const index = new Uint32Array(FRAME_WORDS);
    const seconds = Math.floor(this.timeUs / 1_000_000);
    index.set([2, content.length, content.length, seconds, (this.timeUs % 1_000_000) * 1000]);
    this.lines.block({
      bytes: block,
      index,
      framesCount: 1,
      interfaceIndex,
      linkType: LINKTYPE_SERIAL_BYTES,
      monotonicMs: 0,
      historyAddress: 64,
    });
    return this;
  }

  wait(ms: number): this {
    this.timeUs += ms * 1000;
    this.lines.advance(this.timeUs);
    return this;
  }

  #keep(transaction: ModbusTransaction): void {
    const { unitId, functionCode, matched, rttUs, retriesCount, anomalies } = transaction;
    this.records.push(modbusRecordFields(transaction));
    assert.equal(transaction.flow.line?.lineName, 'boiler');
    const names = anomalies.map(({ name }) => name).join(' ');
    const rtt = rttUs < 0 ? '' : ` ${rttUs / 1000} ms`;
    const retries = retriesCount === 0 ? '' : ` ${retriesCount} retries`;
    this.transactions.push(
      `${unitId}/${functionCode} ${matched ? 'matched' : 'alone'}${rtt}${retries} ${names}`.trim(),
    );
  }

  #keepMalformed({ anomalies, bytes, frameAddress }: MalformedMessage): void {
    assert.equal(frameAddress, 66);
    this.malformed.push(`${anomalies[0].name} ${bytes.length}`);
  }
}

const READ = '11 03 006b 0003';
const ANSWER = '11 03 06 022b00000064';

for (const framing of ['rtu', 'ascii'] as const) {
  test(`${framing}: a poll is one transaction, as on the network`, () => {
    const line = new Line(framing).send(READ).send(ANSWER, 25);
    assert.deepEqual(line.transactions, ['17/3 matched 25 ms']);
    const [record] = line.records;
    assert.equal(record.transport, framing);
    assert.equal(record.transactionId, undefined);
    assert.deepEqual(record.request?.quantity, 3);
    assert.equal(framing === 'rtu' ? record.request?.crcValid : record.request?.lrcValid, true);
    assert.deepEqual(record.response?.registers, [555, 0, 100]);
    const { requests, responses, exceptions, malformed, byFunctionCode } = line.counters.modbus;
    assert.deepEqual([requests, responses, exceptions, malformed], [1, 1, 0, 0]);
    assert.equal(byFunctionCode[3], 2);
    assert.deepEqual(line.lines.countsOf(3), { framesCount: 2, bytesNotFramed: 0 });
    assert.equal(line.counters.framesCount, 2);
  });
}

// biome-ignore format: one case per line
const talks: readonly { name: string; talk: (line: Line) => Line; expect: string[]; unmatched: [number, number] }[] = [
  { name: 'an exception',                          talk: (line) => line.send(READ).send('11 83 02'), expect: ['17/3 matched 10 ms'], unmatched: [0, 0] },
  { name: 'a device that does not answer',         talk: (line) => line.send(READ).wait(2500), expect: ['17/3 alone requestUnanswered'], unmatched: [1, 0] },
  { name: 'the next request tells it as well',     talk: (line) => line.send(READ).send('12 03 0000 0001').send('12 03 02 0001'), expect: ['17/3 alone requestUnanswered', '18/3 matched 10 ms'], unmatched: [1, 0] },
  { name: 'a retry within the second',             talk: (line) => line.send(READ).send(READ, 500).send(ANSWER), expect: ['17/3 matched 510 ms 1 retries requestDuplicate requestRetransmitted'], unmatched: [0, 0] },
  { name: 'a write that is tried again',           talk: (line) => line.send('11 06 0001 0003').send('11 06 0001 0003', 1020).send('11 06 0001 0003', 30), expect: ['17/6 alone requestUnanswered', '17/6 matched 30 ms'], unmatched: [1, 0] },
  { name: 'a broadcast, which nobody answers',     talk: (line) => line.send('00 06 0001 0003').send(READ).send(ANSWER), expect: ['0/6 alone', '17/3 matched 10 ms'], unmatched: [0, 0] },
  { name: 'the same broadcast twice is two',       talk: (line) => line.send('00 06 0001 0003').send('00 06 0001 0003').wait(1500), expect: ['0/6 alone', '0/6 alone'], unmatched: [0, 0] },
  { name: 'a read of all devices',                 talk: (line) => line.send('00 03 006b 0003').wait(1500), expect: ['0/3 alone readBroadcast'], unmatched: [0, 0] },
  { name: 'an answer to a broadcast',              talk: (line) => line.send('00 03 006b 0003').send('00 03 06 022b00000064'), expect: ['0/3 matched 10 ms readBroadcast broadcastAnswered'], unmatched: [0, 0] },
  { name: 'a response without its request',        talk: (line) => line.send(ANSWER).wait(1500), expect: ['17/3 alone'], unmatched: [0, 1] },
  { name: 'a response of another function',        talk: (line) => line.send(READ).send('11 04 02 0001').send(ANSWER), expect: ['17/4 alone responseFunctionMismatch', '17/3 matched 20 ms'], unmatched: [0, 1] },
  { name: 'a response of another device',          talk: (line) => line.send(READ).send('12 03 06 022b00000064').send(ANSWER), expect: ['18/3 alone responseUnitMismatch', '17/3 matched 20 ms'], unmatched: [0, 1] },
  { name: 'a response after the request was given up', talk: (line) => line.send(READ).wait(2000).send(ANSWER).wait(1500), expect: ['17/3 alone requestUnanswered', '17/3 alone responseLate'], unmatched: [1, 1] },
  { name: 'fewer registers than asked',            talk: (line) => line.send(READ).send('11 03 02 0001').wait(1500), expect: ['17/3 matched 10 ms responseQuantityMismatch'], unmatched: [0, 0] },
  { name: 'an echo with another value',            talk: (line) => line.send('11 06 0001 0003').send('11 06 0001 0004'), expect: ['17/6 matched 10 ms echoMismatch'], unmatched: [0, 0] },
];

for (const { name, talk, expect, unmatched } of talks) {
  test(`line: ${name}`, () => {
    const line = talk(new Line());
    line.lines.end();
    assert.deepEqual(line.transactions, expect);
    const { unmatchedRequests, unmatchedResponses } = line.counters.modbus;
    assert.deepEqual([unmatchedRequests, unmatchedResponses], unmatched);
    assert.deepEqual(line.malformed, []);
  });
}

test('a frame with a wrong CRC is malformed, told once, and the next is found', () => {
  const line = new Line()
    .send(READ)
    .bytes(fromHex('11030602 2b00000064 0000'))
    .send(READ)
    .send(ANSWER);
  assert.deepEqual(line.malformed, ['crcInvalid 11']);
  assert.deepEqual(line.transactions, ['17/3 matched 30 ms 1 retries requestDuplicate']);
  assert.deepEqual(line.lines.countsOf(3), { framesCount: 3, bytesNotFramed: 11 });
  assert.equal(line.counters.modbus.malformed, 1);
});

test('a cut frame is given up when the line falls silent', () => {
  const line = new Line().send(READ).bytes(fromHex('110306'));
  assert.equal(line.lines.countsOf(3).bytesNotFramed, 0);
  line.wait(1500);
  assert.deepEqual(line.lines.countsOf(3), { framesCount: 1, bytesNotFramed: 3 });
});

test('a silence inside a frame is told by name and place', () => {
  const frame = encodeRtuFrame(0x11, fromHex('03 006b 0003'));
  const line = new Line().bytes(frame.subarray(0, 4)).bytes(frame.subarray(4), 300).send(ANSWER);
  assert.deepEqual(line.transactions, ['17/3 matched 10 ms frameGapViolation']);
  assert.deepEqual(line.records[0].anomalies[0].field, 'unitId');
});

test('bytes of a line that is not ours are passed over', () => {
  const line = new Line().bytes(encodeRtuFrame(1, fromHex('03 006b 0003')), 10, 4).wait(3000);
  assert.deepEqual([line.transactions, line.counters.framesCount], [[], 0]);
});

test('an offset of an anomaly counts from the unit identifier', () => {
  const line = new Line().send('11 03 006b 0000').wait(1500);
  const { name, offsetBytes } = line.records[0].anomalies[0];
  assert.deepEqual([name, offsetBytes], ['quantityZero', 4]);
});
