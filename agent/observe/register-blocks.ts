/**
 * The bytes that each poll brought last, by (bank, first address, quantity): an answer that says
 * the same again touches no register, and one that differs touches only those that differ. In a
 * plant most answers are the same, or nearly (npm run -s bench -- knowledge).
 *
 * A block is trusted only while nobody else changes its registers: blocks of one bank that overlap
 * are `SHARED` and never compared, and a write makes the blocks that it meets begin anew. Where
 * most of an answer changes each time, comparing costs more than it saves: the block rests.
 */

/** Ranges kept; further ones are applied register by register. */
export const BLOCKS_MAX = 4096;
/** Bytes of all blocks together. */
export const BLOCK_BYTES_MAX = 1024 * 1024;
/** Ranges of one bank; where there are more, somebody sweeps, and none of them is compared. */
const BLOCKS_PER_BANK_MAX = 64;
const BLOCKS_AT_FIRST = 256;
const BYTES_AT_FIRST = 16 * 1024;
/** Once full, blocks begin anew so often: who polls now gets a place again. */
const RENEW_US = 600_000_000;
/** Answers for which a block rests. */
const REST_ANSWERS = 32;
const WORD_BYTES = 4;
const EMPTY = new Uint8Array(0);

/** There is no room for one. */
export const NO_BLOCK = -1;
/** Nobody has asked for the block yet. */
export const BLOCK_UNKNOWN = -2;
/** The bytes are not those that the registers hold. */
const UNTRUSTED = 0;
const TRUSTED = 1;
const SHARED = 2;

export class RegisterBlocks {
  #room = BLOCKS_AT_FIRST;
  bytes = new Uint8Array(BYTES_AT_FIRST);
  /** The same bytes, in words. */
  #words = new DataView(this.bytes.buffer);
  /** By block: where its bytes begin, and how many they are. */
  offset = new Uint32Array(BLOCKS_AT_FIRST);
  length = new Uint16Array(BLOCKS_AT_FIRST);
  bank = new Int32Array(BLOCKS_AT_FIRST);
  first = new Uint16Array(BLOCKS_AT_FIRST);
  quantity = new Uint16Array(BLOCKS_AT_FIRST);
  seenUs = new Float64Array(BLOCKS_AT_FIRST);
  #state = new Uint8Array(BLOCKS_AT_FIRST);
  #rest = new Uint8Array(BLOCKS_AT_FIRST);
  readonly #ofBank = new Map<number, number[]>();
  used = 0;
  #bytesUsed = 0;
  #isFull = false;
  #renewedUs = 0;
  /** The bytes that were compared last, and how to read them in words: frames share their block. */
  #wireBytes: Uint8Array = EMPTY;
  #wire: DataView = new DataView(EMPTY.buffer);

  /** The block of that range, made where there is none; NO_BLOCK: no room. */
  find(bank: number, first: number, quantity: number, bytesCount: number): number {
    const others = this.#ofBank.get(bank) ?? [];
    for (const block of others) {
      if (this.first[block] === first && this.quantity[block] === quantity) return block;
    }
    if (others.length >= BLOCKS_PER_BANK_MAX) {
      for (const other of others) this.#state[other] = SHARED;
      return NO_BLOCK;
    }
    if (!this.#hasRoom(bytesCount)) return NO_BLOCK;
    const block = this.used++;
    if (block >= this.#room) this.#grow();
    this.offset[block] = this.#bytesUsed;
    this.length[block] = bytesCount;
    this.#bytesUsed += bytesCount;
    this.bank[block] = bank;
    this.first[block] = first;
    this.quantity[block] = quantity;
    this.seenUs[block] = 0;
    this.#state[block] = UNTRUSTED;
    this.#rest[block] = 0;
    this.#share(block, others);
    others.push(block);
    this.#ofBank.set(bank, others);
    return block;
  }

  isTrusted(block: number): boolean {
    return this.#state[block] === TRUSTED;
  }

  /** Where `bytes` from `from` on differ first, in bytes; the block's length: nowhere. */
  firstDifference(block: number, bytes: Uint8Array, from: number): number {
    if (bytes !== this.#wireBytes) {
      this.#wireBytes = bytes;
      this.#wire = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const wire = this.#wire;
    const words = this.#words;
    const begin = this.offset[block];
    const count = this.length[block];
    let at = 0;
    while (at + WORD_BYTES <= count && wire.getInt32(from + at) === words.getInt32(begin + at)) {
      at += WORD_BYTES;
    }
    while (at < count && bytes[from + at] === this.bytes[begin + at]) at++;
    return at;
  }

  /** The registers hold `bytes` now; they are remembered, where that makes sense. */
  take(block: number, bytes: Uint8Array, offset: number): void {
    if (this.#state[block] === SHARED) return;
    if (this.#rest[block] > 0) {
      this.#rest[block]--;
      return;
    }
    const into = this.offset[block];
    const count = this.length[block];
    for (let at = 0; at < count; at++) this.bytes[into + at] = bytes[offset + at];
    this.#state[block] = TRUSTED;
  }

  /** Most of the last answer differed. */
  rest(block: number): void {
    this.#state[block] = UNTRUSTED;
    this.#rest[block] = REST_ANSWERS;
  }

  /** Somebody else than a block of its own may have changed registers. */
  changed(bank: number, first: number, quantity: number): void {
    const blocks = this.#ofBank.get(bank);
    if (blocks === undefined) return;
    for (const block of blocks) {
      if (this.#state[block] !== TRUSTED || !this.#meets(block, first, quantity)) continue;
      this.#state[block] = UNTRUSTED;
    }
  }

  /** True: it is time to forget all, because there is no room for who polls now. */
  isWornOut(nowUs: number): boolean {
    return this.#isFull && Math.abs(nowUs - this.#renewedUs) > RENEW_US;
  }

  forget(nowUs: number): void {
    this.#ofBank.clear();
    this.used = 0;
    this.#bytesUsed = 0;
    this.#isFull = false;
    this.#renewedUs = nowUs;
  }

  #share(block: number, others: readonly number[]): void {
    for (const other of others) {
      if (!this.#meets(other, this.first[block], this.quantity[block])) continue;
      this.#state[other] = SHARED;
      this.#state[block] = SHARED;
    }
  }

  #meets(block: number, first: number, quantity: number): boolean {
    const begin = this.first[block];
    return begin < first + quantity && begin + this.quantity[block] > first;
  }

  #hasRoom(bytesCount: number): boolean {
    const bytesEnd = this.#bytesUsed + bytesCount;
    if (this.used >= BLOCKS_MAX || bytesEnd > BLOCK_BYTES_MAX) {
      this.#isFull = true;
      return false;
    }
    if (bytesEnd > this.bytes.length) {
      const grown = new Uint8Array(Math.min(BLOCK_BYTES_MAX, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
      this.#words = new DataView(grown.buffer);
    }
    return true;
  }

  #grow(): void {
    this.#room = Math.min(BLOCKS_MAX, this.#room * 2);
    this.offset = copied(new Uint32Array(this.#room), this.offset);
    this.length = copied(new Uint16Array(this.#room), this.length);
    this.bank = copied(new Int32Array(this.#room), this.bank);
    this.first = copied(new Uint16Array(this.#room), this.first);
    this.quantity = copied(new Uint16Array(this.#room), this.quantity);
    this.seenUs = copied(new Float64Array(this.#room), this.seenUs);
    this.#state = copied(new Uint8Array(this.#room), this.#state);
    this.#rest = copied(new Uint8Array(this.#room), this.#rest);
  }
}

function copied<T extends { set(from: T): void }>(into: T, from: T): T {
  into.set(from);
  return into;
}
