/**
 * Makes pseudonyms under the site's own key (FIELDS.md 2.8). One HMAC per new token: a token seen
 * again is found by a seeded fingerprint, so that a poll every second costs no HMAC, and the token
 * itself is never kept.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Digest } from '../../protocols/decoded.ts';

/** Tokens remembered; when full, the table is emptied and begins again. */
const PSEUDONYMS_MAX = 4096;
const PSEUDONYM_BYTES = 16;

export class SiteDigest implements Digest {
  readonly #key: Uint8Array;
  readonly #seed = randomBytes(8);
  readonly #pseudonyms = new Map<string, string>();

  /** `key`: at least 16 random bytes that never leave the site. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  pseudonym(bytes: Uint8Array, offset: number, length: number): string {
    const fingerprint = this.#fingerprint(bytes, offset, length);
    const known = this.#pseudonyms.get(fingerprint);
    if (known !== undefined) return known;
    if (this.#pseudonyms.size >= PSEUDONYMS_MAX) this.#pseudonyms.clear();
    const made = createHmac('sha256', this.#key)
      .update(bytes.subarray(offset, offset + length))
      .digest()
      .toString('hex', 0, PSEUDONYM_BYTES);
    this.#pseudonyms.set(fingerprint, made);
    return made;
  }

  sha256(bytes: Uint8Array, offset: number, length: number): string {
    return createHash('sha256')
      .update(bytes.subarray(offset, offset + length))
      .digest('hex');
  }

  sha1(bytes: Uint8Array, offset: number, length: number): string {
    return createHash('sha1')
      .update(bytes.subarray(offset, offset + length))
      .digest('hex');
  }

  /** Two FNV-1a runs over secret seeds: 64 bits, which nobody outside can steer to collide. */
  #fingerprint(bytes: Uint8Array, offset: number, length: number): string {
    let first = this.#seed.readInt32LE(0);
    let second = this.#seed.readInt32LE(4);
    for (let index = 0; index < length; index++) {
      const byte = bytes[offset + index];
      first = Math.imul(first ^ byte, 0x01000193);
      second = Math.imul(second ^ byte, 0x85ebca6b) ^ (second >>> 13);
    }
    return `${length}.${first}.${second}`;
  }
}
