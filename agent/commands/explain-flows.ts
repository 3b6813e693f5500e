/**
 * The flows of a capture as `replay --explain` follows them: the decode stage recognises them and
 * delivers their bytes in order, and this tells each delivery as parts of messages.
 */
import type { Digest } from '../../protocols/decoded.ts';
import type { ExplainedField } from '../../protocols/explain.ts';
import { CLIENT_TO_SERVER, type FlowFacts, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import { BytePool } from '../decode/opcua-byte-pool.ts';
import { newFlowState } from '../decode/opcua-flow-state.ts';
import type { SegmentContext, StreamAnalyzer } from '../decode/stream-analyzer.ts';
import { ModbusRequests, ModbusStream } from './explain-modbus-stream.ts';
import { OpcuaStream } from './explain-opcua-stream.ts';

/** Parts of messages that wait for the rest, over all flows. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Flows that are remembered after their end; the oldest are forgotten first. */
const FLOWS_REMEMBERED_MAX = 8192;

/** One direction of a flow, whatever its protocol. */
interface FollowedStream {
  feed(bytes: Uint8Array, offset: number, end: number, fields?: ExplainedField[]): void;
  gap(bytesMissed: number): void;
}

/** Bytes of one frame that a stream took, and what they are: offsets from the first of them. */
export interface Delivery {
  readonly bytes: Uint8Array;
  readonly fields: readonly ExplainedField[];
}

interface FollowedFlow {
  readonly flow: FlowFacts;
  /** By direction. */
  readonly streams: readonly [FollowedStream, FollowedStream];
  /** A stream that joins this flow in the middle: for bytes that the decode stage passed over. */
  readonly join: (direction: 0 | 1) => FollowedStream;
  readonly end: () => void;
}

export class ExplainFlows {
  readonly #isWanted: (frameNumber: number) => boolean;
  readonly #digest: Digest;
  readonly #pool = new BytePool(WAITING_BYTES_MAX);
  readonly #bySlot = new Map<number, FollowedFlow>();
  readonly #byEnds = new Map<string, FollowedFlow>();
  readonly #opcuaPairs = new Set<string>();
  readonly #deliveries = new Map<number, Delivery[]>();

  constructor(isWanted: (frameNumber: number) => boolean, digest: Digest) {
    this.#isWanted = isWanted;
    this.#digest = digest;
  }

  /** What the streams took from this frame so far. */
  deliveriesOf(frameNumber: number): readonly Delivery[] {
    return this.#deliveries.get(frameNumber) ?? [];
  }

  /** An analyzer that recognises as `inner` does, and follows the streams for the wanted frames. */
  follow(inner: StreamAnalyzer): StreamAnalyzer {
    return {
      protocol: inner.protocol,
      recognize: (...bytes) => inner.recognize(...bytes),
      senderOf: (...bytes) => inner.senderOf(...bytes),
      confirm: (...bytes) => inner.confirm(...bytes),
      flowBegan: (flow) => this.#began(flow),
      segment: (context, bytes, offset, length) => this.#segment(context, bytes, offset, length),
      gap: ({ slot, direction }, bytesMissed) =>
        this.#bySlot.get(slot)?.streams[direction].gap(bytesMissed),
      flowEnded: (flow) => this.#ended(flow.slot),
      advance: () => {},
    };
  }

  /** The fields of a payload that no stream took: a copy, a piece, or what decode refused. */
  explainAlone(
    source: string,
    destination: string,
    bytes: Uint8Array,
    offset: number,
    end: number,
  ): readonly ExplainedField[] | undefined {
    const fields: ExplainedField[] = [];
    const asked = this.#byEnds.get(`${source} ${destination}`);
    const answered = this.#byEnds.get(`${destination} ${source}`);
    const followed = asked ?? answered;
    if (followed === undefined) return undefined;
    const direction = asked === undefined ? SERVER_TO_CLIENT : CLIENT_TO_SERVER;
    followed.join(direction).feed(bytes, offset, end, fields);
    return fields;
  }

  /** Do these two addresses speak OPC UA, as far as was seen? */
  isOpcuaPair(one: string, other: string): boolean {
    return this.#opcuaPairs.has(`${one} ${other}`) || this.#opcuaPairs.has(`${other} ${one}`);
  }

  #began(flow: FlowFacts): void {
    this.#ended(flow.slot);
    const followed = flow.protocol === 'modbus' ? this.#modbus(flow) : this.#opcua(flow);
    const { client, server } = flow;
    this.#bySlot.set(flow.slot, followed);
    const clientText = `${flow.ipProtocol} ${client.ipAddress} ${client.port}`;
    const serverText = `${flow.ipProtocol} ${server.ipAddress} ${server.port}`;
    this.#byEnds.set(`${clientText} ${serverText}`, followed);
    if (flow.protocol === 'opcua') this.#opcuaPairs.add(`${client.ipAddress} ${server.ipAddress}`);
    forgetOldest(this.#byEnds);
    forgetOldest(this.#opcuaPairs);
  }

  #ended(slot: number): void {
    this.#bySlot.get(slot)?.end();
    this.#bySlot.delete(slot);
  }

  #segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const stream = this.#bySlot.get(context.slot)?.streams[context.direction];
    if (stream === undefined) return;
    if (!this.#isWanted(context.frameNumber)) {
      stream.feed(bytes, offset, offset + length);
      return;
    }
    const copy = bytes.slice(offset, offset + length);
    const fields: ExplainedField[] = [];
    stream.feed(copy, 0, length, fields);
    const deliveries = this.#deliveries.get(context.frameNumber) ?? [];
    deliveries.push({ bytes: copy, fields });
    this.#deliveries.set(context.frameNumber, deliveries);
  }

  #modbus(flow: FlowFacts): FollowedFlow {
    const requests = new ModbusRequests();
    const stream = (direction: 0 | 1) => new ModbusStream(direction, requests, this.#digest);
    return {
      flow,
      streams: [stream(CLIENT_TO_SERVER), stream(SERVER_TO_CLIENT)],
      join: stream,
      end: () => {},
    };
  }

  #opcua(flow: FlowFacts): FollowedFlow {
    const state = newFlowState(flow, 0);
    const stream = () => new OpcuaStream(state, this.#pool, this.#digest);
    const streams = [stream(), stream()] as const;
    const end = () => {
      for (const each of streams) each.end();
    };
    // What is read alone must not teach the channel anything.
    const join = () => {
      const midstream = { ...state, flow: { ...flow, midstream: true } };
      return new OpcuaStream(midstream, new BytePool(WAITING_BYTES_MAX), this.#digest);
    };
    return { flow, streams, join, end };
  }
}

function forgetOldest(known: Map<string, unknown> | Set<string>): void {
  if (known.size <= FLOWS_REMEMBERED_MAX) return;
  for (const oldest of known.keys()) {
    known.delete(oldest);
    return;
  }
}
