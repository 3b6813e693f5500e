/**
 * From chunks to messages: counts each, tells transport messages to the sink, reads the headers of
 * OPN, MSG and CLO as far as the channel lets, and hands whole messages on to pairing.
 */

import type { DecodeSink, OpcuaCounters } from '../../protocols/decode-sink.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import { CLIENT_TO_SERVER } from '../../protocols/flow.ts';
import { namespaceZeroId } from '../../protocols/opcua/node-id.ts';
import {
  OPEN_SECURE_CHANNEL_REQUEST,
  SIDE_UNKNOWN,
  serviceName,
  sideOf,
  UNKNOWN_SERVICE,
} from '../../protocols/opcua/service-table.ts';
import type { MessageType } from '../../protocols/opcua/transaction.ts';
import * as transport from '../../protocols/opcua/transport.ts';
import type { BytePool } from './opcua-byte-pool.ts';
import {
  forgetChannel,
  isBodyReadable,
  learnMode,
  learnPolicy,
  learnSignature,
  readability,
  signatureBytes,
  supposeMode,
} from './opcua-channel.ts';
import * as checks from './opcua-channel-checks.ts';
import type { ChunkDecryptor } from './opcua-chunk-decryptor.ts';
import { type FlowState, newChannelState, type StreamState } from './opcua-flow-state.ts';
import type { ChunkSink } from './opcua-framer.ts';
import { headerAnomaly } from './opcua-header-anomaly.ts';
import { newMessage, type OpcuaMessage, withAnomaly } from './opcua-message.ts';
import type { OpcuaPairing } from './opcua-pairing.ts';
import { OpcuaReassembly } from './opcua-reassembly.ts';
import { openBody } from './opcua-recognition.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** Stands for the request id of an OPN whose sequence header is encrypted: one at a time. */
const ENCRYPTED_REQUEST_ID = -1;
/** The header that was due: what stands behind it may be anything, a password too. */
const MALFORMED_BYTES_KEPT = transport.HEADER_BYTES;
/** First encrypted byte of MSG. */
const SEQUENCE_HEADER = transport.SEQUENCE_NUMBER;

/** A chunk where it stands: its first `kept` of `size` bytes. One object, reused. */
interface Chunk {
  bytes: Uint8Array;
  offset: number;
  kept: number;
  size: number;
}

export class OpcuaMessages implements ChunkSink {
  readonly #reassembly: OpcuaReassembly;
  readonly #pairing: OpcuaPairing;
  readonly #sink: DecodeSink;
  readonly #counters: OpcuaCounters;
  readonly #decryptor: ChunkDecryptor | undefined;
  readonly #message: OpcuaMessage = newMessage();
  readonly #chunk: Chunk = { bytes: new Uint8Array(0), offset: 0, kept: 0, size: 0 };

  constructor(
    pool: BytePool,
    pairing: OpcuaPairing,
    sink: DecodeSink,
    counters: OpcuaCounters,
    decryptor: ChunkDecryptor | undefined,
  ) {
    this.#reassembly = new OpcuaReassembly(pool);
    this.#pairing = pairing;
    this.#sink = sink;
    this.#counters = counters;
    this.#decryptor = decryptor;
  }

  /** Messages that were dropped before they were whole, for want of room or by age. */
  get droppedCount(): number {
    return this.#reassembly.droppedCount;
  }

  chunk(
    state: FlowState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    kept: number,
    size: number,
  ): void {
    const type = transport.messageTypeNumber(bytes, offset);
    const messageType = transport.messageTypeName(type);
    if (messageType === undefined) return;
    const chunk = this.#chunk;
    chunk.bytes = bytes;
    chunk.offset = offset;
    chunk.kept = kept;
    chunk.size = size;
    const { byType } = this.#counters;
    this.#counters.transportMessages++;
    byType[messageType] = (byType[messageType] ?? 0) + 1;
    this.#begin(context, messageType, chunk);
    checks.checkChunkSize(state.channel, context.direction, this.#message);
    if (type === transport.OPN) this.#openChunk(state, context, chunk);
    else if (type === transport.MSG) this.#serviceChunk(state, context, chunk);
    else if (type === transport.CLO) this.#closeChunk(state, context, chunk);
    else {
      this.#counters.messages++;
      if (type === transport.HEL) {
        forgetChannel(state);
        state.channel = newChannelState();
      }
      if (type === transport.HEL || type === transport.ACK) {
        checks.learnSizes(state.channel, this.#message, bytes, offset, kept);
      }
      this.#tell(state, context, chunk);
    }
  }

  headerImplausible(
    state: FlowState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    this.#counters.malformed++;
    this.dropMessages(state.streams[context.direction]);
    this.#sink.malformed({
      flow: state.flow,
      protocol: 'opcua',
      timeUs: context.timeUs,
      fromClient: context.direction === CLIENT_TO_SERVER,
      anomalies: [headerAnomaly(bytes, offset)],
      bytes: { bytes, offset, length: Math.min(length, MALFORMED_BYTES_KEPT) },
      frameNumber: context.frameNumber,
      frameAddress: context.frameAddress,
      frameBytes: context.frameBytes,
    });
  }

  /** Forgets the messages under way in a direction. */
  dropMessages(stream: StreamState): void {
    this.#reassembly.dropAll(stream);
  }

  /** Forgets those that began before `timeUs`; true when there were any. */
  dropOlder(stream: StreamState, timeUs: number): boolean {
    return this.#reassembly.dropOlder(stream, timeUs);
  }

  /** What every message has; the rest is set by who reads its headers. */
  #begin(context: SegmentContext, messageType: MessageType, chunk: Chunk): void {
    const message = this.#message;
    message.messageType = messageType;
    message.fromClient = context.direction === CLIENT_TO_SERVER;
    message.bodyReadable = 'yes';
    message.isReadable = true;
    message.secureChannelId = 0;
    message.tokenId = 0;
    message.sequenceNumber = 0;
    message.requestId = 0;
    message.typeId = 0;
    message.securityHeader.length = 0;
    message.truncated = false;
    message.messageBytes = chunk.size;
    message.chunksCount = 1;
    message.timeUs = context.timeUs;
    message.frameNumber = context.frameNumber;
    message.frameAddress = context.frameAddress;
    message.frameBytes = context.frameBytes;
    message.anomalies = NO_ANOMALIES;
  }

  #openChunk(state: FlowState, context: SegmentContext, chunk: Chunk): void {
    const { bytes, offset, kept } = chunk;
    const message = this.#message;
    const stream = state.streams[context.direction];
    this.#counters.chunks++;
    message.secureChannelId = transport.uint32(bytes, offset + transport.SECURE_CHANNEL_ID);
    const body = openBody(bytes, offset, kept);
    const isPolicyKnown = learnPolicy(state, bytes, offset, kept);
    const uri = state.policy?.uri;
    if (isPolicyKnown && state.mode === undefined && uri !== undefined) {
      supposeMode(state, this.#pairing.bindings.onlyMode(state.server, uri));
    }
    const headerBytes = body - transport.SEQUENCE_HEADER_BYTES - transport.SECURITY_HEADER;
    if (isPolicyKnown && headerBytes > 0) {
      message.securityHeader.bytes = bytes;
      message.securityHeader.offset = offset + transport.SECURITY_HEADER;
      message.securityHeader.length = headerBytes;
    }
    const side = sideOf(namespaceZeroId(bytes, offset + body, offset + kept));
    const isContinued = body < kept && this.#isContinued(stream, bytes, offset + body);
    message.isReadable =
      message.securityHeader.length > 0 &&
      state.policy?.isOpenReadable === true &&
      (side !== SIDE_UNKNOWN || isContinued || state.mode === 'None');
    const encryptedOffset = body - transport.SEQUENCE_HEADER_BYTES;
    if (!message.isReadable && this.#decrypt(state, context, chunk, encryptedOffset)) return;
    message.bodyReadable = message.isReadable ? 'yes' : 'no';
    if (!message.isReadable) message.requestId = ENCRYPTED_REQUEST_ID;
    this.#place(state, context, chunk, bytes, offset + body, offset + kept);
  }

  #serviceChunk(state: FlowState, context: SegmentContext, chunk: Chunk): void {
    const { bytes, offset, kept, size } = chunk;
    const message = this.#message;
    const stream = state.streams[context.direction];
    this.#counters.chunks++;
    this.#readChannel(state, chunk);
    const body = offset + transport.BODY;
    const isCertainStart = !stream.isAfterGap;
    // The body of an abort is no service and teaches nothing about the mode.
    const isAbort = bytes[offset + 3] === transport.ABORT;
    if (stream.underWayCount > 0 && this.#isContinued(stream, bytes, body)) {
      message.isReadable = true;
    } else if (!isAbort) {
      const end = offset + kept;
      message.isReadable = isBodyReadable(state, bytes, body, end, isCertainStart);
    }
    if (!message.isReadable && this.#decrypt(state, context, chunk, SEQUENCE_HEADER)) return;
    message.bodyReadable = readability(state, message.isReadable);
    const signature = message.isReadable && kept === size ? signatureBytes(state) : 0;
    this.#place(state, context, chunk, bytes, body, offset + kept - signature);
  }

  /** Does the request id before `body` belong to a readable message under way? */
  #isContinued(stream: StreamState, bytes: Uint8Array, body: number): boolean {
    const requestId = transport.uint32(bytes, body - 4);
    return this.#reassembly.find(stream, requestId)?.isReadable === true;
  }

  /** Places the plain chunk, where there is somebody who has the keys; false: there isn't. */
  #decrypt(
    state: FlowState,
    context: SegmentContext,
    chunk: Chunk,
    encryptedOffset: number,
  ): boolean {
    const { bytes, offset, kept, size } = chunk;
    const message = this.#message;
    if (this.#decryptor === undefined || kept < size) return false;
    const plain = this.#decryptor.decrypt({
      flow: state.flow,
      fromClient: message.fromClient,
      messageType: message.messageType,
      securityPolicyUri: state.policy?.uri,
      secureChannelId: message.secureChannelId,
      tokenId: message.tokenId,
      chunk: { bytes, offset, length: size },
      encryptedOffset,
    });
    if (plain === undefined || plain.length < transport.SEQUENCE_HEADER_BYTES) return false;
    message.isReadable = true;
    message.bodyReadable = 'yes';
    const body = plain.offset + transport.SEQUENCE_HEADER_BYTES;
    this.#place(state, context, chunk, plain.bytes, body, plain.offset + plain.length);
    return true;
  }

  #closeChunk(state: FlowState, context: SegmentContext, chunk: Chunk): void {
    const { bytes, offset, kept } = chunk;
    const message = this.#message;
    this.#counters.chunks++;
    this.#readChannel(state, chunk);
    message.isReadable = isBodyReadable(
      state,
      bytes,
      offset + transport.BODY,
      offset + kept,
      !state.streams[context.direction].isAfterGap,
    );
    message.bodyReadable = readability(state, message.isReadable);
    this.#countMessage('CloseSecureChannel');
    this.#tell(state, context, chunk);
  }

  #readChannel(state: FlowState, chunk: Chunk): void {
    const { bytes, offset } = chunk;
    const message = this.#message;
    message.secureChannelId = transport.uint32(bytes, offset + transport.SECURE_CHANNEL_ID);
    message.tokenId = transport.uint32(bytes, offset + transport.TOKEN_ID);
    message.isReadable = state.mode === 'None' || state.mode === 'Sign';
    checks.checkChannel(state, message);
  }

  /**
   * Sequence header and body of OPN and MSG, which stand in `bytes` before `body` and from there to
   * `end`; a final chunk makes the message whole.
   */
  #place(
    state: FlowState,
    context: SegmentContext,
    chunk: Chunk,
    bytes: Uint8Array,
    body: number,
    end: number,
  ): void {
    const message = this.#message;
    const stream = state.streams[context.direction];
    message.body.bytes = bytes;
    message.body.offset = body;
    message.body.length = 0;
    if (message.isReadable) {
      message.body.length = Math.max(end - body, 0);
      message.truncated = chunk.kept < chunk.size;
      message.sequenceNumber = transport.uint32(bytes, body - 8);
      message.requestId = transport.uint32(bytes, body - 4);
      checks.checkSequence(stream, message);
    } else {
      stream.isSequenceKnown = false;
    }
    const { requestId } = message;
    const chunkType = chunk.bytes[chunk.offset + 3];
    if (chunkType === transport.ABORT) {
      this.#reassembly.drop(stream, requestId);
      this.#tell(state, context, chunk);
      return;
    }
    if (!this.#reassembly.add(stream, message, chunkType === transport.FINAL)) return;
    checks.checkChunksCount(state.channel, context.direction, message);
    this.#whole(state, stream);
    if (stream.underWayCount > 0) this.#reassembly.drop(stream, requestId);
  }

  #whole(state: FlowState, stream: StreamState): void {
    const message = this.#message;
    const { bytes, offset, length } = message.body;
    if (message.isReadable) message.typeId = namespaceZeroId(bytes, offset, offset + length);
    const isOpen = message.messageType === 'OPN';
    const service = isOpen ? 'OpenSecureChannel' : serviceName(message.typeId);
    // The rest of a message whose beginning was lost.
    const isTail = stream.isAfterGap && message.isReadable && service === UNKNOWN_SERVICE;
    stream.isAfterGap = false;
    this.#countMessage(isTail ? '' : service);
    if (isTail) return;
    if (message.isReadable && service === UNKNOWN_SERVICE) {
      const { anomalies, typeId } = message;
      message.anomalies = withAnomaly(
        anomalies,
        'serviceUnknown',
        'typeId',
        transport.BODY,
        'a service',
        typeId,
      );
    }
    if (message.typeId === OPEN_SECURE_CHANNEL_REQUEST) learnMode(state, message);
    if (isOpen) checks.learnChannel(state, message);
    else if (message.isReadable && state.mode === undefined) learnSignature(state, message);
    this.#pairing.arrived(state, message);
  }

  #countMessage(service: string): void {
    const counters = this.#counters;
    counters.messages++;
    const isNamed = this.#message.isReadable || service !== UNKNOWN_SERVICE;
    if (!this.#message.isReadable) counters.encryptedMessages++;
    if (isNamed && service !== '') {
      counters.services[service] = (counters.services[service] ?? 0) + 1;
    }
  }

  /** A transport message to the sink. */
  #tell(state: FlowState, context: SegmentContext, chunk: Chunk): void {
    const { bytes, offset, kept } = chunk;
    const message = this.#message;
    const chunkType = transport.chunkTypeName(bytes[offset + 3]);
    const anomalies =
      chunkType === 'A'
        ? withAnomaly(message.anomalies, 'chunkAborted', 'chunkType', 3, 'F or C', 'A')
        : message.anomalies;
    this.#sink.opcuaTransportMessage({
      flow: state.flow,
      messageType: message.messageType,
      chunkType,
      timeUs: context.timeUs,
      fromClient: message.fromClient,
      message: { bytes, offset, length: kept },
      secureChannelId: message.secureChannelId,
      channelOpenedAtUs: state.channel.openedAtUs,
      bodyReadable: message.bodyReadable,
      frameNumber: context.frameNumber,
      frameAddress: context.frameAddress,
      frameBytes: context.frameBytes,
      anomalies,
    });
  }
}
