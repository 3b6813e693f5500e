/**
 * One step of the hash behind the flow and address tables: seeded, and every bit of a word reaches
 * every bit of the result, so that neighbouring addresses and ports spread over the buckets.
 */

/** Multiplier of the finalizer of MurmurHash3, 32 bits (Austin Appleby, public domain). */
const MULTIPLIER = 0x85eb_ca6b;

export function mixHash(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, MULTIPLIER);
  return Math.imul(mixed ^ (mixed >>> 15), MULTIPLIER) ^ (mixed >>> 13);
}
