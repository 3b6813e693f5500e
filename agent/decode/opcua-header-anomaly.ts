/**
 * Says what is wrong where the header of a chunk was due and something else stands.
 */
import type { Anomaly } from '../../protocols/decoded.ts';
import * as transport from '../../protocols/opcua/transport.ts';

export function headerAnomaly(bytes: Uint8Array, offset: number): Anomaly {
  const type = transport.messageTypeName(transport.messageTypeNumber(bytes, offset));
  const size = transport.uint32(bytes, offset + transport.MESSAGE_SIZE);
  if (type === undefined) {
    const actual = transport.messageTypeNumber(bytes, offset).toString(16);
    return {
      name: 'messageTypeUnknown',
      field: 'messageType',
      offsetBytes: 0,
      expected: 'HEL ACK ERR RHE OPN MSG CLO',
      actual: `0x${actual}`,
    };
  }
  const isChunkType = 'FCA'.includes(String.fromCharCode(bytes[offset + 3]));
  return isChunkType
    ? {
        name: 'messageSizeImplausible',
        field: 'messageSizeBytes',
        offsetBytes: transport.MESSAGE_SIZE,
        expected: 'the size of such a message',
        actual: String(size),
      }
    : {
        name: 'chunkTypeUnknown',
        field: 'chunkType',
        offsetBytes: 3,
        expected: 'F, C or A',
        actual: String(bytes[offset + 3]),
      };
}
