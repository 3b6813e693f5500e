/**
 * Is this TLS? Asked on ports of Modbus only: encrypted Modbus/TCP has a port of its own, and on
 * the plain one TLS is worth a line. Elsewhere it is everybody's and none of ours.
 */
import { CLIENT_HELLO, SERVER_HELLO } from '../../protocols/tls/handshake.ts';
import {
  CONTENT_HANDSHAKE,
  TLS_HEADER_BYTES,
  tlsFragmentBytes,
} from '../../protocols/tls/tls-record.ts';
import {
  RECOGNIZED_MORE,
  RECOGNIZED_NO,
  RECOGNIZED_YES,
  type Recognition,
  SENDER_CLIENT,
  SENDER_SERVER,
  SENDER_UNKNOWN,
  type Sender,
} from './stream-analyzer.ts';

const HELLO_BYTES_MIN = 38;

/** A hello wherever it is asked for; on the port of encrypted Modbus any record, midstream. */
export function recognizeTls(
  bytes: Uint8Array,
  offset: number,
  length: number,
  isTlsPort: boolean,
): Recognition {
  if (length > 0 && length <= TLS_HEADER_BYTES) {
    const mayBegin = bytes[offset] === CONTENT_HANDSHAKE && (length < 2 || bytes[offset + 1] === 3);
    return mayBegin ? RECOGNIZED_MORE : RECOGNIZED_NO;
  }
  const fragmentBytes = tlsFragmentBytes(bytes, offset);
  if (fragmentBytes < 0) return RECOGNIZED_NO;
  if (isHello(bytes, offset, fragmentBytes)) return RECOGNIZED_YES;
  return isTlsPort && isFollowed(bytes, offset, length, fragmentBytes)
    ? RECOGNIZED_YES
    : RECOGNIZED_NO;
}

export function senderOfTls(bytes: Uint8Array, offset: number, length: number): Sender {
  if (length <= TLS_HEADER_BYTES || bytes[offset] !== CONTENT_HANDSHAKE) return SENDER_UNKNOWN;
  const type = bytes[offset + TLS_HEADER_BYTES];
  if (type === CLIENT_HELLO) return SENDER_CLIENT;
  return type === SERVER_HELLO ? SENDER_SERVER : SENDER_UNKNOWN;
}

function isHello(bytes: Uint8Array, offset: number, fragmentBytes: number): boolean {
  if (bytes[offset] !== CONTENT_HANDSHAKE || fragmentBytes < HELLO_BYTES_MIN) return false;
  const type = bytes[offset + TLS_HEADER_BYTES];
  return type === CLIENT_HELLO || type === SERVER_HELLO;
}

/** The record ends with the segment or behind it, or another one follows. */
function isFollowed(
  bytes: Uint8Array,
  offset: number,
  length: number,
  fragmentBytes: number,
): boolean {
  const next = TLS_HEADER_BYTES + fragmentBytes;
  if (next + TLS_HEADER_BYTES > length) return true;
  return tlsFragmentBytes(bytes, offset + next) >= 0;
}
