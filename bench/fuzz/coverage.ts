/**
 * Branch coverage of protocols/ from what V8 writes for NODE_V8_COVERAGE: every range of a function
 * that V8 counts by blocks is a branch; a function never entered is one branch, not taken.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FolderCoverage {
  readonly folder: string;
  readonly branches: number;
  readonly covered: number;
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly Range[] }[];
  }[];
}

/** Made data, and what only writes: nothing of them reads bytes from the wire. */
const LEFT_OUT =
  /\.test\.ts$|\/(made-|sample-|testdata|pcap-write|frames-of)|\/protocols\/uplink\//;

/** By folder of protocols/, and all together under `protocols`. */
export function readCoverage(folder: string): FolderCoverage[] {
  const counts = new Map<string, { branches: number; covered: number }>();
  for (const name of readdirSync(folder)) {
    const { result }: Coverage = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    for (const { url, functions } of result) {
      const [, part] = /\/protocols\/(.*)$/.exec(url) ?? [];
      if (part === undefined || LEFT_OUT.test(url)) continue;
      const ranges = functions.flatMap((each) => each.ranges);
      const covered = ranges.filter(({ count }) => count > 0).length;
      for (const key of ['protocols', `protocols/${part.split('/')[0]}`]) {
        const sum = counts.get(key) ?? { branches: 0, covered: 0 };
        sum.branches += ranges.length;
        sum.covered += covered;
        counts.set(key, sum);
      }
    }
  }
  return [...counts].sort().map(([key, sum]) => ({ folder: key, ...sum }));
}
