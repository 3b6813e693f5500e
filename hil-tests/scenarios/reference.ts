/**
 * An independent witness: tcpdump on a port, and its capture read back as frames. A snap length of
 * 2,048 matters: with 0 (as long as they come) tcpdump itself lost up to 4 % of the frames.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../plant/bench.ts';
import type { Host } from '../plant/host.ts';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
/** libpcap hands its last block over after a second. */
const DRAIN_MS = 1500;

export interface Reference {
  /** Frames as hex, in the order in which they came. Ends the witness. */
  frames(): Promise<readonly string[]>;
}

export async function watch(bench: Bench, host: Host, port: string): Promise<Reference> {
  const path = `${bench.folder}/${host.name}-${port}.pcap`;
  const options = ['-i', port, '-w', path, '-U', '-B', '16384', '-s', '2048', '-Z', 'root'];
  const witness = bench.start(host, ['tcpdump', ...options]);
  await witness.until(
    ({ stderr }) => (/listening on/.test(stderr) ? true : undefined),
    'listening',
  );
  return {
    async frames() {
      await delay(DRAIN_MS);
      await witness.stop();
      const dropped = /(\d+) packets? dropped by kernel/.exec(witness.stderr)?.[1];
      if (dropped !== '0') throw new Error(`the witness itself lost frames: ${witness.stderr}`);
      return framesOf(readFileSync(path));
    },
  };
}

/** Classic pcap as tcpdump writes it on this machine: little endian. */
function framesOf(file: Buffer): string[] {
  const frames: string[] = [];
  for (let at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.length; ) {
    const captured = file.readUInt32LE(at + 8);
    const begin = at + RECORD_HEADER_BYTES;
    frames.push(file.toString('hex', begin, begin + captured));
    at = begin + captured;
  }
  return frames;
}
