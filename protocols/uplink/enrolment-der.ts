/**
 * DER (X.690) as far as a certificate request and a certificate need it. node:crypto reads
 * certificates but makes none; what we make is two fixed shapes, a page each, so no package.
 */

const TAG_INTEGER = 0x02;
const TAG_BIT_STRING = 0x03;
const TAG_OCTET_STRING = 0x04;
const TAG_OBJECT_IDENTIFIER = 0x06;
const TAG_UTF8_STRING = 0x0c;
const TAG_SEQUENCE = 0x30;
const TAG_SET = 0x31;
const TAG_UTC_TIME = 0x17;
const TAG_GENERALIZED_TIME = 0x18;
const TAG_BOOLEAN = 0x01;
const CONTEXT_CONSTRUCTED = 0xa0;
/** RFC 5280 section 4.1.2.5: years up to 2049 are written with two digits. */
const UTC_TIME_YEAR_LIMIT = 2050;
const PEM_LINE_CHARACTERS = 64;

export type Der = Uint8Array;

export function derSequence(...parts: readonly Der[]): Der {
  return element(TAG_SEQUENCE, concat(parts));
}

export function derSet(...parts: readonly Der[]): Der {
  return element(TAG_SET, concat(parts));
}

/** `[number]` with its content whole inside. */
export function derExplicit(number: number, ...parts: readonly Der[]): Der {
  return element(CONTEXT_CONSTRUCTED | number, concat(parts));
}

/** `[number]` of a primitive type in place of the type's own tag. */
export function derImplicit(number: number, content: Uint8Array): Der {
  return element(0x80 | number, content);
}

/** A number that isn't negative, as big-endian bytes. */
export function derInteger(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.byteLength - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  // A set top bit would make it negative.
  const content = (trimmed[0] & 0x80) === 0 ? trimmed : concat([Uint8Array.of(0), trimmed]);
  return element(TAG_INTEGER, content);
}

export function derBoolean(value: boolean): Der {
  return element(TAG_BOOLEAN, Uint8Array.of(value ? 0xff : 0));
}

/** Whole bytes: no unused bits. */
export function derBitString(content: Uint8Array, unusedBits = 0): Der {
  return element(TAG_BIT_STRING, concat([Uint8Array.of(unusedBits), content]));
}

export function derOctetString(content: Uint8Array): Der {
  return element(TAG_OCTET_STRING, content);
}

export function derText(text: string): Der {
  return element(TAG_UTF8_STRING, new TextEncoder().encode(text));
}

/** `dotted`: `2.5.4.3`. */
export function derObjectIdentifier(dotted: string): Der {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const content = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    content.push(...groups);
  }
  return element(TAG_OBJECT_IDENTIFIER, Uint8Array.from(content));
}

/** RFC 5280 section 4.1.2.5: UTCTime, or GeneralizedTime from 2050 on; whole seconds. */
export function derTime(atMs: number): Der {
  const date = new Date(atMs);
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const isShort = date.getUTCFullYear() < UTC_TIME_YEAR_LIMIT;
  const text = `${isShort ? digits.slice(2) : digits}Z`;
  return element(isShort ? TAG_UTC_TIME : TAG_GENERALIZED_TIME, new TextEncoder().encode(text));
}

/** RFC 7468. */
export function pemOf(label: string, der: Der): string {
  const base64 = Buffer.from(der).toString('base64');
  const lines = [];
  for (let at = 0; at < base64.length; at += PEM_LINE_CHARACTERS) {
    lines.push(base64.slice(at, at + PEM_LINE_CHARACTERS));
  }
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The first block of this label, or undefined. */
export function derOfPem(label: string, pem: string): Uint8Array | undefined {
  const match = new RegExp(
    `-----BEGIN ${label}-----\\s([A-Za-z0-9+/=\\s]+)-----END ${label}-----`,
  ).exec(pem);
  return match === null ? undefined : Uint8Array.from(Buffer.from(match[1], 'base64'));
}

/** One element of hostile DER: its tag, its content, and where the next one begins. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** The element whole, as it was signed. */
  readonly whole: Uint8Array;
  readonly end: number;
}

/** Undefined for bytes that are no element in its shortest form. Never throws. */
export function readDer(bytes: Uint8Array, at: number): DerElement | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const width = first & 0x7f;
    if (width < 1 || width > 3 || start + width > bytes.byteLength) return undefined;
    length = 0;
    for (let index = 0; index < width; index++) length = length * 256 + bytes[start + index];
    if (length < 0x80 || (width > 1 && length < 256 ** (width - 1))) return undefined;
    start += width;
  }
  const end = start + length;
  if (end > bytes.byteLength) return undefined;
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end), end };
}

/** The elements inside, or undefined where they don't fill it exactly; at most 64. */
export function readDerList(content: Uint8Array): readonly DerElement[] | undefined {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < content.byteLength) {
    const next = readDer(content, at);
    if (next === undefined || elements.length >= LIST_MAX) return undefined;
    elements.push(next);
    at = next.end;
  }
  return elements;
}

const LIST_MAX = 64;

function element(tag: number, content: Uint8Array): Der {
  const length = content.byteLength;
  const size: number[] = [];
  for (let left = length; left > 0; left >>>= 8) size.unshift(left & 0xff);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | size.length, ...size];
  return concat([Uint8Array.from(head), content]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
