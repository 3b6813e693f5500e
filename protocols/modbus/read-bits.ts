/**
 * Function codes 1 (read coils) and 2 (read discrete inputs).
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.1 and 6.2.
 *
 *    request   | function code | address (2) | quantity (2)         |
 *    response  | function code | byte count  | bits, lowest first   |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import {
  ABSENT,
  bitsAt,
  byteAt,
  checkByteCount,
  checkPduBytes,
  checkRange,
  note,
  wordAt,
} from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

export const READ_COILS = 1;
export const READ_DISCRETE_INPUTS = 2;
/** Section 6.1: 0x07D0. */
export const READ_BITS_QUANTITY_MAX = 2000;

const ADDRESS = 1;
const QUANTITY = 3;
const REQUEST_BYTES = 5;
const BYTE_COUNT = 1;
const BITS = 2;

export function decodeReadBitsRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, REQUEST_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const quantity = wordAt(pdu, QUANTITY);
  if (address !== ABSENT) fields.address = address;
  if (quantity !== ABSENT) fields.quantity = quantity;
  checkRange(address, quantity, READ_BITS_QUANTITY_MAX, QUANTITY, anomalies);
}

/** Without the request nobody can tell pad bits from asked ones: then every bit is given. */
export function decodeReadBitsResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  request: ByteSpan | undefined,
): void {
  const byteCount = byteAt(pdu, BYTE_COUNT);
  if (byteCount === ABSENT) {
    checkPduBytes(pdu, BITS, anomalies);
    return;
  }
  fields.byteCount = byteCount;
  checkPduBytes(pdu, BITS + byteCount, anomalies);
  let quantity = byteCount * 8;
  const asked = request === undefined ? ABSENT : wordAt(request, QUANTITY);
  if (asked !== ABSENT) {
    const expected = (asked + 7) >> 3;
    if (expected !== byteCount) {
      note(anomalies, 'responseQuantityMismatch', 'byteCount', BYTE_COUNT, expected, byteCount);
    }
    quantity = Math.min(quantity, asked);
    decodePadBits(pdu, BITS, byteCount, quantity, fields, anomalies);
  }
  const bits = bitsAt(pdu, BITS, quantity);
  if ((byteAt(pdu, 0) & 0x7f) === READ_COILS) fields.coils = bits;
  else fields.discreteInputs = bits;
}

/** The rest of the last byte is filled with zeros (section 6.1); also of function code 15. */
export function decodePadBits(
  pdu: ByteSpan,
  at: number,
  byteCount: number,
  quantity: number,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  if (quantity === 0 || (quantity & 7) === 0 || byteCount !== (quantity + 7) >> 3) return;
  const last = byteAt(pdu, at + byteCount - 1);
  if (last === ABSENT) return;
  const padBits = last >> (quantity & 7);
  fields.padBits = padBits;
  if (padBits !== 0) note(anomalies, 'padBitsNotZero', 'padBits', at + byteCount - 1, 0, padBits);
}

/** For function code 15, which counts its bits in the same way. */
export function checkBitsByteCount(
  byteCount: number,
  quantity: number,
  at: number,
  anomalies: Anomaly[],
): void {
  if (quantity !== ABSENT) checkByteCount(byteCount, (quantity + 7) >> 3, at, anomalies);
}
