/**
 * One OPC UA chunk field by field, also where only a part of it lies in the frame, or where its
 * body goes on from earlier chunks. The picture of the headers stands in transport.ts.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { clipFields, type ExplainedField, FieldList, hiddenText } from '../explain.ts';
import { certificate, thumbprint } from './certificate.ts';
import { explainServiceBody, explainTable } from './explain-body.ts';
import * as handshake from './handshake.ts';
import { BODY_BYTES_DECODED_MAX } from './limits.ts';
import { type Decoder, structure } from './structure.ts';
import { string } from './text.ts';
import * as transport from './transport.ts';

/** A chunk as far as it is known: from its first byte to the last one in the frame. */
export interface ChunkPart {
  /** The chunk's bytes from its first; those before `from` came in earlier frames. */
  readonly bytes: Uint8Array;
  /** The part of it that lies in the frame: `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** Bytes from its first that are known without a hole: `to`, or fewer. */
  readonly knownBytes: number;
  /** Offset in the frame of the byte at `from`. */
  readonly frameOffset: number;
  /** Bytes of the whole chunk by its header; 0 while the header isn't whole. */
  readonly chunkBytes: number;
  /** Body of the message's earlier chunks; undefined where some of it is lost. */
  readonly bodyBefore: Uint8Array | undefined;
  /** The body is in the clear; undefined where that isn't known yet. */
  readonly isReadable: boolean | undefined;
  /** Signature behind the body. */
  readonly signatureBytes: number;
  readonly digest: Digest;
}

const securityHeader = structure({
  securityPolicyUri: string,
  senderCertificate: certificate,
  receiverCertificateThumbprint: thumbprint,
});

/** One field that covers `[from, to)` of the chunk, in offsets of the frame. */
export function explainChunk(part: ChunkPart): ExplainedField {
  const { bytes, from, to, knownBytes, chunkBytes, frameOffset } = part;
  const list = new FieldList(bytes, 0, Math.min(knownBytes, to));
  const title = chunkBytes === 0 ? '' : addChunk(list, part);
  const known = clipFields(list.finish(), from, to, frameOffset - from);
  const shown = Math.max(from, Math.min(knownBytes, to));
  const children =
    shown === to ? known : [...known, hiddenPart(frameOffset + shown - from, to - shown)];
  const note = from === 0 && to === chunkBytes ? '' : partText(part, title);
  return {
    name: 'opcua',
    offset: frameOffset,
    length: to - from,
    value: title,
    ...(note !== '' && { note }),
    children,
  };
}

/**
 * Bytes of an OPC UA flow at `[offset, end)` whose place in a message isn't known: they may hold a
 * secret, so nothing of them shows.
 */
export function explainNoChunk(offset: number, end: number): ExplainedField {
  const children = [hiddenPart(offset, end - offset)];
  return { name: 'opcua', offset, length: end - offset, value: 'no header of a message', children };
}

function hiddenPart(offset: number, length: number): ExplainedField {
  const value = hiddenText('unknown part of a message', length);
  return { name: 'notDecoded', offset, length, value, secrets: [{ offset, length }] };
}

/** Adds header and body; answers what the chunk is. */
function addChunk(list: FieldList, part: ChunkPart): string {
  const { bytes, chunkBytes, to } = part;
  const type = transport.messageTypeNumber(bytes, 0);
  const name = transport.messageTypeName(type) ?? '?';
  const chunkType = transport.chunkTypeName(bytes[3]);
  list.add('messageType', 3, name);
  list.add('chunkType', 1, chunkType);
  addUint32(list, 'messageSizeBytes');
  const isCut = to < chunkBytes;
  const title = `${name} ${chunkType}`;
  switch (type) {
    case transport.HEL:
      return addTable(list, part, handshake.hello, isCut, title);
    case transport.ACK:
      return addTable(list, part, handshake.acknowledge, isCut, title);
    case transport.ERR:
      return addTable(list, part, handshake.error, isCut, title);
    case transport.RHE:
      return addTable(list, part, handshake.reverseHello, isCut, title);
    case transport.OPN:
      addUint32(list, 'secureChannelId');
      list.append(explainTable(spanOf(list), isCut, part.digest, securityHeader));
      return addSecured(list, part, title);
    default:
      addUint32(list, 'secureChannelId');
      addUint32(list, 'tokenId');
      return addSecured(list, part, title);
  }
}

function addTable(
  list: FieldList,
  { digest }: ChunkPart,
  decode: Decoder<unknown>,
  isCut: boolean,
  title: string,
): string {
  list.append(explainTable(spanOf(list), isCut, digest, decode));
  return title;
}

/** Sequence header, body and signature, as far as they are in the clear. */
function addSecured(list: FieldList, part: ChunkPart, title: string): string {
  if (part.isReadable === undefined) {
    list.append([hiddenPart(list.position, list.bytesLeft)]);
    return title;
  }
  if (!part.isReadable) {
    list.secret('encrypted', list.bytesLeft, 'unreadable sequence header, body and signature');
    return `${title}, unreadable`;
  }
  addUint32(list, 'sequenceNumber');
  addUint32(list, 'requestId');
  if (list.bytesLeft === 0) return title;
  const bodyEnd = Math.min(list.end, part.chunkBytes - part.signatureBytes);
  const what = addBody(list, part, Math.max(bodyEnd, list.position));
  list.secret('signature', list.bytesLeft, 'signature');
  return what === '' ? title : `${title}, ${what}`;
}

function addBody(list: FieldList, part: ChunkPart, bodyEnd: number): string {
  const { bytes, bodyBefore, to, chunkBytes, digest } = part;
  const start = list.position;
  if (bytes[3] === transport.ABORT) {
    const span = { bytes, offset: start, length: bodyEnd - start };
    list.append(explainTable(span, to < chunkBytes, digest, handshake.error));
    return 'aborted';
  }
  if (bodyBefore === undefined) {
    list.append([hiddenPart(start, bodyEnd - start)]);
    return 'a message whose beginning is lost';
  }
  const before = Math.min(bodyBefore.length, BODY_BYTES_DECODED_MAX);
  const length = Math.min(bodyEnd - start, BODY_BYTES_DECODED_MAX - before);
  const body = new Uint8Array(before + length);
  body.set(bodyBefore.subarray(0, before));
  body.set(bytes.subarray(start, start + length), before);
  const isWhole = bytes[3] === transport.FINAL && to === chunkBytes && start + length === bodyEnd;
  const span = { bytes: body, offset: 0, length: body.length };
  const { title, fields } = explainServiceBody(span, !isWhole, digest);
  list.append(clipFields(fields, before, body.length, start - before));
  if (list.position < bodyEnd) list.append([hiddenPart(list.position, bodyEnd - list.position)]);
  return title;
}

function spanOf(list: FieldList): ByteSpan {
  return { bytes: list.bytes, offset: list.position, length: list.bytesLeft };
}

function addUint32(list: FieldList, name: string): void {
  list.text(name, 4, (bytes, at) => String(transport.uint32(bytes, at)));
}

function partText({ from, to, chunkBytes }: ChunkPart, title: string): string {
  const what = title === '' ? 'a header' : title;
  const size = chunkBytes === 0 ? '' : ` of ${chunkBytes}`;
  const onward = to === chunkBytes ? '' : '; it goes on in a later frame';
  return `part of ${what}, bytes ${from}..${to - 1}${size}${onward}`;
}
