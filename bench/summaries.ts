/** What a summary costs on the link, on the golden input of 50 conversations and 5 detections. */
import { meteredBytes, wholeBytes } from '../agent/uplink/golden-sizes.ts';
import type { BenchSection } from './section.ts';

export const summariesSection: BenchSection = {
  name: 'summaries',
  title: 'bytes of a signed summary, every field filled',
  async run() {
    return {
      kind: 'figures',
      figures: [
        {
          name: 'signed summary, 50 conversations and 5 detections',
          value: wholeBytes(),
          unit: 'bytes',
          goal: 'goal <= 2,800',
        },
        {
          name: 'the steady minute after it, metered profile',
          value: meteredBytes(),
          unit: 'bytes',
          goal: 'goal <= 1,400',
        },
      ],
    };
  },
};
