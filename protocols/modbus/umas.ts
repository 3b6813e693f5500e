/**
 * Function code 90: UMAS, the engineering protocol of Schneider Electric controllers.
 * Not published by the vendor; names as they agree in hutcheb/umas-dissector and
 * zaltzman/UMAS-Wireshark-Dissector, status bytes as in PLC4X (FIELDS.md 1.5).
 *
 *    | 0x5A | session key | function (request) or status (response) | data |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, byteAt, checkPduBytes, wordAt } from './pdu-bytes.ts';
import type { PduDecodeOptions, PduFieldsDraft } from './pdu-fields.ts';

export const UMAS = 90;

const SESSION_KEY = 1;
const UMAS_FUNCTION = 2;
const DATA = 3;

/** Carries a signature and then a whole message, whose own function is what counts. */
const SIGNED_MESSAGE = 0x38;
const SIGNATURE_BYTES = 32;

/** Carry the program into the controller, though 0x30 to 0x32 are called uploads. */
const TO_CONTROLLER = [0x21, 0x29, 0x30, 0x31, 0x32];
/** Carry the program out of the controller, though 0x33 to 0x35 are called downloads. */
const FROM_CONTROLLER = [0x28, 0x33, 0x34, 0x35];

/**
 * Say which block they carry, or in 0x32 and 0x35 how many there were: behind two bytes, low byte
 * first (Metasploit, modicon_stux_transfer).
 */
const WITH_BLOCK_NUMBER = [0x31, 0x32, 0x34, 0x35];
const BLOCK_NUMBER = 3;

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, 'initComm'],
  [0x02, 'readId'],
  [0x03, 'readProjectInfo'],
  [0x04, 'readPlcInfo'],
  [0x06, 'readCardInfo'],
  [0x0a, 'repeat'],
  [0x10, 'takePlcReservation'],
  [0x11, 'releasePlcReservation'],
  [0x12, 'keepAlive'],
  [0x20, 'readMemoryBlock'],
  [0x21, 'writeMemoryBlock'],
  [0x22, 'readVariables'],
  [0x23, 'writeVariables'],
  [0x24, 'readCoilsRegisters'],
  [0x25, 'writeCoilsRegisters'],
  [0x26, 'dataDictionary'],
  [0x28, 'readPhysicalAddress'],
  [0x29, 'writePhysicalAddress'],
  [0x30, 'initializeUpload'],
  [0x31, 'uploadBlock'],
  [0x32, 'endStrategyUpload'],
  [0x33, 'initializeDownload'],
  [0x34, 'downloadBlock'],
  [0x35, 'endStrategyDownload'],
  // From one source alone: 0x36 to 0x38, 0x42, 0x43, 0x60 to 0x66 and 0x6e.
  [0x36, 'backup'],
  [0x37, 'preloadBlocks'],
  [SIGNED_MESSAGE, 'signedMessage'],
  [0x39, 'readEthMasterData'],
  [0x40, 'startPlc'],
  [0x41, 'stopPlc'],
  [0x42, 'initPlc'],
  [0x43, 'swapBlocks'],
  [0x50, 'monitorPlc'],
  [0x58, 'checkPlc'],
  [0x60, 'debugger'],
  [0x61, 'debugger'],
  [0x62, 'debugger'],
  [0x63, 'debugger'],
  [0x64, 'debugger'],
  [0x65, 'debugger'],
  [0x66, 'debugger'],
  [0x6e, 'reservationNonces'],
  [0x70, 'readIoObject'],
  [0x71, 'writeIoObject'],
  [0x73, 'getStatusModule'],
]);

export function decodeUmasRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  _request: ByteSpan | undefined,
  options: PduDecodeOptions,
): void {
  decodeSessionKey(pdu, fields, options);
  const at = functionOffset(pdu);
  const umasFunction = byteAt(pdu, at);
  if (umasFunction === ABSENT) {
    checkPduBytes(pdu, at + 1, anomalies);
    return;
  }
  if (at !== UMAS_FUNCTION) fields.umasSigned = true;
  fields.umasFunction = umasFunction;
  fields.umasFunctionName = umasFunctionName(umasFunction);
  fields.blockBytes = pdu.length - at - 1;
  const blockNumber = WITH_BLOCK_NUMBER.includes(umasFunction)
    ? wordAt(pdu, at + BLOCK_NUMBER)
    : ABSENT;
  if (blockNumber !== ABSENT) {
    fields.blockNumber = (blockNumber >> 8) | ((blockNumber & 0xff) << 8);
  }
  if (TO_CONTROLLER.includes(umasFunction)) fields.programDirection = 'toController';
  if (FROM_CONTROLLER.includes(umasFunction)) fields.programDirection = 'fromController';
}

/** The answer names no function: that stands only in the request. */
export function decodeUmasResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  request: ByteSpan | undefined,
  options: PduDecodeOptions,
): void {
  decodeSessionKey(pdu, fields, options);
  const umasStatus = byteAt(pdu, UMAS_FUNCTION);
  if (umasStatus === ABSENT) {
    checkPduBytes(pdu, DATA, anomalies);
    return;
  }
  fields.umasStatus = umasStatus;
  fields.blockBytes = pdu.length - DATA;
  const asked = request === undefined ? ABSENT : byteAt(request, functionOffset(request));
  if (asked !== ABSENT) fields.umasFunctionName = umasFunctionName(asked);
}

/**
 * Where the function that counts stands: inside a signed message behind its signature, with or
 * without a function code 90 of its own before the session key (no source shows which).
 */
function functionOffset(pdu: ByteSpan): number {
  if (byteAt(pdu, UMAS_FUNCTION) !== SIGNED_MESSAGE) return UMAS_FUNCTION;
  const inner = DATA + SIGNATURE_BYTES;
  if (byteAt(pdu, inner + 1) === ABSENT) return UMAS_FUNCTION;
  return byteAt(pdu, inner) === UMAS ? inner + UMAS_FUNCTION : inner + 1;
}

function umasFunctionName(umasFunction: number): string {
  return NAMES.get(umasFunction) ?? `unknownUmasFunction(${umasFunction})`;
}

function decodeSessionKey(pdu: ByteSpan, fields: PduFieldsDraft, options: PduDecodeOptions): void {
  if (options.digest === undefined || pdu.length <= SESSION_KEY) return;
  const pseudonym = options.digest.pseudonym(pdu.bytes, pdu.offset + SESSION_KEY, 1);
  fields.sessionKey = `hash:${pseudonym}`;
}
