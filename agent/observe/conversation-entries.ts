/**
 * The short way of a conversation: a direct-mapped cache from (flow, unitId, function code) to its
 * row and cell. What an ordinary poll adds waits in the entry, one line of the processor's cache,
 * until somebody asks or the interval ends (`ConversationTable.settle`).
 */

/** A power of two. */
const ENTRIES = 16_384;
const ENTRY_SHIFT = 18;
/** Numbers of an entry; LAST_US counts in halves of 64 bits. */
const ENTRY_NUMBERS = 8;
/** One more than the flow's number: an entry that nobody has touched holds 0. */
const FLOW = 0;
const HEAD = 1;
const ROW = 2;
const CELL = 3;
const POLLS = 4;
const RTT_MAX_US = 5;
const LAST_US = 3;

/** There is no such entry. */
export const NO_ENTRY = -1;
const NOWHERE = NO_ENTRY;

export class ConversationEntries {
  readonly #numbers = new Int32Array(ENTRIES * ENTRY_NUMBERS);
  readonly #doubles = new Float64Array(this.#numbers.buffer);
  /** Entries in which something waits; one may stand here twice. */
  readonly #waiting = new Int32Array(ENTRIES);
  #waitingCount = 0;

  /** `head` is (unitId << 8) | function code, or above that what is no Modbus. */
  find(flowNumber: number, head: number): number {
    const entry = placeOf(flowNumber, head);
    const numbers = this.#numbers;
    return numbers[entry + FLOW] === flowNumber + 1 && numbers[entry + HEAD] === head
      ? entry
      : NOWHERE;
  }

  /** Takes the place of whoever has it; `set` only once nothing of that one waits. */
  place(flowNumber: number, head: number): number {
    return placeOf(flowNumber, head);
  }

  set(entry: number, flowNumber: number, head: number, row: number, cell: number): void {
    this.#numbers[entry + FLOW] = flowNumber + 1;
    this.#numbers[entry + HEAD] = head;
    this.#numbers[entry + ROW] = row;
    this.#numbers[entry + CELL] = cell;
  }

  rowOf(entry: number): number {
    return this.#numbers[entry + ROW];
  }

  /** Offset of the cell's counts. */
  cellOf(entry: number): number {
    return this.#numbers[entry + CELL];
  }

  /** Polls that wait in the entry. */
  pollsOf(entry: number): number {
    return this.#numbers[entry + POLLS];
  }

  rttMaxUsOf(entry: number): number {
    return this.#numbers[entry + RTT_MAX_US];
  }

  lastUsOf(entry: number): number {
    return this.#doubles[(entry >> 1) + LAST_US];
  }

  /** One more poll in an entry where `begin` was called since it was taken. */
  add(entry: number, rttUs: number, responseTimeUs: number): void {
    const numbers = this.#numbers;
    numbers[entry + POLLS]++;
    if (rttUs > numbers[entry + RTT_MAX_US]) numbers[entry + RTT_MAX_US] = rttUs;
    const last = (entry >> 1) + LAST_US;
    if (responseTimeUs > this.#doubles[last]) this.#doubles[last] = responseTimeUs;
  }

  /** The entry begins to wait. False: first take all that wait. */
  begin(entry: number): boolean {
    if (this.#waitingCount === ENTRIES) return false;
    this.#waiting[this.#waitingCount++] = entry;
    return true;
  }

  /** Nothing waits in the entry any more. */
  take(entry: number): void {
    this.#numbers[entry + POLLS] = 0;
    this.#numbers[entry + RTT_MAX_US] = 0;
    this.#doubles[(entry >> 1) + LAST_US] = 0;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Entry by its place among those that wait. */
  waiting(index: number): number {
    return this.#waiting[index];
  }

  /** All that waited were taken. */
  clearWaiting(): void {
    this.#waitingCount = 0;
  }

  /** Rows and cells are no longer those of the entries; nothing waits. */
  forget(): void {
    this.#numbers.fill(0);
  }
}

function placeOf(flowNumber: number, head: number): number {
  const hash = Math.imul(flowNumber, 0x9e3779b1) + Math.imul(head, 0x85ebca6b);
  return (hash >>> ENTRY_SHIFT) * ENTRY_NUMBERS;
}
