/**
 * What the analyzer remembers of one OPC UA connection: the framing of both directions, the secure
 * channel as far as it can be seen, and the requests that wait for an answer.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type { SecurityPolicy } from '../../protocols/opcua/security-policy.ts';
import type { SecurityMode, SecurityModeSource } from '../../protocols/opcua/transaction.ts';
import type { PendingRequest } from './opcua-pending.ts';
import type { MessageUnderWay } from './opcua-reassembly.ts';

/** Framing and reassembly of one direction. */
export interface StreamState {
  /** False: the next header is looked for at the start of a segment. */
  isSynced: boolean;
  /** Bytes were lost: what follows may be the rest of something. */
  isAfterGap: boolean;
  /** Size of the chunk under way; 0 while its header isn't there. */
  chunkBytes: number;
  /** Bytes of it that have passed; 0: none is under way. */
  seenBytes: number;
  /** Its first bytes: `small` or a block of the pool. */
  hold: Uint8Array | undefined;
  /** Made once, for headers and messages of few bytes. */
  small: Uint8Array | undefined;
  /** Some of its bytes were lost; it can't be told. */
  isHoled: boolean;
  /** Time of the chunk's first byte. */
  startTimeUs: number;
  /** Messages of which a chunk came and the last didn't; the newest first. */
  newestUnderWay: MessageUnderWay | undefined;
  underWayCount: number;
  isSequenceKnown: boolean;
  sequenceNumber: number;
}

/** What a connection agreed on, against which its later messages are checked; 0 is unknown. */
export interface ChannelState {
  secureChannelId: number;
  /** UTC microseconds of the server's first OPN on it. */
  openedAtUs: number;
  tokenId: number;
  previousTokenId: number;
  /** OPN requests that were seen: the first opens, the others renew. */
  opensCount: number;
  /** Largest chunk that each side may send (by direction), from HEL and ACK. */
  readonly chunkBytesMax: [number, number];
  /** Most chunks of a message that each side may send (by direction). */
  readonly chunksMax: [number, number];
  /** Buffers that HEL offered, for a look at ACK: what client may send, what it can receive. */
  readonly offeredBytes: [number, number];
  /** Signature behind each chunk of a channel whose OPN wasn't seen, as far as bodies agree. */
  signatureBytes: number;
  signatureVotes: number;
  signatureTries: number;
}

export interface FlowState {
  readonly flow: FlowFacts;
  /** Of MonitoredItemTable. */
  readonly server: number;
  /** By direction. */
  readonly streams: readonly [StreamState, StreamState];
  /** Undefined when the capture began inside the channel. */
  policy: SecurityPolicy | undefined;
  mode: SecurityMode | undefined;
  /** Where the mode was learned. */
  modeSource: SecurityModeSource | undefined;
  channel: ChannelState;
  newestPending: PendingRequest | undefined;
  oldestPending: PendingRequest | undefined;
  pendingCount: number;
}

export function newFlowState(flow: FlowFacts, server: number): FlowState {
  return {
    flow,
    server,
    streams: [newStreamState(flow), newStreamState(flow)],
    policy: undefined,
    mode: undefined,
    modeSource: undefined,
    channel: newChannelState(),
    newestPending: undefined,
    oldestPending: undefined,
    pendingCount: 0,
  };
}

export function newChannelState(): ChannelState {
  return {
    secureChannelId: 0,
    openedAtUs: 0,
    tokenId: 0,
    previousTokenId: 0,
    opensCount: 0,
    chunkBytesMax: [0, 0],
    chunksMax: [0, 0],
    offeredBytes: [0, 0],
    signatureBytes: 0,
    signatureVotes: 0,
    signatureTries: 0,
  };
}

/** From the first byte of a connection a header must come; inside one it has to be found. */
function newStreamState(flow: FlowFacts): StreamState {
  return {
    isSynced: !flow.midstream,
    isAfterGap: flow.midstream,
    chunkBytes: 0,
    seenBytes: 0,
    hold: undefined,
    small: undefined,
    isHoled: false,
    startTimeUs: 0,
    newestUnderWay: undefined,
    underWayCount: 0,
    isSequenceKnown: false,
    sequenceNumber: 0,
  };
}
