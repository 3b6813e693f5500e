/**
 * Finds the chunks in a stream by their headers (OPC 10000-6 §6.7.2.2). A chunk that lies whole in
 * a segment is handed on where it stands; one that is split is gathered, up to a limit, and its
 * rest passes by count. After lost bytes the framer goes on at the next header it can be sure of.
 */
import { BODY_BYTES_DECODED_MAX } from '../../protocols/opcua/limits.ts';
import { HEADER_BYTES, plausibleMessageSize } from '../../protocols/opcua/transport.ts';
import { type BytePool, copyBytes } from './opcua-byte-pool.ts';
import type { FlowState, StreamState } from './opcua-flow-state.ts';
import { recognizeOpcua } from './opcua-recognition.ts';
import { RECOGNIZED_NO, type SegmentContext } from './stream-analyzer.ts';

/** Bytes of a chunk held without the pool: a header, and the smallest messages. */
const SMALL_BYTES = 64;

export interface ChunkSink {
  /** A chunk of `size` bytes passed whole; its first `kept` bytes stand at `offset`. */
  chunk(
    state: FlowState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    kept: number,
    size: number,
  ): void;
  /** Where a header was due, something else stands. */
  headerImplausible(
    state: FlowState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
}

export class OpcuaFramer {
  readonly #pool: BytePool;
  readonly #sink: ChunkSink;

  constructor(pool: BytePool, sink: ChunkSink) {
    this.#pool = pool;
    this.#sink = sink;
  }

  feed(
    state: FlowState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const stream = state.streams[context.direction];
    const end = offset + length;
    let position = offset;
    if (stream.seenBytes > 0) {
      position = this.#continue(state, stream, context, bytes, offset, end);
    }
    if (!stream.isSynced) {
      // Only the start of a segment is trusted to be the start of a message.
      if (position !== offset || !beginsMessage(bytes, offset, length)) return;
      stream.isSynced = true;
    }
    while (end - position >= HEADER_BYTES) {
      const size = plausibleMessageSize(bytes, position);
      if (size === 0) {
        stream.isSynced = false;
        this.#sink.headerImplausible(state, context, bytes, position, end - position);
        return;
      }
      if (size > end - position) break;
      this.#sink.chunk(state, context, bytes, position, size, size);
      position += size;
    }
    if (position < end) this.#begin(state, stream, context, bytes, position, end);
  }

  /** A hole inside a chunk of known size leaves the next header where it is. */
  gap(stream: StreamState, bytesMissed: number): void {
    const left = stream.chunkBytes - stream.seenBytes;
    stream.isAfterGap = true;
    if (stream.chunkBytes === 0 || bytesMissed > left) {
      this.drop(stream);
      stream.isSynced = false;
      return;
    }
    stream.isHoled = true;
    stream.seenBytes += bytesMissed;
    if (bytesMissed === left) this.drop(stream);
  }

  /** Forgets the chunk under way. */
  drop(stream: StreamState): void {
    if (stream.hold !== undefined && stream.hold !== stream.small) this.#pool.give(stream.hold);
    stream.hold = undefined;
    stream.chunkBytes = 0;
    stream.seenBytes = 0;
    stream.isHoled = false;
  }

  #begin(
    state: FlowState,
    stream: StreamState,
    context: SegmentContext,
    bytes: Uint8Array,
    position: number,
    end: number,
  ): void {
    stream.small ??= new Uint8Array(SMALL_BYTES);
    stream.hold = stream.small;
    stream.startTimeUs = context.timeUs;
    this.#continue(state, stream, context, bytes, position, end);
  }

  /** Takes what belongs to the chunk under way; returns where the next one begins. */
  #continue(
    state: FlowState,
    stream: StreamState,
    context: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    end: number,
  ): number {
    let position = offset;
    if (stream.chunkBytes === 0) {
      position += this.#gather(stream, bytes, position, Math.min(end, offset + HEADER_BYTES));
      if (stream.seenBytes < HEADER_BYTES) return position;
      if (!this.#learnSize(state, stream, context)) return end;
    }
    const left = stream.chunkBytes - stream.seenBytes;
    position += this.#gather(stream, bytes, position, Math.min(end, position + left));
    if (stream.seenBytes === stream.chunkBytes) this.#finish(state, stream, context);
    return position;
  }

  #gather(stream: StreamState, bytes: Uint8Array, position: number, end: number): number {
    const wanted = stream.chunkBytes === 0 ? HEADER_BYTES - stream.seenBytes : end - position;
    const length = Math.min(wanted, end - position);
    const hold = stream.hold;
    const room = hold === undefined ? 0 : hold.length - stream.seenBytes;
    if (hold !== undefined && room > 0 && !stream.isHoled) {
      copyBytes(bytes, position, hold, stream.seenBytes, Math.min(room, length));
    }
    stream.seenBytes += length;
    return length;
  }

  /** The header is complete: room for the chunk, or the end of the framing. */
  #learnSize(state: FlowState, stream: StreamState, context: SegmentContext): boolean {
    const header = stream.hold;
    const size = header === undefined ? 0 : plausibleMessageSize(header, 0);
    if (header === undefined || size === 0) {
      if (header !== undefined) {
        this.#sink.headerImplausible(state, context, header, 0, HEADER_BYTES);
      }
      this.drop(stream);
      stream.isSynced = false;
      return false;
    }
    stream.chunkBytes = size;
    if (size > SMALL_BYTES) {
      // Without room the first bytes in `small` are all that is kept: enough to count it.
      const block = this.#pool.take(Math.min(size, BODY_BYTES_DECODED_MAX));
      if (block !== undefined) {
        copyBytes(header, 0, block, 0, HEADER_BYTES);
        stream.hold = block;
      }
    }
    return true;
  }

  #finish(state: FlowState, stream: StreamState, context: SegmentContext): void {
    const { hold, chunkBytes, isHoled } = stream;
    if (hold !== undefined && !isHoled) {
      const kept = Math.min(chunkBytes, hold.length);
      this.#sink.chunk(state, context, hold, 0, kept, chunkBytes);
    }
    this.drop(stream);
  }
}

function beginsMessage(bytes: Uint8Array, offset: number, length: number): boolean {
  return length >= HEADER_BYTES && recognizeOpcua(bytes, offset, length) !== RECOGNIZED_NO;
}
