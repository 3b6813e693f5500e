/**
 * What each flow was answered last and gave up last: a response without a request may belong to one
 * of the two, and a second answer that differs from the first is the mark of a forger.
 */

const NONE = -1;
const SLOT_WORDS = 4;
const ANSWERED_KEY = 0;
const GIVEN_UP_KEY = 1;
/** Length of an answer that lies in the block under way, or one of the two below. */
const ANSWERED_LENGTH = 2;
/** Its offset in the block; its hash where the length is one of the two below. */
const ANSWERED_WHAT = 3;
/** The hash is known. */
const HASHED = 0;
/** The same, and the slot is in the list of this block. */
const HASHED_IN_LIST = -1;
/** FNV-1a: offset basis and prime of 32 bits. */
const HASH_BEGIN = 0x811c9dc5;
const HASH_PRIME = 0x01000193;
/** Nothing is known of the bytes; no hash is 0, since `| 1` is part of it. */
const HASH_UNKNOWN = 0;

export class ModbusAnswered {
  /** SLOT_WORDS a slot. */
  readonly #slots: Int32Array;
  /** Slots whose last answer lies in the block under way: hashed once each, when it ends. */
  readonly #slotsInBlock: Int32Array;
  #slotsInBlockCount = 0;
  #block: Uint8Array | undefined;
  /** Over the bytes that were hashed last: a block brings many responses. */
  #viewed: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#viewed.buffer);

  constructor(flowsMax: number) {
    this.#slots = new Int32Array(flowsMax * SLOT_WORDS).fill(NONE);
    for (let slot = 0; slot < flowsMax; slot++) {
      this.#slots[slot * SLOT_WORDS + ANSWERED_LENGTH] = HASHED;
    }
    this.#slotsInBlock = new Int32Array(flowsMax);
  }

  /** Answers that lie in `bytes` stay there until `endBlock`: most are never compared. */
  beginBlock(bytes: Uint8Array): void {
    this.#block = bytes;
  }

  endBlock(): void {
    const slots = this.#slots;
    for (let index = 0; index < this.#slotsInBlockCount; index++) {
      const row = this.#slotsInBlock[index] * SLOT_WORDS;
      slots[row + ANSWERED_WHAT] = this.#knownHash(row);
      slots[row + ANSWERED_LENGTH] = HASHED;
    }
    this.#slotsInBlockCount = 0;
    this.#block = undefined;
  }

  forget(slot: number): void {
    this.#slots[slot * SLOT_WORDS + ANSWERED_KEY] = NONE;
    this.#slots[slot * SLOT_WORDS + GIVEN_UP_KEY] = NONE;
  }

  /**
   * `isRepeated`: the request was sent more than once, so that two answers may differ in honour: a
   * value of the process has moved on between them.
   */
  answer(
    slot: number,
    key: number,
    isRepeated: boolean,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
  ): void {
    const slots = this.#slots;
    const row = slot * SLOT_WORDS;
    slots[row + ANSWERED_KEY] = key;
    const known = slots[row + ANSWERED_LENGTH];
    if (isRepeated || bytes !== this.#block || pduBytes <= 0) {
      slots[row + ANSWERED_WHAT] = isRepeated ? HASH_UNKNOWN : this.#hashOf(bytes, at, pduBytes);
      if (known !== HASHED) slots[row + ANSWERED_LENGTH] = HASHED_IN_LIST;
      return;
    }
    if (known === HASHED) this.#list(slot);
    slots[row + ANSWERED_LENGTH] = pduBytes;
    slots[row + ANSWERED_WHAT] = at;
  }

  giveUp(slot: number, key: number): void {
    this.#slots[slot * SLOT_WORDS + GIVEN_UP_KEY] = key;
  }

  isAnswered(slot: number, key: number): boolean {
    return this.#slots[slot * SLOT_WORDS + ANSWERED_KEY] === key;
  }

  isGivenUp(slot: number, key: number): boolean {
    return this.#slots[slot * SLOT_WORDS + GIVEN_UP_KEY] === key;
  }

  /** The response of the key answered last had other bytes than these. */
  differs(slot: number, bytes: Uint8Array, at: number, pduBytes: number): boolean {
    const known = this.#knownHash(slot * SLOT_WORDS);
    return known !== HASH_UNKNOWN && known !== this.#hashOf(bytes, at, pduBytes);
  }

  #list(slot: number): void {
    this.#slotsInBlock[this.#slotsInBlockCount] = slot;
    this.#slotsInBlockCount += 1;
  }

  #knownHash(row: number): number {
    const slots = this.#slots;
    const length = slots[row + ANSWERED_LENGTH];
    const what = slots[row + ANSWERED_WHAT];
    const block = this.#block;
    return length > 0 && block !== undefined ? this.#hashOf(block, what, length) : what;
  }

  /**
   * Of the last response of each flow in a block: whole words by a view (one check of bounds for
   * four bytes), in two chains, because each multiplication waits for the one before it in its
   * chain. The last eight bytes are taken whole, some of them twice, instead of one by one.
   */
  #hashOf(bytes: Uint8Array, at: number, length: number): number {
    if (this.#viewed !== bytes) this.#look(bytes);
    const view = this.#view;
    const end = Math.min(at + length, bytes.length);
    let hash = HASH_BEGIN ^ length;
    let second = HASH_BEGIN;
    if (end - at < 8) {
      for (let offset = at; offset < end; offset += 1) {
        hash = Math.imul(hash ^ bytes[offset], HASH_PRIME);
      }
      return hash | 1;
    }
    const last = end - 8;
    for (let offset = at; offset < last; offset += 8) {
      hash = Math.imul(hash ^ view.getInt32(offset, true), HASH_PRIME);
      hash ^= hash >>> 15;
      second = Math.imul(second ^ view.getInt32(offset + 4, true), HASH_PRIME);
      second ^= second >>> 15;
    }
    hash = Math.imul(hash ^ view.getInt32(last, true), HASH_PRIME);
    hash ^= hash >>> 15;
    second = Math.imul(second ^ view.getInt32(last + 4, true), HASH_PRIME);
    second ^= second >>> 15;
    return (Math.imul(hash, HASH_PRIME) ^ second) | 1;
  }

  #look(bytes: Uint8Array): void {
    this.#viewed = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
