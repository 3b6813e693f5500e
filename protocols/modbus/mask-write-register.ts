/**
 * Function code 22 (mask write register): sets and clears single bits; the answer is an echo.
 * Spec: MODBUS Application Protocol V1.1b3, section 6.16:
 * result = (current AND andMask) OR (orMask AND NOT andMask).
 *
 *    | function code | address (2) | and mask (2) | or mask (2) |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, checkPduBytes, wordAt } from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

export const MASK_WRITE_REGISTER = 22;

const ADDRESS = 1;
const AND_MASK = 3;
const OR_MASK = 5;
const PDU_BYTES = 7;

export function decodeMaskWriteRegister(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, PDU_BYTES, anomalies);
  const address = wordAt(pdu, ADDRESS);
  const andMask = wordAt(pdu, AND_MASK);
  const orMask = wordAt(pdu, OR_MASK);
  if (address !== ABSENT) fields.address = address;
  if (andMask !== ABSENT) fields.andMask = andMask;
  if (orMask === ABSENT) return;
  fields.orMask = orMask;
  fields.effect = {
    bitsSet: orMask & ~andMask & 0xffff,
    bitsCleared: ~orMask & ~andMask & 0xffff,
    bitsKept: andMask,
  };
}
