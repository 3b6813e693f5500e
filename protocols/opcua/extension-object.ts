/**
 * ExtensionObject: a structure that names its own type and length (OPC 10000-6 §5.2.2.15). Only
 * types that the caller knows are entered, and reading always goes on at the declared end, so that
 * nothing inside can shift what follows.
 */
import type { ByteReader } from './byte-reader.ts';
import { EXTENSION_OBJECT_NAMES } from './extension-object-names.ts';
import { namespaceZeroId, nodeId } from './node-id.ts';
import type { Decoder } from './structure.ts';

const ENCODINGS = ['none', 'binary', 'xml'] as const;
const BINARY = 1;

/** One that was not entered. */
export interface UnknownExtensionObject {
  readonly typeId?: string;
  /** Of the standard's own structures (extension-object-names.ts). */
  readonly typeName?: string;
  readonly encoding?: (typeof ENCODINGS)[number];
  readonly bodyBytes?: number;
}

/** Bodies by the namespace 0 id of their binary encoding. */
export type KnownBodies<T> = Readonly<Record<number, Decoder<T>>>;

/**
 * Reads one: entered by `known`, or named with its length. Without a type and a body it is null and
 * absent.
 */
export function extensionObject<T>(
  reader: ByteReader,
  known: KnownBodies<T>,
): T | UnknownExtensionObject | undefined {
  const numericId = namespaceZeroId(reader.bytes, reader.position, reader.end);
  const typeId = nodeId(reader);
  const encodingByte = reader.readByte();
  if (reader.isStopped) return undefined;
  if (encodingByte >= ENCODINGS.length) {
    reader.fail('extensionObjectEncodingIllegal', '0..2', encodingByte);
    return undefined;
  }
  const encoding = ENCODINGS[encodingByte];
  if (encodingByte === 0) {
    return typeId === undefined || typeId === 'i=0'
      ? undefined
      : { typeId, ...named(numericId), encoding };
  }
  const length = reader.readLength();
  if (length > reader.bytesLeft && !reader.isTruncated) {
    reader.fail('arrayLengthImplausible', `-1..${reader.bytesLeft}`, length);
    return undefined;
  }
  const decode = encodingByte === BINARY && length >= 0 ? known[numericId] : undefined;
  if (decode !== undefined) return entered(reader, length, decode);
  if (length > 0) reader.take(length);
  return {
    ...(typeId !== undefined && { typeId }),
    ...named(numericId),
    encoding,
    bodyBytes: Math.max(length, 0),
  };
}

function named(numericId: number): { readonly typeName?: string } {
  const typeName = EXTENSION_OBJECT_NAMES[numericId];
  return typeName === undefined ? {} : { typeName };
}

export function unknownExtensionObject(reader: ByteReader): UnknownExtensionObject | undefined {
  return extensionObject(reader, NOTHING_KNOWN);
}

const NOTHING_KNOWN: KnownBodies<never> = {};

function entered<T>(reader: ByteReader, length: number, decode: Decoder<T>): T {
  const outerEnd = reader.end;
  const bodyEnd = Math.min(reader.position + length, outerEnd);
  reader.end = bodyEnd;
  const value = decode(reader);
  reader.end = outerEnd;
  reader.position = reader.isStopped ? outerEnd : bodyEnd;
  return value;
}
