/**
 * The protocol part of a Modbus record (FIELDS.md sections 0 and 1.1): what a transaction says, by
 * the specification's names. Who writes records adds the envelope (times, addresses, frames).
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { EXCEPTION_BIT, exceptionCodeOf, exceptionName, isExceptionLegal } from './exceptions.ts';
import {
  type FunctionAccess,
  type FunctionClass,
  type FunctionObject,
  functionFacts,
} from './function-codes.ts';
import { byteAt } from './pdu-bytes.ts';
import type { ModbusPduFields, PduDecodeOptions } from './pdu-fields.ts';
import { decodeRequestPdu } from './request.ts';
import { decodeResponsePdu } from './response.ts';
import type { ModbusTransaction, ModbusTransport } from './transaction.ts';

export interface ModbusRecordFields {
  readonly transport: ModbusTransport;
  /** Absent on RTU and ASCII, which have no MBAP header. */
  readonly transactionId?: number;
  readonly protocolId?: number;
  readonly unitId: number;
  readonly functionCode: number;
  readonly functionName: string;
  readonly functionClass: FunctionClass;
  readonly access?: FunctionAccess;
  readonly object?: FunctionObject;
  readonly matched: boolean;
  readonly request?: ModbusSideFields;
  readonly response?: ModbusSideFields;
  readonly exceptionCode?: number;
  readonly exceptionName?: string;
  readonly exceptionLegalForFunction?: boolean;
  /** Absent where nothing was repeated. */
  readonly retriesCount?: number;
  readonly anomalies: readonly Anomaly[];
}

/** One PDU with what its framing says of it. */
export interface ModbusSideFields extends ModbusPduFields {
  /** Of the MBAP header: unit identifier and PDU, in bytes. */
  readonly lengthBytes?: number;
  readonly crc?: number;
  readonly crcValid?: boolean;
  readonly lrc?: number;
  readonly lrcValid?: boolean;
}

const UNIT_ID_BYTES = 1;

/** Text and objects are made here, for one transaction at a time, never on the hot path. */
export function modbusRecordFields(
  transaction: ModbusTransaction,
  options: PduDecodeOptions = {},
): ModbusRecordFields {
  const { transport, requestPdu, responsePdu, functionCode } = transaction;
  const hasRequest = requestPdu.length > 0;
  const hasResponse = responsePdu.length > 0;
  const facts = functionFacts(functionCode, meiTypeOf(hasRequest ? requestPdu : responsePdu));
  const isMbap = hasMbapHeader(transport);
  const isInvalid = hasRequest && (byteAt(requestPdu, 0) & EXCEPTION_BIT) !== 0;
  return {
    transport,
    ...(isMbap
      ? { transactionId: transaction.transactionId, protocolId: transaction.protocolId }
      : {}),
    unitId: transaction.unitId,
    functionCode,
    functionName: facts.functionName,
    functionClass: isInvalid ? 'invalid' : facts.functionClass,
    ...(facts.access === undefined ? {} : { access: facts.access }),
    ...(facts.object === undefined ? {} : { object: facts.object }),
    matched: transaction.matched,
    ...(hasRequest
      ? {
          request: {
            ...decodeRequestPdu(requestPdu, [], options),
            ...framingFields(transport, requestPdu.length, transaction.requestCheck),
          },
        }
      : {}),
    ...(hasResponse
      ? {
          response: {
            ...decodeResponsePdu(responsePdu, hasRequest ? requestPdu : undefined, [], options),
            ...framingFields(transport, responsePdu.length, transaction.responseCheck),
          },
          ...exceptionFields(responsePdu, functionCode),
        }
      : {}),
    ...(transaction.retriesCount > 0 ? { retriesCount: transaction.retriesCount } : {}),
    anomalies: transaction.anomalies,
  };
}

/**
 * What the framing of one side says. A serial frame with a wrong check, and an MBAP header with
 * another length than its PDU, never become a transaction (FIELDS.md 1.6).
 */
function framingFields(
  transport: ModbusTransport,
  pduBytes: number,
  check: number | undefined,
): Partial<ModbusSideFields> {
  if (hasMbapHeader(transport)) return { lengthBytes: pduBytes + UNIT_ID_BYTES };
  if (check === undefined || check < 0) return {};
  const isAscii = transport === 'ascii' || transport === 'asciiOverTcp';
  return isAscii ? { lrc: check, lrcValid: true } : { crc: check, crcValid: true };
}

function hasMbapHeader(transport: ModbusTransport): boolean {
  return transport === 'tcp' || transport === 'udp';
}

function meiTypeOf(pdu: ByteSpan): number | undefined {
  return (byteAt(pdu, 0) & EXCEPTION_BIT) === 0 && pdu.length > 1 ? byteAt(pdu, 1) : undefined;
}

function exceptionFields(
  responsePdu: ByteSpan,
  functionCode: number,
): Pick<ModbusRecordFields, 'exceptionCode' | 'exceptionName' | 'exceptionLegalForFunction'> {
  const exceptionCode = exceptionCodeOf(responsePdu);
  if (exceptionCode < 0) return {};
  return {
    exceptionCode,
    exceptionName: exceptionName(exceptionCode),
    exceptionLegalForFunction: isExceptionLegal(exceptionCode, functionCode),
  };
}
