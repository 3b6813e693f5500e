/**
 * What is said in a conversation: counters per (conversation, subject), where the subject is a
 * Modbus function code or the number of an OPC UA service. A cell costs memory only once it speaks.
 */

/** Subjects a conversation can have: function codes without bit 7, or services. */
export const SUBJECTS = 128;
/** Cells in total. Once full, further subjects are counted together in cell 0. */
export const CELLS_MAX = 32_768;
/** Words per cell: requests, responses, exceptions, and one left free for alignment. */
export const CELL_WORDS = 4;

/** The engine folds a constant of this file that isn't exported; an exported one is loaded. */
const WORDS = CELL_WORDS;
const ROW_SUBJECTS = SUBJECTS;

export interface SubjectCount {
  readonly subject: number;
  readonly requests: number;
  readonly responses: number;
  readonly exceptions: number;
}

export class SubjectCells {
  /** Counts of this interval; `of` returns the offset of a cell's requests. */
  readonly counts = new Uint32Array(CELLS_MAX * CELL_WORDS);
  /** The last call of `of` made the cell. */
  isNew = false;
  /** What the last call of `of` returned. */
  last = 0;
  /** Lookups that found no room. */
  refusedCount = 0;

  readonly #totals = new Float64Array(CELLS_MAX * CELL_WORDS);
  /** Cell number by row and subject; 0: none. Pages that no row touches cost nothing. */
  readonly #cellOf: Uint16Array;
  readonly #free: number[] = [];
  #end = 1;

  constructor(rowsMax: number) {
    this.#cellOf = new Uint16Array(rowsMax * SUBJECTS);
  }

  get used(): number {
    return this.#end - 1 - this.#free.length;
  }

  /** Offset in `counts` of (row, subject); the words after it: responses, exceptions. */
  of(row: number, subject: number): number {
    const index = row * ROW_SUBJECTS + (subject & (ROW_SUBJECTS - 1));
    const cell = this.#cellOf[index];
    if (cell === 0) return this.#make(index);
    this.isNew = false;
    const offset = cell * WORDS;
    this.last = offset;
    return offset;
  }

  /** As `of` for a subject whose offset the caller has kept. */
  again(offset: number): void {
    this.isNew = false;
    this.last = offset;
  }

  /** Cells of a row with counts: of the interval, or since start. */
  list(row: number, scope: 'interval' | 'total'): SubjectCount[] {
    const found: SubjectCount[] = [];
    for (let subject = 0; subject < SUBJECTS; subject++) {
      const cell = this.#cellOf[row * SUBJECTS + subject];
      if (cell === 0) continue;
      const base = cell * CELL_WORDS;
      const before = scope === 'total' ? this.#totals : undefined;
      const requests = this.counts[base] + (before?.[base] ?? 0);
      const responses = this.counts[base + 1] + (before?.[base + 1] ?? 0);
      const exceptions = this.counts[base + 2] + (before?.[base + 2] ?? 0);
      if (requests + responses + exceptions === 0) continue;
      found.push({ subject, requests, responses, exceptions });
    }
    return found;
  }

  endInterval(): void {
    const end = this.#end * CELL_WORDS;
    for (let word = 0; word < end; word++) this.#totals[word] += this.counts[word];
    this.counts.fill(0, 0, end);
  }

  freeRow(row: number): void {
    for (let index = row * SUBJECTS; index < (row + 1) * SUBJECTS; index++) {
      const cell = this.#cellOf[index];
      if (cell === 0) continue;
      this.#cellOf[index] = 0;
      this.#totals.fill(0, cell * CELL_WORDS, (cell + 1) * CELL_WORDS);
      this.#free.push(cell);
    }
  }

  #make(index: number): number {
    const freed = this.#free.pop();
    if (freed === undefined && this.#end >= CELLS_MAX) {
      this.isNew = false;
      this.refusedCount++;
      this.last = 0;
      return 0;
    }
    const cell = freed ?? this.#end++;
    this.#cellOf[index] = cell;
    this.isNew = true;
    this.last = cell * CELL_WORDS;
    return this.last;
  }
}
