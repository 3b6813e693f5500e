/**
 * What is known of one flow (a TCP connection or UDP exchange) that carries a plant protocol.
 * Decode owns and updates the object; observers and record builders read it.
 */

import type { ModbusTransport } from './modbus/transaction.ts';

export type Protocol = 'modbus' | 'opcua';

/** How client and server were told apart (FIELDS.md section 3); never by the smaller port. */
export type RoleSource = 'syn' | 'hello' | 'port' | 'pduShape' | 'configured';

export const CLIENT_TO_SERVER = 0;
export const SERVER_TO_CLIENT = 1;
export type Direction = typeof CLIENT_TO_SERVER | typeof SERVER_TO_CLIENT;

export interface Endpoint {
  /** Textual IPv4 or RFC 5952 IPv6 address. */
  readonly ipAddress: string;
  /** 4 or 16 bytes in network order. */
  readonly ipBytes: Uint8Array;
  readonly port: number;
  /** `aa:bb:cc:dd:ee:ff`; absent where the link type has none. */
  readonly macAddress?: string;
}

/** A tapped serial line (FIELDS.md 1.6), which takes the place of addresses and ports. */
export interface SerialLineFacts {
  readonly lineName: string;
  /** Bits per second. */
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
  /** Bytes since start that belonged to no frame. */
  bytesNotFramed: number;
}

export interface FlowFacts {
  /** Rises by one for each flow ever recognised; `c` + this is the `flowId` of a record. */
  readonly flowNumber: number;
  /** Row in the flow table, below `flowsMax`; reused after eviction, so check `flowNumber`. */
  readonly slot: number;
  readonly protocol: Protocol;
  readonly ipProtocol: 'tcp' | 'udp';
  readonly interfaceIndex: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** Outermost first, the tag that the kernel stripped included; 12-bit VLAN identifiers. */
  readonly vlanIds: readonly number[];
  readonly startTimeUs: number;
  /** True when the capture began inside the connection: no SYN was seen. */
  readonly midstream: boolean;
  roleSource: RoleSource;
  /** 0..1 */
  roleConfidence: number;
  /** Who sent the first packet; `unknown` without a SYN. */
  originator: 'client' | 'server' | 'unknown';
  /** Segments with payload seen from each side, for one-sidedness. */
  clientSegmentsCount: number;
  serverSegmentsCount: number;
  /** Stream bytes that the peer acknowledged or that were skipped, and that were never seen. */
  clientBytesMissed: number;
  serverBytesMissed: number;
  gapsCount: number;
  lastSeenUs: number;
  /** Wrappings around the IP packets of the first frame, outermost first (FIELDS.md section 3). */
  readonly encapsulations?: readonly string[];
  /** Of the last frame, where the network is redundant (IEC 62439-3). */
  prp?: { lanId: 'A' | 'B'; sequenceNumber: number } | undefined;
  hsr?: { pathId: number; sequenceNumber: number } | undefined;
  /** Framing of Modbus where it isn't MBAP; absent: `tcp` or `udp`, as `ipProtocol` says. */
  transport?: ModbusTransport;
  /** Time to live (IPv6: hop limit) in the first packet of each side, as it passed the tap. */
  clientTtl?: number | undefined;
  serverTtl?: number | undefined;
  /** 0..7, of the outermost VLAN tag of the first frame; absent where the frame shows no tag. */
  readonly priorityCodePoint?: number | undefined;
  /** Modbus by its content, on a port that nobody gave to it. */
  readonly isOnOtherPort?: boolean;
  /**
   * Set on a serial line. Then nothing here comes from a network: both endpoints carry the line's
   * name in place of an address, `ipBytes` is empty, and `ipProtocol` means nothing.
   */
  readonly line?: SerialLineFacts;
}
