/**
 * The slow path of pairing: a transaction that isn't beyond reproach is decoded once more to say by
 * name what is wrong (FIELDS.md 1.6). Ordinary polls never come here.
 */
import { type Anomaly, type ByteSpan, NO_ANOMALIES } from '../../protocols/decoded.ts';
import { PDU } from '../../protocols/modbus/mbap.ts';
import { note } from '../../protocols/modbus/pdu-bytes.ts';
import { decodeRequestPdu } from '../../protocols/modbus/request.ts';
import { decodeResponsePdu } from '../../protocols/modbus/response.ts';
import { RTU_PDU, RTU_UNIT_ID } from '../../protocols/modbus/rtu.ts';

/** Anomalies of one transaction; a crafted file record could otherwise give hundreds. */
export const ANOMALIES_PER_TRANSACTION_MAX = 16;

/** Bit flags of what pairing itself noticed. */
export const REQUEST_NOT_ORDINARY = 1;
export const REQUESTS_OUTSTANDING_TOO_MANY = 2;
export const TRANSACTION_ID_REUSED = 4;
export const REQUEST_DUPLICATE = 8;
export const REQUEST_UNANSWERED = 16;
export const RESPONSE_UNSOLICITED = 32;
export const RESPONSE_DUPLICATE = 64;
export const RESPONSE_LATE = 128;
export const RESPONSE_FUNCTION_MISMATCH = 256;
export const RESPONSE_UNIT_MISMATCH = 512;
export const READ_BROADCAST = 1024;
export const BROADCAST_ANSWERED = 2048;
export const FRAME_GAP_VIOLATION = 4096;
/** No anomaly: the frame has no MBAP header, which offsets and names of fields must know. */
export const SERIAL_FRAME = 8192;
/** The IP packet of one of the two messages came in pieces. */
export const FRAGMENTED_BY_IP = 16384;
/** The same request again after a wait, as a client does whose patience has ended. */
export const REQUEST_RETRANSMITTED = 32768;
/** Two different answers to one request: a forger, or a capture of two places. */
export const RESPONSE_DUPLICATE_DIFFERS = 65536;

// biome-ignore format: one flag per line
const PAIRING: readonly (readonly [number, string, string, number, string, string])[] = [
  [REQUESTS_OUTSTANDING_TOO_MANY, 'requestsOutstandingTooMany', 'transactionId', 0, 'fewer requests without an answer', 'the table of the flow is full'],
  [TRANSACTION_ID_REUSED,         'transactionIdReused',        'transactionId', 0, 'a free transaction identifier',    'one that still waits for its answer'],
  [REQUEST_DUPLICATE,             'requestDuplicate',           'transactionId', 0, 'one request',                      'the same request again'],
  [REQUEST_RETRANSMITTED,         'requestRetransmitted',       'transactionId', 0, 'a response in time',               'the same request after a wait'],
  [REQUEST_UNANSWERED,            'requestUnanswered',          'transactionId', 0, 'a response',                       'none in time'],
  [RESPONSE_UNSOLICITED,          'responseUnsolicited',        'transactionId', 0, 'a request before it',              'none seen'],
  [RESPONSE_DUPLICATE,            'responseDuplicate',          'transactionId', 0, 'one response',                     'a second one'],
  [RESPONSE_DUPLICATE_DIFFERS,    'responseDuplicateDiffers',   'pdu',           7, 'the same response again',          'another one to the same request'],
  [RESPONSE_LATE,                 'responseLate',               'transactionId', 0, 'a response in time',               'after the request was given up'],
  [RESPONSE_FUNCTION_MISMATCH,    'responseFunctionMismatch',   'functionCode',  7, 'the function code of the request', 'another one'],
  [RESPONSE_UNIT_MISMATCH,        'responseUnitMismatch',       'unitId',        6, 'the unit id of the request',       'another one'],
  [READ_BROADCAST,                'readBroadcast',              'unitId',        6, 'a write, or one device to read',   'a read of all devices'],
  [BROADCAST_ANSWERED,            'broadcastAnswered',          'unitId',        6, 'no response to a broadcast',       'one'],
  [FRAME_GAP_VIOLATION,           'frameGapViolation',          'unitId',        6, 'characters without a pause',       'a silence inside the frame'],
  [FRAGMENTED_BY_IP,              'fragmentedByIp',             'transactionId', 0, 'an IP packet in one piece',        'one in pieces'],
];

/** No anomaly: the next request has the same key, and this one makes room for it. */
export const SUPERSEDED = 131072;

/** Lists that only pairing fills, made once: a flood of unanswered requests allocates nothing. */
const listsByFlags = new Map<number, readonly Anomaly[]>();

/** What pairing noticed, alone. There are few combinations, so each list is made once. */
export function pairingAnomalies(flags: number): readonly Anomaly[] {
  const known = listsByFlags.get(flags);
  if (known !== undefined) return known;
  const anomalies: Anomaly[] = [];
  notePairing(anomalies, flags);
  const list = anomalies.length === 0 ? NO_ANOMALIES : Object.freeze(anomalies);
  listsByFlags.set(flags, list);
  return list;
}

/**
 * Everything wrong with a transaction; offsets count from the first byte of the MBAP header, of an
 * RTU frame from its unit identifier (of ASCII likewise, in bytes and not in digits).
 */
export function transactionAnomalies(
  request: ByteSpan,
  response: ByteSpan,
  flags: number,
): readonly Anomaly[] {
  const inPdu: Anomaly[] = [];
  if (request.length > 0) decodeRequestPdu(request, inPdu);
  if (response.length > 0) {
    decodeResponsePdu(response, request.length > 0 ? request : undefined, inPdu);
  }
  if (inPdu.length === 0) return pairingAnomalies(flags & ~REQUEST_NOT_ORDINARY);
  const pduOffset = (flags & SERIAL_FRAME) === 0 ? PDU : RTU_PDU;
  const anomalies = inPdu
    .slice(0, ANOMALIES_PER_TRANSACTION_MAX)
    .map((anomaly) => ({ ...anomaly, offsetBytes: anomaly.offsetBytes + pduOffset }));
  notePairing(anomalies, flags);
  return anomalies;
}

function notePairing(anomalies: Anomaly[], flags: number): void {
  const isSerial = (flags & SERIAL_FRAME) !== 0;
  for (const [flag, name, field, offsetBytes, expected, actual] of PAIRING) {
    if ((flags & flag) === 0) continue;
    if (!isSerial) note(anomalies, name, field, offsetBytes, expected, actual);
    else if (field === 'functionCode') note(anomalies, name, field, RTU_PDU, expected, actual);
    else note(anomalies, name, 'unitId', RTU_UNIT_ID, expected, actual);
  }
}
