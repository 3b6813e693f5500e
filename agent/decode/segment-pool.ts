/**
 * Segments that have to wait, in blocks of one fixed pool: behind a hole until it fills, or at the
 * start of a flow until its protocol is known. Lists of blocks are linked by number.
 */
import type { SegmentContext } from './stream-analyzer.ts';

/** An Ethernet segment fits one block; larger ones (GRO) take several. */
export const SEGMENT_BLOCK_BYTES = 1536;
export const BLOCK_NONE = -1;

/** Below this many bytes a loop copies faster than making the view that `set` needs. */
const COPY_BY_LOOP_BYTES = 64;

export class SegmentPool {
  /** Block `b` has its bytes from `b * SEGMENT_BLOCK_BYTES` on. */
  readonly bytes: Uint8Array;
  /** Sequence number of a block's first byte. */
  readonly sequence: Int32Array;
  readonly length: Uint16Array;
  readonly next: Int32Array;
  /** Stamp of the frame that carried the bytes. */
  readonly timeUs: Float64Array;
  readonly #frameNumber: Uint32Array;
  readonly #frameAddress: Float64Array;
  readonly #frameBytes: Uint32Array;
  readonly #free: Int32Array;
  #freeCount: number;

  constructor(blocksMax: number) {
    this.bytes = new Uint8Array(blocksMax * SEGMENT_BLOCK_BYTES);
    this.sequence = new Int32Array(blocksMax);
    this.length = new Uint16Array(blocksMax);
    this.next = new Int32Array(blocksMax);
    this.timeUs = new Float64Array(blocksMax);
    this.#frameNumber = new Uint32Array(blocksMax);
    this.#frameAddress = new Float64Array(blocksMax);
    this.#frameBytes = new Uint32Array(blocksMax);
    this.#free = Int32Array.from({ length: blocksMax }, (_, index) => index);
    this.#freeCount = blocksMax;
  }

  get bytesUsed(): number {
    return this.bytesMax - this.#freeCount * SEGMENT_BLOCK_BYTES;
  }

  get bytesMax(): number {
    return this.bytes.length;
  }

  /** A copy of at most SEGMENT_BLOCK_BYTES bytes, or BLOCK_NONE when the pool is used up. */
  take(
    sequence: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): number {
    if (this.#freeCount === 0) return BLOCK_NONE;
    const block = this.#free[--this.#freeCount];
    this.sequence[block] = sequence;
    this.length[block] = 0;
    this.next[block] = BLOCK_NONE;
    this.append(block, origin, bytes, offset, length);
    return block;
  }

  /** Adds bytes to a block that has room; the block's origin becomes that of the new bytes. */
  append(
    block: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const begin = block * SEGMENT_BLOCK_BYTES + this.length[block];
    if (length < COPY_BY_LOOP_BYTES) {
      for (let index = 0; index < length; index++)
        this.bytes[begin + index] = bytes[offset + index];
    } else {
      this.bytes.set(bytes.subarray(offset, offset + length), begin);
    }
    this.length[block] += length;
    this.timeUs[block] = origin.timeUs;
    this.#frameNumber[block] = origin.frameNumber;
    this.#frameAddress[block] = origin.frameAddress;
    this.#frameBytes[block] = origin.frameBytes;
  }

  /** Writes the frame that carried a block into `context`. */
  restoreOrigin(block: number, context: SegmentContext): void {
    context.timeUs = this.timeUs[block];
    context.frameNumber = this.#frameNumber[block];
    context.frameAddress = this.#frameAddress[block];
    context.frameBytes = this.#frameBytes[block];
  }

  give(block: number): void {
    this.#free[this.#freeCount++] = block;
  }

  giveList(head: number): void {
    let block = head;
    while (block !== BLOCK_NONE) {
      const next = this.next[block];
      this.give(block);
      block = next;
    }
  }
}
