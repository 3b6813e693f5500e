/**
 * Function codes 15 (write multiple coils) and 16 (write multiple registers).
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.11 and 6.12.
 *
 *    request   | function code | address (2) | quantity (2) | byte count | values |
 *    response  | function code | address (2) | quantity (2) |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import {
  ABSENT,
  bitsAt,
  byteAt,
  checkByteCount,
  checkPduBytes,
  checkRange,
  wordAt,
  wordsAt,
} from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';
import { checkBitsByteCount, decodePadBits } from './read-bits.ts';

export const WRITE_MULTIPLE_COILS = 15;
export const WRITE_MULTIPLE_REGISTERS = 16;
/** Section 6.11: 0x07B0. */
export const WRITE_COILS_QUANTITY_MAX = 1968;
/** Section 6.12: 0x007B. */
export const WRITE_REGISTERS_QUANTITY_MAX = 123;

const ADDRESS = 1;
const QUANTITY = 3;
const BYTE_COUNT = 5;
const VALUES = 6;
const RESPONSE_BYTES = 5;

export function decodeWriteMultipleCoilsRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  decodeHead(pdu, fields, anomalies, WRITE_COILS_QUANTITY_MAX);
  const { quantity, byteCount } = fields;
  if (quantity === undefined || byteCount === undefined) return;
  checkBitsByteCount(byteCount, quantity, BYTE_COUNT, anomalies);
  fields.coils = bitsAt(pdu, VALUES, Math.min(quantity, byteCount * 8));
  decodePadBits(pdu, VALUES, byteCount, quantity, fields, anomalies);
}

export function decodeWriteMultipleRegistersRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  decodeHead(pdu, fields, anomalies, WRITE_REGISTERS_QUANTITY_MAX);
  const { quantity, byteCount } = fields;
  if (quantity === undefined || byteCount === undefined) return;
  checkByteCount(byteCount, quantity * 2, BYTE_COUNT, anomalies);
  fields.registers = wordsAt(pdu, VALUES, byteCount >> 1);
}

/** Address and quantity come back as they were sent. */
export function decodeWriteMultipleResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, RESPONSE_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const quantity = wordAt(pdu, QUANTITY);
  if (address !== ABSENT) fields.address = address;
  if (quantity !== ABSENT) fields.quantity = quantity;
}

function decodeHead(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  quantityMax: number,
): void {
  const address = wordAt(pdu, ADDRESS);
  const quantity = wordAt(pdu, QUANTITY);
  const byteCount = byteAt(pdu, BYTE_COUNT);
  if (address !== ABSENT) fields.address = address;
  if (quantity !== ABSENT) fields.quantity = quantity;
  checkPduBytes(pdu, VALUES + Math.max(byteCount, 0), anomalies);
  if (byteCount !== ABSENT) fields.byteCount = byteCount;
  checkRange(address, quantity, quantityMax, QUANTITY, anomalies);
}
