/**
 * Requests that wait for their responses: by flow for pairing, by age for giving up. Publish has
 * its own line, because it may wait at the server for as long as nothing changes.
 */
import type { Anomaly } from '../../protocols/decoded.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { BodyReadable, MessageType } from '../../protocols/opcua/transaction.ts';
import type { FlowState } from './opcua-flow-state.ts';

/** A request, its body copied into a block of the pool. */
export interface PendingRequest {
  state: FlowState | undefined;
  messageType: MessageType;
  bodyReadable: BodyReadable;
  secureChannelId: number;
  tokenId: number;
  sequenceNumber: number;
  requestId: number;
  typeId: number;
  /** Security header of OPN first, then the body. */
  block: Uint8Array | undefined;
  securityHeaderBytes: number;
  bodyBytes: number;
  truncated: boolean;
  messageBytes: number;
  chunksCount: number;
  timeUs: number;
  frameNumber: number;
  frameAddress: number;
  frameBytes: number;
  anomalies: readonly Anomaly[];
  line: PendingLine | undefined;
  older: PendingRequest | undefined;
  newer: PendingRequest | undefined;
  olderOfFlow: PendingRequest | undefined;
  newerOfFlow: PendingRequest | undefined;
}

/** Requests in the order of their arrival. */
export interface PendingLine {
  oldest: PendingRequest | undefined;
  newest: PendingRequest | undefined;
}

export class PendingTable {
  readonly requests: PendingLine = { oldest: undefined, newest: undefined };
  readonly publishes: PendingLine = { oldest: undefined, newest: undefined };
  readonly #pendingMax: number;
  #free: PendingRequest | undefined;
  #used = 0;

  constructor(pendingMax: number) {
    this.#pendingMax = pendingMax;
  }

  get used(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#used >= this.#pendingMax;
  }

  /** The one that waits longest in either line. */
  get oldest(): PendingRequest | undefined {
    const request = this.requests.oldest;
    const publish = this.publishes.oldest;
    if (request === undefined || publish === undefined) return request ?? publish;
    return request.timeUs <= publish.timeUs ? request : publish;
  }

  /** A request at the end of `line`; the caller has made sure that there is room. */
  add(state: FlowState, line: PendingLine): PendingRequest {
    const pending = this.#free ?? newPending();
    this.#free = pending.older;
    this.#used++;
    pending.state = state;
    pending.line = line;
    pending.older = line.newest;
    pending.newer = undefined;
    if (line.newest === undefined) line.oldest = pending;
    else line.newest.newer = pending;
    line.newest = pending;
    pending.olderOfFlow = state.newestPending;
    pending.newerOfFlow = undefined;
    if (state.newestPending === undefined) state.oldestPending = pending;
    else state.newestPending.newerOfFlow = pending;
    state.newestPending = pending;
    state.pendingCount++;
    return pending;
  }

  /** Takes it out of both orders; its fields stay readable until the next `add`. */
  remove(pending: PendingRequest): void {
    const { line, state, older, newer, olderOfFlow, newerOfFlow } = pending;
    if (line === undefined || state === undefined) return;
    if (older === undefined) line.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) line.newest = older;
    else newer.older = older;
    if (olderOfFlow === undefined) state.oldestPending = newerOfFlow;
    else olderOfFlow.newerOfFlow = newerOfFlow;
    if (newerOfFlow === undefined) state.newestPending = olderOfFlow;
    else newerOfFlow.olderOfFlow = olderOfFlow;
    state.pendingCount--;
    pending.line = undefined;
    pending.state = undefined;
    pending.newer = undefined;
    pending.olderOfFlow = undefined;
    pending.newerOfFlow = undefined;
    pending.older = this.#free;
    this.#free = pending;
    this.#used--;
  }

  find(state: FlowState, requestId: number): PendingRequest | undefined {
    let pending = state.newestPending;
    while (pending !== undefined && pending.requestId !== requestId) {
      pending = pending.olderOfFlow;
    }
    return pending;
  }
}

function newPending(): PendingRequest {
  return {
    state: undefined,
    messageType: 'MSG',
    bodyReadable: 'yes',
    secureChannelId: 0,
    tokenId: 0,
    sequenceNumber: 0,
    requestId: 0,
    typeId: 0,
    block: undefined,
    securityHeaderBytes: 0,
    bodyBytes: 0,
    truncated: false,
    messageBytes: 0,
    chunksCount: 0,
    timeUs: 0,
    frameNumber: 0,
    frameAddress: -1,
    frameBytes: 0,
    anomalies: NO_ANOMALIES,
    line: undefined,
    older: undefined,
    newer: undefined,
    olderOfFlow: undefined,
    newerOfFlow: undefined,
  };
}
