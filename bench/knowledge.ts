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
/** Of the values in a poll, those that differ from the poll before. */
const LOADS = [
  { name: 'constant values', changedShare: 0 },
  { name: '5 % of the values changed', changedShare: 0.05 },
  { name: 'all values changed', changedShare: 1 },
] as const;
/** What is measured against decode alone. */
const STAGES = [
  { name: 'counts', remembersRegisters: false },
  { name: 'counts and register memory', remembersRegisters: true },
] as const;

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
    const loads = LOADS.map(({ name, changedShare }, index) => {
      const path = join(context.folder, `knowledge-${index}.pcap`);
      generateModbus(path, PACKETS, SEED, changedShare);
      const blocks = holdFrames(readFileSync(path));
      const frames = framesCountOf(blocks);
      const runs = [
        () => decodeAlone(blocks),
        ...STAGES.map((stage) => () => decodeAndObserve(blocks, stage.remembersRegisters)),
      ];
      return { name, frames, runs: runs.map((run) => ({ run, took: [] as number[] })) };
    });
    for (let round = 0; round < ROUNDS; round++) {
      context.say(`round ${round + 1} of ${ROUNDS}`);
      for (const { frames, runs } of loads) {
        for (const { run, took } of runs) {
          const ns = cpuNsOf(run) / frames;
          if (round >= WARM_ROUNDS) took.push(ns);
        }
      }
    }
    const figures = loads.flatMap(({ name, runs }) => {
      const [decode, ...stages] = runs.map(({ took }) => median(took));
      return [
        { name: `${name}: decode alone, a packet`, value: decode, unit: 'ns' },
        ...stages.flatMap((both, index) => [
          { name: `${name}: with ${STAGES[index].name}, a packet`, value: both, unit: 'ns' },
          {
            name: `${name}: CPU that ${STAGES[index].name} add`,
            value: (100 * (both - decode)) / decode,
            unit: '%',
            goal: 'goal <= 40',
          },
        ]),
      ];
    });
    return { kind: 'figures', figures };
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

function decodeAndObserve(blocks: readonly FrameBlock[], remembersRegisters: boolean): void {
  const pipeline = new Pipeline({ interfaces: [], digest: DIGEST, remembersRegisters });
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
