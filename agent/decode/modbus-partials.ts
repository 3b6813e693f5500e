/**
 * First parts of messages that a segment ended within: a pool of rows of one ADU each, so that the
 * bytes held never depend on what a header claims.
 */
import { ADU_BYTES_MAX } from '../../protocols/modbus/mbap.ts';

const NOTHING_HELD = -1;

export class ModbusPartials {
  /** Rows of ADU_BYTES_MAX bytes. */
  readonly bytes: Uint8Array;
  readonly #rows: Int32Array;
  readonly #heldBytes: Uint16Array;
  readonly #freeRows: Int32Array;
  #freeRowsCount: number;
  #refusedCount = 0;

  /** `directions`: two a row of the flow table; at most `rowsMax` of them hold something. */
  constructor(directions: number, rowsMax: number) {
    const rows = Math.min(rowsMax, directions);
    this.bytes = new Uint8Array(rows * ADU_BYTES_MAX);
    this.#rows = new Int32Array(directions).fill(NOTHING_HELD);
    this.#heldBytes = new Uint16Array(directions);
    this.#freeRows = new Int32Array(rows);
    for (let row = 0; row < rows; row += 1) this.#freeRows[row] = rows - 1 - row;
    this.#freeRowsCount = rows;
  }

  /** Parts that found no row free. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Takes a row for this direction, which holds none yet; false when there is none. */
  begin(direction: number): boolean {
    if (this.#freeRowsCount === 0) {
      this.#refusedCount += 1;
      return false;
    }
    this.#freeRowsCount -= 1;
    this.#rows[direction] = this.#freeRows[this.#freeRowsCount];
    this.#heldBytes[direction] = 0;
    return true;
  }

  /** Offset in `bytes` of what this direction holds. */
  offsetOf(direction: number): number {
    return this.#rows[direction] * ADU_BYTES_MAX;
  }

  heldBytesOf(direction: number): number {
    return this.#heldBytes[direction];
  }

  /**
   * Copies until `wanted` bytes (ADU_BYTES_MAX at most) are held or the segment ends; returns the
   * offset of the first byte that was not copied.
   */
  fill(direction: number, bytes: Uint8Array, start: number, end: number, wanted: number): number {
    const base = this.offsetOf(direction);
    let heldBytes = this.#heldBytes[direction];
    let at = start;
    while (heldBytes < wanted && at < end) {
      this.bytes[base + heldBytes] = bytes[at];
      heldBytes += 1;
      at += 1;
    }
    this.#heldBytes[direction] = heldBytes;
    return at;
  }

  release(direction: number): void {
    const row = this.#rows[direction];
    if (row === NOTHING_HELD) return;
    this.#freeRows[this.#freeRowsCount] = row;
    this.#freeRowsCount += 1;
    this.#rows[direction] = NOTHING_HELD;
    this.#heldBytes[direction] = 0;
  }
}
