/**
 * The disk under one process: real files in memory, and what a crash leaves of them. A commit that
 * has returned is there; of one in flight some sectors are, in any choice that the order of
 * SQLite's own fsyncs allows.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SeededRandom } from '../seeded-random.ts';

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
/** Header of a write-ahead log; SQLite syncs a new one before it writes a frame behind it. */
const WAL_HEADER_BYTES = 32;

/** Files by name; one that is missing isn't there. */
export type DiskImage = ReadonlyMap<string, Buffer>;

/** How a process ended: killed with the kernel going on, or with the power. */
export type Ending = 'kill' | 'powerCut';

export class Disk {
  readonly #root = mkdtempSync(
    join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fieldtap-simulation-'),
  );
  readonly #names: readonly string[];
  readonly #database: string;
  #lives = 0;

  /** `database`: one of the `names`, and its log with it. */
  constructor(database: string, names: readonly string[]) {
    this.#database = database;
    this.#names = [database, `${database}-wal`, ...names];
    mkdirSync(this.folder);
  }

  /** Of the life that goes on now. */
  get folder(): string {
    return join(this.#root, String(this.#lives));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  image(): DiskImage {
    const image = new Map<string, Buffer>();
    for (const name of this.#names) {
      if (existsSync(this.path(name))) image.set(name, readFileSync(this.path(name)));
    }
    return image;
  }

  /** A folder for the next life with these files in it; the old one is forgotten by `sweep`. */
  install(image: DiskImage): void {
    this.#lives += 1;
    mkdirSync(this.folder);
    for (const [name, bytes] of image) {
      mkdirSync(dirname(this.path(name)), { recursive: true });
      writeFileSync(this.path(name), bytes);
    }
  }

  /** Removes the folder of an earlier life. */
  sweep(folder: string): void {
    rmSync(folder, { recursive: true, force: true });
  }

  remove(): void {
    this.sweep(this.#root);
  }

  /** Puts what lies in the current folder aside, to be used again under another name. */
  move(from: string, to: string): void {
    renameSync(this.path(from), this.path(to));
  }

  /** `before`: at the last call to the outside, all of it synced; `after`: at the crash. */
  leftBy(ending: Ending, before: DiskImage, after: DiskImage, random: SeededRandom): LeftImage {
    const choice = ending === 'kill' ? 2 : random.below(4);
    if (choice === 0) return { image: before, isWhole: false };
    if (choice === 1 || choice === 2) return { image: after, isWhole: true };
    return { image: this.#torn(before, after, random), isWhole: false };
  }

  #torn(before: DiskImage, after: DiskImage, random: SeededRandom): DiskImage {
    const wal = `${this.#database}-wal`;
    const [oldLog, newLog] = [before.get(wal), after.get(wal)];
    const [oldPages, newPages] = [before.get(this.#database), after.get(this.#database)];
    if (oldLog === undefined || newLog === undefined || !oldPages || !newPages) return before;
    const isSameLog = same(oldLog, newLog, WAL_HEADER_BYTES);
    const torn = new Map(after);
    if (oldPages.equals(newPages)) {
      // Only the log has changed. Some sectors of it are there, a new header before the rest.
      torn.set(wal, mixed(oldLog, newLog, SECTOR_BYTES, WAL_HEADER_BYTES, random));
    } else if (isSameLog && newLog.byteLength >= oldLog.byteLength) {
      // A checkpoint: the whole log is synced, and any pages of the database are written.
      torn.set(this.#database, mixed(oldPages, newPages, PAGE_BYTES, 0, random));
      return torn;
    } else return before;
    // What lies beside the database is written after the commit that it speaks of.
    for (const name of this.#names.slice(2)) {
      const old = before.get(name);
      if (old === undefined) torn.delete(name);
      else torn.set(name, old);
    }
    return torn;
  }
}

export interface LeftImage {
  readonly image: DiskImage;
  /** True: every commit that was made is there. */
  readonly isWhole: boolean;
}

function same(one: Buffer, other: Buffer, bytes: number): boolean {
  return one.subarray(0, bytes).equals(other.subarray(0, bytes));
}

/** `after`, with some of the pieces that changed still as in `before`. */
function mixed(
  before: Buffer,
  after: Buffer,
  pieceBytes: number,
  kept: number,
  random: SeededRandom,
): Buffer {
  const piece = Buffer.alloc(Math.max(before.byteLength, after.byteLength));
  before.copy(piece);
  after.copy(piece, 0, 0, kept);
  const share = random.fraction();
  for (let at = 0; at < after.byteLength; at += pieceBytes) {
    const end = Math.min(at + pieceBytes, after.byteLength);
    if (random.fraction() < share) after.copy(piece, at, at, end);
  }
  return piece;
}
