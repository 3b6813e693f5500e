/**
 * Where each value of a message stands: the decoders tell every value that they have read, and this
 * makes the tree of fields from it. Values come innermost first, so a value takes those before it
 * that began inside it.
 */
import { type ExplainedField, hiddenText, type Span } from '../explain.ts';
import type { ByteReader, ValueTrace } from './byte-reader.ts';
import { uint32 } from './transport.ts';
import { valueText } from './value-text.ts';

/** Elements of an array begin behind its length. */
const ARRAY_LENGTH_BYTES = 4;

export class FieldTrace implements ValueTrace {
  readonly #fields: ExplainedField[] = [];

  /** The outermost values so far, in the order of their bytes. */
  get fields(): readonly ExplainedField[] {
    return this.#fields;
  }

  value(reader: ByteReader, name: string, at: number, value: unknown): void {
    // What a Variant, DataValue or DiagnosticInfo holds is part of its one text.
    if (reader.depth > 0) return;
    const end = endOfRead(reader);
    if (end <= at) return;
    let first = this.#fields.length;
    while (first > 0 && this.#fields[first - 1].offset >= at) first--;
    const inner = this.#fields.splice(first);
    const field = { name, offset: at, length: end - at };
    if (inner.length > 0) {
      const children = withGaps(reader, inner, at, end);
      this.#fields.push({ ...field, value: groupText(value, inner), children });
      return;
    }
    const secrets = secretsFrom(reader, at);
    const secretBytes = secrets.reduce((sum, { length }) => sum + length, 0);
    const text = secretBytes > 0 ? hiddenText(name, secretBytes) : valueText(value);
    this.#fields.push({ ...field, value: text, ...(secretBytes > 0 && { secrets }) });
  }
}

/** Those that were marked while the value at `at` was read: they are the last ones. */
function secretsFrom(reader: ByteReader, at: number): readonly Span[] {
  const spans: Span[] = [];
  for (let index = reader.secrets.length - 1; index >= 0; index--) {
    const { offset, length } = reader.secrets[index];
    if (reader.start + offset < at) break;
    spans.push({ offset: reader.start + offset, length });
  }
  return spans;
}

/** A value whose bytes ran out has all that were left; one that broke a rule ends there. */
function endOfRead(reader: ByteReader): number {
  if (!reader.isStopped) return reader.position;
  const fault = reader.faults.at(-1);
  if (fault === undefined || fault.name === 'truncated') return reader.end;
  return reader.start + fault.offsetBytes;
}

/** The bytes before, between and behind the children: lengths, type ids, what broke off. */
function withGaps(
  { bytes }: ByteReader,
  inner: readonly ExplainedField[],
  start: number,
  end: number,
): ExplainedField[] {
  const children: ExplainedField[] = [];
  let position = start;
  for (const field of inner) {
    if (field.offset > position) children.push(gap(bytes, position, field));
    children.push(field);
    position = field.offset + field.length;
  }
  if (position < end) {
    children.push({ name: 'notDecoded', offset: position, length: end - position, value: '' });
  }
  return children;
}

function gap(bytes: Uint8Array, offset: number, next: ExplainedField): ExplainedField {
  const length = next.offset - offset;
  if (next.name !== '[0]' || length !== ARRAY_LENGTH_BYTES) {
    return { name: 'typeId+encoding+length', offset, length, value: '' };
  }
  return { name: 'arrayLength', offset, length, value: String(uint32(bytes, offset)) };
}

function groupText(value: unknown, inner: readonly ExplainedField[]): string {
  const items = inner.filter(({ name }) => name.startsWith('['));
  if (items.length > 0) return items.length === 1 ? '1 item' : `${items.length} items`;
  if (typeof value !== 'object' || value === null || !('tokenType' in value)) return '';
  return String(value.tokenType);
}
