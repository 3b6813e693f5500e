/**
 * DER as far as certificates need it (X.690 §8, §10): tag, length and where the content stands.
 * Offsets are checked against the element that holds them before anything is read, so that no
 * length can lead outside; nothing is copied.
 */

/** Elements that one certificate may have; a hostile one can't keep us longer. */
const ELEMENTS_MAX = 4096;
const LONG_FORM = 0x80;
const LENGTH_BYTES_MAX = 3;
const TAG_NUMBER = 0x1f;

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;

/** Where an element's content stands. */
export interface DerElement {
  readonly tag: number;
  readonly offset: number;
  readonly end: number;
}

/** Why reading stopped; it never leaves this folder. */
export class DerFault extends Error {
  /** What stood there instead, and where, from the first byte of the certificate. */
  readonly offsetBytes: number;

  constructor(problem: string, offsetBytes: number) {
    super(problem);
    this.offsetBytes = offsetBytes;
  }
}

/** Reads the elements inside one element, in order. */
export class DerReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;
  readonly #budget: { elements: number };

  constructor(
    bytes: Uint8Array,
    offset: number,
    end: number,
    budget: { elements: number } = { elements: ELEMENTS_MAX },
  ) {
    this.bytes = bytes;
    this.position = offset;
    this.end = Math.min(end, bytes.length);
    this.#budget = budget;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  /** The next element's tag; 0 at the end. */
  get nextTag(): number {
    return this.isAtEnd ? 0 : this.bytes[this.position];
  }

  /** Steps over the next element, which must have `tag` where one is given. */
  read(tag?: number): DerElement {
    const { bytes, end } = this;
    const start = this.position;
    if (this.#budget.elements-- <= 0) throw new DerFault('too many elements', start);
    if (end - start < 2) throw new DerFault('the end instead of an element', start);
    const found = bytes[start];
    if (tag !== undefined && found !== tag) {
      throw new DerFault(`tag 0x${found.toString(16)} instead of 0x${tag.toString(16)}`, start);
    }
    if ((found & TAG_NUMBER) === TAG_NUMBER) throw new DerFault('a tag of several bytes', start);
    let offset = start + 2;
    let length = bytes[start + 1];
    if (length >= LONG_FORM) {
      const lengthBytes = length & 0x7f;
      if (lengthBytes === 0 || lengthBytes > LENGTH_BYTES_MAX || end - offset < lengthBytes) {
        throw new DerFault(`a length of ${lengthBytes} bytes`, start + 1);
      }
      length = 0;
      for (let index = 0; index < lengthBytes; index++) length = (length << 8) | bytes[offset++];
    }
    if (length > end - offset) throw new DerFault(`${length} bytes where fewer are`, start);
    this.position = offset + length;
    return { tag: found, offset, end: this.position };
  }

  /** The next element if it has `tag`, else undefined and nothing is stepped over. */
  readIf(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined;
  }

  /** Reads inside an element of this reader's. */
  inside(element: DerElement): DerReader {
    return new DerReader(this.bytes, element.offset, element.end, this.#budget);
  }
}

const IDENTIFIER_BYTES_MAX = 64;

/** `1.2.840.113549.1.1.11` (X.690 §8.19). */
export function objectIdentifier(bytes: Uint8Array, element: DerElement): string {
  const { offset, end } = element;
  if (end === offset || end - offset > IDENTIFIER_BYTES_MAX) {
    throw new DerFault('an object identifier of no plausible length', offset);
  }
  const parts: number[] = [];
  let value = 0;
  for (let at = offset; at < end; at++) {
    value = value * 128 + (bytes[at] & 0x7f);
    if ((bytes[at] & 0x80) !== 0) continue;
    if (parts.length === 0) parts.push(Math.min(Math.floor(value / 40), 2));
    parts.push(parts.length === 1 ? value - 40 * parts[0] : value);
    value = 0;
  }
  return parts.join('.');
}
