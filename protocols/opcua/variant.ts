/**
 * Variant and DataValue: a value of any built-in type, and a value with its quality and times
 * (OPC 10000-6 §5.2.2.16, §5.2.2.17). They hold one another, so depth is counted.
 */
import type { ByteReader } from './byte-reader.ts';
import { dateTime } from './date-time.ts';
import { diagnosticInfo } from './diagnostic-info.ts';
import { unknownExtensionObject } from './extension-object.ts';
import { NESTING_DEPTH_MAX } from './limits.ts';
import { expandedNodeId, nodeId } from './node-id.ts';
import * as scalars from './scalars.ts';
import { GOOD, type StatusCodeFields, statusCode } from './status-code.ts';
import type { Decoder } from './structure.ts';
import { arrayOf } from './structure.ts';
import { byteString, localizedText, qualifiedName, string } from './text.ts';

export interface VariantValue {
  /** Name of the built-in type; `Null` has no value. */
  readonly type: string;
  /** Absent when null. Int64 and UInt64 are decimal text; a list when `arrayLength` is there. */
  readonly value?: unknown;
  readonly arrayLength?: number;
  readonly arrayDimensions?: readonly number[];
}

export interface DataValueFields {
  readonly value?: VariantValue;
  /** Good where the wire leaves it out, as the specification says. */
  readonly status?: StatusCodeFields;
  readonly sourceTimestamp?: string;
  readonly sourcePicoseconds?: number;
  readonly serverTimestamp?: string;
  readonly serverPicoseconds?: number;
}

interface BuiltInType {
  readonly name: string;
  readonly decode: Decoder<unknown>;
  /** Smallest encoding. */
  readonly bytesMin: number;
}

const TYPE_MASK = 0x3f;
const DIMENSIONS = 0x40;
const ARRAY = 0x80;
const BYTE_STRING = 15;
const LAST_RESERVED = 31;

/** Index is the type's number (OPC 10000-6 §5.1.2). */
// biome-ignore format: one type per line
const BUILT_IN_TYPES: readonly BuiltInType[] = [
  { name: 'Null', decode: () => undefined, bytesMin: 1 },
  { name: 'Boolean', decode: scalars.boolean, bytesMin: 1 },
  { name: 'SByte', decode: scalars.sByte, bytesMin: 1 },
  { name: 'Byte', decode: scalars.byte, bytesMin: 1 },
  { name: 'Int16', decode: scalars.int16, bytesMin: 2 },
  { name: 'UInt16', decode: scalars.uint16, bytesMin: 2 },
  { name: 'Int32', decode: scalars.int32, bytesMin: 4 },
  { name: 'UInt32', decode: scalars.uint32, bytesMin: 4 },
  { name: 'Int64', decode: scalars.int64, bytesMin: 8 },
  { name: 'UInt64', decode: scalars.uint64, bytesMin: 8 },
  { name: 'Float', decode: scalars.float, bytesMin: 4 },
  { name: 'Double', decode: scalars.double, bytesMin: 8 },
  { name: 'String', decode: string, bytesMin: 4 },
  { name: 'DateTime', decode: dateTime, bytesMin: 8 },
  { name: 'Guid', decode: scalars.guid, bytesMin: 16 },
  { name: 'ByteString', decode: byteString, bytesMin: 4 },
  { name: 'XmlElement', decode: string, bytesMin: 4 },
  { name: 'NodeId', decode: nodeId, bytesMin: 2 },
  { name: 'ExpandedNodeId', decode: expandedNodeId, bytesMin: 2 },
  { name: 'StatusCode', decode: statusCode, bytesMin: 4 },
  { name: 'QualifiedName', decode: qualifiedName, bytesMin: 6 },
  { name: 'LocalizedText', decode: localizedText, bytesMin: 1 },
  { name: 'ExtensionObject', decode: unknownExtensionObject, bytesMin: 3 },
  { name: 'DataValue', decode: (reader) => dataValue(reader), bytesMin: 1 },
  { name: 'Variant', decode: (reader) => variant(reader), bytesMin: 1 },
  { name: 'DiagnosticInfo', decode: diagnosticInfo, bytesMin: 1 },
];

/** A null element is an empty text. */
const arrays = BUILT_IN_TYPES.map((type) => arrayOf<unknown>(type.decode, type.bytesMin, ''));
const dimensions = arrayOf(scalars.int32, 4, 0);

export function variant(reader: ByteReader): VariantValue | undefined {
  if (!enter(reader)) return undefined;
  const value = readVariant(reader);
  reader.depth--;
  return value;
}

export function dataValue(reader: ByteReader): DataValueFields {
  if (!enter(reader)) return {};
  const value = readDataValue(reader);
  reader.depth--;
  return value;
}

function enter(reader: ByteReader): boolean {
  if (reader.depth >= NESTING_DEPTH_MAX) reader.giveUp('nestingTooDeep');
  if (reader.isStopped) return false;
  reader.depth++;
  return true;
}

function readVariant(reader: ByteReader): VariantValue | undefined {
  const mask = reader.readByte();
  if (reader.isStopped) return undefined;
  const number = mask & TYPE_MASK;
  const isReserved = number >= BUILT_IN_TYPES.length && number <= LAST_RESERVED;
  const index = isReserved ? BYTE_STRING : number;
  if (index >= BUILT_IN_TYPES.length || (index === 0 && mask !== 0)) {
    reader.fail('variantTypeIllegal', '0..31, and Null alone', mask);
    return undefined;
  }
  const type = BUILT_IN_TYPES[index].name;
  if ((mask & ARRAY) === 0) {
    const value = BUILT_IN_TYPES[index].decode(reader);
    return value === undefined ? { type } : { type, value };
  }
  const lengthAt = reader.position;
  const value = arrays[index](reader);
  const arrayDimensions = (mask & DIMENSIONS) !== 0 ? dimensions(reader) : undefined;
  if (value === undefined) return { type };
  const arrayLength = lengthOf(reader.bytes, lengthAt);
  return { type, value, arrayLength, ...(arrayDimensions && { arrayDimensions }) };
}

/** As on the wire: the list may hold fewer where a limit was hit. */
function lengthOf(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

const VALUE = 0x01;
const STATUS = 0x02;
const SOURCE_TIMESTAMP = 0x04;
const SERVER_TIMESTAMP = 0x08;
const SOURCE_PICOSECONDS = 0x10;
const SERVER_PICOSECONDS = 0x20;

/** As it is filled; an absent field is never there as undefined. */
type DataValueMade = { -readonly [K in keyof DataValueFields]: DataValueFields[K] };

/** Wire order: value, status, source time and picoseconds, server time and picoseconds. */
function readDataValue(reader: ByteReader): DataValueFields {
  const mask = reader.readByte();
  const made: DataValueMade = {};
  if ((mask & VALUE) !== 0) {
    const value = variant(reader);
    if (value !== undefined) made.value = value;
  }
  const status = (mask & STATUS) !== 0 ? statusCode(reader) : GOOD;
  if (status === undefined || reader.isStopped) return made;
  made.status = status;
  if ((mask & SOURCE_TIMESTAMP) !== 0) {
    const time = dateTime(reader);
    if (time !== undefined) made.sourceTimestamp = time;
  }
  if ((mask & SOURCE_PICOSECONDS) !== 0) {
    const picoseconds = scalars.uint16(reader);
    if (picoseconds !== undefined) made.sourcePicoseconds = picoseconds;
  }
  if ((mask & SERVER_TIMESTAMP) !== 0) {
    const time = dateTime(reader);
    if (time !== undefined) made.serverTimestamp = time;
  }
  if ((mask & SERVER_PICOSECONDS) !== 0) {
    const picoseconds = scalars.uint16(reader);
    if (picoseconds !== undefined) made.serverPicoseconds = picoseconds;
  }
  return made;
}
