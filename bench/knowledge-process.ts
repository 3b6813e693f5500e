/**
 * One way through one capture, in a process of its own, so that the engine compiles decode for the
 * one sink that it has: `node bench/knowledge-process.ts decode|counts|registers FILE`. Prints
 * nanoseconds a packet: each block of some 900 frames is timed alone, in the second half of the
 * capture, and the best tenth counts. A piece of 0.2 ms is rarely interrupted, so the figure stands
 * on a busy machine too.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { Decoder } from '../agent/decode/decoder.ts';
import { ModbusCarriers } from '../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import { TlsAnalyzer } from '../agent/decode/tls-analyzer.ts';
import { Pipeline } from '../agent/pipeline.ts';
import { IGNORING_SINK } from '../protocols/decode-sink.ts';
import type { FrameBlock, FrameBlockSink } from '../protocols/frame-block.ts';
import { DIGEST } from './fuzz/null-sink.ts';
import { holdFrames } from './held-frames.ts';

/** Share of the pieces that were faster than what is told. */
const BEST_SHARE = 0.1;

// As agent/start.mjs.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');
const [, , way, file] = process.argv;
const sink = way === 'decode' ? decodeAlone() : observe(way === 'registers');
console.log(nanosecondsOf(holdFrames(readFileSync(file)), sink));

function nanosecondsOf(blocks: readonly FrameBlock[], sink: FrameBlockSink): number {
  const pieces: number[] = [];
  for (const [index, block] of blocks.entries()) {
    const begin = process.hrtime.bigint();
    sink.block(block);
    const took = Number(process.hrtime.bigint() - begin);
    if (index > blocks.length / 2 && block.framesCount > 0) pieces.push(took / block.framesCount);
  }
  pieces.sort((a, b) => a - b);
  return pieces[Math.floor(pieces.length * BEST_SHARE)];
}

function decodeAlone(): FrameBlockSink {
  const counters = createDecodeCounters();
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: 8192 }, IGNORING_SINK, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: 8192 }, IGNORING_SINK, counters.opcua),
    tls: new TlsAnalyzer(IGNORING_SINK),
  };
  return new Decoder({}, analyzers, IGNORING_SINK, counters);
}

function observe(remembersRegisters: boolean): FrameBlockSink {
  return new Pipeline({ interfaces: [], digest: DIGEST, remembersRegisters });
}
