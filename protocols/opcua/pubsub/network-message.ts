/**
 * NetworkMessage of OPC UA PubSub in the UADP mapping: who publishes, in which group, which data
 * sets, and what they hold as far as the bytes alone tell it. An encrypted payload stays closed;
 * its headers are in the clear.
 * Spec: OPC 10000-14 §7.2.4.4.2 (header), §7.2.4.4.3 (security header), §7.2.4.5.2 (payload),
 * §7.2.4.6 (discovery). Everything but version and flags is there only where a flag says so:
 *
 *    0               1                2
 *    | version 4     | extended       | extended      | publisher | data set | group  | payload |
 *    | flags 4       | flags 1        | flags 2       | id        | class id | header | header  |
 *
 *    | timestamp | picoseconds | promoted fields | security header | payload | footer, signature |
 */
import type { ByteReader } from '../byte-reader.ts';
import { dateTime } from '../date-time.ts';
import * as scalars from '../scalars.ts';
import { named } from '../structure.ts';
import { string } from '../text.ts';
import { variant } from '../variant.ts';
import { type DataSetMessage, dataSetMessage } from './data-set-message.ts';

const VERSION_MASK = 0x0f;
const UADP_VERSION = 1;
const PUBLISHER_ID = 0x10;
const GROUP_HEADER = 0x20;
const PAYLOAD_HEADER = 0x40;
const EXTENDED_FLAGS_1 = 0x80;
/** ExtendedFlags1 */
const PUBLISHER_ID_TYPE_MASK = 0x07;
const DATA_SET_CLASS_ID = 0x08;
const SECURITY = 0x10;
const TIMESTAMP = 0x20;
const PICOSECONDS = 0x40;
const EXTENDED_FLAGS_2 = 0x80;
/** ExtendedFlags2 */
const CHUNK = 0x01;
const PROMOTED_FIELDS = 0x02;
const MESSAGE_TYPE_SHIFT = 2;
const MESSAGE_TYPE_MASK = 0x07;
/** GroupFlags */
const WRITER_GROUP_ID = 0x01;
const GROUP_VERSION = 0x02;
const NETWORK_MESSAGE_NUMBER = 0x04;
const GROUP_SEQUENCE_NUMBER = 0x08;
/** SecurityFlags */
const SIGNED = 0x01;
const ENCRYPTED = 0x02;
const FOOTER = 0x04;
const FORCE_KEY_RESET = 0x08;

const NETWORK_MESSAGE_TYPES = ['dataSet', 'discoveryRequest', 'discoveryResponse'] as const;
const INFORMATION_TYPES = ['reserved', 'publisherEndpoints', 'dataSetMetaData', 'dataSetWriter'];

const PUBLISHER_ID_TYPES = [
  { type: 'Byte', decode: scalars.byte },
  { type: 'UInt16', decode: scalars.uint16 },
  { type: 'UInt32', decode: scalars.uint32 },
  { type: 'UInt64', decode: scalars.uint64 },
  { type: 'String', decode: string },
] as const;

export interface SecurityHeader {
  readonly signed: boolean;
  readonly encrypted: boolean;
  readonly forceKeyReset: boolean;
  readonly securityTokenId: number | undefined;
  readonly nonceBytes: number | undefined;
  readonly footerBytes?: number | undefined;
}

export interface NetworkMessageHeader {
  readonly uadpVersion: number;
  readonly networkMessageType: (typeof NETWORK_MESSAGE_TYPES)[number];
  readonly chunk?: true;
  readonly publisherId?: { readonly type: string; readonly value?: string | number | undefined };
  readonly dataSetClassId?: string;
  readonly groupHeader?: Readonly<Record<string, number>>;
  readonly dataSetWriterIds?: readonly number[];
  readonly timestamp?: string;
  readonly picoseconds?: number;
  readonly promotedFields?: readonly unknown[];
  readonly securityHeader?: SecurityHeader;
}

export interface NetworkMessage extends NetworkMessageHeader {
  /** Absent where the payload is encrypted, a chunk or a discovery message. */
  readonly dataSetMessages?: readonly DataSetMessage[];
  readonly discoveryRequest?: Readonly<Record<string, unknown>>;
  readonly discoveryResponse?: Readonly<Record<string, unknown>>;
  /** Behind what was read: cipher text, a chunk, metadata, footer and signature. */
  readonly payloadBytesUnread?: number;
}

type Made = { -readonly [K in keyof NetworkMessageHeader]: NetworkMessageHeader[K] };

/** Its header, to the payload's first byte; undefined: these bytes are no NetworkMessage. */
export function networkMessageHeader(reader: ByteReader): NetworkMessageHeader | undefined {
  const flags = named(reader, 'uadpFlags', scalars.byte) ?? 0;
  if ((flags & VERSION_MASK) !== UADP_VERSION) return undefined;
  const extended = (flags & EXTENDED_FLAGS_1) === 0 ? 0 : flagsOf(reader, 'extendedFlags1');
  const more = (extended & EXTENDED_FLAGS_2) === 0 ? 0 : flagsOf(reader, 'extendedFlags2');
  const networkMessageType =
    NETWORK_MESSAGE_TYPES[(more >> MESSAGE_TYPE_SHIFT) & MESSAGE_TYPE_MASK];
  const idType = PUBLISHER_ID_TYPES[extended & PUBLISHER_ID_TYPE_MASK];
  if (networkMessageType === undefined || idType === undefined) return undefined;
  const made: Made = { uadpVersion: UADP_VERSION, networkMessageType };
  if ((more & CHUNK) !== 0) made.chunk = true;
  if ((flags & PUBLISHER_ID) !== 0) {
    made.publisherId = {
      type: idType.type,
      value: named<string | number | undefined>(reader, 'publisherId', idType.decode),
    };
  }
  if ((extended & DATA_SET_CLASS_ID) !== 0) {
    const dataSetClassId = named(reader, 'dataSetClassId', scalars.guid);
    if (dataSetClassId !== undefined) made.dataSetClassId = dataSetClassId;
  }
  if ((flags & GROUP_HEADER) !== 0) made.groupHeader = groupHeader(reader);
  if ((flags & PAYLOAD_HEADER) !== 0 && networkMessageType === 'dataSet') {
    made.dataSetWriterIds = dataSetWriterIds(reader, made.chunk === true);
  }
  readExtendedHeader(reader, extended, more, made);
  if ((extended & SECURITY) !== 0) made.securityHeader = securityHeader(reader);
  return reader.isStopped ? undefined : made;
}

/** The whole message; undefined: these bytes are none. */
export function networkMessage(reader: ByteReader): NetworkMessage | undefined {
  const header = networkMessageHeader(reader);
  if (header === undefined) return undefined;
  const payload = header.securityHeader?.encrypted === true ? {} : payloadOf(reader, header);
  const { bytesLeft } = reader;
  return { ...header, ...payload, ...(bytesLeft > 0 && { payloadBytesUnread: bytesLeft }) };
}

function payloadOf(reader: ByteReader, header: NetworkMessageHeader): Partial<NetworkMessage> {
  if (header.chunk === true) return {};
  switch (header.networkMessageType) {
    case 'discoveryRequest':
      return { discoveryRequest: discoveryRequest(reader) };
    case 'discoveryResponse':
      return { discoveryResponse: discoveryResponse(reader) };
    case 'dataSet':
      return { dataSetMessages: dataSetMessages(reader, header.dataSetWriterIds) };
    default:
      return header.networkMessageType satisfies never;
  }
}

function flagsOf(reader: ByteReader, name: string): number {
  return named(reader, name, scalars.byte) ?? 0;
}

function groupHeader(reader: ByteReader): Record<string, number> {
  const flags = flagsOf(reader, 'groupFlags');
  const made: Record<string, number> = {};
  const read = (bit: number, name: string, decode: typeof scalars.uint16): void => {
    const value = (flags & bit) === 0 ? undefined : named(reader, name, decode);
    if (value !== undefined) made[name] = value;
  };
  read(WRITER_GROUP_ID, 'writerGroupId', scalars.uint16);
  read(GROUP_VERSION, 'groupVersion', scalars.uint32);
  read(NETWORK_MESSAGE_NUMBER, 'networkMessageNumber', scalars.uint16);
  read(GROUP_SEQUENCE_NUMBER, 'sequenceNumber', scalars.uint16);
  return made;
}

/** A chunk belongs to one writer and has no count. */
function dataSetWriterIds(reader: ByteReader, isChunk: boolean): number[] {
  const count = isChunk ? 1 : flagsOf(reader, 'count');
  const ids: number[] = [];
  for (let index = 0; index < count; index++) {
    const id = named(reader, 'dataSetWriterId', scalars.uint16);
    if (id === undefined) break;
    ids.push(id);
  }
  return ids;
}

function readExtendedHeader(reader: ByteReader, extended: number, more: number, made: Made): void {
  if ((extended & TIMESTAMP) !== 0) {
    const timestamp = named(reader, 'timestamp', dateTime);
    if (timestamp !== undefined) made.timestamp = timestamp;
  }
  if ((extended & PICOSECONDS) !== 0) {
    const picoseconds = named(reader, 'picoseconds', scalars.uint16);
    if (picoseconds !== undefined) made.picoseconds = picoseconds;
  }
  if ((more & PROMOTED_FIELDS) === 0) return;
  const size = named(reader, 'promotedFieldsSize', scalars.uint16) ?? 0;
  const { end } = reader;
  const fieldsEnd = reader.position + size;
  if (fieldsEnd > end) {
    reader.fail('arrayLengthImplausible', `0..${reader.bytesLeft}`, size);
    return;
  }
  const fields: unknown[] = [];
  reader.end = fieldsEnd;
  while (reader.position < fieldsEnd && !reader.isStopped) {
    const value = named(reader, 'promotedField', variant);
    if (value !== undefined && reader.takeItem()) fields.push(value);
  }
  reader.end = end;
  made.promotedFields = fields;
}

function securityHeader(reader: ByteReader): SecurityHeader {
  const flags = flagsOf(reader, 'securityFlags');
  const securityTokenId = named(reader, 'securityTokenId', scalars.uint32);
  const nonceBytes = named(reader, 'nonceBytes', scalars.byte);
  reader.take(nonceBytes ?? 0);
  const hasFooter = (flags & FOOTER) !== 0;
  return {
    signed: (flags & SIGNED) !== 0,
    encrypted: (flags & ENCRYPTED) !== 0,
    forceKeyReset: (flags & FORCE_KEY_RESET) !== 0,
    securityTokenId,
    nonceBytes,
    ...(hasFooter && { footerBytes: named(reader, 'footerBytes', scalars.uint16) }),
  };
}

/**
 * With several writers their sizes come first. Without a payload header only the configuration says
 * how many there are: the first is read.
 */
function dataSetMessages(
  reader: ByteReader,
  writerIds: readonly number[] | undefined,
): DataSetMessage[] {
  const count = writerIds?.length ?? 1;
  const sizes: number[] = [];
  for (let index = 0; index < count && count > 1; index++) {
    sizes.push(named(reader, 'size', scalars.uint16) ?? 0);
  }
  const { end } = reader;
  const messages: DataSetMessage[] = [];
  for (let index = 0; index < count && !reader.isStopped; index++) {
    const messageEnd = reader.position + (sizes[index] ?? end - reader.position);
    if (messageEnd > end) {
      reader.fail('arrayLengthImplausible', `0..${end - reader.position}`, sizes[index]);
      break;
    }
    reader.end = messageEnd;
    const message = dataSetMessage(reader);
    if (message !== undefined) messages.push(message);
    reader.end = end;
    if (sizes.length > 0 && !reader.isStopped) reader.position = messageEnd;
  }
  reader.end = end;
  return messages;
}

/** Called probe in 1.05. */
function discoveryRequest(reader: ByteReader): Record<string, unknown> {
  const requestType = named(reader, 'requestType', scalars.byte);
  if (requestType !== 1) return { requestType };
  return { requestType: 'publisherInformation', informationType: informationType(reader) };
}

/** Called announcement in 1.05. */
function discoveryResponse(reader: ByteReader): Record<string, unknown> {
  const responseType = informationType(reader);
  return { responseType, sequenceNumber: named(reader, 'sequenceNumber', scalars.uint16) };
}

function informationType(reader: ByteReader): string | number | undefined {
  const type = named(reader, 'informationType', scalars.byte);
  return type === undefined ? undefined : (INFORMATION_TYPES[type] ?? type);
}
