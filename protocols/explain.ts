/**
 * A frame or message taken apart for a person: every byte belongs to exactly one field. The list
 * below makes that true by construction: it only moves forward, and what nobody named is named.
 */
import type { Anomaly } from './decoded.ts';

/** Bytes from the first one of the frame. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface ExplainedField {
  readonly name: string;
  /** From the first byte of the frame. */
  readonly offset: number;
  readonly length: number;
  /** May hold text from the wire: not yet escaped for a screen. Empty for a mere group. */
  readonly value: string;
  /** What a reader should know beside the value: an anomaly, a cut, an address. */
  readonly note?: string;
  /** In ascending order; together they are exactly this field's bytes. */
  readonly children?: readonly ExplainedField[];
  /** Bytes that no output may show (FIELDS.md 2.8). */
  readonly secrets?: readonly Span[];
}

/** Whatever we can't name inside something that we can. */
export const NOT_DECODED = 'notDecoded';

/** A value longer than this is cut: it has its offset and its length, the bytes say the rest. */
export const VALUE_CHARACTERS_MAX = 512;

/** First bytes of a field that outputs show. */
export const HEX_BYTES_MAX = 16;

export class FieldList {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly #start: number;
  readonly #fields: ExplainedField[] = [];
  #position: number;

  /** Fields for the bytes `[start, end)`, which must be there. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.#start = start;
    this.#position = start;
    this.end = Math.max(start, Math.min(end, bytes.length));
  }

  /** Offset of the next byte without a field. */
  get position(): number {
    return this.#position;
  }

  get bytesLeft(): number {
    return this.end - this.#position;
  }

  /** The next `length` bytes, as far as they are there; without any, nothing. */
  add(name: string, length: number, value: string, note = ''): void {
    this.#push(name, length, value, note);
  }

  /** The next bytes as a big-endian number; a value only where all of them are there. */
  number(name: string, length: number, describe: (value: number) => string = String): number {
    const at = this.#position;
    const isWhole = length <= this.bytesLeft;
    let value = 0;
    for (let index = 0; isWhole && index < length; index++) {
      value = value * 256 + this.bytes[at + index];
    }
    this.#push(name, length, isWhole ? describe(value) : '', '');
    return isWhole ? value : -1;
  }

  /** The next bytes, their value made from where they stand; empty where some are missing. */
  text(
    name: string,
    length: number,
    format: (bytes: Uint8Array, offset: number) => string,
    note = '',
  ): void {
    const isWhole = length <= this.bytesLeft;
    this.#push(name, length, isWhole ? format(this.bytes, this.#position) : '', note);
  }

  /** Bytes that no output may show. */
  secret(name: string, length: number, what: string): void {
    const there = Math.min(length, this.bytesLeft);
    if (there <= 0) return;
    const secrets = [{ offset: this.#position, length: there }];
    this.#push(name, length, hiddenText(what, there), '', { secrets });
  }

  /** A field made of others; what `build` leaves over is `notDecoded`. */
  group(name: string, length: number, value: string, build: (list: FieldList) => void): void {
    const there = Math.min(length, this.bytesLeft);
    if (there <= 0) return;
    const list = new FieldList(this.bytes, this.#position, this.#position + there);
    build(list);
    this.#push(name, length, value, '', { children: list.finish() });
  }

  /** Fields that begin at the position; whatever they skip is `notDecoded`. */
  append(fields: readonly ExplainedField[]): void {
    for (const field of fields) {
      if (field.length <= 0 || field.offset < this.#position) continue;
      if (field.offset + field.length > this.end) break;
      this.skipTo(field.offset);
      this.#fields.push(field);
      this.#position = field.offset + field.length;
    }
  }

  /** Everything up to `offset`. */
  skipTo(offset: number, name = NOT_DECODED): void {
    this.add(name, Math.min(offset, this.end) - this.#position, '');
  }

  /** Everything that is left. */
  rest(name: string, value = '', note = ''): void {
    this.add(name, this.bytesLeft, value, note);
  }

  /** The fields, which cover the bytes of this list exactly. */
  finish(name = NOT_DECODED): readonly ExplainedField[] {
    this.rest(name);
    return this.#fields;
  }

  /** The list as one field. */
  asField(name: string, value: string, note = ''): ExplainedField {
    const end = this.#position;
    const field = { name, offset: this.#start, length: end - this.#start, value: cut(value) };
    return { ...field, ...(note !== '' && { note }), children: this.#fields };
  }

  #push(
    name: string,
    length: number,
    value: string,
    note: string,
    more: Pick<ExplainedField, 'children' | 'secrets'> = {},
  ): void {
    const there = Math.min(length, this.bytesLeft);
    if (there <= 0) return;
    const missing = there < length ? `${there} of ${length} bytes are here` : '';
    const notes = [note, missing].filter((text) => text !== '').join('; ');
    this.#fields.push({
      name,
      offset: this.#position,
      length: there,
      value: cut(value),
      ...(notes !== '' && { note: notes }),
      ...more,
    });
    this.#position += there;
  }
}

/** `(password, 12 bytes, not shown)` */
export function hiddenText(what: string, bytes: number): string {
  return `(${what}, ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}, not shown)`;
}

/**
 * The part of a message that lies in `[from, to)` of it, moved by `shift`: for messages that begin
 * before the frame or end behind it.
 */
export function clipFields(
  fields: readonly ExplainedField[],
  from: number,
  to: number,
  shift: number,
): ExplainedField[] {
  const clipped: ExplainedField[] = [];
  for (const field of fields) {
    const begin = Math.max(field.offset, from);
    const end = Math.min(field.offset + field.length, to);
    if (begin >= end) continue;
    const isWhole = end - begin === field.length;
    const part = `bytes ${begin - field.offset}..${end - field.offset - 1} of ${field.length}`;
    const notes = [field.note ?? '', isWhole ? '' : part].filter((text) => text !== '');
    clipped.push({
      name: field.name,
      offset: begin + shift,
      length: end - begin,
      value: field.value,
      ...(notes.length > 0 && { note: notes.join('; ') }),
      ...(field.children && { children: clipFields(field.children, from, to, shift) }),
      ...(field.secrets && { secrets: movedSpans(field.secrets, shift) }),
    });
  }
  return clipped;
}

/** Each anomaly as a note of the innermost field that holds its offset, counted from `base`. */
export function markAnomalies(
  fields: readonly ExplainedField[],
  anomalies: readonly Anomaly[],
  base: number,
): readonly ExplainedField[] {
  return anomalies.reduce((marked, { name, expected, actual, offsetBytes }) => {
    const text = `${name}: expected ${expected}, found ${actual}`;
    return withNote(marked, base + offsetBytes, text);
  }, fields);
}

/**
 * The first bytes of a field in hexadecimal, `**` for each that must not be shown; a group has none
 * of its own.
 */
export function hexOfField(field: ExplainedField, bytes: Uint8Array): string {
  if (field.children !== undefined) return '';
  const shown = Math.min(field.length, HEX_BYTES_MAX);
  const parts: string[] = [];
  for (let at = field.offset; at < field.offset + shown; at++) {
    parts.push(isSecret(field, at) ? '**' : bytes[at].toString(16).padStart(2, '0'));
  }
  return parts.join(' ') + (shown < field.length ? ' ..' : '');
}

/** What is wrong with the cover of `[start, end)` by these fields; undefined when it is exact. */
export function coverFault(
  fields: readonly ExplainedField[],
  start: number,
  end: number,
): string | undefined {
  let position = start;
  for (const { name, offset, length, children } of fields) {
    if (offset !== position) return `${name} begins at ${offset}, not at ${position}`;
    if (length <= 0) return `${name} has ${length} bytes`;
    position = offset + length;
    const inner = children && coverFault(children, offset, position);
    if (inner !== undefined) return `${name}: ${inner}`;
  }
  return position === end ? undefined : `the fields end at ${position}, not at ${end}`;
}

function withNote(
  fields: readonly ExplainedField[],
  at: number,
  text: string,
): readonly ExplainedField[] {
  // An anomaly may stand behind the last byte: something is missing there.
  const inside = fields.findIndex(({ offset, length }) => at < offset + length);
  const index = inside < 0 ? fields.length - 1 : inside;
  return fields.map((field, position) => {
    if (position !== index) return field;
    if (field.children !== undefined && field.children.length > 0) {
      return { ...field, children: withNote(field.children, at, text) };
    }
    return { ...field, note: field.note === undefined ? text : `${field.note}; ${text}` };
  });
}

function isSecret(field: ExplainedField, at: number): boolean {
  return field.secrets?.some(({ offset, length }) => at >= offset && at < offset + length) ?? false;
}

function movedSpans(spans: readonly Span[], shift: number): readonly Span[] {
  return spans.map(({ offset, length }) => ({ offset: offset + shift, length }));
}

function cut(value: string): string {
  return value.length <= VALUE_CHARACTERS_MAX
    ? value
    : `${value.slice(0, VALUE_CHARACTERS_MAX - 1)}…`;
}
