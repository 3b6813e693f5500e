/**
 * The door between decode and whatever looks at its results (observers, the record writer).
 * It stands here because the two stages may not import each other.
 */
import type { Anomaly, ByteSpan } from './decoded.ts';
import type { FlowFacts, Protocol } from './flow.ts';
import type { ModbusTransaction } from './modbus/transaction.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from './opcua/transaction.ts';

/** Bytes on a flow of a known protocol that are no message of it. */
export interface MalformedMessage {
  readonly flow: FlowFacts;
  readonly protocol: Protocol;
  readonly timeUs: number;
  readonly fromClient: boolean;
  readonly anomalies: readonly Anomaly[];
  /** At most the first 64 bytes. */
  readonly bytes: ByteSpan;
  readonly frameNumber: number;
  readonly frameAddress: number;
  readonly frameBytes: number;
}

/** Stream bytes that the capture never delivered. */
export interface StreamGap {
  readonly flow: FlowFacts;
  readonly timeUs: number;
  readonly fromClient: boolean;
  readonly bytesMissed: number;
}

/** Everything is valid only during the call; copy what must live longer. */
export interface DecodeSink {
  modbusTransaction(transaction: ModbusTransaction): void;
  opcuaTransaction(transaction: OpcuaTransaction): void;
  opcuaTransportMessage(message: OpcuaTransportMessage): void;
  malformed(message: MalformedMessage): void;
  gap(gap: StreamGap): void;
  flowEnded(flow: FlowFacts): void;
}

/** Counts since start, read out each interval; every one only rises. */
export interface DecodeCounters {
  framesCount: number;
  bytesCount: number;
  framesTruncatedCount: number;
  /** Frames of no link or network protocol that we read; not a fault. */
  framesNotOursCount: number;
  checksumFaultsCount: number;
  bytesMissedCount: number;
  gapsCount: number;
  flowsUsed: number;
  flowsMax: number;
  flowsEvictedCount: number;
  reassemblyBytesUsed: number;
  reassemblyBytesMax: number;
  reassemblyRefusedCount: number;
  pendingEvictedCount: number;
  modbus: ModbusCounters;
  opcua: OpcuaCounters;
}

/** FIELDS.md / DESIGN.md section 6: each PDU once, retransmissions of TCP never. */
export interface ModbusCounters {
  requests: number;
  /** Normal responses only. */
  responses: number;
  exceptions: number;
  unmatchedRequests: number;
  unmatchedResponses: number;
  malformed: number;
  /** PDUs by function code without bit 7: requests, responses and exceptions together. */
  byFunctionCode: Uint32Array;
}

export interface OpcuaCounters {
  transportMessages: number;
  messages: number;
  chunks: number;
  malformed: number;
  encryptedMessages: number;
  /** By HEL, ACK, ERR, RHE, OPN, MSG, CLO. */
  byType: Record<string, number>;
  /** By service name, requests and responses together. */
  services: Record<string, number>;
}
