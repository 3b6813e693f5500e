/**
 * One DataSetMessage of a NetworkMessage: a header of flags, and the fields of a data set as
 * variants, as data values, or raw (then only the publisher's configuration tells them apart).
 * Spec: OPC 10000-14 §7.2.4.5.4 (header), §7.2.4.5.5 to §7.2.4.5.8 (fields).
 *
 *    | flags 1 | flags 2? | sequence? | timestamp? | picoseconds? | status? | version? | fields |
 */
import type { ByteReader } from '../byte-reader.ts';
import { dateTime } from '../date-time.ts';
import * as scalars from '../scalars.ts';
import { type StatusCodeFields, statusCodeFields } from '../status-code.ts';
import { type Decoder, named } from '../structure.ts';
import { dataValue, variant } from '../variant.ts';

const VALID = 0x01;
const FIELD_ENCODING_SHIFT = 1;
const FIELD_ENCODING_MASK = 0x03;
const SEQUENCE_NUMBER = 0x08;
const STATUS = 0x10;
const MAJOR_VERSION = 0x20;
const MINOR_VERSION = 0x40;
const FLAGS_2 = 0x80;
const TYPE_MASK = 0x0f;
const TIMESTAMP = 0x10;
const PICOSECONDS = 0x20;

const FIELD_ENCODINGS = ['variant', 'rawData', 'dataValue', 'reserved'] as const;
const MESSAGE_TYPES = [
  'keyFrame',
  'deltaFrame',
  'event',
  'keepAlive',
  'actionRequest',
  'actionResponse',
] as const;

/** A field of a delta frame says which one it is; in the others its place does. */
export interface DataSetField {
  readonly fieldIndex?: number;
  readonly value?: unknown;
}

export interface DataSetMessage {
  readonly valid: boolean;
  readonly fieldEncoding: (typeof FIELD_ENCODINGS)[number];
  /** The number where the specification has no name for it. */
  readonly messageType: string | number;
  readonly sequenceNumber?: number;
  readonly timestamp?: string;
  readonly picoseconds?: number;
  readonly status?: StatusCodeFields;
  /** VersionTime: seconds since 2000. */
  readonly configurationVersion?: { readonly major?: number; readonly minor?: number };
  readonly fieldsCount?: number;
  readonly fields?: readonly DataSetField[];
  /** Bytes of fields that can't be told apart without the publisher's configuration. */
  readonly rawDataBytes?: number;
}

type Made = { -readonly [K in keyof DataSetMessage]: DataSetMessage[K] };

/** Reads one message, which ends at `reader.end` at the latest. */
export function dataSetMessage(reader: ByteReader): DataSetMessage | undefined {
  const flags = named(reader, 'dataSetFlags1', scalars.byte);
  if (flags === undefined) return undefined;
  const more = (flags & FLAGS_2) === 0 ? 0 : (named(reader, 'dataSetFlags2', scalars.byte) ?? 0);
  const type = more & TYPE_MASK;
  const made: Made = {
    valid: (flags & VALID) !== 0,
    fieldEncoding: FIELD_ENCODINGS[(flags >> FIELD_ENCODING_SHIFT) & FIELD_ENCODING_MASK],
    messageType: MESSAGE_TYPES[type] ?? type,
  };
  readHeader(reader, flags, more, made);
  if (!reader.isStopped && made.valid && made.messageType !== 'keepAlive') readFields(reader, made);
  return made;
}

function readHeader(reader: ByteReader, flags: number, more: number, made: Made): void {
  if ((flags & SEQUENCE_NUMBER) !== 0) {
    const sequenceNumber = named(reader, 'sequenceNumber', scalars.uint16);
    if (sequenceNumber !== undefined) made.sequenceNumber = sequenceNumber;
  }
  if ((more & TIMESTAMP) !== 0) {
    const timestamp = named(reader, 'timestamp', dateTime);
    if (timestamp !== undefined) made.timestamp = timestamp;
  }
  if ((more & PICOSECONDS) !== 0) {
    const picoseconds = named(reader, 'picoseconds', scalars.uint16);
    if (picoseconds !== undefined) made.picoseconds = picoseconds;
  }
  if ((flags & STATUS) !== 0) {
    // The upper half of a StatusCode.
    const status = named(reader, 'status', scalars.uint16);
    if (status !== undefined) made.status = statusCodeFields((status << 16) >>> 0);
  }
  const hasMajor = (flags & MAJOR_VERSION) !== 0;
  const hasMinor = (flags & MINOR_VERSION) !== 0;
  const major = hasMajor ? named(reader, 'majorVersion', scalars.uint32) : undefined;
  const minor = hasMinor ? named(reader, 'minorVersion', scalars.uint32) : undefined;
  if (major === undefined && minor === undefined) return;
  made.configurationVersion = {
    ...(major !== undefined && { major }),
    ...(minor !== undefined && { minor }),
  };
}

function readFields(reader: ByteReader, made: Made): void {
  const isFrame = made.messageType === 'keyFrame' || made.messageType === 'event';
  const isDelta = made.messageType === 'deltaFrame';
  const decode: Decoder<unknown> = made.fieldEncoding === 'dataValue' ? dataValue : variant;
  const isTold = made.fieldEncoding === 'variant' || made.fieldEncoding === 'dataValue';
  if (!isTold || (!isFrame && !isDelta)) {
    made.rawDataBytes = reader.bytesLeft;
    reader.take(reader.bytesLeft);
    return;
  }
  const count = named(reader, 'fieldCount', scalars.uint16);
  if (count === undefined) return;
  made.fieldsCount = count;
  const fields: DataSetField[] = [];
  for (let index = 0; index < count && !reader.isStopped; index++) {
    const fieldIndex = isDelta ? named(reader, 'fieldIndex', scalars.uint16) : undefined;
    const value = named(reader, 'value', decode);
    if (reader.isStopped || !reader.takeItem()) continue;
    fields.push({ ...(fieldIndex !== undefined && { fieldIndex }), value });
  }
  made.fields = fields;
}
