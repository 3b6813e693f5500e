/**
 * Room kept for the day the disk is full: SQLite can then neither delete nor checkpoint nor open
 * (measured: 256 KiB were enough, 64 KiB not). The file is deleted at that moment and grows again,
 * a piece at a time, once the disk has room for it twice.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fdatasyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { troubleOf } from './buffer-fault.ts';

const BALLAST_BYTES_MAX = 8 * 1024 * 1024;
const BALLAST_BYTES_MIN = 512 * 1024;
/** A smaller disk gives a sixteenth of itself. */
const SHARE_OF_DISK = 1 / 16;
/** Written by one call: a slow card takes 25 ms for it. */
const PIECE_BYTES = 256 * 1024;

export class Ballast {
  readonly #path: string;
  #bytes: number;

  constructor(bufferPath: string) {
    this.#path = `${bufferPath}.ballast`;
    this.#bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Grows by a piece where the disk has room; call about once a second. */
  grow(): void {
    const { blocks, bavail, bsize } = statfsSync(dirname(this.#path));
    const share = Math.floor((blocks * bsize * SHARE_OF_DISK) / PIECE_BYTES) * PIECE_BYTES;
    const wanted = Math.min(BALLAST_BYTES_MAX, Math.max(BALLAST_BYTES_MIN, share));
    if (this.#bytes >= wanted || bavail * bsize < 2 * wanted) return;
    try {
      // Random bytes take their room also on a file system that compresses.
      const descriptor = openSync(this.#path, 'a', 0o600);
      try {
        this.#bytes += writeSync(descriptor, randomBytes(PIECE_BYTES));
        fdatasyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      // A disk that refuses the ballast will say so at the next commit, where it matters.
      if (troubleOf(error) === undefined) throw error;
    }
  }

  /** True: room was given back to the disk. */
  drop(): boolean {
    if (this.#bytes === 0) return false;
    rmSync(this.#path, { force: true });
    this.#bytes = 0;
    return true;
  }
}
