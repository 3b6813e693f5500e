/**
 * What the analyzer remembers of one OPC UA connection: the framing of both directions, the secure
 * channel as far as it can be seen, and the requests that wait for an answer.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type { SecurityPolicy } from '../../protocols/opcua/security-policy.ts';
import type { SecurityMode } from '../../protocols/opcua/transaction.ts';
import type { PendingRequest } from './opcua-pending.ts';

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
  /** Time of the chunk's or the message's first byte. */
  startTimeUs: number;
  /** Chunks of the message under way so far; 0: none is under way. */
  chunksCount: number;
  requestId: number;
  isReadable: boolean;
  block: Uint8Array | undefined;
  bodyBytesKept: number;
  /** Not all of the body so far is in `block`. */
  isBodyCut: boolean;
  messageBytes: number;
  isSequenceKnown: boolean;
  sequenceNumber: number;
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
  /** The mode stood in OPN; else it was concluded from the messages. */
  isModeDeclared: boolean;
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
    isModeDeclared: false,
    newestPending: undefined,
    oldestPending: undefined,
    pendingCount: 0,
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
    chunksCount: 0,
    requestId: 0,
    isReadable: false,
    block: undefined,
    bodyBytesKept: 0,
    isBodyCut: false,
    messageBytes: 0,
    isSequenceKnown: false,
    sequenceNumber: 0,
  };
}
