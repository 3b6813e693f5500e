/**
 * OPC UA as decode hands it on: a service transaction (request with its response, or one alone) or
 * a transport message. Objects and spans are reused and valid only during the sink's call; the
 * bodies are decoded on demand by protocols/opcua, so that traffic nobody asks about stays cheap.
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import type { Endpoint, FlowFacts } from '../flow.ts';

export type MessageType = 'HEL' | 'ACK' | 'ERR' | 'RHE' | 'OPN' | 'MSG' | 'CLO';
export type SecurityMode = 'None' | 'Sign' | 'SignAndEncrypt';
/** Where the mode was learned: OPN itself, the first messages, or what the server offers. */
export type SecurityModeSource = 'opn' | 'message' | 'endpoints';
export type BodyReadable = 'yes' | 'no' | 'assumedYes' | 'assumedNo';

/** One side of a service transaction. */
export interface OpcuaSide {
  readonly present: boolean;
  readonly messageType: MessageType;
  /** The service body: type id NodeId, then header and fields. Length 0 when it can't be read. */
  readonly body: ByteSpan;
  /** Numeric namespace 0 id of the binary encoding; 0 when unknown. */
  readonly typeId: number;
  readonly sequenceNumber: number;
  readonly timeUs: number;
  /** Transport bytes of all chunks. */
  readonly messageBytes: number;
  readonly chunksCount: number;
  /** Frame that ended the message; 0 live. */
  readonly frameNumber: number;
  readonly frameAddress: number;
  readonly frameBytes: number;
  /** The body was cut at `bodyBytesDecodedMax`. */
  readonly truncated: boolean;
  /**
   * OPN only: the asymmetric security header (policy URI, sender's certificate, receiver's
   * thumbprint), which is in the clear even where the body isn't.
   */
  readonly securityHeader?: ByteSpan | undefined;
}

/** Which node a notification's client handle stands for, learned from CreateMonitoredItems. */
export interface MonitoredItemBindings {
  nodeId(subscriptionId: number, clientHandle: number): string | undefined;
  /** The node that RegisterNodes gave this alias of the server for. */
  registeredNodeId?(alias: string): string | undefined;
  /** URI of a namespace index of the server, once its NamespaceArray was read. */
  namespaceUri?(index: number): string | undefined;
}

export interface OpcuaTransaction {
  readonly flow: FlowFacts;
  readonly secureChannelId: number;
  readonly tokenId: number;
  readonly securityMode: SecurityMode | undefined;
  readonly securityModeSource?: SecurityModeSource | undefined;
  readonly securityPolicyUri: string | undefined;
  /** OPN requests on this connection after the first. */
  readonly renewalsCount?: number;
  /** UTC microseconds of the answer that opened the channel; 0: not seen. */
  readonly channelOpenedAtUs?: number;
  readonly bodyReadable: BodyReadable;
  readonly requestId: number;
  /** Name from the service table, `unknown`, or `encrypted` where the body can't be read. */
  readonly service: string;
  readonly matched: boolean;
  readonly request: OpcuaSide;
  readonly response: OpcuaSide;
  /** StatusCode of the response header; 0 (Good) when absent. */
  readonly serviceResult: number;
  /** Microseconds; -1 when unmatched, for Publish, or across a clock step. */
  readonly rttUs: number;
  readonly bindings: MonitoredItemBindings;
  readonly anomalies: readonly Anomaly[];
}

/** HEL, ACK, ERR, RHE, an aborted chunk, or CLO (which has no answer). */
export interface OpcuaTransportMessage {
  readonly flow: FlowFacts;
  readonly messageType: MessageType;
  readonly chunkType: 'F' | 'C' | 'A';
  readonly timeUs: number;
  readonly fromClient: boolean;
  /** The whole message, header included. */
  readonly message: ByteSpan;
  readonly secureChannelId: number;
  /** UTC microseconds of the answer that opened the channel; 0: not seen. */
  readonly channelOpenedAtUs?: number;
  /** For CLO and aborts: may what follows the token id be read? Absent: yes. */
  readonly bodyReadable?: BodyReadable;
  readonly frameNumber: number;
  readonly frameAddress: number;
  readonly frameBytes: number;
  readonly anomalies: readonly Anomaly[];
}

/**
 * A NetworkMessage of PubSub (OPC 10000-14), which has publishers and listeners instead of clients
 * and servers, and no flow: each stands alone.
 */
export interface OpcuaNetworkMessage {
  readonly transport: 'udp4840' | 'ethernet0xB62C';
  readonly interfaceIndex: number;
  readonly timeUs: number;
  /** Absent on Ethernet, which has no addresses of IP. */
  readonly publisher?: Endpoint;
  /** Mostly a multicast group. */
  readonly receiver?: Endpoint;
  /** `aa:bb:cc:dd:ee:ff`; absent where the link type has none. */
  readonly publisherMacAddress?: string;
  readonly receiverMacAddress?: string;
  readonly vlanIds: readonly number[];
  /** From its first byte; on Ethernet the padding of a short frame stands behind it. */
  readonly message: ByteSpan;
  readonly frameNumber: number;
  readonly frameAddress: number;
  readonly frameBytes: number;
}
