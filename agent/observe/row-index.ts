/**
 * Rows found by the hash of their key, open-addressed in one typed array: eight bytes a row, where
 * a Map of texts takes two hundred. Whoever asks compares the keys. Rows leave all at once
 * (`clear`); those that stay are added again.
 */

/** Slots that are looked through at most: whoever chooses keys that collide finds no room. */
const PROBES_MAX = 64;
/** What `at` answers for an empty slot. */
export const NO_ROW = -1;

export class RowIndex {
  /** One more than the row; 0: empty. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** At most half of the slots are ever taken. */
  constructor(rowsMax: number) {
    const slots = 2 ** Math.ceil(Math.log2(rowsMax * 2));
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  /** The row of `probe` 0, 1, ... of a hash; NO_ROW: there is none, nor at later probes. */
  at(hash: number, probe: number): number {
    if (probe >= PROBES_MAX) return NO_ROW;
    return this.#slots[(hash + probe) & this.#mask] - 1;
  }

  /** The row has that hash, and wasn't found. False: no room. */
  add(hash: number, row: number): boolean {
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = (hash + probe) & this.#mask;
      if (this.#slots[slot] !== 0) continue;
      this.#slots[slot] = row + 1;
      return true;
    }
    return false;
  }

  clear(): void {
    this.#slots.fill(0);
  }
}

/** Keys of a plant differ in few bits; all of them count (MurmurHash3's last steps). */
export function mixedHash(first: number, second: number, third: number): number {
  let bits = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b) ^ third;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
