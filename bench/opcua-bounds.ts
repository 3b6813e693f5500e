/**
 * OPC UA under attack: what the longest call took and how much memory was left behind, for lengths
 * that lie, depth without end, requests without answers and chunks without an end. Every segment is
 * one call; records of what comes out are decoded whole.
 */
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import type { Digest } from '../protocols/decoded.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../protocols/opcua/record.ts';
import { garbageCollector } from './collect-garbage.ts';
import { madeContext } from './opcua-context.ts';
import { framed, int32, openChannel } from './opcua-traffic.ts';
import { type BenchSection, type Figure, MEGABYTE } from './section.ts';

const FLOWS = 64;
const SEGMENT_BYTES = 1460;
/** Calls before the clock counts: until the machine code is there. */
const WARM_CALLS = 2_000;
/** A slow call is slow each time; what the machine does beside us isn't. */
const ROUNDS = 3;
const SEQUENCE_NUMBER = 16;
const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

interface Attack {
  readonly name: string;
  readonly calls: number;
  /** Sent again and again, each time with the next sequence number and request id. */
  readonly segment: Uint8Array;
  /** Always under the same request id. */
  readonly isOneMessage?: boolean;
}

export const opcuaBoundsSection: BenchSection = {
  name: 'opcua-bounds',
  title: 'OPC UA under attack: longest call and memory left behind',
  async run(context) {
    const figures: Figure[] = [];
    const collect = garbageCollector();
    for (const attack of attacks()) {
      context.say(attack.name);
      const rounds = Array.from({ length: ROUNDS }, () => attacked(attack, collect));
      const value = Math.min(...rounds.map(({ longestMs }) => longestMs));
      const grown = Math.min(...rounds.map(({ grownBytes }) => grownBytes)) / MEGABYTE;
      const usual = Math.min(...rounds.map(({ usualMs }) => usualMs)) * 1_000_000;
      figures.push(
        { name: `usual call, ${attack.name}`, value: usual, unit: 'ns' },
        { name: `longest call, ${attack.name}`, value, unit: 'ms', goal: 'goal < 5' },
        { name: `memory held, ${attack.name}`, value: grown, unit: 'MB', goal: 'goal < 10' },
      );
    }
    return { kind: 'figures', figures };
  },
};

/** Heap and buffers in use, after a collection. */
function bytesHeld(collect: () => void): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function attacked(
  { segment: bytes, calls, isOneMessage }: Attack,
  collect: () => void,
): { longestMs: number; usualMs: number; grownBytes: number } {
  const before = bytesHeld(collect);
  const ignored = (): void => {};
  const analyzer = new OpcuaAnalyzer(
    { flowsMax: FLOWS },
    {
      modbusTransaction: ignored,
      opcuaTransaction: (told) => opcuaTransactionFields(told, digest),
      opcuaTransportMessage: (told) => opcuaTransportFields(told, digest),
      malformed: ignored,
      gap: ignored,
      flowEnded: ignored,
    },
    createDecodeCounters().opcua,
  );
  const contexts = Array.from({ length: FLOWS }, (_, slot) => madeContext(slot));
  for (const context of contexts) {
    analyzer.flowBegan(context.flow);
    const opened = openChannel(true);
    analyzer.segment(context, opened, 0, opened.length);
  }
  const tookMs = new Float64Array(calls);
  for (let index = 0; index < calls; index++) {
    const context = contexts[index % FLOWS];
    bytes.set(int32(index), SEQUENCE_NUMBER);
    if (isOneMessage !== true) bytes.set(int32(index), SEQUENCE_NUMBER + 4);
    context.timeUs += 10;
    const startedMs = performance.now();
    analyzer.segment(context, bytes, 0, bytes.length);
    if (index % 10_000 === 0) analyzer.advance(context.timeUs);
    tookMs[index] = performance.now() - startedMs;
  }
  const grownBytes = bytesHeld(collect) - before - tookMs.byteLength;
  const sorted = tookMs.subarray(WARM_CALLS).sort();
  // Looked at after the measurement, so that the analyzer is still there.
  if (analyzer.pendingUsed < 0) throw new Error('unreachable');
  const usualMs = sorted[sorted.length >> 1];
  return { longestMs: sorted[sorted.length - 1], usualMs, grownBytes };
}

function attacks(): readonly Attack[] {
  const header = (typeId: number) => [
    ...[1, 0, typeId & 0xff, typeId >> 8, 0, 0],
    ...new Array<number>(8).fill(0),
    ...[...int32(1), ...int32(0), ...int32(-1), ...int32(0), 0, 0, 0],
  ];
  const message = (body: readonly number[], type = 'MSGF'): Uint8Array => {
    return framed(type, [7, 1, 2, 2], Uint8Array.from(body));
  };
  const read = [...header(631), ...new Array<number>(12).fill(0)];
  const write = [...header(673), ...int32(1), 0, 85, ...int32(13), ...int32(-1), 1];
  const deepVariants = [...write, ...new Array<number>(10_000).fill(24), 1, 1];
  const deepDiagnostics = [1, 0, 0x7a, 2, ...new Array<number>(16).fill(0)].concat(
    new Array<number>(10_000).fill(0x40),
  );
  const many = [...read, ...int32(60_000 / 16), ...new Array<number>(60_000).fill(0)];
  const nulls = [...write, 0x98, ...int32(60_000), ...new Array<number>(60_000).fill(0)];
  const huge = framed('MSGF', [7, 1, 2, 2], new Uint8Array(SEGMENT_BYTES));
  huge.set(int32(0x7fffffff), 4);
  const large = framed('MSGF', [7, 1, 2, 2], new Uint8Array(SEGMENT_BYTES));
  large.set(int32(16 * 1024 * 1024), 4);
  const text = [...header(461).slice(0, -3), ...int32(0x7fffffff)];
  const chunk = message(new Array<number>(500).fill(1), 'MSGC');
  // biome-ignore format: one attack a line
  return [
    { name: '1,000,000 requests without an answer', calls: 1_000_000, segment: message([...read, ...int32(0)]) },
    { name: 'chunks without an end', calls: 300_000, segment: chunk },
    { name: 'one message of endless chunks', calls: 300_000, segment: chunk.slice(), isOneMessage: true },
    { name: 'a length of 2 GB', calls: 100_000, segment: huge },
    { name: 'a length of 16 MB', calls: 100_000, segment: large },
    { name: 'Variants 10,000 deep', calls: 20_000, segment: message(deepVariants) },
    { name: 'DiagnosticInfo 10,000 deep', calls: 20_000, segment: message(deepDiagnostics) },
    { name: '2,147,483,647 array elements', calls: 100_000, segment: message([...read, ...int32(0x7fffffff)]) },
    { name: '2,147,483,647 bytes of text', calls: 100_000, segment: message(text) },
    { name: '64 KiB of the smallest nodes to read', calls: 4_000, segment: message(many) },
    { name: '64 KiB of null Variants', calls: 4_000, segment: message(nulls) },
  ];
}
