/**
 * Follows one direction of an OPC UA flow for `replay --explain`: it knows where each chunk began
 * and what of its message came before, so that any one segment can be told as parts of chunks.
 * Whether a body may be read, the channel's rules of the decode stage say.
 */

import type { Digest } from '../../protocols/decoded.ts';
import type { ExplainedField } from '../../protocols/explain.ts';
import { explainChunk, explainNoChunk } from '../../protocols/opcua/explain.ts';
import * as transport from '../../protocols/opcua/transport.ts';
import { BLOCK_BYTES_MAX, type BytePool } from '../decode/opcua-byte-pool.ts';
import {
  forgetChannel,
  isBodyReadable,
  learnMode,
  learnPolicy,
  signatureBytes,
} from '../decode/opcua-channel.ts';
import type { FlowState } from '../decode/opcua-flow-state.ts';
import { newMessage } from '../decode/opcua-message.ts';
import { openBody, recognizeOpcua } from '../decode/opcua-recognition.ts';
import { RECOGNIZED_NO } from '../decode/stream-analyzer.ts';

const NOTHING = new Uint8Array(0);
/** So many bytes of a body tell whether it is in the clear, where there are so many. */
const BODY_JUDGED_BYTES = 64;

export class OpcuaStream {
  readonly #state: FlowState;
  readonly #pool: BytePool;
  readonly #digest: Digest;
  readonly #header = new Uint8Array(transport.HEADER_BYTES);
  /** The chunk under way: its first bytes, as far as there is room for them. */
  #chunk: Uint8Array = NOTHING;
  #block: Uint8Array | undefined;
  #chunkBytes = 0;
  #seenBytes = 0;
  /** Bytes of the chunk known without a hole, and kept. */
  #knownBytes = 0;
  /** Undefined while the bytes don't tell. */
  #isReadable: boolean | undefined;
  /** Body of the message's earlier chunks; undefined where some of it is lost. */
  #bodyBefore: Uint8Array | undefined = NOTHING;
  #bodyBlock: Uint8Array | undefined;
  #isMessageReadable: boolean | undefined;
  #isInStep: boolean;
  #isAfterGap: boolean;

  constructor(state: FlowState, pool: BytePool, digest: Digest) {
    this.#state = state;
    this.#pool = pool;
    this.#digest = digest;
    this.#isInStep = !state.flow.midstream;
    this.#isAfterGap = state.flow.midstream;
  }

  /** The next bytes of the stream; `fields` gets what they are, where somebody asks. */
  feed(bytes: Uint8Array, offset: number, end: number, fields?: ExplainedField[]): void {
    let at = offset;
    while (at < end) {
      if (this.#seenBytes === 0 && !this.#canBegin(bytes, at, end, at === offset)) {
        fields?.push(explainNoChunk(at, end));
        return;
      }
      const from = this.#seenBytes;
      const next = this.#take(bytes, at, end);
      if (this.#seenBytes >= transport.HEADER_BYTES && this.#chunkBytes === 0) {
        fields?.push(explainNoChunk(at, end));
        this.#lose();
        return;
      }
      this.#judge();
      fields?.push(this.#explain(from, at));
      if (this.#seenBytes === this.#chunkBytes) this.#finish();
      at = next;
    }
  }

  /** Bytes that never come. */
  gap(bytesMissed: number): void {
    this.#isAfterGap = true;
    this.#forgetBody(undefined);
    const left = this.#chunkBytes - this.#seenBytes;
    if (this.#chunkBytes === 0 || bytesMissed > left) this.#lose();
    else {
      this.#seenBytes += bytesMissed;
      if (bytesMissed === left) this.#release();
    }
  }

  /** Gives back what is kept. */
  end(): void {
    this.#release();
    this.#forgetBody(NOTHING);
  }

  #canBegin(bytes: Uint8Array, at: number, end: number, isSegmentStart: boolean): boolean {
    if (this.#isInStep) return true;
    // Only the start of a segment is trusted to be the start of a message.
    const isHeader =
      isSegmentStart &&
      end - at >= transport.HEADER_BYTES &&
      recognizeOpcua(bytes, at, end - at) !== RECOGNIZED_NO;
    this.#isInStep = isHeader;
    return isHeader;
  }

  #lose(): void {
    this.#release();
    this.#isInStep = false;
    this.#isAfterGap = true;
    this.#forgetBody(undefined);
  }

  #forgetBody(body: Uint8Array | undefined): void {
    if (this.#bodyBlock !== undefined) this.#pool.give(this.#bodyBlock);
    this.#bodyBlock = undefined;
    this.#bodyBefore = body;
  }

  #release(): void {
    if (this.#block !== undefined) this.#pool.give(this.#block);
    this.#block = undefined;
    this.#chunk = NOTHING;
    this.#chunkBytes = 0;
    this.#seenBytes = 0;
    this.#knownBytes = 0;
    this.#isReadable = undefined;
  }

  /** Takes what belongs to the chunk under way; answers where the next one begins. */
  #take(bytes: Uint8Array, offset: number, end: number): number {
    let at = offset;
    if (this.#seenBytes === 0) this.#chunk = this.#header;
    while (at < end && this.#seenBytes < transport.HEADER_BYTES) {
      this.#header[this.#seenBytes++] = bytes[at++];
      this.#knownBytes = this.#seenBytes;
    }
    if (this.#seenBytes < transport.HEADER_BYTES) return at;
    if (this.#chunkBytes === 0) this.#makeRoom();
    const taken = Math.min(end - at, Math.max(0, this.#chunkBytes - this.#seenBytes));
    const isKnown = this.#knownBytes === this.#seenBytes;
    const kept = isKnown ? Math.min(taken, this.#chunk.length - this.#knownBytes) : 0;
    this.#chunk.set(bytes.subarray(at, at + kept), this.#knownBytes);
    this.#knownBytes += kept;
    this.#seenBytes += taken;
    return at + taken;
  }

  /** Without room the header is all that is known of a chunk. */
  #makeRoom(): void {
    this.#chunkBytes = transport.plausibleMessageSize(this.#header, 0);
    if (this.#chunkBytes === 0) return;
    this.#block = this.#pool.take(Math.min(this.#chunkBytes, BLOCK_BYTES_MAX));
    if (this.#block === undefined) return;
    this.#chunk = this.#block;
    this.#chunk.set(this.#header);
  }

  /** Learns from the chunk's headers what they tell of the channel, as soon as they are there. */
  #judge(): void {
    if (this.#isReadable !== undefined || this.#chunkBytes === 0) return;
    const state = this.#state;
    const isWhole = this.#knownBytes === this.#chunkBytes;
    switch (transport.messageTypeNumber(this.#header, 0)) {
      case transport.HEL:
        if (isWhole) forgetChannel(state);
        return;
      case transport.OPN:
        if (!isWhole && this.#knownBytes < this.#chunk.length) return;
        learnPolicy(state, this.#chunk, 0, this.#knownBytes);
        this.#isReadable = state.policy?.isOpenReadable === true;
        if (this.#isReadable) this.#learnMode();
        return;
      case transport.MSG:
      case transport.CLO: {
        if (!isWhole && this.#knownBytes < transport.BODY + BODY_JUDGED_BYTES) return;
        const isFirst = this.#bodyBefore?.length === 0;
        if (!isFirst && this.#isMessageReadable !== undefined) {
          this.#isReadable = this.#isMessageReadable;
          return;
        }
        if (this.#header[3] === transport.ABORT) {
          this.#isReadable = state.mode === 'None' || state.mode === 'Sign';
          return;
        }
        const isCertain = !this.#isAfterGap;
        const end = this.#knownBytes;
        this.#isReadable = isBodyReadable(state, this.#chunk, transport.BODY, end, isCertain);
        return;
      }
      default:
    }
  }

  #learnMode(): void {
    const body = openBody(this.#chunk, 0, this.#knownBytes);
    if (body <= 0 || body > this.#knownBytes) return;
    const message = newMessage();
    message.body.bytes = this.#chunk;
    message.body.offset = body;
    message.body.length = this.#knownBytes - body;
    learnMode(this.#state, message);
  }

  #explain(from: number, frameOffset: number): ExplainedField {
    const isMsg = transport.messageTypeNumber(this.#header, 0) !== transport.OPN;
    return explainChunk({
      bytes: this.#chunk,
      from,
      to: this.#seenBytes,
      knownBytes: this.#knownBytes,
      frameOffset,
      chunkBytes: this.#chunkBytes,
      bodyBefore: this.#bodyBefore,
      isReadable: this.#isReadable,
      signatureBytes: isMsg ? signatureBytes(this.#state) : 0,
      digest: this.#digest,
    });
  }

  /** A chunk has passed: the message goes on, or ends. */
  #finish(): void {
    const type = transport.messageTypeNumber(this.#header, 0);
    const isPart = this.#header[3] === transport.INTERMEDIATE;
    if (isPart) this.#keepBody(type);
    else {
      this.#forgetBody(NOTHING);
      this.#isMessageReadable = undefined;
      this.#isAfterGap = false;
    }
    this.#release();
  }

  #keepBody(type: number): void {
    const before = this.#bodyBefore;
    this.#isMessageReadable = this.#isReadable;
    const start =
      type === transport.OPN ? openBody(this.#chunk, 0, this.#knownBytes) : transport.BODY;
    const end = this.#chunkBytes - (type === transport.OPN ? 0 : signatureBytes(this.#state));
    const bytes = (before?.length ?? 0) + Math.max(0, end - start);
    const block = bytes <= BLOCK_BYTES_MAX ? this.#pool.take(bytes) : undefined;
    if (before === undefined || block === undefined || end > this.#knownBytes) {
      if (block !== undefined) this.#pool.give(block);
      this.#forgetBody(undefined);
      return;
    }
    block.set(before);
    block.set(this.#chunk.subarray(start, Math.max(start, end)), before.length);
    this.#forgetBody(block.subarray(0, bytes));
    this.#bodyBlock = block;
  }
}
