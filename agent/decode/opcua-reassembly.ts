/**
 * Puts the bodies of a message's chunks together (C...F; OPC 10000-6 §6.7.2.2), keeping at most
 * `bodyBytesDecodedMax`; the rest passes by count, so that no message can make us grow.
 */
import { BODY_BYTES_DECODED_MAX } from '../../protocols/opcua/limits.ts';
import { REQUEST_ID } from '../../protocols/opcua/transport.ts';
import { type BytePool, copyBytes } from './opcua-byte-pool.ts';
import type { StreamState } from './opcua-flow-state.ts';
import { type OpcuaMessage, withAnomaly } from './opcua-message.ts';

export class OpcuaReassembly {
  readonly #pool: BytePool;

  constructor(pool: BytePool) {
    this.#pool = pool;
  }

  /** Takes one chunk; true when it made `message` whole, body and all. */
  add(stream: StreamState, message: OpcuaMessage, isFinal: boolean): boolean {
    if (stream.chunksCount > 0 && stream.requestId !== message.requestId) {
      const { anomalies, requestId } = message;
      const expected = String(stream.requestId);
      message.anomalies = withAnomaly(
        anomalies,
        'chunkSequenceBroken',
        'requestId',
        REQUEST_ID,
        expected,
        requestId,
      );
      this.drop(stream);
    }
    if (isFinal && stream.chunksCount === 0) return true;
    this.#append(stream, message);
    if (isFinal) this.#take(stream, message);
    return isFinal;
  }

  /** Forgets the message under way and gives its block back. */
  drop(stream: StreamState): void {
    if (stream.block !== undefined) this.#pool.give(stream.block);
    stream.block = undefined;
    stream.chunksCount = 0;
  }

  #append(stream: StreamState, message: OpcuaMessage): void {
    const { body } = message;
    if (stream.chunksCount === 0) {
      stream.requestId = message.requestId;
      stream.isReadable = message.isReadable;
      stream.startTimeUs = message.timeUs;
      stream.bodyBytesKept = 0;
      stream.messageBytes = 0;
      stream.isBodyCut = false;
    }
    stream.chunksCount++;
    stream.messageBytes += message.messageBytes;
    // Behind a cut nothing is added: it would stand in the wrong place.
    if (!message.isReadable || stream.isBodyCut) return;
    const wanted = Math.min(stream.bodyBytesKept + body.length, BODY_BYTES_DECODED_MAX);
    const added = wanted - stream.bodyBytesKept;
    const block = added === 0 ? stream.block : this.#grown(stream, wanted);
    stream.isBodyCut = added < body.length || message.truncated;
    if (added === 0) return;
    if (block === undefined) {
      stream.isBodyCut = true;
      return;
    }
    copyBytes(body.bytes, body.offset, block, stream.bodyBytesKept, added);
    stream.bodyBytesKept = wanted;
  }

  /** A block that holds `wanted` bytes, with what was kept so far; undefined when there is none. */
  #grown(stream: StreamState, wanted: number): Uint8Array | undefined {
    const old = stream.block;
    if (old !== undefined && old.length >= wanted) return old;
    const block = this.#pool.take(wanted);
    if (block === undefined) return undefined;
    if (old !== undefined) {
      copyBytes(old, 0, block, 0, stream.bodyBytesKept);
      this.#pool.give(old);
    }
    stream.block = block;
    return block;
  }

  #take(stream: StreamState, message: OpcuaMessage): void {
    const { body } = message;
    message.chunksCount = stream.chunksCount;
    message.messageBytes = stream.messageBytes;
    message.truncated = stream.isBodyCut;
    body.length = stream.bodyBytesKept;
    if (stream.block !== undefined) {
      body.bytes = stream.block;
      body.offset = 0;
    }
  }
}
