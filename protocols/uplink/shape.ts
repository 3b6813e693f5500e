/**
 * The table-driven codec between values with text names and CBOR with integer keys. One table a
 * message says name, key, type and limit of each field; encoder, decoder, the names file and the
 * CDDL all come from it. Keys and trailing positions that a table doesn't know are ignored: a newer
 * minor version may add fields, and whoever doesn't know them still verifies and stores the bytes.
 */
import type { WireValue } from './cbor.ts';
import type { RuleReason } from './refusal.ts';

/** What the decoder of one message carries from field to field. */
export interface ShapeContext {
  /** Times inside a message are written relative to this one (UTC microseconds). */
  baseUs: number;
  /** Field being read, for the refusal. */
  field: string;
}

/** A shape as data, for the names file, the CDDL and verifiers in other languages. */
export type ShapeAbout =
  | { readonly type: 'uint'; readonly min: number; readonly max: number }
  | { readonly type: 'number'; readonly min: number; readonly max: number }
  | { readonly type: 'sinceBase' | 'base' | 'bool' | 'agentId' | 'address' }
  | { readonly type: 'difference' }
  | { readonly type: 'text' | 'blob'; readonly bytesMax: number }
  | { readonly type: 'bytes' | 'hex'; readonly length: number }
  | { readonly type: 'choice'; readonly words: readonly string[] }
  | { readonly type: 'constant'; readonly code: number; readonly word: string }
  | { readonly type: 'list' | 'columns'; readonly max: number; readonly of: ShapeAbout }
  | { readonly type: 'map' | 'row'; readonly fields: readonly FieldAbout[] };

export interface FieldAbout {
  readonly name: string;
  /** Map key, or position in a row, from 0. */
  readonly key: number;
  readonly optional: boolean;
  readonly of: ShapeAbout;
}

export interface Shape<T> {
  readonly about: ShapeAbout;
  /** Throws RangeError for a value that breaks its own contract: a bug of ours. */
  toWire(value: T, context: ShapeContext): WireValue;
  /** Throws ShapeFault; only `decodeShape` calls it from outside. */
  fromWire(wire: unknown, context: ShapeContext): T;
}

/** Ends the decoding of one message; never leaves this folder. */
export class ShapeFault extends Error {
  readonly reason: RuleReason;

  constructor(reason: RuleReason) {
    super(reason);
    this.reason = reason;
  }
}

export function encodeShape<T>(shape: Shape<T>, value: T): WireValue {
  return shape.toWire(value, { baseUs: 0, field: '' });
}

export type ShapeResult<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'fault'; readonly reason: RuleReason; readonly field: string };

export function decodeShape<T>(shape: Shape<T>, wire: unknown): ShapeResult<T> {
  const context: ShapeContext = { baseUs: 0, field: '' };
  try {
    return { kind: 'value', value: shape.fromWire(wire, context) };
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    return { kind: 'fault', reason: error.reason, field: context.field };
  }
}

interface Field<V, Optional extends boolean> {
  readonly key: number;
  readonly shape: Shape<V>;
  readonly optional: Optional;
}

/** Every field of T with its key, optional exactly where T's is. */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? Field<Exclude<T[K], undefined>, true>
    : Field<T[K], false>;
};

export function field<V>(key: number, shape: Shape<V>): Field<V, false> {
  return { key, shape, optional: false };
}

export function optional<V>(key: number, shape: Shape<V>): Field<V, true> {
  return { key, shape, optional: true };
}

type AnyField = Field<unknown, boolean>;

/** A CBOR map with integer keys; absent optional fields have no key. */
export function map<T>(table: FieldTable<T>): Shape<T> {
  const fields = entriesOf(table);
  return {
    about: { type: 'map', fields: aboutOf(fields) },
    toWire(value, context) {
      const wire = new Map<number, WireValue>();
      for (const [name, { key, shape, optional }] of fields) {
        const part = memberOf(value, name);
        if (part === undefined && optional) continue;
        context.field = name;
        wire.set(key, shape.toWire(part, context));
      }
      return wire;
    },
    fromWire(wire, context) {
      if (!(wire instanceof Map)) throw new ShapeFault('fieldType');
      for (const key of wire.keys()) {
        if (typeof key !== 'number' || key < 0) throw new ShapeFault('fieldType');
      }
      const value: Record<string, unknown> = {};
      for (const [name, { key, shape, optional }] of fields) {
        context.field = name;
        const part: unknown = wire.get(key);
        if (part === undefined) {
          if (optional) continue;
          throw new ShapeFault('fieldMissing');
        }
        value[name] = shape.fromWire(part, context);
      }
      // Each field of T is in the table by its type, and was read by its own shape.
      return value as T;
    },
  };
}

/** A CBOR array by position; an absent optional field is null. */
export function row<T>(table: FieldTable<T>): Shape<T> {
  const fields = entriesOf(table);
  return {
    about: { type: 'row', fields: aboutOf(fields) },
    toWire(value, context) {
      return fields.map(([name, part]) => positionToWire(value, name, part, context));
    },
    fromWire(wire, context) {
      if (!Array.isArray(wire)) throw new ShapeFault('fieldType');
      const value: Record<string, unknown> = {};
      for (const [name, part] of fields) {
        positionFromWire(value, name, part, wire[part.key], context);
      }
      // As in `map`: the table's type names each field of T.
      return value as T;
    },
  };
}

/**
 * A list of records, one array a field: values of one kind lie together, which DEFLATE likes. An
 * empty list is an empty array.
 */
export function columns<T>(max: number, table: FieldTable<T>): Shape<readonly T[]> {
  const fields = entriesOf(table);
  return {
    about: { type: 'columns', max, of: { type: 'row', fields: aboutOf(fields) } },
    toWire(values, context) {
      if (values.length > max) throw new RangeError(`${context.field}: more than ${max}`);
      if (values.length === 0) return [];
      return fields.map(([name, part]) =>
        values.map((value) => positionToWire(value, name, part, context)),
      );
    },
    fromWire(wire, context) {
      if (!Array.isArray(wire)) throw new ShapeFault('fieldType');
      if (wire.length === 0) return [];
      const count = columnLength(wire[0]);
      if (count > max) throw new ShapeFault('fieldLimit');
      if (count === 0) throw new ShapeFault('notCanonical');
      const values = Array.from({ length: count }, (): Record<string, unknown> => ({}));
      for (const [name, part] of fields) {
        const column: unknown = wire[part.key];
        context.field = name;
        // What was added at the end later isn't there in messages of before.
        if (column === undefined && part.optional) continue;
        if (!Array.isArray(column)) throw new ShapeFault('fieldMissing');
        if (column.length !== count) throw new ShapeFault('fieldType');
        const { shape, optional } = part;
        for (let index = 0; index < count; index++) {
          const cell: unknown = column[index];
          if (optional && (cell === null || cell === undefined)) continue;
          if (cell === undefined) throw new ShapeFault('fieldMissing');
          values[index][name] = shape.fromWire(cell, context);
          // A list of rows inside has left the name of its own field.
          context.field = name;
        }
      }
      // As in `map`: the table's type names each field of T.
      return values as T[];
    },
  };
}

function columnLength(column: unknown): number {
  if (!Array.isArray(column)) throw new ShapeFault('fieldType');
  return column.length;
}

function positionToWire(
  value: unknown,
  name: string,
  { shape, optional }: AnyField,
  context: ShapeContext,
): WireValue {
  const part = memberOf(value, name);
  if (part === undefined && optional) return null;
  context.field = name;
  return shape.toWire(part, context);
}

function positionFromWire(
  value: Record<string, unknown>,
  name: string,
  { shape, optional }: AnyField,
  wire: unknown,
  context: ShapeContext,
): void {
  context.field = name;
  if (optional && (wire === null || wire === undefined)) return;
  if (wire === undefined) throw new ShapeFault('fieldMissing');
  value[name] = shape.fromWire(wire, context);
}

function entriesOf<T>(table: FieldTable<T>): readonly (readonly [string, AnyField])[] {
  return Object.entries(table);
}

function aboutOf(fields: readonly (readonly [string, AnyField])[]): FieldAbout[] {
  return fields.map(([name, { key, shape, optional }]) => ({
    name,
    key,
    optional,
    of: shape.about,
  }));
}

function memberOf(value: unknown, name: string): unknown {
  // Only values that the compiler has seen as T come here, and `name` is one of its fields.
  return (value as Record<string, unknown>)[name];
}
