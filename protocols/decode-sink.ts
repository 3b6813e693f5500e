/**
 * The door between decode and whatever looks at its results (observers, the record writer).
 * It stands here because the two stages may not import each other.
 */
import type { Anomaly, ByteSpan } from './decoded.ts';
import type { FlowFacts, Protocol } from './flow.ts';
import type { ModbusTransaction } from './modbus/transaction.ts';
import type {
  OpcuaNetworkMessage,
  OpcuaTransaction,
  OpcuaTransportMessage,
} from './opcua/transaction.ts';
import type { TlsConnection } from './tls/tls-connection.ts';

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

/**
 * Bytes that came twice and were not the same: what the receiver took is not certain, and evasion
 * of a sensor works like that. The first ones were decoded.
 */
export interface DifferingOverlap {
  /** Segments of a TCP stream, or pieces of an IP packet. */
  readonly layer: 'tcp' | 'ip';
  /** Absent where the flow carries no protocol of ours, or isn't known yet. */
  readonly flow?: FlowFacts;
  readonly timeUs: number;
  readonly frameNumber: number;
  readonly frameAddress: number;
  readonly frameBytes: number;
}

/** Everything is valid only during the call; copy what must live longer. */
export interface DecodeSink {
  modbusTransaction(transaction: ModbusTransaction): void;
  opcuaTransaction(transaction: OpcuaTransaction): void;
  opcuaTransportMessage(message: OpcuaTransportMessage): void;
  malformed(message: MalformedMessage): void;
  /** PubSub. Nobody pairs or follows these. */
  opcuaNetworkMessage?(message: OpcuaNetworkMessage): void;
  gap(gap: StreamGap): void;
  flowEnded(flow: FlowFacts): void;
  /** Once per connection, when it ends. */
  tlsConnection?(connection: TlsConnection): void;
  /** Once per flow on a port of Modbus that speaks something else; no count of malformed rises. */
  notModbusOnModbusPort?(message: MalformedMessage): void;
  overlapDiffers?(overlap: DifferingOverlap): void;
  /**
   * An Ethernet frame that carries no IP packet and ends at `end`: ARP and LLDP tell who is there.
   * The sender's MAC address is at `sourceMac`; VLAN tags or the EtherType follow it.
   */
  otherFrame?(bytes: Uint8Array, sourceMac: number, end: number, timeUs: number): void;
}

/** Takes everything and does nothing: where only one thing is wanted, or none. */
export const IGNORING_SINK: DecodeSink = {
  modbusTransaction: () => {},
  opcuaTransaction: () => {},
  opcuaTransportMessage: () => {},
  malformed: () => {},
  gap: () => {},
  flowEnded: () => {},
};

/** What the layers below TCP brought; every one only rises. */
export interface CarrierCounters {
  /** Frames that were the copy of another: doubled mirrors, PRP, HSR. Each was left out. */
  framesDuplicateCount: number;
  /** The same by `interfaceIndex`. */
  readonly framesDuplicateByInterface: Uint32Array;
  /** Frames with a PRP trailer by LAN, and frames with an HSR tag, copies included. */
  prpLanAFramesCount: number;
  prpLanBFramesCount: number;
  hsrFramesCount: number;
  /** Pieces of IP packets, packets put together, and pieces that left without the others. */
  fragmentsCount: number;
  packetsReassembledCount: number;
  fragmentsRefusedCount: number;
  /** Pieces or segments that repeated bytes, but not the same ones. */
  overlapsDifferingCount: number;
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
  carriers?: CarrierCounters;
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
  /** By HEL, ACK, ERR, RHE, OPN, MSG, CLO; UADP: PubSub, in no other count. */
  byType: Record<string, number>;
  /** By service name, requests and responses together. */
  services: Record<string, number>;
}
