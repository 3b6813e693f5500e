/**
 * From the bytes of a request PDU to its named fields, by function code.
 * Spec: MODBUS Application Protocol V1.1b3, section 6. Limits are noted, never a reason to drop;
 * offsets of anomalies count from the function code.
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import * as diagnostics from './diagnostics.ts';
import { decodeEncapsulatedRequest, ENCAPSULATED_INTERFACE } from './encapsulated-interface.ts';
import { EXCEPTION_BIT, isExceptionCode } from './exceptions.ts';
import * as file from './file-record.ts';
import { functionFacts } from './function-codes.ts';
import { decodeMaskWriteRegister, MASK_WRITE_REGISTER } from './mask-write-register.ts';
import { ABSENT, BYTES_KEPT_MAX, base64At, byteAt, checkPduBytes, note } from './pdu-bytes.ts';
import type {
  ModbusPduFields,
  PduDecodeOptions,
  PduDecoder,
  PduFieldsDraft,
} from './pdu-fields.ts';
import * as bits from './read-bits.ts';
import { decodeReadFifoRequest, READ_FIFO_QUEUE } from './read-fifo-queue.ts';
import * as registers from './read-registers.ts';
import {
  decodeReadWriteRequest,
  READ_WRITE_MULTIPLE_REGISTERS,
} from './read-write-multiple-registers.ts';
import { decodeUmasRequest, UMAS } from './umas.ts';
import * as multiple from './write-multiple.ts';
import * as single from './write-single.ts';

const NO_OPTIONS: PduDecodeOptions = {};

/** Any other code is kept by its bytes. */
const DECODERS: ReadonlyMap<number, PduDecoder> = new Map<number, PduDecoder>([
  [bits.READ_COILS, bits.decodeReadBitsRequest],
  [bits.READ_DISCRETE_INPUTS, bits.decodeReadBitsRequest],
  [registers.READ_HOLDING_REGISTERS, registers.decodeReadRegistersRequest],
  [registers.READ_INPUT_REGISTERS, registers.decodeReadRegistersRequest],
  [single.WRITE_SINGLE_COIL, single.decodeWriteSingleCoil],
  [single.WRITE_SINGLE_REGISTER, single.decodeWriteSingleRegister],
  [diagnostics.READ_EXCEPTION_STATUS, diagnostics.decodeBareRequest],
  [diagnostics.GET_COMM_EVENT_COUNTER, diagnostics.decodeBareRequest],
  [diagnostics.GET_COMM_EVENT_LOG, diagnostics.decodeBareRequest],
  [diagnostics.REPORT_SERVER_ID, diagnostics.decodeBareRequest],
  [diagnostics.DIAGNOSTICS, diagnostics.decodeDiagnosticsRequest],
  [multiple.WRITE_MULTIPLE_COILS, multiple.decodeWriteMultipleCoilsRequest],
  [multiple.WRITE_MULTIPLE_REGISTERS, multiple.decodeWriteMultipleRegistersRequest],
  [file.READ_FILE_RECORD, file.decodeReadFileRequest],
  [file.WRITE_FILE_RECORD, file.decodeWriteFile],
  [MASK_WRITE_REGISTER, decodeMaskWriteRegister],
  [READ_WRITE_MULTIPLE_REGISTERS, decodeReadWriteRequest],
  [READ_FIFO_QUEUE, decodeReadFifoRequest],
  [ENCAPSULATED_INTERFACE, decodeEncapsulatedRequest],
  [UMAS, decodeUmasRequest],
]);

/** Never throws and never reads past the span; `anomalies` collects what breaks a rule. */
export function decodeRequestPdu(
  pdu: ByteSpan,
  anomalies: Anomaly[] = [],
  options: PduDecodeOptions = NO_OPTIONS,
): ModbusPduFields {
  const fields: PduFieldsDraft = { pduBytes: pdu.length };
  const functionCode = byteAt(pdu, 0);
  checkFunctionCode(pdu, functionCode, anomalies);
  if (functionCode === ABSENT) return fields;
  const decoder = DECODERS.get(functionCode);
  if (decoder === undefined) fields.bytesBase64 = base64At(pdu, 0, BYTES_KEPT_MAX);
  else decoder(pdu, fields, anomalies, undefined, options);
  return fields;
}

function checkFunctionCode(pdu: ByteSpan, functionCode: number, anomalies: Anomaly[]): void {
  if (functionCode === ABSENT) {
    checkPduBytes(pdu, 1, anomalies);
  } else if (functionCode === 0) {
    note(anomalies, 'functionCodeZero', 'functionCode', 0, '1..127', 0);
  } else if (functionCode >= EXCEPTION_BIT) {
    const name = 'functionCodeAbove127InRequest';
    note(anomalies, name, 'functionCode', 0, '1..127', functionCode);
    if (isExceptionCode(byteAt(pdu, 1))) {
      note(anomalies, 'exceptionFromClient', 'functionCode', 0, 'a request', functionCode);
    }
  } else {
    checkAssigned(functionCode, anomalies);
  }
}

/**
 * Code 90 is reserved too (annex A), but it is decoded and judged by its own sub-functions: on a
 * site with Schneider Electric controllers every message would be an anomaly.
 */
export function checkAssigned(functionCode: number, anomalies: Anomaly[]): void {
  const facts = functionFacts(functionCode);
  if (!facts.isKnown) {
    const expected = 'an assigned function code';
    note(anomalies, 'functionCodeUnknown', 'functionCode', 0, expected, functionCode);
  } else if (facts.functionClass === 'reserved' && functionCode !== UMAS) {
    const expected = 'a public function code';
    note(anomalies, 'functionCodeReserved', 'functionCode', 0, expected, functionCode);
  }
}
