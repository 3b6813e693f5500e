/**
 * One OPC UA message as it leaves reassembly: where it came from, what its headers said, and where
 * its body stands. One object, reused.
 */
import type { Anomaly } from '../../protocols/decoded.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { BodyReadable, MessageType } from '../../protocols/opcua/transaction.ts';
import { emptySpan, type MutableSpan } from '../../protocols/opcua/transport.ts';

export interface OpcuaMessage {
  messageType: MessageType;
  fromClient: boolean;
  bodyReadable: BodyReadable;
  isReadable: boolean;
  secureChannelId: number;
  tokenId: number;
  sequenceNumber: number;
  requestId: number;
  typeId: number;
  readonly body: MutableSpan;
  /** Of OPN; else of length 0. */
  readonly securityHeader: MutableSpan;
  truncated: boolean;
  messageBytes: number;
  chunksCount: number;
  timeUs: number;
  frameNumber: number;
  frameAddress: number;
  frameBytes: number;
  anomalies: readonly Anomaly[];
}

export function newMessage(): OpcuaMessage {
  return {
    messageType: 'MSG',
    fromClient: true,
    bodyReadable: 'yes',
    isReadable: true,
    secureChannelId: 0,
    tokenId: 0,
    sequenceNumber: 0,
    requestId: 0,
    typeId: 0,
    body: emptySpan(),
    securityHeader: emptySpan(),
    truncated: false,
    messageBytes: 0,
    chunksCount: 1,
    timeUs: 0,
    frameNumber: 0,
    frameAddress: -1,
    frameBytes: 0,
    anomalies: NO_ANOMALIES,
  };
}

/** The list with one more; the shared empty one is never changed. */
export function withAnomaly(
  anomalies: readonly Anomaly[],
  name: string,
  field: string,
  offsetBytes: number,
  expected: string,
  actual: string | number,
): readonly Anomaly[] {
  return [...anomalies, { name, field, offsetBytes, expected, actual: String(actual) }];
}
