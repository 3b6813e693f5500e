/**
 * Modbus Application Protocol header: what makes a message of a TCP stream or a UDP datagram.
 * Spec: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3; sizes from MODBUS
 * Application Protocol V1.1b3, section 4.1 (ADU of 260 bytes at most, so PDU of 253).
 *
 *    0             2             4        6       7
 *    | transaction |  protocol   | length | unit  |  PDU             |
 *    | identifier  |  id (= 0)   |        |  id   |  length-1 bytes  |
 *                                         |<------- length --------->|
 */
import { type ByteSpan, type Decoded, type Malformed, malformed } from '../decoded.ts';

export const TRANSACTION_ID = 0;
export const PROTOCOL_ID = 2;
export const LENGTH = 4;
export const UNIT_ID = 6;
export const PDU = 7;

/** Bytes before those that the length field counts. */
export const LENGTH_COUNTS_FROM = UNIT_ID;
/** Unit identifier and a function code: the shortest message (V1.1b3 section 4.1). */
export const LENGTH_BYTES_MIN = 2;
/** Unit identifier and the longest PDU. */
export const LENGTH_BYTES_MAX = 254;
export const PDU_BYTES_MAX = 253;
export const ADU_BYTES_MAX = 260;

export interface ModbusAdu {
  readonly transactionId: number;
  readonly protocolId: number;
  /** The length field: unit identifier and PDU, 2..254. */
  readonly lengthBytes: number;
  readonly unitId: number;
  /** Function code and data, in place. */
  readonly pdu: ByteSpan;
  /** Bytes of the whole message; what follows belongs to the next one. */
  readonly aduBytes: number;
}

/** Decodes the message that begins at the first byte; bytes after it are left alone. */
export function decodeAdu(bytes: Uint8Array): Decoded<ModbusAdu> {
  if (bytes.byteLength < PDU) return { kind: 'incomplete', bytesNeeded: PDU - bytes.byteLength };
  const fault = headerFault(bytes, 0);
  if (fault !== undefined) return fault;
  const lengthBytes = (bytes[LENGTH] << 8) | bytes[LENGTH + 1];
  const aduBytes = LENGTH_COUNTS_FROM + lengthBytes;
  if (bytes.byteLength < aduBytes) {
    return { kind: 'incomplete', bytesNeeded: aduBytes - bytes.byteLength };
  }
  return {
    kind: 'message',
    transactionId: (bytes[TRANSACTION_ID] << 8) | bytes[TRANSACTION_ID + 1],
    protocolId: 0,
    lengthBytes,
    unitId: bytes[UNIT_ID],
    pdu: { bytes, offset: PDU, length: aduBytes - PDU },
    aduBytes,
  };
}

/** What is wrong with the header at `offset`, of which 6 bytes at least are there. */
export function headerFault(bytes: Uint8Array, offset: number): Malformed | undefined {
  const protocolId = (bytes[offset + PROTOCOL_ID] << 8) | bytes[offset + PROTOCOL_ID + 1];
  if (protocolId !== 0) {
    return malformed('protocolIdNotZero', 'protocolId', PROTOCOL_ID, '0', protocolId);
  }
  const lengthBytes = (bytes[offset + LENGTH] << 8) | bytes[offset + LENGTH + 1];
  const limits = `${LENGTH_BYTES_MIN}..${LENGTH_BYTES_MAX}`;
  if (lengthBytes < LENGTH_BYTES_MIN) {
    return malformed('lengthTooShort', 'lengthBytes', LENGTH, limits, lengthBytes);
  }
  if (lengthBytes > LENGTH_BYTES_MAX) {
    return malformed('lengthTooLong', 'lengthBytes', LENGTH, limits, lengthBytes);
  }
  return undefined;
}

/**
 * The length field of a header that can be one, 0 where it can't (protocol id not 0, length out
 * of bounds). Six bytes must be there. No allocation: the hot path asks this for every message.
 */
export function plausibleLengthBytes(bytes: Uint8Array, offset: number): number {
  if (
    (bytes[offset + PROTOCOL_ID] | bytes[offset + PROTOCOL_ID + 1] | bytes[offset + LENGTH]) !==
    0
  )
    return 0;
  const lengthBytes = bytes[offset + LENGTH + 1];
  return lengthBytes < LENGTH_BYTES_MIN || lengthBytes > LENGTH_BYTES_MAX ? 0 : lengthBytes;
}
