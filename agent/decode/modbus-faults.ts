/**
 * What to call bytes on a Modbus flow that are no message (FIELDS.md 1.6, group header).
 * Spec: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3.
 */
import { type Malformed, malformed } from '../../protocols/decoded.ts';
import {
  headerFault,
  LENGTH,
  LENGTH_COUNTS_FROM,
  PDU,
  PROTOCOL_ID,
} from '../../protocols/modbus/mbap.ts';

/** Fewer than 6 bytes: what contradicts a header among them is the protocol identifier. */
export function streamFault(bytes: Uint8Array, at: number, length: number): Malformed {
  const fault = length < LENGTH_COUNTS_FROM ? undefined : headerFault(bytes, at);
  return fault ?? malformed('protocolIdNotZero', 'protocolId', PROTOCOL_ID, '0', 'another');
}

/** Bytes behind a message in its segment that begin no other: the length field was too small. */
export function leftOver(bytesCount: number): Malformed {
  return malformed('bytesAfterPdu', 'lengthBytes', LENGTH, 'no bytes left over', bytesCount);
}

/** A datagram that isn't exactly one message. */
export function datagramFault(bytes: Uint8Array, offset: number, length: number): Malformed {
  if (length <= PDU) {
    return malformed('pduTruncated', 'lengthBytes', LENGTH, `${PDU + 1} bytes or more`, length);
  }
  const expected = String(length - LENGTH_COUNTS_FROM);
  const actual = (bytes[offset + LENGTH] << 8) | bytes[offset + LENGTH + 1];
  return (
    headerFault(bytes, offset) ??
    malformed('lengthMismatch', 'lengthBytes', LENGTH, expected, actual)
  );
}
