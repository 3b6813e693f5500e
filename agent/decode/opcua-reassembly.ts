/**
 * Puts the bodies of a message's chunks together (C...F; OPC 10000-6 §6.7.2.2), by request id:
 * chunks of several messages may alternate. At most `bodyBytesDecodedMax` of each is kept, the rest
 * passes by count, and the number of messages under way has a limit, so that none can make us grow.
 */
import type { Anomaly } from '../../protocols/decoded.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import { BODY_BYTES_DECODED_MAX, FAULTS_PER_MESSAGE_MAX } from '../../protocols/opcua/limits.ts';
import { REQUEST_ID } from '../../protocols/opcua/transport.ts';
import { type BytePool, copyBytes } from './opcua-byte-pool.ts';
import type { StreamState } from './opcua-flow-state.ts';
import { type OpcuaMessage, withAnomaly } from './opcua-message.ts';

/** Messages of one direction of which some chunks are there; the oldest makes room. */
export const MESSAGES_UNDER_WAY_MAX = 16;

export interface MessageUnderWay {
  requestId: number;
  isReadable: boolean;
  /** Of its first chunk. */
  startTimeUs: number;
  chunksCount: number;
  block: Uint8Array | undefined;
  bodyBytesKept: number;
  /** Not all of the body so far is in `block`. */
  isBodyCut: boolean;
  messageBytes: number;
  anomalies: readonly Anomaly[];
  older: MessageUnderWay | undefined;
}

export class OpcuaReassembly {
  readonly #pool: BytePool;
  #free: MessageUnderWay | undefined;
  #droppedCount = 0;

  constructor(pool: BytePool) {
    this.#pool = pool;
  }

  /** Messages that were never whole because others needed the room, or that grew too old. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** The message under way with this request id. */
  find(stream: StreamState, requestId: number): MessageUnderWay | undefined {
    let part = stream.newestUnderWay;
    while (part !== undefined && part.requestId !== requestId) part = part.older;
    return part;
  }

  /**
   * Takes one chunk; true when it made `message` whole, body and all. The body stands in a block of
   * ours until `drop`.
   */
  add(stream: StreamState, message: OpcuaMessage, isFinal: boolean): boolean {
    let part = this.find(stream, message.requestId);
    if (part === undefined) {
      if (isFinal) return true;
      part = this.#begin(stream, message);
    }
    this.#append(part, message);
    if (isFinal) take(part, message);
    return isFinal;
  }

  /** Forgets the message with this request id and gives its block back. */
  drop(stream: StreamState, requestId: number): void {
    let newer: MessageUnderWay | undefined;
    let part = stream.newestUnderWay;
    while (part !== undefined && part.requestId !== requestId) {
      newer = part;
      part = part.older;
    }
    if (part !== undefined) this.#remove(stream, newer, part);
  }

  dropAll(stream: StreamState): void {
    while (stream.newestUnderWay !== undefined) {
      this.#remove(stream, undefined, stream.newestUnderWay);
    }
  }

  /** Forgets what began before `timeUs`; true when there was something. */
  dropOlder(stream: StreamState, timeUs: number): boolean {
    const before = stream.underWayCount;
    let newer: MessageUnderWay | undefined;
    let part = stream.newestUnderWay;
    while (part !== undefined) {
      const { older } = part;
      if (part.startTimeUs < timeUs) this.#remove(stream, newer, part);
      else newer = part;
      part = older;
    }
    this.#droppedCount += before - stream.underWayCount;
    return before > stream.underWayCount;
  }

  #begin(stream: StreamState, message: OpcuaMessage): MessageUnderWay {
    if (stream.underWayCount >= MESSAGES_UNDER_WAY_MAX) {
      this.#dropOldest(stream);
      message.anomalies = withAnomaly(
        message.anomalies,
        'chunkSequenceBroken',
        'requestId',
        REQUEST_ID,
        `at most ${MESSAGES_UNDER_WAY_MAX} messages under way`,
        message.requestId,
      );
    }
    const part = this.#free ?? newPart();
    this.#free = part.older;
    part.requestId = message.requestId;
    part.isReadable = message.isReadable;
    part.startTimeUs = message.timeUs;
    part.chunksCount = 0;
    part.bodyBytesKept = 0;
    part.messageBytes = 0;
    part.isBodyCut = false;
    part.anomalies = NO_ANOMALIES;
    part.older = stream.newestUnderWay;
    stream.newestUnderWay = part;
    stream.underWayCount++;
    return part;
  }

  #dropOldest(stream: StreamState): void {
    let newer: MessageUnderWay | undefined;
    let part = stream.newestUnderWay;
    while (part?.older !== undefined) {
      newer = part;
      part = part.older;
    }
    if (part === undefined) return;
    this.#droppedCount++;
    this.#remove(stream, newer, part);
  }

  #remove(stream: StreamState, newer: MessageUnderWay | undefined, part: MessageUnderWay): void {
    if (part.block !== undefined) this.#pool.give(part.block);
    part.block = undefined;
    if (newer === undefined) stream.newestUnderWay = part.older;
    else newer.older = part.older;
    stream.underWayCount--;
    part.older = this.#free;
    this.#free = part;
  }

  #append(part: MessageUnderWay, message: OpcuaMessage): void {
    const { body } = message;
    part.chunksCount++;
    part.messageBytes += message.messageBytes;
    const isRoom = part.anomalies.length < FAULTS_PER_MESSAGE_MAX;
    if (message.anomalies.length > 0 && isRoom) {
      part.anomalies = [...part.anomalies, ...message.anomalies];
    }
    // Behind a cut nothing is added: it would stand in the wrong place.
    if (!message.isReadable || part.isBodyCut) return;
    const wanted = Math.min(part.bodyBytesKept + body.length, BODY_BYTES_DECODED_MAX);
    const added = wanted - part.bodyBytesKept;
    const block = added === 0 ? part.block : this.#grown(part, wanted);
    part.isBodyCut = added < body.length || message.truncated;
    if (added === 0) return;
    if (block === undefined) {
      part.isBodyCut = true;
      return;
    }
    copyBytes(body.bytes, body.offset, block, part.bodyBytesKept, added);
    part.bodyBytesKept = wanted;
  }

  /** A block that holds `wanted` bytes, with what was kept so far; undefined when there is none. */
  #grown(part: MessageUnderWay, wanted: number): Uint8Array | undefined {
    const old = part.block;
    if (old !== undefined && old.length >= wanted) return old;
    const block = this.#pool.take(wanted);
    if (block === undefined) return undefined;
    if (old !== undefined) {
      copyBytes(old, 0, block, 0, part.bodyBytesKept);
      this.#pool.give(old);
    }
    part.block = block;
    return block;
  }
}

function take(part: MessageUnderWay, message: OpcuaMessage): void {
  const { body } = message;
  message.chunksCount = part.chunksCount;
  message.messageBytes = part.messageBytes;
  message.truncated = part.isBodyCut;
  message.anomalies = part.anomalies;
  body.length = part.bodyBytesKept;
  if (part.block !== undefined) {
    body.bytes = part.block;
    body.offset = 0;
  }
}

function newPart(): MessageUnderWay {
  return {
    requestId: 0,
    isReadable: false,
    startTimeUs: 0,
    chunksCount: 0,
    block: undefined,
    bodyBytesKept: 0,
    isBodyCut: false,
    messageBytes: 0,
    anomalies: NO_ANOMALIES,
    older: undefined,
  };
}
