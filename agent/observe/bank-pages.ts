/**
 * The pages of a bank of registers by their number, over the span of addresses that somebody asked
 * for: a few bytes for a device that is polled at one place, where a slot for each of the 65,536
 * addresses' pages takes four thousand, of each of a thousand banks.
 */

/** A number that has no page. */
export const NO_PAGE = -1;
const SPAN_AT_FIRST = 4;
const NOTHING = new Int16Array(0);

export class BankPages {
  readonly #numbersEnd: number;
  /** Number that the span begins with. */
  #first = 0;
  /** One more than the page; 0: none. */
  #pages: Int16Array = NOTHING;

  /** Numbers are below `numbersEnd`, pages below 32,767. */
  constructor(numbersEnd: number) {
    this.#numbersEnd = numbersEnd;
  }

  at(number: number): number {
    const index = number - this.#first;
    return index >= 0 && index < this.#pages.length ? this.#pages[index] - 1 : NO_PAGE;
  }

  /** NO_PAGE takes it out. */
  set(number: number, page: number): void {
    this.#reach(number);
    this.#pages[number - this.#first] = page + 1;
  }

  /** The span grows to twice its length at least, so that a sweep copies little. */
  #reach(number: number): void {
    const first = this.#first;
    const length = this.#pages.length;
    if (number >= first && number < first + length) return;
    const before = this.#pages;
    const room = Math.max(SPAN_AT_FIRST, length * 2);
    const isBelow = length > 0 && number < first;
    const end = isBelow ? first + length : Math.min(this.#numbersEnd, number + 1);
    const wanted = isBelow ? Math.max(0, end - Math.max(room, end - number)) : number;
    const begin = length === 0 || isBelow ? wanted : first;
    const grownEnd = isBelow ? end : Math.min(this.#numbersEnd, Math.max(end, begin + room));
    this.#first = begin;
    this.#pages = new Int16Array(grownEnd - begin);
    this.#pages.set(before, length === 0 ? 0 : first - begin);
  }
}
