/**
 * Function codes 3 (read holding registers) and 4 (read input registers).
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.3 and 6.4.
 *
 *    request   | function code | address (2) | quantity (2)           |
 *    response  | function code | byte count  | registers, 2 bytes each |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, byteAt, checkPduBytes, checkRange, note, wordAt, wordsAt } from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

export const READ_HOLDING_REGISTERS = 3;
export const READ_INPUT_REGISTERS = 4;
/** Section 6.3: 0x007D. */
export const READ_REGISTERS_QUANTITY_MAX = 125;

const ADDRESS = 1;
const QUANTITY = 3;
const REQUEST_BYTES = 5;
const BYTE_COUNT = 1;
const REGISTERS = 2;

export function decodeReadRegistersRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, REQUEST_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const quantity = wordAt(pdu, QUANTITY);
  if (address !== ABSENT) fields.address = address;
  if (quantity !== ABSENT) fields.quantity = quantity;
  checkRange(address, quantity, READ_REGISTERS_QUANTITY_MAX, QUANTITY, anomalies);
}

export function decodeReadRegistersResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  request: ByteSpan | undefined,
): void {
  const asked = request === undefined ? ABSENT : wordAt(request, QUANTITY);
  decodeRegistersBlock(pdu, fields, anomalies, asked);
}

/** Byte count and registers; the answer to function code 23 has the same form (section 6.17). */
export function decodeRegistersBlock(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  asked: number,
): void {
  const byteCount = byteAt(pdu, BYTE_COUNT);
  if (byteCount === ABSENT) {
    checkPduBytes(pdu, REGISTERS, anomalies);
    return;
  }
  fields.byteCount = byteCount;
  checkPduBytes(pdu, REGISTERS + byteCount, anomalies);
  if ((byteCount & 1) !== 0) {
    note(anomalies, 'byteCountMismatch', 'byteCount', BYTE_COUNT, 'an even number', byteCount);
  }
  if (asked !== ABSENT && byteCount !== asked * 2) {
    note(anomalies, 'responseQuantityMismatch', 'byteCount', BYTE_COUNT, asked * 2, byteCount);
  }
  fields.registers = wordsAt(pdu, REGISTERS, byteCount >> 1);
}
