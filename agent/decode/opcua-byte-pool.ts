/**
 * Bytes that must outlive the frame they came in (a request until its answer, a chunk until its
 * end) are copied into blocks of a pool with one limit over all flows, so that no flood can grow us
 * and an ordinary message costs no allocation.
 */

/** Sizes of blocks; a request takes the smallest that holds it. */
const BLOCK_BYTES = [128, 512, 2048, 8192, 32_768, 65_536] as const;

export const BLOCK_BYTES_MAX = 65_536;

export class BytePool {
  readonly #bytesMax: number;
  readonly #free: Uint8Array[][] = BLOCK_BYTES.map(() => []);
  #bytesUsed = 0;
  #bytesFree = 0;
  #refusedCount = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Blocks that were asked for when the pool was full. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** A block of at least `length` bytes (at most BLOCK_BYTES_MAX), or undefined when full. */
  take(length: number): Uint8Array | undefined {
    const row = rowOf(length);
    const bytes = BLOCK_BYTES[row];
    if (this.#bytesUsed + bytes > this.#bytesMax) {
      this.#refusedCount++;
      return undefined;
    }
    this.#bytesUsed += bytes;
    const free = this.#free[row].pop();
    if (free !== undefined) {
      this.#bytesFree -= bytes;
      return free;
    }
    if (this.#bytesUsed + this.#bytesFree > this.#bytesMax) this.#dropFree();
    return new Uint8Array(bytes);
  }

  give(block: Uint8Array): void {
    this.#bytesUsed -= block.length;
    this.#bytesFree += block.length;
    this.#free[rowOf(block.length)].push(block);
  }

  #dropFree(): void {
    for (const list of this.#free) list.length = 0;
    this.#bytesFree = 0;
  }
}

/** `set` needs a view; below some 200 bytes a loop is faster. */
const LOOP_BYTES_MAX = 192;

export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): void {
  if (length <= LOOP_BYTES_MAX) {
    for (let index = 0; index < length; index++) to[toOffset + index] = from[fromOffset + index];
  } else {
    to.set(from.subarray(fromOffset, fromOffset + length), toOffset);
  }
}

function rowOf(length: number): number {
  let row = 0;
  while (row < BLOCK_BYTES.length - 1 && BLOCK_BYTES[row] < length) row++;
  return row;
}
