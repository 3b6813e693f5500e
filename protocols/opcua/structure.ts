/**
 * Service structures as tables: a structure is its fields in wire order, each with the decoder of
 * its type, so that a service reads like its page in OPC 10000-4 and adding one adds rows.
 */
import type { ByteReader } from './byte-reader.ts';

/** Reads one value; `undefined` is null on the wire, redacted, or no longer there. */
export type Decoder<T> = (reader: ByteReader) => T;

export type Fields = Readonly<Record<string, Decoder<unknown>>>;

/** What a table of fields decodes to; any field may be absent. */
export type Structure<F extends Fields> = {
  readonly [K in keyof F]?: ReturnType<F[K]>;
};

/** Reads the fields in the order of their rows, up to the first fault. */
export function structure<F extends Fields>(fields: F): Decoder<Structure<F>> {
  const rows = Object.entries(fields);
  return (reader) => {
    const made: Record<string, unknown> = {};
    for (const [name, decode] of rows) {
      if (reader.isStopped) break;
      const value = named(reader, name, decode);
      if (value !== undefined) made[name] = value;
    }
    // Each key came from `fields` and its value from the decoder beside it.
    return made as Structure<F>;
  };
}

/** Reads one value under its name, for the words of a fault and for who asks where it stands. */
export function named<T>(reader: ByteReader, name: string, decode: Decoder<T>): T {
  reader.field = name;
  const at = reader.position;
  const value = decode(reader);
  reader.trace?.value(reader, name, at, value);
  return value;
}

/**
 * An array; null is absent. `elementBytesMin` is the smallest encoding of an element, against which
 * the length is checked; `nullItem` stands for an element that is null on the wire, so that the
 * others keep their places. An element that broke off is left out.
 */
export function arrayOf<T>(
  decode: Decoder<T | undefined>,
  elementBytesMin: number,
  nullItem: T,
): Decoder<T[] | undefined> {
  return (reader) => {
    const field = reader.field;
    const count = reader.readArrayLength(elementBytesMin);
    if (count < 0) return undefined;
    const list: T[] = [];
    for (let index = 0; index < count; index++) {
      reader.field = field;
      const at = reader.position;
      const item = decode(reader);
      reader.trace?.value(reader, `[${index}]`, at, item);
      if (reader.isStopped) break;
      if (reader.takeItem()) list.push(item ?? nullItem);
    }
    return list;
  };
}

/** Reads past a value and keeps nothing of it. */
export function skipped(decode: Decoder<unknown>): Decoder<undefined> {
  return (reader) => {
    decode(reader);
    return undefined;
  };
}

/**
 * Number of elements of an array as the wire says, null is absent: each is read past and none kept.
 */
export function counted(
  decode: Decoder<unknown>,
  elementBytesMin: number,
): Decoder<number | undefined> {
  return (reader) => {
    const count = reader.readArrayLength(elementBytesMin);
    if (count < 0) return undefined;
    for (let index = 0; index < count && !reader.isStopped; index++) decode(reader);
    return count;
  };
}
