/** Chance as a parameter: the system's for the product, a seeded one for tests and simulations. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** 0 <= x < 1; for jitter, never for keys. */
  fraction(): number;
  bytes(count: number): Uint8Array;
}

export class SystemRandom implements Random {
  fraction(): number {
    return Math.random();
  }

  bytes(count: number): Uint8Array {
    return randomBytes(count);
  }
}

/** Mulberry32: one 32-bit seed gives the same run everywhere. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index++) bytes[index] = Math.floor(this.fraction() * 256);
    return bytes;
  }
}
