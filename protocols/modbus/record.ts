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
  readonly unitId: number;
  readonly functionCode: number;
  readonly functionName: string;
  readonly functionClass: FunctionClass;
  readonly access?: FunctionAccess;
  readonly object?: FunctionObject;
  readonly matched: boolean;
  readonly request?: ModbusPduFields;
  readonly response?: ModbusPduFields;
  readonly exceptionCode?: number;
  readonly exceptionName?: string;
  readonly exceptionLegalForFunction?: boolean;
  /** Absent where nothing was repeated. */
  readonly retriesCount?: number;
  readonly anomalies: readonly Anomaly[];
}

/** Text and objects are made here, for one transaction at a time, never on the hot path. */
export function modbusRecordFields(
  transaction: ModbusTransaction,
  options: PduDecodeOptions = {},
): ModbusRecordFields {
  const { transport, requestPdu, responsePdu, functionCode } = transaction;
  const hasRequest = requestPdu.length > 0;
  const hasResponse = responsePdu.length > 0;
  const facts = functionFacts(functionCode, meiTypeOf(hasRequest ? requestPdu : responsePdu));
  const isInvalid = hasRequest && (byteAt(requestPdu, 0) & EXCEPTION_BIT) !== 0;
  return {
    transport,
    ...(hasMbapHeader(transport) ? { transactionId: transaction.transactionId } : {}),
    unitId: transaction.unitId,
    functionCode,
    functionName: facts.functionName,
    functionClass: isInvalid ? 'invalid' : facts.functionClass,
    ...(facts.access === undefined ? {} : { access: facts.access }),
    ...(facts.object === undefined ? {} : { object: facts.object }),
    matched: transaction.matched,
    ...(hasRequest ? { request: decodeRequestPdu(requestPdu, [], options) } : {}),
    ...(hasResponse
      ? {
          response: decodeResponsePdu(
            responsePdu,
            hasRequest ? requestPdu : undefined,
            [],
            options,
          ),
          ...exceptionFields(responsePdu, functionCode),
        }
      : {}),
    ...(transaction.retriesCount > 0 ? { retriesCount: transaction.retriesCount } : {}),
    anomalies: transaction.anomalies,
  };
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
