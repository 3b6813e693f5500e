/**
 * Function codes 20 (read file record) and 21 (write file record): programs and recipes travel so.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.14 and 6.15. The text contradicts itself on
 * limits: for 21 its tables are followed (9..251), for the answer to 20 its example (FIELDS 1.2).
 *
 *    20 request   | function code | byte count | heads                    |
 *    20 response  | function code | data bytes | bytes, type, registers   |
 *    21, both     | function code | data bytes | heads, each + registers  |
 *    head         | type | file number (2) | record number (2) | record length (2) |
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';
import { ABSENT, base64At, byteAt, checkPduBytes, note, wordAt } from './pdu-bytes.ts';
import type { FileGroup, PduDecodeOptions, PduFieldsDraft } from './pdu-fields.ts';

export const READ_FILE_RECORD = 20;
export const WRITE_FILE_RECORD = 21;
/** Sections 6.14 and 6.15: the only type there is. */
export const REFERENCE_TYPE = 6;
/** Section 6.14: 0x270F. */
export const RECORD_NUMBER_MAX = 9999;

const DATA_BYTES = 1;
const GROUPS = 2;
const READ_BYTES_MIN = 7;
const READ_BYTES_MAX = 245;
const WRITE_BYTES_MIN = 9;
const WRITE_BYTES_MAX = 251;
const GROUP_HEAD_BYTES = 7;

export function decodeReadFileRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  const byteCount = byteAt(pdu, DATA_BYTES);
  if (byteCount !== ABSENT) fields.byteCount = byteCount;
  const end = checkDataBytes(pdu, byteCount, READ_BYTES_MIN, READ_BYTES_MAX, anomalies);
  const groups: FileGroup[] = [];
  for (let at = GROUPS; at + GROUP_HEAD_BYTES <= end; at += GROUP_HEAD_BYTES) {
    groups.push(decodeGroupHead(pdu, at, anomalies));
  }
  checkGroupsEnd(GROUPS + groups.length * GROUP_HEAD_BYTES, end, anomalies);
  fields.groups = groups;
}

export function decodeReadFileResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  _request: ByteSpan | undefined,
  options: PduDecodeOptions,
): void {
  const dataBytes = byteAt(pdu, DATA_BYTES);
  if (dataBytes !== ABSENT) fields.responseDataBytes = dataBytes;
  const end = checkDataBytes(pdu, dataBytes, 0, READ_BYTES_MAX, anomalies);
  const groups: FileGroup[] = [];
  let at = GROUPS;
  while (at + 2 <= end) {
    const fileResponseBytes = byteAt(pdu, at);
    const referenceType = byteAt(pdu, at + 1);
    checkReferenceType(referenceType, at + 1, anomalies);
    const recordBytes = Math.max(0, Math.min(fileResponseBytes - 1, end - at - 2));
    groups.push({
      fileResponseBytes,
      referenceType,
      ...recordParts(pdu, at + 2, recordBytes, options.digest),
    });
    at += 1 + Math.max(1, fileResponseBytes);
  }
  checkGroupsEnd(at, end, anomalies);
  fields.groups = groups;
}

export function decodeWriteFile(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  _request: ByteSpan | undefined,
  options: PduDecodeOptions,
): void {
  const dataBytes = byteAt(pdu, DATA_BYTES);
  if (dataBytes !== ABSENT) fields.requestDataBytes = dataBytes;
  const end = checkDataBytes(pdu, dataBytes, WRITE_BYTES_MIN, WRITE_BYTES_MAX, anomalies);
  const groups: FileGroup[] = [];
  let at = GROUPS;
  while (at + GROUP_HEAD_BYTES <= end) {
    const head = decodeGroupHead(pdu, at, anomalies);
    const recordBytes = (head.recordLength ?? 0) * 2;
    const there = Math.min(recordBytes, end - at - GROUP_HEAD_BYTES);
    groups.push({ ...head, ...recordParts(pdu, at + GROUP_HEAD_BYTES, there, options.digest) });
    at += GROUP_HEAD_BYTES + recordBytes;
  }
  checkGroupsEnd(at, end, anomalies);
  fields.groups = groups;
}

/** Where the groups end: the smaller of what the PDU says and what it has. */
function checkDataBytes(
  pdu: ByteSpan,
  dataBytes: number,
  min: number,
  max: number,
  anomalies: Anomaly[],
): number {
  checkPduBytes(pdu, GROUPS + Math.max(dataBytes, 0), anomalies);
  if (dataBytes !== ABSENT && (dataBytes < min || dataBytes > max)) {
    note(anomalies, 'byteCountMismatch', 'byteCount', DATA_BYTES, `${min}..${max}`, dataBytes);
  }
  return Math.min(GROUPS + Math.max(dataBytes, 0), pdu.length);
}

function decodeGroupHead(pdu: ByteSpan, at: number, anomalies: Anomaly[]): FileGroup {
  const referenceType = byteAt(pdu, at);
  const fileNumber = wordAt(pdu, at + 1);
  const recordNumber = wordAt(pdu, at + 3);
  checkReferenceType(referenceType, at, anomalies);
  if (fileNumber === 0) note(anomalies, 'fileNumberZero', 'fileNumber', at + 1, '1..65535', 0);
  if (recordNumber > RECORD_NUMBER_MAX) {
    const limits = `0..${RECORD_NUMBER_MAX}`;
    note(anomalies, 'recordNumberAboveLimit', 'recordNumber', at + 3, limits, recordNumber);
  }
  return { referenceType, fileNumber, recordNumber, recordLength: wordAt(pdu, at + 5) };
}

function checkReferenceType(referenceType: number, at: number, anomalies: Anomaly[]): void {
  if (referenceType === REFERENCE_TYPE) return;
  note(anomalies, 'referenceTypeIllegal', 'referenceType', at, REFERENCE_TYPE, referenceType);
}

function checkGroupsEnd(at: number, end: number, anomalies: Anomaly[]): void {
  if (at === end) return;
  note(anomalies, 'byteCountMismatch', 'groups', Math.min(at, end), `groups to ${at}`, end);
}

function recordParts(
  pdu: ByteSpan,
  at: number,
  bytes: number,
  digest: Digest | undefined,
): Pick<FileGroup, 'recordSha256' | 'recordData'> {
  if (bytes <= 0) return {};
  const recordData = base64At(pdu, at, bytes);
  if (digest === undefined) return { recordData };
  return { recordSha256: digest.sha256(pdu.bytes, pdu.offset + at, bytes), recordData };
}
