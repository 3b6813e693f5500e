/**
 * What a handshake tells before it becomes encrypted: who is asked for, what was agreed, and, up to
 * TLS 1.2, the certificates. Hostile bytes give what could be read before the fault.
 * Spec: RFC 5246 section 7.4 (messages); RFC 8446 section 4.1 and 4.2.1 (versions); RFC 6066
 * section 3 (server name).
 *
 *    0      1        4
 *    | type | length |  body
 *
 *    ClientHello:  version 2 | random 32 | session id 1+n | cipher suites 2+n | compression 1+n |
 *                  extensions 2+n
 *    ServerHello:  version 2 | random 32 | session id 1+n | cipher suite 2 | compression 1 |
 *                  extensions 2+n
 *    Certificate:  3+n, of which each is 3+n of DER, the sender's own first
 */

export const HANDSHAKE_HEADER_BYTES = 4;
export const CLIENT_HELLO = 1;
export const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
export const FINISHED = 20;

const RANDOM_BYTES = 32;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const EXTENSIONS_MAX = 128;
const NAME_TYPE_HOST = 0;
/** A DNS name has 253 characters at most. */
const SERVER_NAME_BYTES_MAX = 255;
const CERTIFICATES_MAX = 8;
export const TLS_1_3 = 0x0304;

export interface TlsHandshake {
  /** Highest version that the client named; then the one that the server chose. 0: not seen. */
  clientVersion: number;
  version: number;
  /** The server's choice; -1: not seen. */
  cipherSuite: number;
  /** Text from the wire, not yet escaped. */
  serverName?: string;
  isClientHelloSeen: boolean;
  isCertificateRequested: boolean;
  /** DER copies, each side's own certificate first; empty in TLS 1.3, which encrypts them. */
  readonly clientCertificates: Uint8Array[];
  readonly serverCertificates: Uint8Array[];
}

export function createTlsHandshake(): TlsHandshake {
  return {
    clientVersion: 0,
    version: 0,
    cipherSuite: -1,
    isClientHelloSeen: false,
    isCertificateRequested: false,
    clientCertificates: [],
    serverCertificates: [],
  };
}

/** Bytes of the message at `offset` with its header, of which four must be there. */
export function handshakeMessageBytes(bytes: Uint8Array, offset: number): number {
  return HANDSHAKE_HEADER_BYTES + uint24(bytes, offset + 1);
}

/** Adds what the whole message in `bytes[offset, end)` tells; `fromClient`: who sent it. */
export function readHandshakeMessage(
  handshake: TlsHandshake,
  bytes: Uint8Array,
  offset: number,
  end: number,
  fromClient: boolean,
): void {
  const body = offset + HANDSHAKE_HEADER_BYTES;
  switch (bytes[offset]) {
    case CLIENT_HELLO:
      readClientHello(handshake, bytes, body, end);
      break;
    case SERVER_HELLO:
      readServerHello(handshake, bytes, body, end);
      break;
    case CERTIFICATE: {
      const { clientCertificates, serverCertificates } = handshake;
      readCertificates(fromClient ? clientCertificates : serverCertificates, bytes, body, end);
      break;
    }
    case CERTIFICATE_REQUEST:
      handshake.isCertificateRequested = true;
      break;
    default:
      break;
  }
}

function readClientHello(
  handshake: TlsHandshake,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  let at = start + 2 + RANDOM_BYTES;
  if (at >= end) return;
  handshake.isClientHelloSeen = true;
  handshake.clientVersion = uint16(bytes, start);
  at += 1 + bytes[at];
  if (at + 2 > end) return;
  at += 2 + uint16(bytes, at);
  if (at >= end) return;
  at += 1 + bytes[at];
  eachExtension(bytes, at, end, (type, from, to) => {
    if (type === EXTENSION_SERVER_NAME) readServerName(handshake, bytes, from, to);
    else if (type === EXTENSION_SUPPORTED_VERSIONS) {
      // One byte of length, then versions; values like 0x?a?a are grease (RFC 8701).
      for (let version = from + 1; version + 2 <= to; version += 2) {
        const offered = uint16(bytes, version);
        if (offered <= TLS_1_3 && offered > handshake.clientVersion) {
          handshake.clientVersion = offered;
        }
      }
    }
  });
}

function readServerHello(
  handshake: TlsHandshake,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  let at = start + 2 + RANDOM_BYTES;
  if (at >= end) return;
  at += 1 + bytes[at];
  if (at + 3 > end) return;
  handshake.version = uint16(bytes, start);
  handshake.cipherSuite = uint16(bytes, at);
  eachExtension(bytes, at + 3, end, (type, from, to) => {
    const isVersion = type === EXTENSION_SUPPORTED_VERSIONS && from + 2 <= to;
    if (isVersion) handshake.version = uint16(bytes, from);
  });
}

function readServerName(
  handshake: TlsHandshake,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  // List length 2, name type 1, name length 2.
  if (from + 5 > to || bytes[from + 2] !== NAME_TYPE_HOST) return;
  const length = uint16(bytes, from + 3);
  if (length === 0 || length > SERVER_NAME_BYTES_MAX || from + 5 + length > to) return;
  let name = '';
  for (let at = from + 5; at < from + 5 + length; at++) name += String.fromCharCode(bytes[at]);
  handshake.serverName = name;
}

function readCertificates(into: Uint8Array[], bytes: Uint8Array, start: number, end: number): void {
  let at = start + 3;
  while (at + 3 <= end && into.length < CERTIFICATES_MAX) {
    const length = uint24(bytes, at);
    at += 3;
    if (length === 0 || at + length > end) return;
    into.push(bytes.slice(at, at + length));
    at += length;
  }
}

function eachExtension(
  bytes: Uint8Array,
  start: number,
  end: number,
  take: (type: number, from: number, to: number) => void,
): void {
  let at = start + 2;
  if (at > end) return;
  const listEnd = Math.min(end, at + uint16(bytes, start));
  for (let count = 0; count < EXTENSIONS_MAX && at + 4 <= listEnd; count++) {
    const to = at + 4 + uint16(bytes, at + 2);
    if (to > listEnd) return;
    take(uint16(bytes, at), at + 4, to);
    at = to;
  }
}

function uint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

function uint24(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 16) | (bytes[offset + 1] << 8) | bytes[offset + 2];
}
