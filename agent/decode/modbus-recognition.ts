/**
 * Is this a Modbus/TCP stream, and who speaks? By content, because a port proves nothing: RPC, TLS
 * and TPKT are seen on port 502, and BER lengths (LDAP) look like an MBAP header, protocol id 0.
 * Spec: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3 (header); V1.1b3
 * section 6 (what each function code's PDU looks like).
 */
import {
  ADU_BYTES_MAX,
  LENGTH_COUNTS_FROM,
  PDU,
  plausibleLengthBytes,
  TRANSACTION_ID,
  UNIT_ID,
} from '../../protocols/modbus/mbap.ts';
import { isOrdinaryRequest } from '../../protocols/modbus/ordinary.ts';
import {
  answers,
  requestShape,
  responseShape,
  SHAPE_FITS,
  SHAPE_WRONG,
} from '../../protocols/modbus/pdu-shape.ts';
import {
  RECOGNIZED_MORE,
  RECOGNIZED_NO,
  RECOGNIZED_TENTATIVE,
  RECOGNIZED_YES,
  type Recognition,
  SENDER_CLIENT,
  SENDER_SERVER,
  SENDER_UNKNOWN,
  type Sender,
} from './stream-analyzer.ts';

/** Messages of one direction that are looked at before saying that nobody can tell. */
const MESSAGES_JUDGED_MAX = 4;
const FUNCTION_CODE_MASK = 0x7f;

/**
 * On a configured port one whole message is enough; elsewhere it only makes the flow a candidate,
 * and the size of the PDU must agree with its function code.
 */
export function recognizeModbus(
  bytes: Uint8Array,
  offset: number,
  length: number,
  portConfigured: boolean,
): Recognition {
  if (!isPlausiblePrefix(bytes, offset, length)) return RECOGNIZED_NO;
  const aduBytes = length <= PDU ? ADU_BYTES_MAX : aduBytesAt(bytes, offset);
  if (length < aduBytes) return RECOGNIZED_MORE;
  const pduBytes = aduBytes - PDU;
  const rest = length - aduBytes;
  const isFramed = isPlausiblePrefix(bytes, offset + aduBytes, rest);
  const fitsRequest = requestShape(bytes, offset + PDU, pduBytes) === SHAPE_FITS;
  const fitsResponse = responseShape(bytes, offset + PDU, pduBytes) === SHAPE_FITS;
  if (portConfigured)
    return fitsRequest || fitsResponse || isFramed ? RECOGNIZED_YES : RECOGNIZED_NO;
  if (!isFramed) return RECOGNIZED_NO;
  if (fitsResponse) return RECOGNIZED_TENTATIVE;
  const isProper = fitsRequest && isProperRequest(bytes, offset + PDU, pduBytes);
  return isProper ? RECOGNIZED_TENTATIVE : RECOGNIZED_NO;
}

/** Client or server where only one of them can have sent these messages. */
export function senderOfModbus(bytes: Uint8Array, offset: number, length: number): Sender {
  let at = offset;
  const end = offset + length;
  for (let message = 0; message < MESSAGES_JUDGED_MAX && end - at > PDU; message += 1) {
    const aduBytes = aduBytesAt(bytes, at);
    if (aduBytes === 0 || end - at < aduBytes) return SENDER_UNKNOWN;
    const asRequest = requestShape(bytes, at + PDU, aduBytes - PDU);
    const asResponse = responseShape(bytes, at + PDU, aduBytes - PDU);
    if (asRequest === SHAPE_FITS && asResponse === SHAPE_WRONG) return SENDER_CLIENT;
    if (asResponse === SHAPE_FITS && asRequest === SHAPE_WRONG) return SENDER_SERVER;
    at += aduBytes;
  }
  return SENDER_UNKNOWN;
}

/**
 * One of the first messages of one direction answers one of the other's, whoever asked: in a stream
 * that is joined in the middle the two need not be the very first ones.
 */
export function confirmModbus(
  first: Uint8Array,
  firstOffset: number,
  firstLength: number,
  second: Uint8Array,
  secondOffset: number,
  secondLength: number,
): boolean {
  const firstEnd = firstOffset + firstLength;
  const secondEnd = secondOffset + secondLength;
  let at = firstOffset;
  for (let one = 0; one < MESSAGES_JUDGED_MAX; one += 1) {
    const bytes = wholeAduBytes(first, at, firstEnd);
    if (bytes === 0) return false;
    let other = secondOffset;
    for (let two = 0; two < MESSAGES_JUDGED_MAX; two += 1) {
      const otherBytes = wholeAduBytes(second, other, secondEnd);
      if (otherBytes === 0) break;
      if (belongTogether(first, at, bytes, second, other, otherBytes)) return true;
      other += otherBytes;
    }
    at += bytes;
  }
  return false;
}

/** Nothing in the first `length` bytes contradicts an MBAP header; true for none at all. */
export function isPlausiblePrefix(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length >= LENGTH_COUNTS_FROM) return plausibleLengthBytes(bytes, offset) !== 0;
  for (let index = 2; index < length; index += 1) {
    if (bytes[offset + index] !== 0) return false;
  }
  return true;
}

/** Bytes of the message at `offset`; 0 where its header is none. Six bytes must be there. */
export function aduBytesAt(bytes: Uint8Array, offset: number): number {
  const lengthBytes = plausibleLengthBytes(bytes, offset);
  return lengthBytes === 0 ? 0 : LENGTH_COUNTS_FROM + lengthBytes;
}

/** Where a full check exists, a stranger's request must pass it; its limits are the evidence. */
function isProperRequest(bytes: Uint8Array, offset: number, length: number): boolean {
  const functionCode = bytes[offset];
  const isChecked = functionCode <= 6 || functionCode === 15 || functionCode === 16;
  return !isChecked || isOrdinaryRequest(bytes, offset, length);
}

/** Bytes of the message at `at`; 0 where it isn't whole or is none. */
function wholeAduBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= PDU) return 0;
  const aduBytes = aduBytesAt(bytes, at);
  return aduBytes <= end - at ? aduBytes : 0;
}

function belongTogether(
  first: Uint8Array,
  firstAt: number,
  firstBytes: number,
  second: Uint8Array,
  secondAt: number,
  secondBytes: number,
): boolean {
  if (!hasSameKey(first, firstAt, second, secondAt)) return false;
  const one = firstAt + PDU;
  const two = secondAt + PDU;
  return (
    isAnswer(first, one, firstBytes - PDU, second, two, secondBytes - PDU) ||
    isAnswer(second, two, secondBytes - PDU, first, one, firstBytes - PDU)
  );
}

function hasSameKey(
  first: Uint8Array,
  firstOffset: number,
  second: Uint8Array,
  secondOffset: number,
): boolean {
  return (
    first[firstOffset + TRANSACTION_ID] === second[secondOffset + TRANSACTION_ID] &&
    first[firstOffset + TRANSACTION_ID + 1] === second[secondOffset + TRANSACTION_ID + 1] &&
    first[firstOffset + UNIT_ID] === second[secondOffset + UNIT_ID] &&
    ((first[firstOffset + PDU] ^ second[secondOffset + PDU]) & FUNCTION_CODE_MASK) === 0
  );
}

function isAnswer(
  request: Uint8Array,
  requestOffset: number,
  requestLength: number,
  response: Uint8Array,
  responseOffset: number,
  responseLength: number,
): boolean {
  return (
    requestShape(request, requestOffset, requestLength) === SHAPE_FITS &&
    responseShape(response, responseOffset, responseLength) !== SHAPE_WRONG &&
    answers(request, requestOffset, requestLength, response, responseOffset, responseLength)
  );
}
