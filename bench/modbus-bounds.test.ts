// Modbus under attack, through the whole decode stage: what the longest call took, and that memory
// stays where it was. OPC UA has the same in `npm run bench -- opcua-bounds`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { Decoder } from '../agent/decode/decoder.ts';
import { ModbusCarriers } from '../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import { ACK, blockOf, type FrameFields, SYN } from '../agent/decode/test-traffic.ts';
import { TlsAnalyzer } from '../agent/decode/tls-analyzer.ts';
import { cpuMsOf } from '../hil-tests/machine-load.ts';
import {
  FRAME_NANOSECONDS,
  FRAME_OFFSET,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
} from '../protocols/frame-block.ts';
import { garbageCollector } from './collect-garbage.ts';
import { RECORDING_SINK } from './fuzz/null-sink.ts';

const FLOWS_MAX = 1024;
const FRAMES_PER_BLOCK = 512;
const GROWTH_BYTES_MAX = 5_000_000;
const CALL_MS_MAX = 5;
const IP = 14;
const TCP = 34;
const PAYLOAD = 54;
const CLIENT = { host: 5, port: 40_001 };
const SERVER = { host: 9, port: 502 };
const collect = garbageCollector();

/** Changes frame `number` of the attack, whose bytes begin at `at`. */
type Vary = (bytes: Uint8Array, at: number, number: number) => void;

interface Attack {
  readonly name: string;
  readonly frames: number;
  readonly frame: FrameFields;
  readonly vary: Vary;
}

const request = { from: CLIENT, to: SERVER, sequence: 1, flags: ACK };
const READ = Uint8Array.of(0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1);

// biome-ignore format: one attack per line
const attacks: readonly Attack[] = [
  { name: 'a million requests without an answer', frames: 1_000_000, frame: { ...request, payload: READ },
    vary: (bytes, at, number) => { setSequence(bytes, at, 1 + number * READ.length); setWord(bytes, at + PAYLOAD, number); } },
  { name: 'a SYN flood over all ports', frames: 1_000_000, frame: { ...request, flags: SYN },
    vary: (bytes, at, number) => { setWord(bytes, at + TCP, number); bytes[at + IP + 15] = number >> 16; } },
  { name: 'first requests of a connection each, over all ports', frames: 400_000, frame: { ...request, payload: READ },
    vary: (bytes, at, number) => { setWord(bytes, at + TCP, number); bytes[at + IP + 15] = number >> 16; } },
  { name: 'holes of 2 GB', frames: 200_000, frame: { ...request, payload: READ },
    vary: (bytes, at, number) => setSequence(bytes, at, (number * 0x7fff_0000) >>> 0) },
  { name: 'headers whose length is a lie', frames: 400_000, frame: { ...request, payload: READ },
    vary: (bytes, at, number) => { setSequence(bytes, at, 1 + number * READ.length); setWord(bytes, at + PAYLOAD + 4, number); } },
  { name: 'first halves of messages only', frames: 400_000, frame: { ...request, payload: Uint8Array.of(0, 1, 0, 0, 0, 254, 1, 16) },
    vary: (bytes, at, number) => { setWord(bytes, at + TCP, number % 4000); setSequence(bytes, at, 1 + Math.floor(number / 4000) * 8); } },
];

for (const attack of attacks) {
  test(`bounds: ${attack.name}`, (context) => {
    const { grownBytes, slowMs, framesCount } = run(attack);
    context.diagnostic(
      `${grownBytes} bytes held more, slowest call a frame ${slowMs.toFixed(4)} ms`,
    );
    assert.equal(framesCount, attack.frames);
    assert.ok(grownBytes < GROWTH_BYTES_MAX, `${grownBytes} bytes more`);
    assert.ok(slowMs < CALL_MS_MAX, `${slowMs} ms`);
  });
}

/** Twice the same attack: the first half fills what may be filled, the second must add nothing. */
function run({ frames, frame, vary }: Attack): {
  readonly grownBytes: number;
  readonly slowMs: number;
  readonly framesCount: number;
} {
  const counters = createDecodeCounters();
  const options = { flowsMax: FLOWS_MAX };
  const analyzers = {
    modbus: new ModbusCarriers(options, RECORDING_SINK, counters.modbus),
    opcua: new OpcuaAnalyzer(options, RECORDING_SINK, counters.opcua),
    tls: new TlsAnalyzer(RECORDING_SINK),
  };
  const decoder = new Decoder(options, analyzers, RECORDING_SINK, counters);
  const block = blockOf(new Array<FrameFields>(FRAMES_PER_BLOCK).fill(frame));
  let heldAtHalf = 0;
  let slowMs = 0;
  for (let number = 0; number < frames; number += FRAMES_PER_BLOCK) {
    if (heldAtHalf === 0 && number >= frames / 2) heldAtHalf = bytesHeld();
    const framesCount = Math.min(FRAMES_PER_BLOCK, frames - number);
    varyBlock(block, framesCount, number, vary);
    const mean = cpuMsOf(() => decoder.block({ ...block, framesCount })) / framesCount;
    if (number > frames / 2) slowMs = Math.max(slowMs, mean);
  }
  return { grownBytes: bytesHeld() - heldAtHalf, slowMs, framesCount: counters.framesCount };
}

function varyBlock(block: FrameBlock, framesCount: number, first: number, vary: Vary): void {
  for (let frame = 0; frame < framesCount; frame += 1) {
    const word = frame * FRAME_WORDS;
    const number = first + frame;
    block.index[word + FRAME_SECONDS] = 1_790_000_000 + Math.floor(number / 20_000);
    block.index[word + FRAME_NANOSECONDS] = (number % 20_000) * 50_000;
    vary(block.bytes, block.index[word + FRAME_OFFSET], number);
  }
}

function setSequence(bytes: Uint8Array, at: number, sequence: number): void {
  for (let byte = 0; byte < 4; byte += 1) bytes[at + TCP + 4 + byte] = sequence >>> (24 - byte * 8);
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

function bytesHeld(): number {
  for (let round = 0; round < 3; round += 1) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
