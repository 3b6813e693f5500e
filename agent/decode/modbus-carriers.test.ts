/** RTU and ASCII frames inside TCP, through the whole decode core: recognised, framed, paired. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import { encodeAsciiFrame } from '../../protocols/modbus/ascii.ts';
import { encodeRtuFrame } from '../../protocols/modbus/rtu-framer.ts';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusCarriers } from './modbus-carriers.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { c, elsewhere, OPEN, s } from './test-decoder.ts';
import { blockOf, type FrameFields } from './test-traffic.ts';

type Framing = 'rtu' | 'ascii';
type Turn = readonly ['c' | 's', string];

const READ = '11 03 0000 000a';
const ANSWER = `11 03 14 ${'0102'.repeat(10)}`;

/** One segment a turn; `size` cuts each into smaller ones. */
function talk(framing: Framing, turns: readonly Turn[], size = 10_000): FrameFields[] {
  const next = { c: 1001, s: 5001 };
  const frames: FrameFields[] = [];
  for (const [side, text] of turns) {
    const payload = text
      .split('|')
      .map((part) => encoded(framing, part))
      .join('');
    for (let at = 0; at < payload.length; at += size) {
      const piece = payload.slice(at, at + size);
      const peer = side === 'c' ? next.s : next.c;
      frames.push((side === 'c' ? c : s)(next[side], piece, peer));
      next[side] += piece.length;
    }
  }
  return frames;
}

/** Payloads of these tests are Latin-1 text. */
function encoded(framing: Framing, text: string): string {
  if (text.startsWith('raw:')) return Buffer.from(fromHex(text.slice(4))).toString('latin1');
  const bytes = fromHex(text);
  const encode = framing === 'rtu' ? encodeRtuFrame : encodeAsciiFrame;
  return Buffer.from(encode(bytes[0], bytes.subarray(1))).toString('latin1');
}

interface Found {
  readonly transactions: string[];
  readonly malformed: string[];
  readonly missed: number;
}

function decode(frames: readonly FrameFields[]): Found {
  const transactions: string[] = [];
  const malformed: string[] = [];
  let missed = 0;
  const sink: DecodeSink = {
    modbusTransaction: ({ transport, unitId, functionCode, matched, anomalies, flow }) => {
      const names = anomalies.map(({ name }) => name).join(' ');
      const pairing = matched ? 'matched' : 'alone';
      transactions.push(`${transport} ${unitId}/${functionCode} ${pairing} ${names}`.trim());
      missed = flow.clientBytesMissed + flow.serverBytesMissed;
    },
    malformed: ({ anomalies }) => malformed.push(anomalies[0].name),
    opcuaTransaction: () => {},
    opcuaTransportMessage: () => {},
    gap: () => {},
    flowEnded: () => {},
  };
  const counters = createDecodeCounters();
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: 64 }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: 64 }, sink, counters.opcua),
  };
  const decoder = new Decoder({ flowsMax: 64 }, analyzers, sink, counters);
  decoder.block(blockOf(frames));
  decoder.end();
  return { transactions, malformed, missed };
}

for (const framing of ['rtu', 'ascii'] as const) {
  const name = `${framing}OverTcp`;
  const poll: Turn[] = [
    ['c', READ],
    ['s', ANSWER],
  ];
  const polls = [...poll, ...poll, ...poll];
  const matched = Array(3).fill(`${name} 17/3 matched`);

  test(`${name}: recognised on any port, by frames of both directions`, () => {
    const frames = [...OPEN, ...talk(framing, polls)].map(elsewhere);
    assert.deepEqual(decode(frames).transactions, matched);
  });

  test(`${name}: joined in the middle, roles by the shape of the frames`, () => {
    assert.deepEqual(decode(talk(framing, polls).map(elsewhere)).transactions, matched);
  });

  test(`${name}: one direction of an unknown port is no evidence`, () => {
    const requests = talk(framing, [
      ['c', READ],
      ['c', READ],
      ['c', READ],
    ]);
    assert.deepEqual(decode([...OPEN, ...requests].map(elsewhere)).transactions, []);
  });

  test(`${name}: on a configured port one frame is enough`, () => {
    const found = decode([...OPEN, ...talk(framing, [['c', READ]])]);
    assert.deepEqual(found.transactions, [`${name} 17/3 alone`]);
  });

  test(`${name}: frames cut into segments of any size`, () => {
    for (const size of [1, 3, 7]) {
      const frames = [...OPEN, ...talk(framing, polls, size)].map(elsewhere);
      assert.deepEqual(decode(frames).transactions, matched, `size ${size}`);
    }
  });

  test(`${name}: several frames in a segment`, () => {
    const requests = talk(framing, [
      ['c', READ],
      ['s', `${ANSWER}`],
      ['c', `${READ}`],
      ['s', ANSWER],
    ]);
    const both = [...OPEN, ...requests].map(elsewhere);
    assert.deepEqual(decode(both).transactions, matched.slice(1));
    const merged = talk(framing, [
      ['c', `${READ}|12 03 0000 0001`],
      ['s', '12 03 02 0001'],
    ]);
    assert.deepEqual(decode([...OPEN, ...merged]).transactions, [
      `${name} 17/3 alone requestUnanswered`,
      `${name} 18/3 matched`,
    ]);
  });

  test(`${name}: a broken frame is malformed, and the next is read`, () => {
    const broken = framing === 'rtu' ? 'raw:1103146b00037e7e7e7e' : 'raw:3a31313033303036420d0a';
    const frames = [...OPEN, ...talk(framing, [...poll, ['c', READ], ['s', broken], ...poll])];
    const found = decode(frames.map(elsewhere));
    assert.deepEqual(found.malformed, [framing === 'rtu' ? 'crcInvalid' : 'lrcInvalid']);
    assert.deepEqual(found.transactions.at(-1), `${name} 17/3 matched requestDuplicate`);
    assert.ok(found.missed > 0);
  });

  test(`${name}: a segment that the capture lost costs its own frame`, () => {
    const all = talk(framing, [...poll, ...poll, ...poll], 9);
    // The third segment of the second answer.
    const answers = all
      .map((frame, index) => ({ frame, index }))
      .filter(({ frame }) => frame.from.port === 502);
    const perAnswer = answers.length / 3;
    const lost = answers[Math.floor(perAnswer) + 2].index;
    const found = decode([...OPEN, ...all.filter((_, index) => index !== lost)].map(elsewhere));
    assert.deepEqual(found.malformed, []);
    assert.equal(
      found.transactions.filter((text) => text.startsWith(`${name} 17/3 matched`)).length,
      2,
    );
  });
}

test('a read request of RTU begins like an MBAP header, and is none', () => {
  // 01 03 | 00 00 | 00 0a: transaction 259, protocol 0, 10 bytes to follow.
  const turns: Turn[] = [
    ['c', '01 03 0000 000a'],
    ['s', `01 03 14 ${'0102'.repeat(10)}`],
  ];
  for (const place of [(frame: FrameFields) => frame, elsewhere]) {
    const found = decode([...OPEN, ...talk('rtu', turns)].map(place));
    assert.deepEqual(found.transactions, ['rtuOverTcp 1/3 matched']);
  }
});

test('Modbus/TCP is not mistaken', () => {
  const request = 'raw:0001 0000 0006 11 03 006b 0003';
  const response = 'raw:0001 0000 0009 11 03 06 022b00000064';
  for (const place of [(frame: FrameFields) => frame, elsewhere]) {
    const frames = [
      ...OPEN,
      ...talk('rtu', [
        ['c', request],
        ['s', response],
      ]),
    ].map(place);
    assert.deepEqual(decode(frames).transactions, ['tcp 17/3 matched']);
  }
});

test('a write and its echo are told apart by direction', () => {
  const turns: Turn[] = [
    ['c', '11 06 0001 0003'],
    ['s', '11 06 0001 0003'],
  ];
  const frames = [...OPEN, ...talk('rtu', turns)].map(elsewhere);
  assert.deepEqual(decode(frames).transactions, ['rtuOverTcp 17/6 matched']);
});
