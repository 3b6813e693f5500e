/**
 * From the bytes of a response PDU to its named fields, by function code, and what in it doesn't
 * answer the request.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6 and 7. Offsets of anomalies count from the
 * function code.
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import * as diagnostics from './diagnostics.ts';
import { decodeEncapsulatedResponse, ENCAPSULATED_INTERFACE } from './encapsulated-interface.ts';
import { decodeException, EXCEPTION_BIT } from './exceptions.ts';
import * as file from './file-record.ts';
import { decodeMaskWriteRegister, MASK_WRITE_REGISTER } from './mask-write-register.ts';
import { ABSENT, BYTES_KEPT_MAX, base64At, byteAt, checkPduBytes, note } from './pdu-bytes.ts';
import type {
  ModbusPduFields,
  PduDecodeOptions,
  PduDecoder,
  PduFieldsDraft,
} from './pdu-fields.ts';
import * as bits from './read-bits.ts';
import { decodeReadFifoResponse, READ_FIFO_QUEUE } from './read-fifo-queue.ts';
import * as registers from './read-registers.ts';
import {
  decodeReadWriteResponse,
  READ_WRITE_MULTIPLE_REGISTERS,
} from './read-write-multiple-registers.ts';
import { checkAssigned } from './request.ts';
import { decodeUmasResponse, UMAS } from './umas.ts';
import * as multiple from './write-multiple.ts';
import * as single from './write-single.ts';

const NO_OPTIONS: PduDecodeOptions = {};

/** Any other code is kept by its bytes. */
const DECODERS: ReadonlyMap<number, PduDecoder> = new Map<number, PduDecoder>([
  [bits.READ_COILS, bits.decodeReadBitsResponse],
  [bits.READ_DISCRETE_INPUTS, bits.decodeReadBitsResponse],
  [registers.READ_HOLDING_REGISTERS, registers.decodeReadRegistersResponse],
  [registers.READ_INPUT_REGISTERS, registers.decodeReadRegistersResponse],
  [single.WRITE_SINGLE_COIL, single.decodeWriteSingleCoil],
  [single.WRITE_SINGLE_REGISTER, single.decodeWriteSingleRegister],
  [diagnostics.READ_EXCEPTION_STATUS, diagnostics.decodeReadExceptionStatusResponse],
  [diagnostics.DIAGNOSTICS, diagnostics.decodeDiagnosticsResponse],
  [diagnostics.GET_COMM_EVENT_COUNTER, diagnostics.decodeCommEventCounterResponse],
  [diagnostics.GET_COMM_EVENT_LOG, diagnostics.decodeCommEventLogResponse],
  [diagnostics.REPORT_SERVER_ID, diagnostics.decodeReportServerIdResponse],
  [multiple.WRITE_MULTIPLE_COILS, multiple.decodeWriteMultipleResponse],
  [multiple.WRITE_MULTIPLE_REGISTERS, multiple.decodeWriteMultipleResponse],
  [file.READ_FILE_RECORD, file.decodeReadFileResponse],
  [file.WRITE_FILE_RECORD, file.decodeWriteFile],
  [MASK_WRITE_REGISTER, decodeMaskWriteRegister],
  [READ_WRITE_MULTIPLE_REGISTERS, decodeReadWriteResponse],
  [READ_FIFO_QUEUE, decodeReadFifoResponse],
  [ENCAPSULATED_INTERFACE, decodeEncapsulatedResponse],
  [UMAS, decodeUmasResponse],
]);

/** Function code, address and value or quantity: what a write gets back. */
const WRITE_ECHO_BYTES = 5;

/** Never throws and never reads past the spans; give the request whenever there is one. */
export function decodeResponsePdu(
  pdu: ByteSpan,
  request?: ByteSpan,
  anomalies: Anomaly[] = [],
  options: PduDecodeOptions = NO_OPTIONS,
): ModbusPduFields {
  const fields: PduFieldsDraft = { pduBytes: pdu.length };
  const functionCode = byteAt(pdu, 0);
  if (functionCode === ABSENT) {
    checkPduBytes(pdu, 1, anomalies);
    return fields;
  }
  if ((functionCode & EXCEPTION_BIT) !== 0) {
    decodeException(pdu, fields, anomalies);
    return fields;
  }
  if (functionCode === 0) note(anomalies, 'functionCodeZero', 'functionCode', 0, '1..127', 0);
  // A matched response repeats the code of its request, which is where the fault is noted.
  else if (request === undefined) checkAssigned(functionCode, anomalies);
  const decoder = DECODERS.get(functionCode);
  if (decoder === undefined) fields.bytesBase64 = base64At(pdu, 0, BYTES_KEPT_MAX);
  else decoder(pdu, fields, anomalies, request, options);
  if (request !== undefined) checkEcho(pdu, request, echoBytesOf(functionCode, request), anomalies);
  return fields;
}

/** How many bytes of the request the response must repeat; 0 where it repeats none. */
function echoBytesOf(functionCode: number, request: ByteSpan): number {
  switch (functionCode) {
    case single.WRITE_SINGLE_COIL:
    case single.WRITE_SINGLE_REGISTER:
    case MASK_WRITE_REGISTER:
    case file.WRITE_FILE_RECORD:
      return request.length;
    case multiple.WRITE_MULTIPLE_COILS:
    case multiple.WRITE_MULTIPLE_REGISTERS:
      return WRITE_ECHO_BYTES;
    case diagnostics.DIAGNOSTICS:
      return isEchoedSubFunction(request) ? request.length : 3;
    default:
      return 0;
  }
}

/** Sub-functions 2 and 11 to 18 answer with a register of the device (section 6.8.1). */
function isEchoedSubFunction(request: ByteSpan): boolean {
  const subFunction = (byteAt(request, 1) << 8) | byteAt(request, 2);
  return subFunction !== 2 && (subFunction < 11 || subFunction > 18);
}

function checkEcho(
  pdu: ByteSpan,
  request: ByteSpan,
  echoBytes: number,
  anomalies: Anomaly[],
): void {
  const bytes = Math.min(echoBytes, pdu.length, request.length);
  for (let at = 0; at < bytes; at += 1) {
    const expected = byteAt(request, at);
    const actual = byteAt(pdu, at);
    if (expected !== actual) {
      note(anomalies, 'echoMismatch', 'echo', at, expected, actual);
      return;
    }
  }
}
