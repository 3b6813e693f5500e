/**
 * IPv6 addresses as small numbers, so that a flow's key is four integers for both IP versions. The
 * table can't overflow: each flow holds two addresses, and one that no flow holds is free again.
 */
import { IPV6_BYTES } from '../../protocols/link/addresses.ts';
import { int32At } from '../../protocols/link/network-order.ts';
import { mixHash } from './mix-hash.ts';

export const ADDRESS_UNKNOWN = -1;

export class AddressTable {
  /** Address `id` stands at `id * IPV6_BYTES`. */
  readonly bytes: Uint8Array;
  readonly #seed: number;
  readonly #mask: number;
  readonly #buckets: Int32Array;
  readonly #chainNext: Int32Array;
  readonly #holders: Int32Array;
  readonly #bucketOf: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;

  constructor(addressesMax: number, seed: number) {
    this.bytes = new Uint8Array(addressesMax * IPV6_BYTES);
    this.#seed = seed;
    this.#mask = 2 ** Math.ceil(Math.log2(addressesMax * 2)) - 1;
    this.#buckets = new Int32Array(this.#mask + 1).fill(ADDRESS_UNKNOWN);
    this.#chainNext = new Int32Array(addressesMax);
    this.#holders = new Int32Array(addressesMax);
    this.#bucketOf = new Int32Array(addressesMax);
    this.#free = Int32Array.from({ length: addressesMax }, (_, index) => index);
    this.#freeCount = addressesMax;
  }

  get addressesUsed(): number {
    return this.#holders.length - this.#freeCount;
  }

  /** The number of an address that some flow holds, or ADDRESS_UNKNOWN. */
  find(bytes: Uint8Array, offset: number): number {
    let id = this.#buckets[this.#bucket(bytes, offset)];
    while (id !== ADDRESS_UNKNOWN && !this.#isEqual(id, bytes, offset)) id = this.#chainNext[id];
    return id;
  }

  /** Finds or adds an address and counts one more holder. */
  hold(bytes: Uint8Array, offset: number): number {
    const known = this.find(bytes, offset);
    if (known !== ADDRESS_UNKNOWN) {
      this.#holders[known]++;
      return known;
    }
    const id = this.#free[--this.#freeCount];
    const bucket = this.#bucket(bytes, offset);
    for (let index = 0; index < IPV6_BYTES; index++) {
      this.bytes[id * IPV6_BYTES + index] = bytes[offset + index];
    }
    this.#holders[id] = 1;
    this.#bucketOf[id] = bucket;
    this.#chainNext[id] = this.#buckets[bucket];
    this.#buckets[bucket] = id;
    return id;
  }

  /** One holder less; the last one frees the number. */
  release(id: number): void {
    if (--this.#holders[id] > 0) return;
    const bucket = this.#bucketOf[id];
    if (this.#buckets[bucket] === id) {
      this.#buckets[bucket] = this.#chainNext[id];
    } else {
      let before = this.#buckets[bucket];
      while (this.#chainNext[before] !== id) before = this.#chainNext[before];
      this.#chainNext[before] = this.#chainNext[id];
    }
    this.#free[this.#freeCount++] = id;
  }

  #bucket(bytes: Uint8Array, offset: number): number {
    let hash = mixHash(this.#seed, int32At(bytes, offset));
    hash = mixHash(hash, int32At(bytes, offset + 4));
    hash = mixHash(hash, int32At(bytes, offset + 8));
    return mixHash(hash, int32At(bytes, offset + 12)) & this.#mask;
  }

  #isEqual(id: number, bytes: Uint8Array, offset: number): boolean {
    const own = id * IPV6_BYTES;
    for (let index = 0; index < IPV6_BYTES; index++) {
      if (this.bytes[own + index] !== bytes[offset + index]) return false;
    }
    return true;
  }
}
