/**
 * The highest sequences that were signed, kept outside the database: if the database comes back
 * from an older copy, the mark is ahead of it and a new epoch begins instead of a fork.
 *
 * The mark is raised right after the commit, and the first publication waits for it. So after a
 * crash it is never ahead of an honest database, and it is ahead of every copy that misses a
 * message. What no one had seen counts as well: else two copies could go on from the same place.
 *
 *    512 bytes a slot, two slots, written in turn (a torn write spoils only the older one):
 *    | magic "FTSM" | generation u32 | epoch u64 | 3 x (sequence u64, sha256 32) | crc32 u32 |
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

const MAGIC = 0x4654534d;
const SLOT_BYTES = 512;
const GENERATION = 4;
const EPOCH = 8;
const STREAMS = 16;
const STREAM_BYTES = 40;
const STREAMS_COUNT = 3;
const CRC = STREAMS + STREAMS_COUNT * STREAM_BYTES;

export interface MarkedStream {
  /** Highest sequence that was signed; 0 when none. */
  readonly sequence: number;
  readonly sha256: Uint8Array;
}

export interface Mark {
  readonly epoch: number;
  /** Index 0 is stream 1. */
  readonly streams: readonly MarkedStream[];
}

export class SignedMark {
  readonly #descriptor: number;
  #generation: number;
  #mark: Mark | undefined;

  /** `path`: made with mode 0600 where it doesn't exist. */
  constructor(path: string) {
    const isNew = !existsSync(path);
    this.#descriptor = openSync(path, isNew ? 'w+' : 'r+', 0o600);
    if (isNew) syncFolder(path);
    const slots = [readSlot(this.#descriptor, 0), readSlot(this.#descriptor, 1)]
      .filter((slot) => slot !== undefined)
      .sort((a, b) => b.generation - a.generation);
    this.#generation = slots[0]?.generation ?? 0;
    this.#mark = slots[0]?.mark;
  }

  /** Undefined in a new or unreadable file. */
  get mark(): Mark | undefined {
    return this.#mark;
  }

  /** On the disk when this returns. */
  write(mark: Mark): void {
    const generation = this.#generation + 1;
    const slot = encodeSlot(mark, generation);
    writeSync(this.#descriptor, slot, 0, SLOT_BYTES, (generation % 2) * SLOT_BYTES);
    fdatasyncSync(this.#descriptor);
    this.#generation = generation;
    this.#mark = mark;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function encodeSlot(mark: Mark, generation: number): Uint8Array {
  const slot = new Uint8Array(SLOT_BYTES);
  const view = new DataView(slot.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(GENERATION, generation);
  view.setBigUint64(EPOCH, BigInt(mark.epoch));
  mark.streams.forEach((stream, index) => {
    const offset = STREAMS + index * STREAM_BYTES;
    view.setBigUint64(offset, BigInt(stream.sequence));
    slot.set(stream.sha256, offset + 8);
  });
  view.setUint32(CRC, crc32(slot.subarray(0, CRC)));
  return slot;
}

function readSlot(
  descriptor: number,
  index: number,
): { readonly generation: number; readonly mark: Mark } | undefined {
  const slot = new Uint8Array(SLOT_BYTES);
  if (readSync(descriptor, slot, 0, SLOT_BYTES, index * SLOT_BYTES) < SLOT_BYTES) return undefined;
  const view = new DataView(slot.buffer);
  if (view.getUint32(0) !== MAGIC) return undefined;
  if (view.getUint32(CRC) !== crc32(slot.subarray(0, CRC))) return undefined;
  const streams: MarkedStream[] = [];
  for (let stream = 0; stream < STREAMS_COUNT; stream++) {
    const offset = STREAMS + stream * STREAM_BYTES;
    streams.push({
      sequence: Number(view.getBigUint64(offset)),
      sha256: slot.slice(offset + 8, offset + STREAM_BYTES),
    });
  }
  return {
    generation: view.getUint32(GENERATION),
    mark: { epoch: Number(view.getBigUint64(EPOCH)), streams },
  };
}

/** A new name is only durable once its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
