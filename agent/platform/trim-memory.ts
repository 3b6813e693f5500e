/**
 * Gives back what only the start needed: pages of the program's own files (code that parsed the
 * command line, tables of the engine) stay mapped until the kernel is short of memory, and count as
 * ours all the while. They lie in the page cache; what is needed again is mapped again.
 */
import { readFileSync } from 'node:fs';

/** madvise(2) */
const MADV_DONTNEED = 4;
/** Longer than a start takes on a slow gateway. */
export const TRIM_AFTER_MS = 10_000;

/** An address range of the process. */
export interface MappedRange {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** Ranges of `/proc/self/smaps` that hold nothing but unchanged pages of a file. */
export function cleanFileRanges(smaps: string): MappedRange[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (r-[-x]p) \S+ \S+ (\d+) +\/.*/.exec(text);
    // A changed page (a relocation, a breakpoint) would be lost: the range stays as it is.
    const isClean = /^Anonymous: +0 kB$/m.test(text) && /^Private_Dirty: +0 kB$/m.test(text);
    if (head === null || head[4] === '0' || !isClean) return [];
    const [start, end] = [BigInt(`0x${head[1]}`), BigInt(`0x${head[2]}`)];
    return [{ start, bytes: end - start }];
  });
}

/** Does nothing where the kernel tells too little. */
export async function trimMemory(): Promise<void> {
  try {
    const ranges = cleanFileRanges(readFileSync('/proc/self/smaps', 'utf8'));
    const { default: koffi } = await import('koffi');
    const madvise = koffi
      .load('libc.so.6')
      .func('int madvise(uintptr_t address, size_t bytes, int advice)');
    for (const { start, bytes } of ranges) madvise(start, bytes, MADV_DONTNEED);
  } catch {
    // Memory that isn't given back harms nobody.
  }
}
