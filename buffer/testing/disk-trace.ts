/**
 * A disk replayed from a system-call trace, for power cuts at any moment: what was synced is there;
 * of what was written since, each sector may have reached the disk or not, in any order.
 */
import type { Random } from '../../agent/platform/random.ts';

const SECTOR_BYTES = 512;

type Event =
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }
  /** The program said something on its standard output. */
  | { readonly kind: 'said'; readonly text: string };

export interface Disk {
  /** Path to content, of the files that exist after the cut. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** All that was said before the cut. */
  readonly said: string;
}

export class DiskTrace {
  readonly #events: Event[] = [];

  /**
   * `log`: of `strace -xx -s 1000000` with the calls openat, close, pwrite64, write, fdatasync,
   * fsync, ftruncate and unlink, of one thread. Only files below `folder` count.
   */
  constructor(log: string, folder: string) {
    const open = new Map<number, string>();
    for (const line of log.split('\n')) {
      const call = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(line);
      if (call === null || Number(call[3]) < 0) continue;
      const [, name, words, result] = call;
      if (name === 'openat') {
        const path = textOf(words);
        if (path.startsWith(folder)) open.set(Number(result), path);
      } else this.#add(name, words, open);
    }
  }

  get length(): number {
    return this.#events.length;
  }

  /** Number of the first event after the program has said `text`. */
  after(text: string): number {
    return (
      1 + this.#events.findIndex((event) => event.kind === 'said' && event.text.includes(text))
    );
  }

  /** The same run on a disk that lies about syncs: shows that the replay finds losses. */
  withoutSyncs(): DiskTrace {
    const lying = new DiskTrace('', '');
    lying.#events.push(...this.#events.filter((event) => event.kind !== 'sync'));
    return lying;
  }

  /** The disk after a power cut before event number `count`. */
  cutAt(count: number, random: Random): Disk {
    const files = new Map<string, File>();
    let said = '';
    for (const event of this.#events.slice(0, count)) {
      if (event.kind === 'said') {
        said += event.text;
        continue;
      }
      const file = files.get(event.path) ?? new File();
      files.set(event.path, file);
      if (event.kind === 'remove') files.delete(event.path);
      else file.take(event);
    }
    const contents = [...files].map(([path, file]) => [path, file.afterCut(random)] as const);
    return { files: new Map(contents), said };
  }

  #add(name: string, words: string, open: Map<number, string>): void {
    const descriptor = Number(/^\d+/.exec(words)?.[0] ?? -1);
    const path = open.get(descriptor);
    if (name === 'write' && descriptor === 1) {
      this.#events.push({ kind: 'said', text: bytesOf(words).toString() });
    } else if (name === 'unlink') {
      this.#events.push({ kind: 'remove', path: textOf(words) });
    } else if (path === undefined) {
      return;
    } else if (name === 'close') {
      open.delete(descriptor);
    } else if (name === 'pwrite64') {
      const offset = Number(words.slice(words.lastIndexOf(',') + 1));
      this.#events.push({ kind: 'write', path, offset, bytes: bytesOf(words) });
    } else if (name === 'ftruncate') {
      this.#events.push({ kind: 'truncate', path, size: Number(words.split(',')[1]) });
    } else if (name === 'fdatasync' || name === 'fsync') {
      this.#events.push({ kind: 'sync', path });
    }
  }
}

type Change = Extract<Event, { kind: 'write' | 'truncate' }>;

class File {
  #durable: Buffer = Buffer.alloc(0);
  #pending: Change[] = [];

  take(event: Change | { readonly kind: 'sync' }): void {
    if (event.kind !== 'sync') {
      this.#pending.push(event);
      return;
    }
    for (const change of this.#pending) this.#durable = applied(this.#durable, change);
    this.#pending = [];
  }

  afterCut(random: Random): Buffer {
    let content: Buffer = Buffer.from(this.#durable);
    for (const change of this.#pending) {
      if (change.kind === 'truncate') {
        if (random.fraction() < 0.5) content = applied(content, change);
      } else content = tornInto(content, change, random);
    }
    return content;
  }
}

/** All of it, nothing, or some of its sectors. */
function tornInto(
  content: Buffer,
  write: Extract<Change, { kind: 'write' }>,
  random: Random,
): Buffer {
  const luck = random.fraction();
  if (luck < 0.3) return content;
  if (luck < 0.6) return applied(content, write);
  let torn = content;
  for (let at = 0; at < write.bytes.byteLength; ) {
    const room = SECTOR_BYTES - ((write.offset + at) % SECTOR_BYTES);
    const bytes = write.bytes.subarray(at, at + room);
    if (random.fraction() < 0.5)
      torn = applied(torn, { ...write, offset: write.offset + at, bytes });
    at += bytes.byteLength;
  }
  return torn;
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const cut = Buffer.alloc(change.size);
    content.copy(cut);
    return cut;
  }
  const end = change.offset + change.bytes.byteLength;
  let grown = content;
  if (end > content.byteLength) {
    grown = Buffer.alloc(end);
    content.copy(grown);
  }
  change.bytes.copy(grown, change.offset);
  return grown;
}

/** The first quoted string of the words, `\x00` by byte. */
function bytesOf(words: string): Buffer {
  const quoted = /"((?:\\x[0-9a-f]{2})*)"/.exec(words)?.[1] ?? '';
  return Buffer.from(quoted.replaceAll('\\x', ''), 'hex');
}

function textOf(words: string): string {
  return bytesOf(words).toString();
}
