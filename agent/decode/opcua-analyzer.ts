/**
 * OPC UA binary over TCP as a stream analyzer: recognises it on any port, frames and reassembles
 * messages, follows each channel's security as far as it shows, and pairs requests with responses.
 * Bodies are decoded by whoever asks for them (protocols/opcua/service-body.ts).
 */
import type { DecodeSink, OpcuaCounters } from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import { BytePool } from './opcua-byte-pool.ts';
import { doubtChannel } from './opcua-channel-checks.ts';
import type { ChunkDecryptor } from './opcua-chunk-decryptor.ts';
import { type FlowState, newFlowState } from './opcua-flow-state.ts';
import { OpcuaFramer } from './opcua-framer.ts';
import { OpcuaMessages } from './opcua-messages.ts';
import { MONITORED_ITEMS_MAX } from './opcua-monitored-items.ts';
import { OpcuaPairing, type PairingLimits } from './opcua-pairing.ts';
import { recognizeOpcua, senderOfOpcua } from './opcua-recognition.ts';
import type { Recognition, SegmentContext, Sender, StreamAnalyzer } from './stream-analyzer.ts';

export interface OpcuaLimits extends PairingLimits {
  /** Bodies of waiting requests, over all flows. */
  readonly pendingBytesMax: number;
  /** Split chunks and bodies under way, over all flows. */
  readonly reassemblyBytesMax: number;
  /** A chunk or message that isn't whole by then is forgotten. */
  readonly reassemblyAgeMs: number;
}

export interface OpcuaOptions extends Partial<OpcuaLimits> {
  readonly flowsMax: number;
  /** Asked for each chunk that is encrypted; absent, such chunks are told by their headers. */
  readonly decryptor?: ChunkDecryptor;
}

export const OPCUA_LIMITS: OpcuaLimits = Object.freeze({
  requestTimeoutMs: 60_000,
  publishTimeoutMs: 3_600_000,
  requestsPendingMax: 8_192,
  requestsPendingPerFlowMax: 128,
  monitoredItemsMax: MONITORED_ITEMS_MAX,
  pendingBytesMax: 4 * 1024 * 1024,
  reassemblyBytesMax: 4 * 1024 * 1024,
  reassemblyAgeMs: 60_000,
});

export class OpcuaAnalyzer implements StreamAnalyzer {
  readonly protocol = 'opcua';
  readonly #limits: OpcuaLimits;
  readonly #states: (FlowState | undefined)[];
  /** Rows of it in use: on a plant without OPC UA, `advance` has no rows to look through. */
  #statesCount = 0;
  readonly #pendingPool: BytePool;
  readonly #reassemblyPool: BytePool;
  readonly #pairing: OpcuaPairing;
  readonly #messages: OpcuaMessages;
  readonly #framer: OpcuaFramer;

  constructor(options: OpcuaOptions, sink: DecodeSink, counters: OpcuaCounters) {
    const { flowsMax, decryptor, ...limits } = options;
    this.#limits = { ...OPCUA_LIMITS, ...limits };
    this.#states = new Array<FlowState | undefined>(flowsMax).fill(undefined);
    this.#pendingPool = new BytePool(this.#limits.pendingBytesMax);
    this.#reassemblyPool = new BytePool(this.#limits.reassemblyBytesMax);
    this.#pairing = new OpcuaPairing(this.#limits, this.#pendingPool, sink);
    this.#messages = new OpcuaMessages(
      this.#reassemblyPool,
      this.#pairing,
      sink,
      counters,
      decryptor,
    );
    this.#framer = new OpcuaFramer(this.#reassemblyPool, this.#messages);
  }

  /** Requests that left unanswered for want of room. */
  get pendingEvictedCount(): number {
    return this.#pairing.evictedCount;
  }

  get pendingUsed(): number {
    return this.#pairing.pendingUsed;
  }

  get reassemblyBytesUsed(): number {
    return this.#reassemblyPool.bytesUsed + this.#pendingPool.bytesUsed;
  }

  get reassemblyBytesMax(): number {
    return this.#reassemblyPool.bytesMax + this.#pendingPool.bytesMax;
  }

  /** Chunks and bodies that were told without their bytes, and messages that were never whole. */
  get reassemblyRefusedCount(): number {
    const { refusedCount } = this.#reassemblyPool;
    return refusedCount + this.#pendingPool.refusedCount + this.#messages.droppedCount;
  }

  recognize(bytes: Uint8Array, offset: number, length: number): Recognition {
    return recognizeOpcua(bytes, offset, length);
  }

  senderOf(bytes: Uint8Array, offset: number, length: number): Sender {
    return senderOfOpcua(bytes, offset, length);
  }

  /** Nothing is ever tentative here: one header is enough. */
  confirm(): boolean {
    return false;
  }

  flowBegan(flow: FlowFacts): void {
    this.#release(flow.slot);
    const { ipAddress, port } = flow.server;
    const server = this.#pairing.bindings.serverNumber(`${ipAddress} ${port}`);
    this.#states[flow.slot] = newFlowState(flow, server);
    this.#statesCount++;
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const state = this.#states[context.slot];
    if (state === undefined || length === 0) return;
    this.#framer.feed(state, context, bytes, offset, length);
    if (context.isDatagram) this.#framer.drop(state.streams[context.direction]);
  }

  gap(context: SegmentContext, bytesMissed: number): void {
    const state = this.#states[context.slot];
    if (state === undefined) return;
    const stream = state.streams[context.direction];
    stream.isSequenceKnown = false;
    doubtChannel(state.channel);
    this.#messages.dropMessages(stream);
    this.#framer.gap(stream, bytesMissed);
  }

  flowEnded(flow: FlowFacts): void {
    const state = this.#states[flow.slot];
    if (state === undefined || state.flow.flowNumber !== flow.flowNumber) return;
    this.#pairing.flowEnded(state);
    this.#release(flow.slot);
  }

  advance(timeUs: number): void {
    if (this.#statesCount === 0) return;
    this.#pairing.advance(timeUs);
    const beforeUs = timeUs - this.#limits.reassemblyAgeMs * 1000;
    for (const state of this.#states) {
      if (state === undefined) continue;
      for (const stream of state.streams) {
        if (stream.underWayCount > 0 && this.#messages.dropOlder(stream, beforeUs)) {
          stream.isAfterGap = true;
        }
        if (stream.seenBytes === 0 || stream.startTimeUs >= beforeUs) continue;
        this.#framer.drop(stream);
        stream.isSynced = false;
        stream.isAfterGap = true;
      }
    }
  }

  /** Empties a row; what waited there has left before. */
  #release(slot: number): void {
    const state = this.#states[slot];
    if (state === undefined) return;
    this.#pairing.flowEnded(state);
    for (const stream of state.streams) {
      this.#messages.dropMessages(stream);
      this.#framer.drop(stream);
    }
    this.#states[slot] = undefined;
    this.#statesCount--;
  }
}
