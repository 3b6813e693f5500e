/**
 * NodeId and ExpandedNodeId: the address of a thing in a server, as one text (`ns=2;s=Pump1.Speed`;
 * OPC 10000-6 §5.2.2.9, §5.2.2.10, text §5.3.1.10).
 *
 *    | encoding | two byte 0:  id (1)
 *    |   (1)    | four byte 1: namespace (1), id (2)
 *    |          | numeric 2:   namespace (2), id (4)
 *    |          | string 3, guid 4, opaque 5: namespace (2), value
 *    | + 0x80 namespace URI follows, + 0x40 server index follows (ExpandedNodeId only)
 */
import type { ByteReader } from './byte-reader.ts';
import { STRING_BYTES_KEPT_MAX } from './limits.ts';
import { guidText } from './scalars.ts';
import { base64, string } from './text.ts';

const TWO_BYTE = 0;
const FOUR_BYTE = 1;
const NUMERIC = 2;
const STRING = 3;
const GUID = 4;
const OPAQUE = 5;
const NAMESPACE_URI_FLAG = 0x80;
const SERVER_INDEX_FLAG = 0x40;
const GUID_BYTES = 16;

/** The smallest encodings, for checks of array lengths. */
export const NODE_ID_BYTES_MIN = 2;

export function nodeId(reader: ByteReader): string | undefined {
  return withNamespace(reader, reader.readByte());
}

export function expandedNodeId(reader: ByteReader): string | undefined {
  const encoding = reader.readByte();
  const text = withNamespace(reader, encoding & 0x3f);
  const uri = (encoding & NAMESPACE_URI_FLAG) !== 0 ? string(reader) : undefined;
  const serverIndex = (encoding & SERVER_INDEX_FLAG) !== 0 ? reader.readUInt32() : 0;
  if (reader.isStopped || text === undefined) return undefined;
  const server = serverIndex === 0 ? '' : `svr=${serverIndex};`;
  return uri === undefined ? server + text : `${server}nsu=${uri};${text.replace(/^ns=\d+;/, '')}`;
}

/**
 * The session's authenticationToken: a secret NodeId, of which only the pseudonym is kept. The null
 * NodeId of requests outside a session is absent.
 */
export function secretNodeId(reader: ByteReader): string | undefined {
  const start = reader.position;
  const encoding = reader.readByte();
  const headerBytes = encoding === TWO_BYTE ? 0 : encoding === FOUR_BYTE ? 1 : 2;
  reader.take(headerBytes);
  const isText = encoding === STRING || encoding === OPAQUE;
  const length = isText ? reader.readLength() : identifierBytes(reader, encoding);
  if (length > 0) reader.markSecret(reader.position, length);
  if (length > 0) reader.take(length);
  if (reader.isStopped) return undefined;
  const bytesCount = reader.position - start;
  if (isZero(reader.bytes, start + 1, bytesCount - 1)) return undefined;
  return `hash:${reader.digest.pseudonym(reader.bytes, start, bytesCount)}`;
}

/**
 * Numeric id of a NodeId in namespace 0 at `offset`, or 0: the hot path's way to the type id of a
 * service, without text.
 */
export function namespaceZeroId(bytes: Uint8Array, offset: number, end: number): number {
  const left = end - offset;
  if (left < 2) return 0;
  const encoding = bytes[offset];
  if (encoding === FOUR_BYTE) {
    if (left < 4 || bytes[offset + 1] !== 0) return 0;
    return bytes[offset + 2] | (bytes[offset + 3] << 8);
  }
  if (encoding === TWO_BYTE) return bytes[offset + 1];
  if (encoding !== NUMERIC || left < 7 || bytes[offset + 1] !== 0 || bytes[offset + 2] !== 0) {
    return 0;
  }
  return (
    (bytes[offset + 3] |
      (bytes[offset + 4] << 8) |
      (bytes[offset + 5] << 16) |
      (bytes[offset + 6] << 24)) >>>
    0
  );
}

/** Bytes of the numeric NodeId at `offset`; 0 when it is of another kind. */
export function numericNodeIdBytes(bytes: Uint8Array, offset: number): number {
  const encoding = bytes[offset];
  return encoding === FOUR_BYTE ? 4 : encoding === TWO_BYTE ? 2 : encoding === NUMERIC ? 7 : 0;
}

function withNamespace(reader: ByteReader, encoding: number): string | undefined {
  let namespaceIndex = 0;
  if (encoding === FOUR_BYTE) namespaceIndex = reader.readByte();
  else if (encoding !== TWO_BYTE) namespaceIndex = reader.readUInt16();
  const text = identifier(reader, encoding);
  if (reader.isStopped || text === undefined) return undefined;
  if (namespaceIndex === 0) return text;
  reader.noteNamespace(namespaceIndex);
  return `ns=${namespaceIndex};${text}`;
}

function identifier(reader: ByteReader, encoding: number): string | undefined {
  switch (encoding) {
    case TWO_BYTE:
      return `i=${reader.readByte()}`;
    case FOUR_BYTE:
      return `i=${reader.readUInt16()}`;
    case NUMERIC:
      return `i=${reader.readUInt32()}`;
    case STRING:
      return `s=${string(reader) ?? ''}`;
    case GUID: {
      const at = reader.take(GUID_BYTES);
      return reader.isStopped ? undefined : `g=${guidText(reader.bytes, at)}`;
    }
    case OPAQUE: {
      const length = Math.max(reader.readLength(), 0);
      const at = reader.take(length);
      if (reader.isStopped) return undefined;
      if (length > STRING_BYTES_KEPT_MAX) reader.note('valueTruncated');
      return `b=${base64(reader.bytes, at, Math.min(length, STRING_BYTES_KEPT_MAX))}`;
    }
    default:
      reader.fail('nodeIdEncodingIllegal', '0..5', encoding);
      return undefined;
  }
}

function identifierBytes(reader: ByteReader, encoding: number): number {
  switch (encoding) {
    case TWO_BYTE:
      return 1;
    case FOUR_BYTE:
      return 2;
    case NUMERIC:
      return 4;
    case GUID:
      return GUID_BYTES;
    default:
      reader.fail('nodeIdEncodingIllegal', '0..5', encoding);
      return 0;
  }
}

function isZero(bytes: Uint8Array, offset: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[offset + index] !== 0) return false;
  return true;
}
