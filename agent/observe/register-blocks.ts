/**
 * The bytes that each poll brought last, by (bank, first address, quantity): an answer that says
 * the same again touches no register, and one that differs touches only those that differ. In a
 * plant most answers are the same, or nearly (npm run -s bench -- knowledge).
 *
 * A block is trusted only while nobody else changes its registers: blocks of one bank that overlap
 * are `SHARED` and never compared, and a write makes the blocks that it meets begin anew. Where
 * most of an answer changes each time, comparing costs more than it saves: the block rests.
 *
 * All blocks lie behind each other in one array, the bytes of each right after its numbers, so that
 * an answer finds both in the same lines of the processor's cache. A block's number is the
 * word that it begins at.
 */

/** Ranges kept; further ones are applied register by register. */
export const BLOCKS_MAX = 4096;
/** Bytes of all blocks together. */
export const BLOCK_BYTES_MAX = 1024 * 1024;
/** Ranges of one bank; where there are more, somebody sweeps, and none of them is compared. */
const BLOCKS_PER_BANK_MAX = 64;
const BYTES_AT_FIRST = 16 * 1024;
/** Once full, blocks begin anew so often: who polls now gets a place again. */
const RENEW_US = 600_000_000;
/** Answers for which a block rests. */
const REST_ANSWERS = 32;
const EMPTY = new Uint8Array(0);

/** Nobody has asked for the block yet. */
export const BLOCK_UNKNOWN = 0;
/** There is no room for one. */
export const NO_BLOCK = -1;
/** The bytes are not those that the registers hold. */
const UNTRUSTED = 0;
const TRUSTED = 1;
const SHARED = 2;

/** Words of a block, and in halves of 64 bits when it was answered last. */
const BANK = 0;
const FIRST = 1;
const QUANTITY = 2;
const BYTES_COUNT = 3;
const STATE = 4;
const REST = 5;
const SEEN_US = 3;
const HEAD_WORDS = 8;
const HEAD_BYTES = HEAD_WORDS * 4;
/** The first block begins here, so that none has the number of BLOCK_UNKNOWN. */
const BLOCKS_BEGIN = HEAD_WORDS;
const PAIR_BYTES = 8;

export class RegisterBlocks {
  #words = new Int32Array(BYTES_AT_FIRST / 4);
  #doubles = new Float64Array(this.#words.buffer);
  bytes = new Uint8Array(this.#words.buffer);
  /** The same bytes, to read words from any place. */
  view = new DataView(this.#words.buffer);
  readonly #ofBank = new Map<number, number[]>();
  used = 0;
  #end = BLOCKS_BEGIN;
  #isFull = false;
  #renewedUs = 0;
  /** The bytes that were compared last, and how to read them in words: frames share their block. */
  #wireBytes: Uint8Array = EMPTY;
  #wire: DataView = new DataView(EMPTY.buffer);

  /** All blocks, in the order of their making. */
  *all(): Generator<number> {
    for (let block = BLOCKS_BEGIN; block < this.#end; ) {
      yield block;
      block += HEAD_WORDS + wordsOf(this.bytesCountOf(block));
    }
  }

  bankOf(block: number): number {
    return this.#words[block + BANK];
  }

  /** Address of its first register. */
  firstOf(block: number): number {
    return this.#words[block + FIRST];
  }

  quantityOf(block: number): number {
    return this.#words[block + QUANTITY];
  }

  bytesCountOf(block: number): number {
    return this.#words[block + BYTES_COUNT];
  }

  /** Where its bytes begin in `bytes`. */
  bytesAt(block: number): number {
    return block * 4 + HEAD_BYTES;
  }

  seenUsOf(block: number): number {
    return this.#doubles[(block >> 1) + SEEN_US];
  }

  seen(block: number, timeUs: number): void {
    this.#doubles[(block >> 1) + SEEN_US] = timeUs;
  }

  /** The block of that range, made where there is none; NO_BLOCK: no room. */
  find(bank: number, first: number, quantity: number, bytesCount: number): number {
    const others = this.#ofBank.get(bank) ?? [];
    for (const block of others) {
      if (this.firstOf(block) === first && this.quantityOf(block) === quantity) return block;
    }
    if (others.length >= BLOCKS_PER_BANK_MAX) {
      for (const other of others) this.#words[other + STATE] = SHARED;
      return NO_BLOCK;
    }
    if (!this.#hasRoom(bytesCount)) return NO_BLOCK;
    const block = this.#end;
    this.used++;
    this.#end += HEAD_WORDS + wordsOf(bytesCount);
    this.#words[block + BANK] = bank;
    this.#words[block + FIRST] = first;
    this.#words[block + QUANTITY] = quantity;
    this.#words[block + BYTES_COUNT] = bytesCount;
    this.#words[block + STATE] = UNTRUSTED;
    this.#words[block + REST] = 0;
    this.seen(block, 0);
    this.#share(block, others);
    others.push(block);
    this.#ofBank.set(bank, others);
    return block;
  }

  isTrusted(block: number): boolean {
    return this.#words[block + STATE] === TRUSTED;
  }

  /** `bytes` to read words from any place. */
  wireOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#wireBytes) {
      this.#wireBytes = bytes;
      this.#wire = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#wire;
  }

  /**
   * Where `wire` from `from` on differs first from the block's bytes, in bytes: not after the first
   * that differs, and less than eight before it; the block's length: nowhere. Two words at a time,
   * the last two over the ones before where the length has a rest; both sides as they lie, so no
   * byte is swapped.
   */
  firstDifference(block: number, wire: DataView, from: number): number {
    const { view } = this;
    const begin = block * 4 + HEAD_BYTES;
    const count = this.#words[block + BYTES_COUNT];
    if (count < PAIR_BYTES) return this.#firstDifferenceShort(begin, count, wire, from);
    const last = count - PAIR_BYTES;
    for (let at = 0; at < last; at += PAIR_BYTES) {
      const low = wire.getInt32(from + at, true) ^ view.getInt32(begin + at, true);
      const high = wire.getInt32(from + at + 4, true) ^ view.getInt32(begin + at + 4, true);
      if ((low | high) !== 0) return at;
    }
    const low = wire.getInt32(from + last, true) ^ view.getInt32(begin + last, true);
    const high = wire.getInt32(from + last + 4, true) ^ view.getInt32(begin + last + 4, true);
    return (low | high) === 0 ? count : last;
  }

  /** The registers hold `bytes` now; they are remembered, where that makes sense. */
  take(block: number, bytes: Uint8Array, offset: number): void {
    const words = this.#words;
    if (words[block + STATE] === SHARED) return;
    if (words[block + REST] > 0) {
      words[block + REST]--;
      return;
    }
    const into = this.bytesAt(block);
    const count = words[block + BYTES_COUNT];
    for (let at = 0; at < count; at++) this.bytes[into + at] = bytes[offset + at];
    words[block + STATE] = TRUSTED;
  }

  /** Most of the last answer differed. */
  rest(block: number): void {
    this.#words[block + STATE] = UNTRUSTED;
    this.#words[block + REST] = REST_ANSWERS;
  }

  /** Somebody else than a block of its own may have changed registers. */
  changed(bank: number, first: number, quantity: number): void {
    const blocks = this.#ofBank.get(bank);
    if (blocks === undefined) return;
    for (const block of blocks) {
      if (!this.isTrusted(block) || !this.#meets(block, first, quantity)) continue;
      this.#words[block + STATE] = UNTRUSTED;
    }
  }

  /** True: it is time to forget all, because there is no room for who polls now. */
  isWornOut(nowUs: number): boolean {
    return this.#isFull && Math.abs(nowUs - this.#renewedUs) > RENEW_US;
  }

  forget(nowUs: number): void {
    this.#ofBank.clear();
    this.used = 0;
    this.#end = BLOCKS_BEGIN;
    this.#isFull = false;
    this.#renewedUs = nowUs;
  }

  #firstDifferenceShort(begin: number, count: number, wire: DataView, from: number): number {
    let at = 0;
    while (at < count && wire.getUint8(from + at) === this.bytes[begin + at]) at++;
    return at;
  }

  #share(block: number, others: readonly number[]): void {
    for (const other of others) {
      if (!this.#meets(other, this.firstOf(block), this.quantityOf(block))) continue;
      this.#words[other + STATE] = SHARED;
      this.#words[block + STATE] = SHARED;
    }
  }

  #meets(block: number, first: number, quantity: number): boolean {
    const begin = this.firstOf(block);
    return begin < first + quantity && begin + this.quantityOf(block) > first;
  }

  #hasRoom(bytesCount: number): boolean {
    const end = this.#end + HEAD_WORDS + wordsOf(bytesCount);
    if (this.used >= BLOCKS_MAX || end * 4 > BLOCK_BYTES_MAX) {
      this.#isFull = true;
      return false;
    }
    if (end > this.#words.length) {
      const grown = new Int32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
      this.#doubles = new Float64Array(grown.buffer);
      this.bytes = new Uint8Array(grown.buffer);
      this.view = new DataView(grown.buffer);
    }
    return true;
  }
}

/** Words that so many bytes take, an even number, because a block begins with a whole double. */
function wordsOf(bytesCount: number): number {
  return ((bytesCount + 7) >> 3) << 1;
}
