/**
 * Exception responses: the server's refusal of a request, which is no fault of the message.
 * Spec: MODBUS Application Protocol V1.1b3, section 7; which function may answer which code: the
 * error tables of section 6 (FIELDS.md 1.4).
 *
 *    0                      1                2
 *    | functionCode | 0x80  | exceptionCode  |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, byteAt, checkPduBytes, note } from './pdu-bytes.ts';
import type { PduFieldsDraft } from './pdu-fields.ts';

/** Bit 7 of the function code of a response. */
export const EXCEPTION_BIT = 0x80;
export const EXCEPTION_PDU_BYTES = 2;
const EXCEPTION_CODE = 1;

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'illegalFunction'],
  [2, 'illegalDataAddress'],
  [3, 'illegalDataValue'],
  [4, 'serverDeviceFailure'],
  [5, 'acknowledge'],
  [6, 'serverDeviceBusy'],
  [8, 'memoryParityError'],
  [10, 'gatewayPathUnavailable'],
  [11, 'gatewayTargetDeviceFailedToRespond'],
]);

/** Not in the list of section 7, but the negative acknowledge that section 6.10 logs. */
const NEGATIVE_ACKNOWLEDGE = 7;

export function exceptionName(exceptionCode: number): string {
  return NAMES.get(exceptionCode) ?? `unknownException(${exceptionCode})`;
}

/** A code of section 7, or the negative acknowledge beside it. */
export function isExceptionCode(exceptionCode: number): boolean {
  return NAMES.has(exceptionCode) || exceptionCode === NEGATIVE_ACKNOWLEDGE;
}

/** May this function be refused with this code? `functionCode` without bit 7. */
export function isExceptionLegal(exceptionCode: number, functionCode: number): boolean {
  switch (exceptionCode) {
    case 1:
    case 4:
    case 5:
    case 6:
    case 10:
    case 11:
      return true;
    case 2:
      return functionCode !== 8 && !isWithoutData(functionCode);
    case 3:
      return !isWithoutData(functionCode);
    case 8:
      return functionCode === 20 || functionCode === 21;
    default:
      return false;
  }
}

/** 7, 11, 12 and 17 carry neither an address nor a value that could be refused. */
function isWithoutData(functionCode: number): boolean {
  return functionCode === 7 || functionCode === 11 || functionCode === 12 || functionCode === 17;
}

/** The exception code of a response PDU; ABSENT where the response is normal or cut. */
export function exceptionCodeOf(pdu: ByteSpan): number {
  return (byteAt(pdu, 0) & EXCEPTION_BIT) !== 0 ? byteAt(pdu, EXCEPTION_CODE) : ABSENT;
}

export function decodeException(
  pdu: ByteSpan,
  _fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, EXCEPTION_PDU_BYTES, anomalies);
  const exceptionCode = byteAt(pdu, EXCEPTION_CODE);
  if (exceptionCode === ABSENT) return;
  const functionCode = byteAt(pdu, 0) & ~EXCEPTION_BIT;
  if (exceptionCode === NEGATIVE_ACKNOWLEDGE) return;
  if (!NAMES.has(exceptionCode)) {
    note(anomalies, 'exceptionCodeUnknown', 'exceptionCode', 1, '1..6, 8, 10, 11', exceptionCode);
  } else if (!isExceptionLegal(exceptionCode, functionCode)) {
    const expected = `a code that function ${functionCode} may answer`;
    note(anomalies, 'exceptionCodeNotLegal', 'exceptionCode', 1, expected, exceptionCode);
  }
}
