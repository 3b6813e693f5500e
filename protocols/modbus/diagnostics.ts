/**
 * Function codes 7, 8, 11, 12 and 17: what a device says of itself. Made for the serial line, seen
 * on TCP too; sub-functions 1 and 4 of code 8 restart a device or silence it.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.7 to 6.10 and 6.13.
 *
 *    8   | function code | sub-function (2) | data (2 x n)                             |
 *    11  | function code | status (2) | event count (2)                                |
 *    12  | function code | byte count | status (2) | events (2) | messages (2) | log   |
 *    17  | function code | byte count | server id | run indicator | additional data    |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import {
  ABSENT,
  base64At,
  byteAt,
  checkPduBytes,
  latin1At,
  note,
  wordAt,
  wordsAt,
} from './pdu-bytes.ts';
import type { CommEvent, PduFieldsDraft } from './pdu-fields.ts';

export const READ_EXCEPTION_STATUS = 7;
export const DIAGNOSTICS = 8;
export const GET_COMM_EVENT_COUNTER = 11;
export const GET_COMM_EVENT_LOG = 12;
export const REPORT_SERVER_ID = 17;

/** Section 6.8.1; 5 to 9, 19 and above 20 are reserved. */
const SUB_FUNCTION_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'returnQueryData'],
  [1, 'restartCommunicationsOption'],
  [2, 'returnDiagnosticRegister'],
  [3, 'changeAsciiInputDelimiter'],
  [4, 'forceListenOnlyMode'],
  [10, 'clearCountersAndDiagnosticRegister'],
  [11, 'returnBusMessageCount'],
  [12, 'returnBusCommunicationErrorCount'],
  [13, 'returnBusExceptionErrorCount'],
  [14, 'returnServerMessageCount'],
  [15, 'returnServerNoResponseCount'],
  [16, 'returnServerNakCount'],
  [17, 'returnServerBusyCount'],
  [18, 'returnBusCharacterOverrunCount'],
  [20, 'clearOverrunCounterAndFlag'],
]);
const COUNTER_FIRST = 11;
const COUNTER_LAST = 18;

/** Section 6.10: byte count is 6 + events, of which there are 64 at most. */
const EVENT_LOG_HEAD_BYTES = 6;
const EVENTS_MAX = 64;

/** Characters of a server's own text that a record keeps. */
const SERVER_ID_TEXT_MAX = 64;
const SERVER_ID_TEXT_MIN = 3;

/** A request that is nothing but its function code: 7, 11, 12 and 17. */
export function decodeBareRequest(
  pdu: ByteSpan,
  _fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, 1, anomalies);
}

export function decodeReadExceptionStatusResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, 2, anomalies);
  const exceptionStatus = byteAt(pdu, 1);
  if (exceptionStatus !== ABSENT) fields.exceptionStatus = exceptionStatus;
}

export function decodeDiagnosticsRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const subFunction = wordAt(pdu, 1);
  if (subFunction === ABSENT) {
    checkPduBytes(pdu, 3, anomalies);
    return;
  }
  fields.subFunction = subFunction;
  const name = SUB_FUNCTION_NAMES.get(subFunction);
  if (name !== undefined) fields.subFunctionName = name;
  else note(anomalies, 'reservedSubFunction', 'subFunction', 1, '0..4, 10..18, 20', subFunction);
  const words = (pdu.length - 3) >> 1;
  if ((pdu.length & 1) === 0) checkPduBytes(pdu, 3 + words * 2, anomalies);
  fields.data = wordsAt(pdu, 3, words);
}

/** Sub-functions 11 to 18 answer with a counter, the others with an echo. */
export function decodeDiagnosticsResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  decodeDiagnosticsRequest(pdu, fields, anomalies);
  const { subFunction, data } = fields;
  if (subFunction === undefined || data === undefined || data.length === 0) return;
  if (subFunction >= COUNTER_FIRST && subFunction <= COUNTER_LAST) fields.counter = data[0];
}

export function decodeCommEventCounterResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  checkPduBytes(pdu, 5, anomalies);
  const status = wordAt(pdu, 1);
  const eventCount = wordAt(pdu, 3);
  if (status !== ABSENT) fields.status = status;
  if (eventCount !== ABSENT) fields.eventCount = eventCount;
}

export function decodeCommEventLogResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const byteCount = byteAt(pdu, 1);
  checkPduBytes(pdu, 2 + Math.max(byteCount, EVENT_LOG_HEAD_BYTES), anomalies);
  if (byteCount === ABSENT) return;
  fields.byteCount = byteCount;
  const max = EVENT_LOG_HEAD_BYTES + EVENTS_MAX;
  if (byteCount < EVENT_LOG_HEAD_BYTES || byteCount > max) {
    note(anomalies, 'byteCountMismatch', 'byteCount', 1, `6..${max}`, byteCount);
  }
  const status = wordAt(pdu, 2);
  const eventCount = wordAt(pdu, 4);
  const messageCount = wordAt(pdu, 6);
  if (status !== ABSENT) fields.status = status;
  if (eventCount !== ABSENT) fields.eventCount = eventCount;
  if (messageCount === ABSENT) return;
  fields.messageCount = messageCount;
  const events: CommEvent[] = [];
  const end = Math.min(pdu.length, 2 + byteCount, 2 + max);
  for (let at = 2 + EVENT_LOG_HEAD_BYTES; at < end; at += 1) {
    events.push(commEventOf(byteAt(pdu, at)));
  }
  fields.events = events;
}

/** The layout is device specific (section 6.13); this is the one its example shows. */
export function decodeReportServerIdResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const byteCount = byteAt(pdu, 1);
  checkPduBytes(pdu, 2 + Math.max(byteCount, 0), anomalies);
  if (byteCount === ABSENT) return;
  fields.byteCount = byteCount;
  const end = Math.min(pdu.length, 2 + byteCount);
  if (end > 2) fields.serverId = byteAt(pdu, 2);
  if (end > 3) fields.runIndicatorStatus = byteAt(pdu, 3);
  if (end <= 4) return;
  fields.additionalData = base64At(pdu, 4, end - 4);
  const text = latin1At(pdu, 4, Math.min(end - 4, SERVER_ID_TEXT_MAX));
  if (text.length >= SERVER_ID_TEXT_MIN && /^[\x20-\x7e]+$/.test(text)) fields.serverIdText = text;
}

/** Section 6.10: bit 7 set is a receive event, bits 7 and 6 = 01 a send event. */
function commEventOf(value: number): CommEvent {
  if ((value & 0x80) !== 0) return { kind: 'receive', value };
  if ((value & 0x40) !== 0) return { kind: 'send', value };
  // The text says 0x04 for listen only mode, its own example 0x20.
  if (value === 0x04 || value === 0x20) return { kind: 'listenOnly', value };
  return { kind: value === 0 ? 'restart' : 'unknown', value };
}
