/**
 * Segments that arrived before their turn: for each direction a short list in order of sequence
 * numbers, in blocks of the shared pool.
 */
import { BLOCK_NONE, SEGMENT_BLOCK_BYTES, type SegmentPool } from './segment-pool.ts';
import type { SegmentContext } from './stream-analyzer.ts';

export class ReorderLists {
  readonly pool: SegmentPool;
  readonly #blocksPerDirectionMax: number;
  readonly #first: Int32Array;
  readonly #counts: Uint16Array;
  #directionsUsed = 0;
  /** Set where a copy of what waits had other bytes; whoever reads it clears it. */
  isDiffering = false;

  constructor(directions: number, blocksPerDirectionMax: number, pool: SegmentPool) {
    this.pool = pool;
    this.#blocksPerDirectionMax = blocksPerDirectionMax;
    this.#first = new Int32Array(directions).fill(BLOCK_NONE);
    this.#counts = new Uint16Array(directions);
  }

  /** Directions in which something waits. */
  get directionsUsed(): number {
    return this.#directionsUsed;
  }

  isWaiting(direction: number): boolean {
    return this.#first[direction] !== BLOCK_NONE;
  }

  /** The first block waiting begins at or before `next`. */
  isReady(direction: number, next: number): boolean {
    const block = this.#first[direction];
    return block !== BLOCK_NONE && ((this.pool.sequence[block] - next) | 0) <= 0;
  }

  /** The next two only while something waits. */
  firstSequence(direction: number): number {
    return this.pool.sequence[this.#first[direction]];
  }

  firstTimeUs(direction: number): number {
    return this.pool.timeUs[this.#first[direction]];
  }

  lengthOf(block: number): number {
    return this.pool.length[block];
  }

  offsetOf(block: number): number {
    return block * SEGMENT_BLOCK_BYTES;
  }

  /** Takes the first block out; the caller gives it back to the pool. */
  take(direction: number): number {
    const block = this.#first[direction];
    this.#first[direction] = this.pool.next[block];
    this.#counts[direction]--;
    if (this.#first[direction] === BLOCK_NONE) this.#directionsUsed--;
    return block;
  }

  clear(direction: number): void {
    if (this.#first[direction] === BLOCK_NONE) return;
    this.pool.giveList(this.#first[direction]);
    this.#first[direction] = BLOCK_NONE;
    this.#counts[direction] = 0;
    this.#directionsUsed--;
  }

  /**
   * False when the direction's share or the pool is used up. The beginning of the segment may have
   * been kept then, which does no harm: who delivers all of it finds that part delivered.
   */
  add(
    direction: number,
    sequence: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    for (let done = 0; done < length; done += SEGMENT_BLOCK_BYTES) {
      const part = Math.min(length - done, SEGMENT_BLOCK_BYTES);
      if (!this.#insert(direction, (sequence + done) | 0, origin, bytes, offset + done, part)) {
        return false;
      }
    }
    return true;
  }

  #insert(
    direction: number,
    sequence: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    let before = BLOCK_NONE;
    let after = this.#first[direction];
    while (after !== BLOCK_NONE && ((this.pool.sequence[after] - sequence) | 0) <= 0) {
      before = after;
      after = this.pool.next[after];
    }
    // A copy of what waits already, as mirrors that show each frame twice send it.
    if (before !== BLOCK_NONE && this.#isWithin(before, sequence, length)) {
      this.isDiffering ||= this.#isOther(before, sequence, bytes, offset, length);
      return true;
    }
    if (this.#counts[direction] >= this.#blocksPerDirectionMax) return false;
    const block = this.pool.take(sequence, origin, bytes, offset, length);
    if (block === BLOCK_NONE) return false;
    this.pool.next[block] = after;
    if (before === BLOCK_NONE) {
      if (after === BLOCK_NONE) this.#directionsUsed++;
      this.#first[direction] = block;
    } else {
      this.pool.next[before] = block;
    }
    this.#counts[direction]++;
    return true;
  }

  #isOther(
    block: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const from = this.offsetOf(block) + ((sequence - this.pool.sequence[block]) | 0);
    for (let index = 0; index < length; index++) {
      if (this.pool.bytes[from + index] !== bytes[offset + index]) return true;
    }
    return false;
  }

  #isWithin(block: number, sequence: number, length: number): boolean {
    const begin = (sequence - this.pool.sequence[block]) | 0;
    return begin + length <= this.pool.length[block];
  }
}
