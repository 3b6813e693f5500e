/**
 * What each flow was answered last and gave up last: a response without a request may belong to one
 * of the two, and a second answer that differs from the first is the mark of a forger.
 */

const NONE = -1;
/** FNV-1a: offset basis and prime of 32 bits. */
const HASH_BEGIN = 0x811c9dc5;
const HASH_PRIME = 0x01000193;
/** Nothing is known of the bytes; no hash is 0, since `| 1` is part of it. */
const HASH_UNKNOWN = 0;

export class ModbusAnswered {
  readonly #answeredKeys: Int32Array;
  readonly #answeredHashes: Int32Array;
  readonly #givenUpKeys: Int32Array;

  constructor(flowsMax: number) {
    this.#answeredKeys = new Int32Array(flowsMax).fill(NONE);
    this.#answeredHashes = new Int32Array(flowsMax);
    this.#givenUpKeys = new Int32Array(flowsMax).fill(NONE);
  }

  forget(slot: number): void {
    this.#answeredKeys[slot] = NONE;
    this.#givenUpKeys[slot] = NONE;
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
    this.#answeredKeys[slot] = key;
    this.#answeredHashes[slot] = isRepeated ? HASH_UNKNOWN : hashOf(bytes, at, pduBytes);
  }

  giveUp(slot: number, key: number): void {
    this.#givenUpKeys[slot] = key;
  }

  isAnswered(slot: number, key: number): boolean {
    return this.#answeredKeys[slot] === key;
  }

  isGivenUp(slot: number, key: number): boolean {
    return this.#givenUpKeys[slot] === key;
  }

  /** The response of the key answered last had other bytes than these. */
  differs(slot: number, bytes: Uint8Array, at: number, pduBytes: number): boolean {
    const known = this.#answeredHashes[slot];
    return known !== HASH_UNKNOWN && known !== hashOf(bytes, at, pduBytes);
  }
}

/** Over four bytes a step: every response is hashed, and few are longer than ten bytes. */
function hashOf(bytes: Uint8Array, at: number, length: number): number {
  const end = at + length;
  let hash = HASH_BEGIN ^ length;
  let offset = at;
  for (; offset + 4 <= end; offset += 4) {
    const word =
      (bytes[offset] << 24) |
      (bytes[offset + 1] << 16) |
      (bytes[offset + 2] << 8) |
      bytes[offset + 3];
    hash = Math.imul(hash ^ word, HASH_PRIME);
    hash ^= hash >>> 15;
  }
  for (; offset < end; offset += 1) hash = Math.imul(hash ^ bytes[offset], HASH_PRIME);
  return hash | 1;
}
