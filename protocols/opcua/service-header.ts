/**
 * RequestHeader and ResponseHeader, which begin every service (OPC 10000-4 §7.33, §7.34), and the
 * cheap looks at them that framing and pairing need before anybody asks for fields.
 */
import type { ByteSpan } from '../decoded.ts';
import type { ByteReader } from './byte-reader.ts';
import { dateTime } from './date-time.ts';
import {
  type DiagnosticInfo,
  resolveDiagnosticInfo,
  unresolvedDiagnosticInfo,
} from './diagnostic-info.ts';
import { unknownExtensionObject } from './extension-object.ts';
import { namespaceZeroId, numericNodeIdBytes, secretNodeId } from './node-id.ts';
import { uint32 } from './scalars.ts';
import { SIDE_REQUEST, SIDE_UNKNOWN, sideOf } from './service-table.ts';
import { type StatusCodeFields, statusCode } from './status-code.ts';
import { arrayOf, skipped, structure } from './structure.ts';
import { guardedString, string } from './text.ts';

export const requestHeader = structure({
  authenticationToken: secretNodeId,
  timestamp: dateTime,
  requestHandle: uint32,
  returnDiagnostics: uint32,
  auditEntryId: guardedString,
  timeoutHintMs: uint32,
  additionalHeader: skipped(unknownExtensionObject),
});

export interface ResponseHeader {
  readonly timestamp?: string | undefined;
  readonly requestHandle?: number | undefined;
  readonly serviceResult?: StatusCodeFields | undefined;
  readonly diagnosticInfo?: DiagnosticInfo | undefined;
  readonly stringTableCount?: number | undefined;
}

const fields = structure({
  timestamp: dateTime,
  requestHandle: uint32,
  serviceResult: statusCode,
  diagnosticInfo: unresolvedDiagnosticInfo,
  stringTable: arrayOf(string, 4, ''),
  additionalHeader: skipped(unknownExtensionObject),
});

/** The string table is kept in the reader, for the DiagnosticInfo of the operations. */
export function responseHeader(reader: ByteReader): ResponseHeader {
  const { stringTable, diagnosticInfo, ...header } = fields(reader);
  reader.stringTable = stringTable ?? [];
  const info = diagnosticInfo && resolveDiagnosticInfo(diagnosticInfo, reader.stringTable);
  return {
    ...header,
    ...(info !== undefined && { diagnosticInfo: info }),
    ...(stringTable !== undefined && { stringTableCount: stringTable.length }),
  };
}

/** Timestamp and requestHandle stand before serviceResult. */
const SERVICE_RESULT = 12;

/** serviceResult of a response body, without decoding it; 0 when it isn't there. */
export function serviceResultOf(body: ByteSpan): number {
  const { bytes, offset, length } = body;
  const at = offset + numericNodeIdBytes(bytes, offset) + SERVICE_RESULT;
  if (length < at - offset + 4) return 0;
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Upper word of a DateTime in the year 5254: later ones are cipher text. */
const TIMESTAMP_HIGH_MAX = 0x10000000;
const AUDIT_ENTRY_ID_BYTES_MAX = 4096;
const RETURN_DIAGNOSTICS_MAX = 0x3ff;
const DIAGNOSTIC_MASK_MAX = 0x7f;
/** Smallest numbers of bytes that the tests below look at. */
const REQUEST_REST_BYTES = 20;
const RESPONSE_LOOK_BYTES = 17;
const IDENTIFIER_BYTES = [1, 3, 6, -1, 18, -1] as const;

/**
 * Is this a service body in the clear? Its type id is in the table and the header behind it is
 * plausible (docs/fields 2.2): about one cipher text in 10^11 passes.
 */
export function looksLikeServiceBody(bytes: Uint8Array, offset: number, end: number): boolean {
  const side = sideOf(namespaceZeroId(bytes, offset, end));
  if (side === SIDE_UNKNOWN) return false;
  const at = offset + numericNodeIdBytes(bytes, offset);
  return side === SIDE_REQUEST
    ? looksLikeRequestHeader(bytes, at, end)
    : looksLikeResponseHeader(bytes, at, end);
}

/** Could a RequestHeader stand from `offset` on? */
export function looksLikeRequestHeader(bytes: Uint8Array, offset: number, end: number): boolean {
  if (end - offset < 2 || bytes[offset] >= IDENTIFIER_BYTES.length) return false;
  let at = offset + 1;
  const identifierBytes = IDENTIFIER_BYTES[bytes[offset]];
  if (identifierBytes >= 0) at += identifierBytes;
  else {
    if (end - at < 6) return false;
    const length = int32At(bytes, at + 2);
    if (length < -1 || length > end - at - 6) return false;
    at += 6 + Math.max(length, 0);
  }
  if (end - at < REQUEST_REST_BYTES) return false;
  if (uint32At(bytes, at + 4) > TIMESTAMP_HIGH_MAX) return false;
  if (uint32At(bytes, at + 12) > RETURN_DIAGNOSTICS_MAX) return false;
  const auditEntryIdBytes = int32At(bytes, at + 16);
  return auditEntryIdBytes >= -1 && auditEntryIdBytes <= AUDIT_ENTRY_ID_BYTES_MAX;
}

/** Could a ResponseHeader stand from `at` on? */
export function looksLikeResponseHeader(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < RESPONSE_LOOK_BYTES) return false;
  if (uint32At(bytes, at + 4) > TIMESTAMP_HIGH_MAX) return false;
  const isReserved = uint32At(bytes, at + SERVICE_RESULT) >>> 30 === 3;
  return !isReserved && bytes[at + 16] <= DIAGNOSTIC_MASK_MAX;
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function uint32At(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at) >>> 0;
}
