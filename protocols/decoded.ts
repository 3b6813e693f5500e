/**
 * What a decoder answers. Bytes from the wire are evidence, never a reason to throw: a decoder
 * returns the message, or how many bytes it still needs, or what is wrong and exactly where.
 */

/** Field and place of a fault in bytes from the wire; `actual` is text already safe to print. */
export interface Malformed {
  readonly kind: 'malformed';
  /** Name of the fault, from FIELDS.md (docs/fields): `lengthTooLong`, `protocolIdNotZero`... */
  readonly name: string;
  /** The specification's field, in our spelling: `lengthBytes`. */
  readonly field: string;
  /** Offset of that field from the first byte of the message. */
  readonly offsetBytes: number;
  readonly expected: string;
  readonly actual: string;
}

/** The message goes on after the bytes that are there. */
export interface Incomplete {
  readonly kind: 'incomplete';
  /** At least so many more bytes are needed before another try can tell more. */
  readonly bytesNeeded: number;
}

export type Decoded<T> = (T & { readonly kind: 'message' }) | Incomplete | Malformed;

/** A departure from the specification inside a message that could still be read. */
export interface Anomaly {
  readonly name: string;
  readonly field: string;
  readonly offsetBytes: number;
  readonly expected: string;
  readonly actual: string;
}

/** The one empty list, so that a message without anomalies allocates nothing. */
export const NO_ANOMALIES: readonly Anomaly[] = Object.freeze([]);

export function malformed(
  name: string,
  field: string,
  offsetBytes: number,
  expected: string,
  actual: string | number,
): Malformed {
  return { kind: 'malformed', name, field, offsetBytes, expected, actual: String(actual) };
}

/** Bytes inside a larger buffer, without a view: the hot path hands these on instead of slices. */
export interface ByteSpan {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/**
 * Makes the pseudonym of a secret or personal token (FIELDS.md 2.8): HMAC-SHA-256 under the site's
 * own key, the first 16 bytes as lower-case hex. agent/platform/digest.ts makes one; decoders only
 * receive it, so that no later stage ever holds the clear value.
 */
export interface Digest {
  pseudonym(bytes: Uint8Array, offset: number, length: number): string;
  /** SHA-256 as lower-case hex, for file records and blocks whose content must not be kept. */
  sha256(bytes: Uint8Array, offset: number, length: number): string;
  /** SHA-1 as lower-case hex: what OPC UA calls the thumbprint of a certificate. */
  sha1?(bytes: Uint8Array, offset: number, length: number): string;
}
