/**
 * The storage of register memory: points in pages of 32, in typed arrays that grow with what the
 * plant has. A sweep over every address of every unit fills it to its limit, and not beyond.
 *
 * Every register of every poll passes here, so what changed is noted by a mask of the page: while
 * the same points change, one count and one time serve all of them; another mask makes the page
 * write them down point by point (`settle`). 32 coils are one number.
 */

/** Points of a page, so that one 32-bit mask says which are known. */
export const PAGE_POINTS = 32;
/** Pages kept: 262,144 points. */
export const PAGES_MAX = 8192;
const PAGES_AT_FIRST = 128;
const ALL = -1;

/** Of a register: value, minimum, maximum, and one for a round number. */
const NUMBERS = 4;
const MINIMUM = 1;
const MAXIMUM = 2;
const PAGE_NUMBERS = PAGE_POINTS * NUMBERS;

/** What is new in a page since its state was saved. */
export const CLEAN = 0;
export const VALUES_CHANGED = 1;
export const POINTS_NEW = 2;

/** Who wrote the points of a page; few pages are ever written. */
export interface PageWrites {
  /** Number of the writer by point; 0: never written. */
  readonly writer: Uint16Array;
  readonly timeUs: Float64Array;
  readonly count: Uint32Array;
}

export interface Point {
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly changesCount: number;
  /** UTC µs; 0: never. */
  readonly lastChangeUs: number;
}

export class RegisterPoints {
  #pagesRoom = PAGES_AT_FIRST;
  #numbers = new Uint16Array(PAGES_AT_FIRST * PAGE_NUMBERS);
  /** Of coils: their states, and which were ever 0 and ever 1. */
  #bits = new Int32Array(PAGES_AT_FIRST);
  #wereZero = new Int32Array(PAGES_AT_FIRST);
  #wereOne = new Int32Array(PAGES_AT_FIRST);
  #changes = new Uint32Array(PAGES_AT_FIRST * PAGE_POINTS);
  #lastChangeUs = new Float64Array(PAGES_AT_FIRST * PAGE_POINTS);
  /** What changed the last times, how often, and when last. */
  #mask = new Int32Array(PAGES_AT_FIRST);
  #maskCount = new Uint32Array(PAGES_AT_FIRST);
  #maskUs = new Float64Array(PAGES_AT_FIRST);
  /** By page: which points are known, whose they are, and when they were heard. */
  known = new Int32Array(PAGES_AT_FIRST);
  bank = new Int32Array(PAGES_AT_FIRST).fill(-1);
  isBits = new Uint8Array(PAGES_AT_FIRST);
  number = new Uint16Array(PAGES_AT_FIRST);
  firstSeenUs = new Float64Array(PAGES_AT_FIRST);
  lastSeenUs = new Float64Array(PAGES_AT_FIRST);
  savedUs = new Float64Array(PAGES_AT_FIRST);
  news = new Uint8Array(PAGES_AT_FIRST);
  readonly writes = new Map<number, PageWrites>();
  readonly #free: number[] = [];
  /** Pages that were ever used. */
  pagesEnd = 0;
  pagesUsed = 0;

  /** A page for `number` (its first address / 32) of the bank, or -1 where all are taken. */
  add(bank: number, isBits: boolean, number: number, timeUs: number): number {
    const page = this.#free.pop() ?? this.#next();
    if (page < 0) return -1;
    this.pagesUsed++;
    this.bank[page] = bank;
    this.isBits[page] = isBits ? 1 : 0;
    this.number[page] = number;
    this.firstSeenUs[page] = timeUs;
    this.lastSeenUs[page] = timeUs;
    return page;
  }

  free(page: number): void {
    this.known[page] = 0;
    this.bank[page] = -1;
    this.news[page] = CLEAN;
    this.savedUs[page] = 0;
    this.#mask[page] = 0;
    this.#maskCount[page] = 0;
    this.writes.delete(page);
    this.#free.push(page);
    this.pagesUsed--;
  }

  /** `count` registers of `bytes` from `offset` on, for the points from `first` on. */
  takeWords(
    page: number,
    first: number,
    count: number,
    bytes: Uint8Array,
    offset: number,
    timeUs: number,
  ): void {
    const numbers = this.#numbers;
    let at = offset;
    let mask = 0;
    let number = page * PAGE_NUMBERS + first * NUMBERS;
    for (let point = first; point < first + count; point++) {
      const word = (bytes[at] << 8) | bytes[at + 1];
      if (word !== numbers[number]) {
        numbers[number] = word;
        if (word < numbers[number + MINIMUM]) numbers[number + MINIMUM] = word;
        if (word > numbers[number + MAXIMUM]) numbers[number + MAXIMUM] = word;
        mask |= 1 << point;
      }
      at += 2;
      number += NUMBERS;
    }
    const unknown = maskOf(first, count) & ~this.known[page];
    if (unknown !== 0) this.#beginWords(page, unknown);
    this.#seen(page, mask & ~unknown, timeUs);
  }

  /**
   * As `takeWords`, of registers that are all known: only those whose bytes differ from `held`
   * (from `heldAt` on) are touched, and `held` has the new ones then. Answers how many differed.
   */
  takeChanges(
    page: number,
    first: number,
    count: number,
    bytes: Uint8Array,
    offset: number,
    held: Uint8Array,
    heldAt: number,
    timeUs: number,
  ): number {
    const numbers = this.#numbers;
    const end = offset + count * 2;
    let differing = 0;
    let mask = 0;
    let bit = 1 << first;
    let place = heldAt;
    let number = page * PAGE_NUMBERS + first * NUMBERS;
    for (let at = offset; at < end; at += 2) {
      const high = bytes[at];
      const low = bytes[at + 1];
      if (low !== held[place + 1] || high !== held[place]) {
        held[place] = high;
        held[place + 1] = low;
        const word = (high << 8) | low;
        numbers[number] = word;
        if (word < numbers[number + MINIMUM]) numbers[number + MINIMUM] = word;
        if (word > numbers[number + MAXIMUM]) numbers[number + MAXIMUM] = word;
        mask |= bit;
        differing++;
      }
      bit <<= 1;
      place += 2;
      number += NUMBERS;
    }
    if (mask !== 0) this.#changed(page, mask, timeUs);
    return differing;
  }

  /** The same of bits, lowest bit of the first byte first, from bit `firstBit` of `offset` on. */
  takeBits(
    page: number,
    first: number,
    count: number,
    bytes: Uint8Array,
    offset: number,
    firstBit: number,
    timeUs: number,
  ): void {
    const at = offset + (firstBit >> 3);
    const shift = firstBit & 7;
    let bits = bytes[at] >> shift;
    for (let place = 8 - shift, from = at + 1; place < count; place += 8, from++) {
      bits |= bytes[from] << place;
    }
    const asked = maskOf(first, count);
    bits = (bits << first) & asked;
    const unknown = asked & ~this.known[page];
    if (unknown !== 0) this.#begin(page, unknown);
    const mask = (bits ^ this.#bits[page]) & asked;
    this.#bits[page] ^= mask;
    this.#wereOne[page] |= bits;
    this.#wereZero[page] |= asked & ~bits;
    this.#seen(page, mask & ~unknown, timeUs);
  }

  /** What is known of a point that is known; write down first what waits (`settle`). */
  point(page: number, bit: number): Point {
    const index = page * PAGE_POINTS + bit;
    const history = {
      changesCount: this.#changes[index],
      lastChangeUs: this.#lastChangeUs[index],
    };
    if (this.isBits[page] === 1) {
      return {
        value: (this.#bits[page] >>> bit) & 1,
        minimum: (this.#wereZero[page] >>> bit) & 1 ? 0 : 1,
        maximum: (this.#wereOne[page] >>> bit) & 1,
        ...history,
      };
    }
    const at = index * NUMBERS;
    return {
      value: this.#numbers[at],
      minimum: this.#numbers[at + MINIMUM],
      maximum: this.#numbers[at + MAXIMUM],
      ...history,
    };
  }

  /** Puts a saved point back, known or not. */
  setPoint(page: number, bit: number, point: Point): void {
    const index = page * PAGE_POINTS + bit;
    this.known[page] |= 1 << bit;
    this.#changes[index] = point.changesCount;
    this.#lastChangeUs[index] = point.lastChangeUs;
    if (this.isBits[page] === 1) {
      const mask = 1 << bit;
      this.#bits[page] = point.value === 0 ? this.#bits[page] & ~mask : this.#bits[page] | mask;
      if (point.minimum === 0) this.#wereZero[page] |= mask;
      if (point.maximum === 1) this.#wereOne[page] |= mask;
      return;
    }
    this.#numbers[index * NUMBERS] = point.value;
    this.#numbers[index * NUMBERS + MINIMUM] = point.minimum;
    this.#numbers[index * NUMBERS + MAXIMUM] = point.maximum;
  }

  /** Writes down, point by point, what changed the last times. */
  settle(page: number): void {
    const count = this.#maskCount[page];
    const timeUs = this.#maskUs[page];
    for (let mask = this.#mask[page]; mask !== 0; mask &= mask - 1) {
      const index = page * PAGE_POINTS + 31 - Math.clz32(mask & -mask);
      this.#changes[index] += count;
      // It may have changed alone since.
      if (this.#lastChangeUs[index] < timeUs) this.#lastChangeUs[index] = timeUs;
    }
    this.#mask[page] = 0;
    this.#maskCount[page] = 0;
  }

  /** Columns for the writers of a page. */
  writesOf(page: number): PageWrites {
    let writes = this.writes.get(page);
    if (writes === undefined) {
      writes = {
        writer: new Uint16Array(PAGE_POINTS),
        timeUs: new Float64Array(PAGE_POINTS),
        count: new Uint32Array(PAGE_POINTS),
      };
      this.writes.set(page, writes);
    }
    return writes;
  }

  #seen(page: number, mask: number, timeUs: number): void {
    this.lastSeenUs[page] = timeUs;
    if (mask !== 0) this.#changed(page, mask, timeUs);
  }

  /** These points of the page changed; not none. One alone is written down at once. */
  #changed(page: number, mask: number, timeUs: number): void {
    if (this.news[page] === CLEAN) this.news[page] = VALUES_CHANGED;
    if ((mask & (mask - 1)) === 0) {
      const index = page * PAGE_POINTS + 31 - Math.clz32(mask);
      this.#changes[index]++;
      this.#lastChangeUs[index] = timeUs;
      return;
    }
    if (mask !== this.#mask[page]) {
      this.settle(page);
      this.#mask[page] = mask;
    }
    this.#maskCount[page]++;
    this.#maskUs[page] = timeUs;
  }

  /** Registers that were seen for the first time begin with a value, and no change. */
  #beginWords(page: number, unknown: number): void {
    this.#begin(page, unknown);
    for (let bit = 0; bit < PAGE_POINTS; bit++) {
      if ((unknown & (1 << bit)) === 0) continue;
      const at = page * PAGE_NUMBERS + bit * NUMBERS;
      this.#numbers[at + MINIMUM] = this.#numbers[at];
      this.#numbers[at + MAXIMUM] = this.#numbers[at];
    }
  }

  #begin(page: number, unknown: number): void {
    this.known[page] |= unknown;
    this.news[page] = POINTS_NEW;
    this.#wereZero[page] &= ~unknown;
    this.#wereOne[page] &= ~unknown;
    for (let bit = 0; bit < PAGE_POINTS; bit++) {
      if ((unknown & (1 << bit)) === 0) continue;
      this.#changes[page * PAGE_POINTS + bit] = 0;
      this.#lastChangeUs[page * PAGE_POINTS + bit] = 0;
    }
  }

  #next(): number {
    if (this.pagesEnd >= PAGES_MAX) return -1;
    if (this.pagesEnd === this.#pagesRoom) this.#grow();
    return this.pagesEnd++;
  }

  #grow(): void {
    this.#pagesRoom = Math.min(PAGES_MAX, this.#pagesRoom * 2);
    const pages = this.#pagesRoom;
    const points = pages * PAGE_POINTS;
    this.#numbers = copied(new Uint16Array(points * NUMBERS), this.#numbers);
    this.#bits = copied(new Int32Array(pages), this.#bits);
    this.#wereZero = copied(new Int32Array(pages), this.#wereZero);
    this.#wereOne = copied(new Int32Array(pages), this.#wereOne);
    this.#changes = copied(new Uint32Array(points), this.#changes);
    this.#lastChangeUs = copied(new Float64Array(points), this.#lastChangeUs);
    this.#mask = copied(new Int32Array(pages), this.#mask);
    this.#maskCount = copied(new Uint32Array(pages), this.#maskCount);
    this.#maskUs = copied(new Float64Array(pages), this.#maskUs);
    this.known = copied(new Int32Array(pages), this.known);
    this.bank = copied(new Int32Array(pages).fill(-1), this.bank);
    this.isBits = copied(new Uint8Array(pages), this.isBits);
    this.number = copied(new Uint16Array(pages), this.number);
    this.firstSeenUs = copied(new Float64Array(pages), this.firstSeenUs);
    this.lastSeenUs = copied(new Float64Array(pages), this.lastSeenUs);
    this.savedUs = copied(new Float64Array(pages), this.savedUs);
    this.news = copied(new Uint8Array(pages), this.news);
  }
}

function maskOf(first: number, count: number): number {
  return count === PAGE_POINTS ? ALL : ((1 << count) - 1) << first;
}

function copied<T extends { set(from: T): void }>(into: T, from: T): T {
  into.set(from);
  return into;
}
