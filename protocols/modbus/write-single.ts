/**
 * Function codes 5 (write single coil) and 6 (write single register): the answer is an echo.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.5 and 6.6.
 *
 *    | function code | address (2) | value (2) |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, checkPduBytes, note, wordAt } from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

export const WRITE_SINGLE_COIL = 5;
export const WRITE_SINGLE_REGISTER = 6;
/** Section 6.5; every other value is illegal and leaves the coil alone. */
export const COIL_ON = 0xff00;
export const COIL_OFF = 0x0000;

const ADDRESS = 1;
const VALUE = 3;
const PDU_BYTES = 5;

export function decodeWriteSingleCoil(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, PDU_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const outputValue = wordAt(pdu, VALUE);
  if (address !== ABSENT) fields.address = address;
  if (outputValue === ABSENT) return;
  fields.outputValue = outputValue;
  if (outputValue !== COIL_ON && outputValue !== COIL_OFF) {
    note(anomalies, 'coilValueIllegal', 'outputValue', VALUE, '0 or 65280', outputValue);
  }
}

export function decodeWriteSingleRegister(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, PDU_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const registerValue = wordAt(pdu, VALUE);
  if (address !== ABSENT) fields.address = address;
  if (registerValue !== ABSENT) fields.registerValue = registerValue;
}
