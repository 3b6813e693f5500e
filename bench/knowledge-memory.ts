/**
 * Peak memory of whole processes while somebody tries to make the memory of the plant grow: a sweep
 * over all registers of all units, 10,000 devices with 100,000 conversations.
 */
import { join } from 'node:path';
import { writeManyConversations, writeRegisterSweep } from './knowledge-floods.ts';
import { measure } from './measure.ts';
import { type BenchSection, type Figure, MEGABYTE } from './section.ts';

const SERVERS = 10_000;
const CONVERSATIONS = 100_000;
const GOAL = 'goal <= 128';

export const knowledgeMemorySection: BenchSection = {
  name: 'knowledge-memory',
  title: 'memory of a process whose plant grows without end',
  async run(context) {
    const sweep = join(context.folder, 'sweep.pcap');
    const many = join(context.folder, 'many.pcap');
    writeRegisterSweep(sweep);
    writeManyConversations(many, SERVERS, CONVERSATIONS);
    const cases = [
      { name: '65,536 registers on 247 units', path: sweep },
      { name: '10,000 devices, 100,000 conversations', path: many },
    ];
    const figures: Figure[] = [];
    for (const { name, path } of cases) {
      for (const words of [[], ['--registers']]) {
        const options = [join(import.meta.dirname, '../agent/start.mjs'), 'replay', path];
        const { peakBytes, status } = await measure(process.execPath, [
          ...options,
          '--summary',
          'json',
          ...words,
        ]);
        if (status !== 0) return { kind: 'skipped', reason: `replay of ${name} ended ${status}` };
        const how = ['replay', ...words].join(' ');
        figures.push({
          name: `${name}: ${how}`,
          value: peakBytes / MEGABYTE,
          unit: 'MB',
          goal: GOAL,
        });
      }
    }
    return { kind: 'figures', figures };
  },
};
