/**
 * OPC UA Connection Protocol and the headers of its chunks (OPC 10000-6 §7.1.2, §6.7.2).
 *
 *    0          3       4          8               12          16           20          24
 *    | message  | chunk | message  | secureChannel | token id  | sequence   | request   | body
 *    |   type   | type  |   size   |      id       | (MSG,CLO) |  number    |   id      |
 *    |<------ every message ------>|<------------ OPN, MSG and CLO only ------------>|
 *
 * In OPN the asymmetric security header (policy, certificate, thumbprint) stands for the token id.
 */
import type { ByteSpan } from '../decoded.ts';
import { CHUNK_BYTES_MAX, ENDPOINT_URL_BYTES_MAX } from './limits.ts';
import type { MessageType } from './transaction.ts';

export const HEADER_BYTES = 8;
export const MESSAGE_SIZE = 4;
export const SECURE_CHANNEL_ID = 8;
export const TOKEN_ID = 12;
/** First byte of the asymmetric security header of OPN. */
export const SECURITY_HEADER = 12;
export const SEQUENCE_NUMBER = 16;
export const REQUEST_ID = 20;
/** First byte of the body of MSG and CLO where it isn't encrypted. */
export const BODY = 24;
/** Sequence number and request id. */
export const SEQUENCE_HEADER_BYTES = 8;

/** Message types as the little-endian number of their three letters. */
export const HEL = 0x4c4548;
export const ACK = 0x4b4341;
export const ERR = 0x525245;
export const RHE = 0x454852;
export const OPN = 0x4e504f;
export const MSG = 0x47534d;
export const CLO = 0x4f4c43;

export const FINAL = 0x46;
export const INTERMEDIATE = 0x43;
export const ABORT = 0x41;

const HELLO_BYTES_MIN = 32;
const ACKNOWLEDGE_BYTES = 28;
const ERROR_BYTES_MIN = 16;
const OPEN_BYTES_MIN = 32;

export function messageTypeNumber(bytes: Uint8Array, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16);
}

export function messageTypeName(number: number): MessageType | undefined {
  switch (number) {
    case MSG:
      return 'MSG';
    case OPN:
      return 'OPN';
    case CLO:
      return 'CLO';
    case HEL:
      return 'HEL';
    case ACK:
      return 'ACK';
    case ERR:
      return 'ERR';
    case RHE:
      return 'RHE';
    default:
      return undefined;
  }
}

export function chunkTypeName(byte: number): 'F' | 'C' | 'A' {
  return byte === INTERMEDIATE ? 'C' : byte === ABORT ? 'A' : 'F';
}

export function uint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] |
      (bytes[offset + 1] << 8) |
      (bytes[offset + 2] << 16) |
      (bytes[offset + 3] << 24)) >>>
    0
  );
}

/**
 * Size of the message whose 8-byte header stands at `offset`, or 0 where type, chunk type and size
 * are not plausible together.
 */
export function plausibleMessageSize(bytes: Uint8Array, offset: number): number {
  const size = uint32(bytes, offset + MESSAGE_SIZE);
  const chunkType = bytes[offset + 3];
  switch (messageTypeNumber(bytes, offset)) {
    case MSG:
    case CLO: {
      const isKnown = chunkType === FINAL || chunkType === INTERMEDIATE || chunkType === ABORT;
      return isKnown && size >= BODY && size <= CHUNK_BYTES_MAX ? size : 0;
    }
    case OPN: {
      const isKnown = chunkType === FINAL || chunkType === INTERMEDIATE || chunkType === ABORT;
      return isKnown && size >= OPEN_BYTES_MIN && size <= CHUNK_BYTES_MAX ? size : 0;
    }
    case HEL:
      return isHandshake(chunkType, size, HELLO_BYTES_MIN) ? size : 0;
    case ACK:
      return chunkType === FINAL && size === ACKNOWLEDGE_BYTES ? size : 0;
    case ERR:
    case RHE:
      return isHandshake(chunkType, size, ERROR_BYTES_MIN) ? size : 0;
    default:
      return 0;
  }
}

function isHandshake(chunkType: number, size: number, sizeMin: number): boolean {
  return chunkType === FINAL && size >= sizeMin && size <= sizeMin + 2 * ENDPOINT_URL_BYTES_MAX;
}

/** A span that its owner moves over buffers; its readers see it as a `ByteSpan`. */
export interface MutableSpan extends ByteSpan {
  bytes: Uint8Array;
  offset: number;
  length: number;
}

const NO_BYTES = new Uint8Array(0);

export function emptySpan(): MutableSpan {
  return { bytes: NO_BYTES, offset: 0, length: 0 };
}
