/**
 * Function code 24 (read FIFO queue): reads a queue without clearing it.
 * Spec: MODBUS Application Protocol V1.1b3, section 6.18.
 *
 *    request   | function code | FIFO pointer address (2) |
 *    response  | function code | byte count (2) | FIFO count (2) | registers |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, checkByteCount, checkPduBytes, note, wordAt, wordsAt } from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

export const READ_FIFO_QUEUE = 24;
/** Section 6.18: a longer queue is answered with exception 3. */
export const FIFO_COUNT_MAX = 31;

const FIFO_POINTER_ADDRESS = 1;
const REQUEST_BYTES = 3;
const BYTE_COUNT = 1;
const FIFO_COUNT = 3;
const FIFO_REGISTERS = 5;

export function decodeReadFifoRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, REQUEST_BYTES, anomalies);
  const fifoPointerAddress = wordAt(pdu, FIFO_POINTER_ADDRESS);
  if (fifoPointerAddress !== ABSENT) fields.fifoPointerAddress = fifoPointerAddress;
}

export function decodeReadFifoResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const byteCount = wordAt(pdu, BYTE_COUNT);
  const fifoCount = wordAt(pdu, FIFO_COUNT);
  if (byteCount !== ABSENT) fields.byteCount = byteCount;
  if (fifoCount === ABSENT) {
    checkPduBytes(pdu, FIFO_REGISTERS, anomalies);
    return;
  }
  fields.fifoCount = fifoCount;
  checkPduBytes(pdu, FIFO_COUNT + byteCount, anomalies);
  checkByteCount(byteCount, 2 + fifoCount * 2, BYTE_COUNT, anomalies);
  if (fifoCount > FIFO_COUNT_MAX) {
    note(anomalies, 'fifoCountAboveLimit', 'fifoCount', FIFO_COUNT, '0..31', fifoCount);
  }
  fields.fifoRegisters = wordsAt(pdu, FIFO_REGISTERS, fifoCount);
}
