/** The fuzzer on streams: Modbus by MBAP, RTU, ASCII, and OPC UA chunks, through the analyzers. */
import { createDecodeCounters } from '../../agent/decode/decode-counters.ts';
import { ModbusCarriers } from '../../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../../agent/decode/opcua-analyzer.ts';
import { CLEAR_CHANNEL } from '../../agent/decode/opcua-made-traffic.ts';
import type { SegmentContext, StreamAnalyzer } from '../../agent/decode/stream-analyzer.ts';
import { encodeAsciiFrame } from '../../protocols/modbus/ascii.ts';
import { encodeRtuFrame } from '../../protocols/modbus/rtu-framer.ts';
import { SERVICE_TABLE } from '../../protocols/opcua/service-table.ts';
import { madeContext } from '../opcua-context.ts';
import { framed } from '../opcua-traffic.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { FuzzState, FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { RECORDING_SINK } from './null-sink.ts';
import { OPCUA_EXCHANGES } from './opcua-seeds.ts';
import type { FuzzSeeds } from './seeds.ts';

const FLOWS_MAX = 8;
const PDU_BYTES_MAX = 253;
const CHUNKS_PER_INPUT_MAX = 4;
const BODY = 24;
const TYPE_IDS = SERVICE_TABLE.flatMap((row) => [row.requestTypeId, row.responseTypeId]);

export interface Part {
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
}

export function streamTargets(seeds: FuzzSeeds): FuzzTarget[] {
  return [
    { name: 'modbus', begin: () => modbusState(seeds) },
    { name: 'opcua', begin: () => opcuaState(seeds) },
  ];
}

function modbusState(seeds: FuzzSeeds): FuzzState {
  const counters = createDecodeCounters();
  const options = { flowsMax: FLOWS_MAX, requestsPendingMax: 64, partialMessagesMax: 8 };
  const analyzer = new ModbusCarriers(options, RECORDING_SINK, counters.modbus);
  const { modbus } = counters;
  return conversationState(
    analyzer,
    (random) => modbusParts(seeds, random),
    () => modbus.requests + modbus.responses + modbus.exceptions,
  );
}

function opcuaState(seeds: FuzzSeeds): FuzzState {
  const counters = createDecodeCounters();
  const analyzer = new OpcuaAnalyzer({ flowsMax: FLOWS_MAX }, RECORDING_SINK, counters.opcua);
  return conversationState(
    analyzer,
    (random) => opcuaParts(seeds, random),
    () => counters.opcua.transportMessages,
  );
}

/** One input: a flow that begins, some segments of both sides, now and then a hole, its end. */
export function conversationState(
  analyzer: StreamAnalyzer,
  partsOf: (random: SeededRandom) => readonly Part[],
  acceptedCount: () => number,
): FuzzState {
  let parts: readonly Part[] = [];
  let gapBytes = 0;
  let slot = 0;
  let isDatagram = false;
  return {
    make: (random) => {
      parts = partsOf(random);
      gapBytes = random.below(10) === 0 ? 1 + random.below(300) : 0;
      slot = random.below(FLOWS_MAX);
      isDatagram = random.below(8) === 0;
    },
    run: () => {
      const before = acceptedCount();
      const context: SegmentContext = { ...madeContext(slot), isDatagram };
      const [first] = parts;
      if (first !== undefined) {
        analyzer.recognize(first.bytes, 0, first.bytes.length, true);
        analyzer.senderOf(first.bytes, 0, first.bytes.length);
      }
      analyzer.flowBegan(context.flow);
      for (const { fromClient, bytes } of parts) {
        context.direction = fromClient ? 0 : 1;
        context.timeUs += 1000;
        analyzer.segment(context, bytes, 0, bytes.length);
      }
      if (gapBytes > 0) analyzer.gap(context, gapBytes);
      analyzer.advance(context.timeUs + gapBytes * 100_000);
      analyzer.flowEnded(context.flow, context.timeUs);
      return acceptedCount() > before;
    },
  };
}

function modbusParts(seeds: FuzzSeeds, random: SeededRandom): Part[] {
  const [request, response] = random.pick(seeds.modbus);
  const other = random.pick(random.pick(seeds.modbus));
  const unitId = random.below(4) === 0 ? random.below(256) : 1;
  const carrier = random.below(8);
  const transactionId = random.below(3);
  const frame = (pdu: Uint8Array): Uint8Array => {
    const held = pdu.length === 0 ? Uint8Array.of(3) : pdu.subarray(0, PDU_BYTES_MAX);
    if (carrier === 0) return encodeRtuFrame(unitId, held);
    if (carrier === 1) return encodeAsciiFrame(unitId, held);
    return mbap(transactionId, unitId, held);
  };
  const change = (pdu: Uint8Array): Uint8Array =>
    random.below(3) === 0 ? pdu : mutate(pdu, 0, random, other);
  const parts: Part[] = [];
  for (let repeat = random.below(3); repeat >= 0; repeat -= 1) {
    parts.push({ fromClient: true, bytes: frame(change(request)) });
    if (random.below(6) !== 0) parts.push({ fromClient: false, bytes: frame(change(response)) });
  }
  // Now and then the framing itself is broken: what finds back must be tried too.
  return random.below(4) === 0
    ? parts.map((part) => ({ ...part, bytes: mutate(part.bytes, 0, random, other) }))
    : parts.flatMap((part) => split(part, random));
}

/** An open channel, then requests and their responses; now and then one stands in two chunks. */
function opcuaExchanges(random: SeededRandom): Part[] {
  const parts: Part[] = CLEAR_CHANNEL.map(({ from, bytes }) => {
    return { fromClient: from === 0, bytes: Uint8Array.from(bytes) };
  });
  const [first, second] = [random.pick(OPCUA_EXCHANGES), random.pick(OPCUA_EXCHANGES)];
  for (const [index, [request, response]] of [first, second].entries()) {
    const requestId = random.below(8) === 0 ? 2 : index + 2;
    for (const [body, fromClient] of [
      [request, true],
      [response, false],
    ] as const) {
      if (random.below(12) === 0) continue;
      const other = fromClient ? response : request;
      const changed = random.below(2) === 0 ? body : mutate(body, 4, random, other);
      const at = random.below(6) === 0 ? random.below(changed.length + 1) : 0;
      if (at > 0) parts.push(chunkOf('C', requestId, changed.subarray(0, at), fromClient));
      parts.push(chunkOf('F', requestId, changed.subarray(at), fromClient));
    }
  }
  return parts;
}

function chunkOf(type: string, requestId: number, body: Uint8Array, fromClient: boolean): Part {
  return { fromClient, bytes: framed(`MSG${type}`, [7, 1, requestId, requestId], body) };
}

function opcuaParts(seeds: FuzzSeeds, random: SeededRandom): Part[] {
  if (random.below(2) === 0) return opcuaExchanges(random);
  const parts: Part[] = [];
  for (let count = random.below(CHUNKS_PER_INPUT_MAX); count >= 0; count -= 1) {
    const seed = random.pick(seeds.opcua);
    let bytes = mutate(seed, random.below(4) === 0 ? 0 : 8, random, random.pick(seeds.opcua));
    if (random.below(3) === 0 && bytes.length > BODY + 4) setTypeId(bytes, random);
    if (random.below(4) === 0) bytes = grownWithRandom(bytes, random);
    if (random.below(8) !== 0) setSize(bytes);
    parts.push(...split({ fromClient: random.below(2) === 0, bytes }, random));
  }
  return parts;
}

/** The body is then read as that of another service. */
function setTypeId(bytes: Uint8Array, random: SeededRandom): void {
  const typeId = random.pick(TYPE_IDS);
  bytes.set([1, 0, typeId & 0xff, typeId >> 8], BODY);
}

function grownWithRandom(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const grown = new Uint8Array(bytes.length + random.below(120));
  grown.set(bytes);
  for (let at = bytes.length; at < grown.length; at += 1) {
    grown[at] = random.below(3) === 0 ? random.below(26) : 0;
  }
  return grown;
}

function setSize(bytes: Uint8Array): void {
  if (bytes.length < 8) return;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, bytes.length, true);
}

function mbap(transactionId: number, unitId: number, pdu: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(7 + pdu.length);
  const length = pdu.length + 1;
  bytes.set([transactionId >> 8, transactionId & 0xff, 0, 0, length >> 8, length & 0xff, unitId]);
  bytes.set(pdu, 7);
  return bytes;
}

/** One segment, or two. */
function split(part: Part, random: SeededRandom): Part[] {
  if (random.below(5) !== 0 || part.bytes.length < 2) return [part];
  const at = 1 + random.below(part.bytes.length - 1);
  return [
    { ...part, bytes: part.bytes.slice(0, at) },
    { ...part, bytes: part.bytes.slice(at) },
  ];
}
