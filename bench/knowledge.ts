/**
 * What observing costs beside decoding: the same frames, held in memory, through decode alone and
 * through decode with all of observe (counts, register memory, assets), each in a process of its
 * own (`knowledge-process.ts`), in turns.
 */
import { join } from 'node:path';
import { generateModbus } from './generate-modbus.ts';
import { measure, median } from './measure.ts';
import type { BenchSection } from './section.ts';

const PACKETS = 500_000;
const SEED = 11;
const ROUNDS = 3;
/** Of the values in a poll, those that differ from the poll before. */
const LOADS = [
  { name: 'constant values', changedShare: 0 },
  { name: '5 % of the values changed', changedShare: 0.05 },
  { name: 'all values changed', changedShare: 1 },
] as const;
/** What is measured against decode alone. */
const STAGES = [
  { name: 'counts', way: 'counts' },
  { name: 'counts and register memory', way: 'registers' },
] as const;
const WAYS = ['decode', ...STAGES.map(({ way }) => way)];

export const knowledgeSection: BenchSection = {
  name: 'knowledge',
  title: 'what observing adds to decoding',
  async run(context) {
    const loads = LOADS.map(({ name, changedShare }, index) => {
      const path = join(context.folder, `knowledge-${index}.pcap`);
      generateModbus(path, PACKETS, SEED, changedShare);
      return { name, path, took: new Map(WAYS.map((way) => [way, [] as number[]])) };
    });
    for (let round = 0; round < ROUNDS; round++) {
      context.say(`round ${round + 1} of ${ROUNDS}`);
      for (const { path, took } of loads) {
        for (const [way, list] of took) list.push(await nanosecondsOf(way, path));
      }
    }
    const figures = loads.flatMap(({ name, took }) => {
      const costOf = (way: string): number => median(took.get(way) ?? []);
      const decode = costOf('decode');
      return [
        { name: `${name}: decode alone, a packet`, value: decode, unit: 'ns' },
        ...STAGES.flatMap((stage) => [
          {
            name: `${name}: with ${stage.name}, a packet`,
            value: costOf(stage.way),
            unit: 'ns',
          },
          {
            name: `${name}: CPU that ${stage.name} add`,
            value: (100 * (costOf(stage.way) - decode)) / decode,
            unit: '%',
            goal: 'goal <= 40',
          },
        ]),
      ];
    });
    return { kind: 'figures', figures };
  },
};

async function nanosecondsOf(way: string, path: string): Promise<number> {
  const program = join(import.meta.dirname, 'knowledge-process.ts');
  const { status, standardOutput, standardError } = await measure(process.execPath, [
    program,
    way,
    path,
  ]);
  if (status !== 0) throw new Error(`${way} ended with ${status}: ${standardError}`);
  return Number(standardOutput);
}
