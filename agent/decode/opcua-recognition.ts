/**
 * Tells OPC UA by its bytes, on any port: three letters, a chunk type, a size and then the shape of
 * that very message, so that what only looks like it is left alone (OPC 10000-6 §7.1.2).
 */

import { namespaceZeroId } from '../../protocols/opcua/node-id.ts';
import { SECURITY_POLICY_URI_BYTES_MAX } from '../../protocols/opcua/security-policy.ts';
import { looksLikeServiceBody } from '../../protocols/opcua/service-header.ts';
import { SIDE_REQUEST, SIDE_RESPONSE, sideOf } from '../../protocols/opcua/service-table.ts';
import * as transport from '../../protocols/opcua/transport.ts';
import {
  RECOGNIZED_MORE,
  RECOGNIZED_NO,
  RECOGNIZED_YES,
  type Recognition,
  SENDER_CLIENT,
  SENDER_SERVER,
  SENDER_UNKNOWN,
  type Sender,
} from './stream-analyzer.ts';

const MESSAGE_TYPES = [
  transport.MSG,
  transport.OPN,
  transport.HEL,
  transport.ACK,
  transport.ERR,
  transport.CLO,
  transport.RHE,
] as const;

const RECEIVE_BUFFER_SIZE = 12;
const HELLO_URL_LENGTH = 28;
const ERROR_REASON_LENGTH = 12;
const REVERSE_HELLO_URI_LENGTH = 8;
const POLICY_LENGTH = 12;
/** Clients of ECC policies may offer so little (OPC 10000-6 §7.1.2.3). */
const BUFFER_BYTES_MIN = 1024;
/** `http`, the beginning of every policy. */
const HTTP = 0x70747468;

export function recognizeOpcua(bytes: Uint8Array, offset: number, length: number): Recognition {
  if (length < transport.HEADER_BYTES) return couldBegin(bytes, offset, length);
  const size = transport.plausibleMessageSize(bytes, offset);
  if (size === 0) return RECOGNIZED_NO;
  switch (transport.messageTypeNumber(bytes, offset)) {
    case transport.HEL:
      return endsText(bytes, offset, length, HELLO_URL_LENGTH, size);
    case transport.ERR:
      return endsText(bytes, offset, length, ERROR_REASON_LENGTH, size);
    case transport.ACK: {
      if (length < RECEIVE_BUFFER_SIZE + 4) return RECOGNIZED_MORE;
      const bufferBytes = transport.uint32(bytes, offset + RECEIVE_BUFFER_SIZE);
      return bufferBytes >= BUFFER_BYTES_MIN ? RECOGNIZED_YES : RECOGNIZED_NO;
    }
    case transport.RHE: {
      if (length < REVERSE_HELLO_URI_LENGTH + 4) return RECOGNIZED_MORE;
      const uriBytes = transport.uint32(bytes, offset + REVERSE_HELLO_URI_LENGTH) | 0;
      const isRoom = uriBytes >= -1 && uriBytes <= size - REVERSE_HELLO_URI_LENGTH - 8;
      return isRoom ? RECOGNIZED_YES : RECOGNIZED_NO;
    }
    case transport.OPN: {
      if (length < POLICY_LENGTH + 8) return RECOGNIZED_MORE;
      const policyBytes = transport.uint32(bytes, offset + POLICY_LENGTH);
      const isPolicy =
        policyBytes >= 4 &&
        policyBytes <= Math.min(SECURITY_POLICY_URI_BYTES_MAX, size) &&
        transport.uint32(bytes, offset + POLICY_LENGTH + 4) === HTTP;
      return isPolicy ? RECOGNIZED_YES : RECOGNIZED_NO;
    }
    default:
      return recognizeChannelMessage(bytes, offset, length);
  }
}

/** Who sends such bytes; MSG by its type id where that can be read. */
export function senderOfOpcua(bytes: Uint8Array, offset: number, length: number): Sender {
  if (length < transport.HEADER_BYTES) return SENDER_UNKNOWN;
  switch (transport.messageTypeNumber(bytes, offset)) {
    case transport.HEL:
    case transport.CLO:
      return SENDER_CLIENT;
    case transport.ACK:
    case transport.RHE:
      return SENDER_SERVER;
    case transport.OPN:
      return senderByTypeId(bytes, offset + openBody(bytes, offset, length), offset + length);
    case transport.MSG:
      return looksLikeServiceBody(bytes, offset + transport.BODY, offset + length)
        ? senderByTypeId(bytes, offset + transport.BODY, offset + length)
        : SENDER_UNKNOWN;
    default:
      return SENDER_UNKNOWN;
  }
}

/**
 * Offset of the body of an OPN message from its first byte, behind three length-prefixed fields and
 * the sequence header; `length` when they don't fit.
 */
export function openBody(bytes: Uint8Array, offset: number, length: number): number {
  let at = transport.SECURITY_HEADER;
  for (let field = 0; field < 3; field++) {
    if (at + 4 > length) return length;
    const fieldBytes = transport.uint32(bytes, offset + at) | 0;
    if (fieldBytes < -1 || fieldBytes > length - at - 4) return length;
    at += 4 + Math.max(fieldBytes, 0);
  }
  return Math.min(at + transport.SEQUENCE_HEADER_BYTES, length);
}

function senderByTypeId(bytes: Uint8Array, at: number, end: number): Sender {
  const side = sideOf(namespaceZeroId(bytes, at, end));
  if (side === SIDE_REQUEST) return SENDER_CLIENT;
  return side === SIDE_RESPONSE ? SENDER_SERVER : SENDER_UNKNOWN;
}

function couldBegin(bytes: Uint8Array, offset: number, length: number): Recognition {
  const seen = Math.min(length, 3);
  for (const type of MESSAGE_TYPES) {
    let index = 0;
    while (index < seen && bytes[offset + index] === ((type >> (8 * index)) & 0xff)) index++;
    if (index === seen) return RECOGNIZED_MORE;
  }
  return RECOGNIZED_NO;
}

/** The message ends with a String whose length stands at `lengthAt`, and with nothing more. */
function endsText(
  bytes: Uint8Array,
  offset: number,
  length: number,
  lengthAt: number,
  size: number,
): Recognition {
  if (length < lengthAt + 4) return RECOGNIZED_MORE;
  const textBytes = transport.uint32(bytes, offset + lengthAt) | 0;
  const isExact = textBytes >= -1 && lengthAt + 4 + Math.max(textBytes, 0) === size;
  return isExact ? RECOGNIZED_YES : RECOGNIZED_NO;
}

/** A channel has an id; without one, only a body in the clear convinces. */
function recognizeChannelMessage(bytes: Uint8Array, offset: number, length: number): Recognition {
  if (length < transport.BODY) return RECOGNIZED_MORE;
  if (transport.uint32(bytes, offset + transport.SECURE_CHANNEL_ID) !== 0) return RECOGNIZED_YES;
  return looksLikeServiceBody(bytes, offset + transport.BODY, offset + length)
    ? RECOGNIZED_YES
    : RECOGNIZED_NO;
}
