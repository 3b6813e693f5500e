/**
 * The recent past as bytes: every block that was captured is copied here once and whole, so that a
 * detection can still take the frames that show it while the kernel already fills the block again.
 * Later stages keep addresses, never bytes, and are told when the ring has moved on.
 */
import type { FrameEvidence } from '../../protocols/frame-block.ts';

/** Memory of the ring unless the configuration says otherwise (DESIGN section 2, Evidence). */
export const FRAME_HISTORY_BYTES = 8 * 1024 * 1024;

/** Runs begin at multiples of this, so that a header read in words stays aligned. */
const ALIGNMENT_BYTES = 16;

/**
 * A ring of bytes with addresses that only rise. A run is never torn over the end of the ring:
 * where it doesn't fit, the rest of the lap is skipped.
 */
export class FrameHistory implements FrameEvidence {
  /** The ring itself. What lies at an address is at `address % bytes.length`. */
  readonly bytes: Uint8Array;
  /** Address behind the last run; `nextAddress - bytes.length` is the oldest that still holds. */
  #nextAddress = 0;
  #runsRefused = 0;

  constructor(bytesMax: number = FRAME_HISTORY_BYTES) {
    this.bytes = new Uint8Array(bytesMax - (bytesMax % ALIGNMENT_BYTES));
  }

  /** Runs longer than the whole ring, which were not kept. */
  get runsRefused(): number {
    return this.#runsRefused;
  }

  /** Copies a run in and returns its address, or -1 where it is longer than the ring. */
  append(source: Uint8Array, offset = 0, length = source.length - offset): number {
    const capacity = this.bytes.length;
    if (length > capacity || capacity === 0) {
      this.#runsRefused++;
      return -1;
    }
    let address = Math.ceil(this.#nextAddress / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    let position = address % capacity;
    if (position + length > capacity) {
      address += capacity - position;
      position = 0;
    }
    this.#nextAddress = address + length;
    // A copy through a view is one memmove. One view a block, not a frame, is affordable.
    this.bytes.set(source.subarray(offset, offset + length), position);
    return address;
  }

  /** See FrameEvidence: undefined once a later run has begun to overwrite these bytes. */
  copy(address: number, length: number): Uint8Array | undefined {
    const capacity = this.bytes.length;
    if (!Number.isSafeInteger(address) || !Number.isSafeInteger(length)) return undefined;
    if (address < 0 || length < 0 || address + length > this.#nextAddress) return undefined;
    if (address < this.#nextAddress - capacity) return undefined;
    const position = address % capacity;
    if (position + length > capacity) return undefined;
    return this.bytes.slice(position, position + length);
  }
}
