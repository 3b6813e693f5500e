/**
 * Fields of the messages that open, refuse and end a connection, and of aborted chunks
 * (OPC 10000-6 §7.1.2.3 to §7.1.2.6, abort §6.7.3).
 */
import type { ByteReader } from './byte-reader.ts';
import { uint32 } from './scalars.ts';
import { statusCode } from './status-code.ts';
import { structure } from './structure.ts';
import { string } from './text.ts';

/** HEL, from byte 8. */
export const hello = structure({
  protocolVersion: uint32,
  receiveBufferSizeBytes: uint32,
  sendBufferSizeBytes: uint32,
  maxMessageSizeBytes: uint32,
  maxChunkCount: uint32,
  endpointUrl: string,
});

/** ACK, from byte 8; 0 means no limit for the size and the count. */
export const acknowledge = structure({
  protocolVersion: uint32,
  receiveBufferSizeBytes: uint32,
  sendBufferSizeBytes: uint32,
  maxMessageSizeBytes: uint32,
  maxChunkCount: uint32,
});

/** ERR, from byte 8. */
export const error = structure({ error: statusCode, reason: string });

/** RHE, from byte 8: the server opened the connection and asks the client to say hello. */
export const reverseHello = structure({ serverUri: string, endpointUrl: string });

/** Body of a chunk of type A. */
export function abort(reader: ByteReader): {
  readonly code?: number;
  readonly name?: string;
  readonly reason?: string;
} {
  const { error: status, reason } = error(reader);
  return {
    ...(status !== undefined && { code: status.code, name: status.name }),
    ...(reason !== undefined && { reason }),
  };
}
