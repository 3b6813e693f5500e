/**
 * Function code 23 (read/write multiple registers): the write happens before the read.
 * Spec: MODBUS Application Protocol V1.1b3, section 6.17.
 *
 *    request   | function code | read address (2) | read quantity (2) | write address (2)
 *              | write quantity (2) | write byte count | registers |
 *    response  | function code | byte count | registers |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import {
  ABSENT,
  byteAt,
  checkByteCount,
  checkPduBytes,
  checkRange,
  wordAt,
  wordsAt,
} from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';
import { decodeRegistersBlock, READ_REGISTERS_QUANTITY_MAX } from './read-registers.ts';

export const READ_WRITE_MULTIPLE_REGISTERS = 23;
/** Section 6.17: 0x0079. */
export const READ_WRITE_QUANTITY_MAX = 121;

const READ_ADDRESS = 1;
const READ_QUANTITY = 3;
const WRITE_ADDRESS = 5;
const WRITE_QUANTITY = 7;
const WRITE_BYTE_COUNT = 9;
const WRITE_REGISTERS = 10;

export function decodeReadWriteRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const readAddress = wordAt(pdu, READ_ADDRESS);
  const readQuantity = wordAt(pdu, READ_QUANTITY);
  const address = wordAt(pdu, WRITE_ADDRESS);
  const quantity = wordAt(pdu, WRITE_QUANTITY);
  const byteCount = byteAt(pdu, WRITE_BYTE_COUNT);
  checkPduBytes(pdu, WRITE_REGISTERS + Math.max(byteCount, 0), anomalies);
  if (readQuantity === ABSENT) return;
  fields.read = { address: readAddress, quantity: readQuantity };
  checkRange(readAddress, readQuantity, READ_REGISTERS_QUANTITY_MAX, READ_QUANTITY, anomalies);
  if (byteCount === ABSENT) return;
  const registers = wordsAt(pdu, WRITE_REGISTERS, byteCount >> 1);
  fields.write = { address, quantity, byteCount, registers };
  checkRange(address, quantity, READ_WRITE_QUANTITY_MAX, WRITE_QUANTITY, anomalies);
  checkByteCount(byteCount, quantity * 2, WRITE_BYTE_COUNT, anomalies);
}

export function decodeReadWriteResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  request: ByteSpan | undefined,
): void {
  const asked = request === undefined ? ABSENT : wordAt(request, READ_QUANTITY);
  decodeRegistersBlock(pdu, fields, anomalies, asked);
}
