/**
 * What observing costs beside decoding: the same frames, held in memory, through decode alone and
 * through decode with all of observe (counts, register memory, assets), in turns in one process.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { Decoder } from '../agent/decode/decoder.ts';
import { ModbusCarriers } from '../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import { TlsAnalyzer } from '../agent/decode/tls-analyzer.ts';
import { Pipeline } from '../agent/pipeline.ts';
import type { DecodeSink } from '../protocols/decode-sink.ts';
import type { FrameBlock } from '../protocols/frame-block.ts';
import { DIGEST } from './fuzz/null-sink.ts';
import { generateModbus } from './generate-modbus.ts';
import { framesCountOf, holdFrames } from './held-frames.ts';
import type { BenchSection } from './section.ts';

const PACKETS = 200_000;
const SEED = 11;
const ROUNDS = 9;
/** The engine compiles what runs often; these don't count. */
const WARM_ROUNDS = 2;

const NOTHING: DecodeSink = {
  modbusTransaction: () => {},
  opcuaTransaction: () => {},
  opcuaTransportMessage: () => {},
  malformed: () => {},
  gap: () => {},
  flowEnded: () => {},
};

export const knowledgeSection: BenchSection = {
  name: 'knowledge',
  title: 'what observing adds to decoding',
  async run(context) {
    const path = join(context.folder, 'knowledge.pcap');
    generateModbus(path, PACKETS, SEED);
    const blocks = holdFrames(readFileSync(path));
    const frames = framesCountOf(blocks);
    const alone: number[] = [];
    const observed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      context.say(`round ${round + 1} of ${ROUNDS}`);
      const decode = cpuNsOf(() => decodeAlone(blocks)) / frames;
      const both = cpuNsOf(() => decodeAndObserve(blocks)) / frames;
      if (round < WARM_ROUNDS) continue;
      alone.push(decode);
      observed.push(both);
    }
    const decode = median(alone);
    const both = median(observed);
    return {
      kind: 'figures',
      figures: [
        { name: 'decode alone, a packet', value: decode, unit: 'ns' },
        { name: 'decode and observe, a packet', value: both, unit: 'ns' },
        {
          name: 'CPU that observing adds to decoding',
          value: (100 * (both - decode)) / decode,
          unit: '%',
          goal: 'goal <= 40',
        },
      ],
    };
  },
};

function decodeAlone(blocks: readonly FrameBlock[]): void {
  const counters = createDecodeCounters();
  const analyzers = {
    modbus: new ModbusCarriers({ flowsMax: 8192 }, NOTHING, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: 8192 }, NOTHING, counters.opcua),
    tls: new TlsAnalyzer(NOTHING),
  };
  const decoder = new Decoder({}, analyzers, NOTHING, counters);
  for (const block of blocks) decoder.block(block);
  decoder.end();
}

function decodeAndObserve(blocks: readonly FrameBlock[]): void {
  const pipeline = new Pipeline({ interfaces: [], digest: DIGEST });
  for (const block of blocks) pipeline.block(block);
  pipeline.end();
}

/** CPU time of this process: another worker on the same core doesn't count. */
function cpuNsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
