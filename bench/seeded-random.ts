/** Chance that one number replays: mulberry32, 32 bits of state. */

export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0..2^32-1. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 <= x < 1. */
  fraction(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** 0..limit-1; 0 where the limit is 0. */
  below(limit: number): number {
    return limit <= 0 ? 0 : this.word() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
