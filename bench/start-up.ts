/**
 * What starting costs: CPU of `replay` on a capture without a packet, which is the whole program
 * loaded and ended. A field laptop starts it hundreds of times; a gateway after every power cut.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LINKTYPE_ETHERNET } from '../protocols/frame-block.ts';
import { encodePcapHeader } from '../protocols/pcap/pcap-write.ts';
import { type Measured, measure, median } from './measure.ts';
import { type BenchSection, MEGABYTE } from './section.ts';

const ROUNDS = 9;

export const startUpSection: BenchSection = {
  name: 'start-up',
  title: 'CPU of replay on an empty capture',
  async run(context) {
    const [program, main] = context.fieldtap;
    const path = join(context.folder, 'empty.pcap');
    writeFileSync(path, encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' }));
    const runs: Measured[] = [];
    const bare: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const run = await measure(program, [main, 'replay', path, '--summary', 'json']);
      if (run.status !== 0)
        throw new Error(`replay ended with ${run.status}: ${run.standardError}`);
      runs.push(run);
      bare.push(await measure(program, ['-e', '0']));
    }
    return {
      kind: 'figures',
      figures: [
        {
          name: 'CPU of replay, empty capture',
          value: cpuMs(runs),
          unit: 'ms',
          goal: 'goal <= 400',
        },
        { name: 'CPU of Node alone, for comparison', value: cpuMs(bare), unit: 'ms' },
        { name: 'peak memory of replay, empty capture', value: peak(runs), unit: 'MB' },
      ],
    };
  },
};

function cpuMs(runs: readonly Measured[]): number {
  return median(runs.map((run) => run.cpuMs));
}

function peak(runs: readonly Measured[]): number {
  return median(runs.map((run) => run.peakBytes)) / MEGABYTE;
}
