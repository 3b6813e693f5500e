/**
 * Pairs requests with responses by (flow, requestId) and hands each transaction to the sink exactly
 * once: when it is answered, when it is given up, or as an answer to nothing we saw.
 */

import type { DecodeSink } from '../../protocols/decode-sink.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import { serviceResultOf } from '../../protocols/opcua/service-header.ts';
import {
  ENCRYPTED_SERVICE,
  isSameService,
  PUBLISH_REQUEST,
  SERVICE_FAULT,
  SIDE_REQUEST,
  SIDE_RESPONSE,
  SIDE_UNKNOWN,
  serviceName,
  sideOf,
} from '../../protocols/opcua/service-table.ts';
import { OpcuaBindings } from './opcua-bindings.ts';
import { BLOCK_BYTES_MAX, type BytePool, copyBytes } from './opcua-byte-pool.ts';
import type { FlowState } from './opcua-flow-state.ts';
import type { OpcuaMessage } from './opcua-message.ts';
import { withAnomaly } from './opcua-message.ts';
import { type PendingLine, type PendingRequest, PendingTable } from './opcua-pending.ts';
import {
  clearSide,
  fillFromMessage,
  fillFromPending,
  newTransactionView,
  type TransactionView,
} from './opcua-transaction-view.ts';

export interface PairingLimits {
  readonly requestTimeoutMs: number;
  /** A Publish request waits until there is something to tell. */
  readonly publishTimeoutMs: number;
  readonly requestsPendingMax: number;
  readonly requestsPendingPerFlowMax: number;
  readonly monitoredItemsMax: number;
}

/** Requests given up in one call of `advance`: after a flood the rest waits for the next. */
const GIVEN_UP_MAX = 512;

const OPEN_SECURE_CHANNEL = 'OpenSecureChannel';

export class OpcuaPairing {
  readonly #limits: PairingLimits;
  readonly #pool: BytePool;
  readonly #sink: DecodeSink;
  readonly #pending: PendingTable;
  readonly bindings: OpcuaBindings;
  #view: TransactionView | undefined;
  #evictedCount = 0;

  constructor(limits: PairingLimits, pool: BytePool, sink: DecodeSink) {
    this.#limits = limits;
    this.#pool = pool;
    this.#sink = sink;
    this.#pending = new PendingTable(limits.requestsPendingMax);
    this.bindings = new OpcuaBindings(limits.monitoredItemsMax);
  }

  get pendingUsed(): number {
    return this.#pending.used;
  }

  /** Requests that left unanswered because others needed the room. */
  get evictedCount(): number {
    return this.#evictedCount;
  }

  /** A whole message of type OPN or MSG. */
  arrived(state: FlowState, message: OpcuaMessage): void {
    if (!message.isReadable && message.messageType === 'MSG') {
      this.#emit(state, undefined, message);
      return;
    }
    const side = sideOf(message.typeId);
    // What has no type id that we know is judged by who sent it.
    const isRequest = side === SIDE_UNKNOWN ? message.fromClient : side === SIDE_REQUEST;
    if (isRequest) this.#wait(state, message);
    else this.#answer(state, message, side === SIDE_RESPONSE);
  }

  /** Gives up what waits longer than its limit, a bounded number at a time. */
  advance(timeUs: number): void {
    const { requests, publishes } = this.#pending;
    const { requestTimeoutMs, publishTimeoutMs } = this.#limits;
    const left = this.#giveUpOlder(requests, timeUs - requestTimeoutMs * 1000, GIVEN_UP_MAX);
    this.#giveUpOlder(publishes, timeUs - publishTimeoutMs * 1000, left);
  }

  flowEnded(state: FlowState): void {
    while (state.oldestPending !== undefined) this.#giveUp(state.oldestPending);
  }

  /** Returns how many more may be given up in this call. */
  #giveUpOlder(line: PendingLine, beforeUs: number, countMax: number): number {
    let left = countMax;
    while (left > 0 && line.oldest !== undefined && line.oldest.timeUs < beforeUs) {
      this.#giveUp(line.oldest);
      left--;
    }
    return left;
  }

  #giveUp(pending: PendingRequest): void {
    const { state } = pending;
    if (state !== undefined) this.#emit(state, pending, undefined);
    this.#release(pending);
  }

  #release(pending: PendingRequest): void {
    this.#pending.remove(pending);
    if (pending.block !== undefined) this.#pool.give(pending.block);
    pending.block = undefined;
  }

  #wait(state: FlowState, message: OpcuaMessage): void {
    let anomalies = message.anomalies;
    const same = this.#pending.find(state, message.requestId);
    if (same !== undefined) {
      this.#giveUp(same);
      anomalies = withAnomaly(
        anomalies,
        'requestIdReused',
        'requestId',
        20,
        'a new id',
        message.requestId,
      );
    }
    this.#makeRoom(state);
    const { requests, publishes } = this.#pending;
    const line = message.typeId === PUBLISH_REQUEST ? publishes : requests;
    const pending = this.#pending.add(state, line);
    pending.messageType = message.messageType;
    pending.bodyReadable = message.bodyReadable;
    pending.secureChannelId = message.secureChannelId;
    pending.tokenId = message.tokenId;
    pending.sequenceNumber = message.sequenceNumber;
    pending.requestId = message.requestId;
    pending.typeId = message.typeId;
    pending.truncated = message.truncated;
    pending.messageBytes = message.messageBytes;
    pending.chunksCount = message.chunksCount;
    pending.timeUs = message.timeUs;
    pending.frameNumber = message.frameNumber;
    pending.frameAddress = message.frameAddress;
    pending.frameBytes = message.frameBytes;
    pending.anomalies = anomalies;
    this.#keepBody(pending, message);
  }

  #makeRoom(state: FlowState): void {
    const isFlowFull = state.pendingCount >= this.#limits.requestsPendingPerFlowMax;
    const oldest = isFlowFull
      ? state.oldestPending
      : this.#pending.isFull
        ? this.#pending.oldest
        : undefined;
    if (oldest === undefined) return;
    this.#evictedCount++;
    this.#giveUp(oldest);
  }

  /** Copies security header and body; the oldest waiting requests make room for the newest. */
  #keepBody(pending: PendingRequest, message: OpcuaMessage): void {
    const { body, securityHeader } = message;
    const headerBytes = Math.min(securityHeader.length, BLOCK_BYTES_MAX);
    const bodyBytes = Math.min(body.length, BLOCK_BYTES_MAX - headerBytes);
    pending.block = undefined;
    pending.securityHeaderBytes = headerBytes;
    pending.bodyBytes = bodyBytes;
    if (bodyBytes < body.length) pending.truncated = true;
    if (headerBytes + bodyBytes === 0) return;
    let block = this.#pool.take(headerBytes + bodyBytes);
    while (block === undefined) {
      const { oldest } = this.#pending;
      if (oldest === undefined || oldest === pending) break;
      this.#evictedCount++;
      this.#giveUp(oldest);
      block = this.#pool.take(headerBytes + bodyBytes);
    }
    if (block === undefined) {
      pending.securityHeaderBytes = 0;
      pending.bodyBytes = 0;
      pending.truncated = true;
      return;
    }
    copyBytes(securityHeader.bytes, securityHeader.offset, block, 0, headerBytes);
    copyBytes(body.bytes, body.offset, block, headerBytes, bodyBytes);
    pending.block = block;
  }

  #answer(state: FlowState, message: OpcuaMessage, isKnown: boolean): void {
    const pending = this.#pending.find(state, message.requestId);
    if (pending === undefined) {
      this.#emit(state, undefined, message);
      return;
    }
    const isOtherService =
      isKnown &&
      !isSameService(message.typeId, pending.typeId) &&
      message.typeId !== SERVICE_FAULT &&
      pending.typeId !== 0;
    if (isOtherService) {
      const asked = serviceName(pending.typeId);
      const answered = serviceName(message.typeId);
      const { anomalies } = message;
      message.anomalies = withAnomaly(anomalies, 'serviceMismatch', 'typeId', 24, asked, answered);
    }
    this.#emit(state, pending, message);
    this.#release(pending);
  }

  /** `message` is a response, or alone an encrypted message of either side. */
  #emit(
    state: FlowState,
    pending: PendingRequest | undefined,
    message: OpcuaMessage | undefined,
  ): void {
    const view = this.#viewOf(state);
    const matched = pending !== undefined && message !== undefined;
    const first = message ?? pending;
    if (first === undefined) return;
    if (pending === undefined) clearSide(view.request);
    else fillFromPending(view.request, pending);
    if (message === undefined) clearSide(view.response);
    else if (message.isReadable || message.messageType !== 'MSG' || !message.fromClient) {
      fillFromMessage(view.response, message);
    } else {
      clearSide(view.response);
      fillFromMessage(view.request, message);
    }
    view.flow = state.flow;
    view.secureChannelId = first.secureChannelId;
    view.tokenId = first.tokenId;
    view.securityMode = state.mode;
    view.securityModeSource = state.modeSource;
    view.securityPolicyUri = state.policy?.uri;
    view.renewalsCount = Math.max(state.channel.opensCount - 1, 0);
    view.channelOpenedAtUs = state.channel.openedAtUs;
    view.bodyReadable = first.bodyReadable;
    view.requestId = first.requestId;
    view.service = serviceOf(pending, message);
    view.matched = matched;
    view.serviceResult = serviceResultIn(view);
    view.rttUs = rttOf(view);
    view.anomalies = anomaliesOf(pending, message);
    this.bindings.server = state.server;
    if (matched) this.bindings.learn(view);
    this.#sink.opcuaTransaction(view);
  }

  #viewOf(state: FlowState): TransactionView {
    this.#view ??= newTransactionView(state.flow, this.bindings);
    return this.#view;
  }
}

function serviceOf(pending: PendingRequest | undefined, message: OpcuaMessage | undefined): string {
  if (pending !== undefined && pending.typeId !== 0) return serviceName(pending.typeId);
  if (message !== undefined && message.typeId !== 0) return serviceName(message.typeId);
  const first = message ?? pending;
  if (first?.messageType === 'OPN') return OPEN_SECURE_CHANNEL;
  return message !== undefined && !message.isReadable ? ENCRYPTED_SERVICE : serviceName(0);
}

function serviceResultIn(view: TransactionView): number {
  const { response } = view;
  const isResponse = response.present && sideOf(response.typeId) === SIDE_RESPONSE;
  return isResponse ? serviceResultOf(response.body) : 0;
}

/** Of Publish it is no response time: the request waits at the server. */
function rttOf(view: TransactionView): number {
  if (!view.matched || view.request.typeId === PUBLISH_REQUEST) return -1;
  const rttUs = view.response.timeUs - view.request.timeUs;
  return rttUs >= 0 ? rttUs : -1;
}

function anomaliesOf(
  pending: PendingRequest | undefined,
  message: OpcuaMessage | undefined,
): TransactionView['anomalies'] {
  const asked = pending?.anomalies ?? NO_ANOMALIES;
  const answered = message?.anomalies ?? NO_ANOMALIES;
  if (asked.length === 0) return answered;
  return answered.length === 0 ? asked : [...asked, ...answered];
}
