/**
 * Reading a capture file and nothing else: packets a second from the page cache to a sink that
 * looks at one byte of each block. Bounds what the whole replay can reach.
 */
import { join } from 'node:path';
import { readCaptureFile } from '../agent/capture/file-source.ts';
import { generateModbus } from './generate-modbus.ts';
import { median } from './measure.ts';
import type { BenchSection } from './section.ts';

const PACKETS = 2_000_000;
const ROUNDS = 7;

export const readSection: BenchSection = {
  name: 'read',
  title: 'reading a pcap file without decoding it',
  async run(context) {
    const path = join(context.folder, 'large.pcap');
    generateModbus(path, PACKETS, 1);
    const nanoseconds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      let touched = 0;
      const sink = {
        block({ bytes, framesCount }: { bytes: Uint8Array; framesCount: number }) {
          touched += bytes[0] + framesCount;
        },
      };
      const before = process.cpuUsage();
      const { framesCount } = await readCaptureFile(path, { interfaceIndex: 0 }, sink);
      const used = process.cpuUsage(before);
      if (framesCount !== PACKETS || touched === 0) throw new Error(`read ${framesCount} frames`);
      nanoseconds.push((1000 * (used.user + used.system)) / framesCount);
    }
    const value = median(nanoseconds);
    return {
      kind: 'figures',
      figures: [
        {
          name: 'packets read a second of CPU',
          value: 1e9 / value,
          unit: 'packets/s',
          goal: 'goal >= 15,000,000',
        },
        { name: 'CPU a packet, reading', value, unit: 'ns' },
      ],
    };
  },
};
