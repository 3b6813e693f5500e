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
  /** First cell of each row, and the next of each cell; 0: none. A row has few. */
  readonly #first: Uint16Array;
  readonly #next = new Uint16Array(CELLS_MAX);
  readonly #subject = new Uint8Array(CELLS_MAX);
  readonly #free: number[] = [];
  #end = 1;

  constructor(rowsMax: number) {
    this.#first = new Uint16Array(rowsMax);
  }

  get used(): number {
    return this.#end - 1 - this.#free.length;
  }

  /** Offset in `counts` of (row, subject); the words after it: responses, exceptions. */
  of(row: number, subject: number): number {
    const wanted = subject & (SUBJECTS - 1);
    const cell = this.#find(row, wanted);
    if (cell === 0) return this.#make(row, wanted);
    this.isNew = false;
    this.last = cell * CELL_WORDS;
    return this.last;
  }

  /** As `of` for a subject whose offset the caller has kept. */
  again(offset: number): void {
    this.isNew = false;
    this.last = offset;
  }

  /** Cells of a row with counts: of the interval, or since start. */
  list(row: number, scope: 'interval' | 'total'): SubjectCount[] {
    const found: SubjectCount[] = [];
    for (let cell = this.#first[row]; cell !== 0; cell = this.#next[cell]) {
      const base = cell * CELL_WORDS;
      const before = scope === 'total' ? this.#totals : undefined;
      const requests = this.counts[base] + (before?.[base] ?? 0);
      const responses = this.counts[base + 1] + (before?.[base + 1] ?? 0);
      const exceptions = this.counts[base + 2] + (before?.[base + 2] ?? 0);
      if (requests + responses + exceptions === 0) continue;
      const subject = this.#subject[cell];
      found.push({ subject, requests, responses, exceptions });
    }
    return found.sort((a, b) => a.subject - b.subject);
  }

  endInterval(): void {
    const end = this.#end * CELL_WORDS;
    for (let word = 0; word < end; word++) this.#totals[word] += this.counts[word];
    this.counts.fill(0, 0, end);
  }

  freeRow(row: number): void {
    for (let cell = this.#first[row]; cell !== 0; cell = this.#next[cell]) {
      this.#totals.fill(0, cell * CELL_WORDS, (cell + 1) * CELL_WORDS);
      this.#free.push(cell);
    }
    this.#first[row] = 0;
  }

  #find(row: number, subject: number): number {
    let cell = this.#first[row];
    while (cell !== 0 && this.#subject[cell] !== subject) cell = this.#next[cell];
    return cell;
  }

  #make(row: number, subject: number): number {
    const freed = this.#free.pop();
    if (freed === undefined && this.#end >= CELLS_MAX) {
      this.isNew = false;
      this.refusedCount++;
      this.last = 0;
      return 0;
    }
    const cell = freed ?? this.#end++;
    this.#subject[cell] = subject;
    this.#next[cell] = this.#first[row];
    this.#first[row] = cell;
    this.isNew = true;
    this.last = cell * CELL_WORDS;
    return this.last;
  }
}
