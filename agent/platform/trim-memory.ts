/**
 * Gives memory back that the program has, and doesn't need now. Pages of the executable (code that
 * parsed the command line, tables of the engine) stay mapped until the kernel is short of memory,
 * and count as ours all the while: they lie in the page cache, and what is needed again is mapped
 * again. Of the executable alone: it keeps its addresses for life, whereas a library can go, and
 * memory that takes its place before it is forgotten would be lost. And the C library keeps what
 * the engine's compiler took and freed. Measured: 40 MB after a start, 20 MB under a flood of flows
 * (docs/benchmarks.md).
 */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from './clock.ts';

/** madvise(2) */
const MADV_DONTNEED = 4;
/** Costs 0.1 % of a core, in threads that nobody waits for. */
const TRIM_INTERVAL_MS = 5000;

/** An address range of the process. */
export interface MappedRange {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** Ranges of `/proc/self/smaps` that hold nothing but unchanged pages of the file `inode`. */
export function cleanFileRanges(smaps: string, inode: number): MappedRange[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (r-[-x]p) \S+ \S+ (\d+) +\/.*/.exec(text);
    // A changed page of a private mapping (a relocation, a breakpoint) is anonymous and would be
    // lost: the range stays as it is. One that only its writer has left dirty lies in the cache.
    const isClean = /^Anonymous: +0 kB$/m.test(text);
    if (head === null || Number(head[4]) !== inode || !isClean) return [];
    const [start, end] = [BigInt(`0x${head[1]}`), BigInt(`0x${head[2]}`)];
    return [{ start, bytes: end - start }];
  });
}

/** Trims again and again, until the returned function is called. */
export function keepTrimmed(clock: Clock): () => void {
  let isOver = false;
  let cancel = (): void => {};
  const trimLater = (): void => {
    if (isOver) return;
    cancel = clock.after(TRIM_INTERVAL_MS, () => void trimMemory().then(trimLater));
  };
  trimLater();
  return () => {
    isOver = true;
    cancel();
  };
}

/** Once; does nothing where the kernel tells too little. The work is done in other threads. */
export async function trimMemory(): Promise<void> {
  try {
    const libc = await openLibrary();
    await libc.mallocTrim();
    const { ino } = await stat('/proc/self/exe');
    const smaps = await readFile('/proc/self/smaps', 'utf8');
    for (const { start, bytes } of cleanFileRanges(smaps, ino)) await libc.forget(start, bytes);
  } catch {
    // Memory that isn't given back harms nobody.
  }
}

interface Library {
  /** malloc_trim(3), of all arenas. */
  mallocTrim(): Promise<void>;
  /** Unmaps pages that can be read again from their file. */
  forget(start: bigint, bytes: bigint): Promise<void>;
}

let library: Promise<Library> | undefined;

/** Once a process: every declaration of a function is kept by koffi. */
function openLibrary(): Promise<Library> {
  library ??= import('koffi').then(({ default: koffi }) => {
    const libc = koffi.load('libc.so.6');
    const mallocTrim = libc.func('int malloc_trim(size_t pad)');
    const madvise = libc.func('int madvise(uintptr_t address, size_t bytes, int advice)');
    return {
      mallocTrim: () => new Promise((resolve) => mallocTrim.async(0, () => resolve())),
      forget: (start, bytes) =>
        new Promise((resolve) => madvise.async(start, bytes, MADV_DONTNEED, () => resolve())),
    };
  });
  return library;
}
