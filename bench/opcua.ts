/**
 * OPC UA on one core, hot: our analyzer (framing, channel, pairing), the same with every field of
 * every message decoded, and node-opcua's own two readers (MessageBuilder, and its codec on bodies
 * that were already framed) on the same bytes in the same process, in turn.
 */
import { BinaryStream, decodeExpandedNodeId, ExtraDataTypeManager } from 'node-opcua';
import { MessageBuilder } from 'node-opcua-secure-channel';
import { createDecodeCounters } from '../agent/decode/decode-counters.ts';
import { OpcuaAnalyzer } from '../agent/decode/opcua-analyzer.ts';
import type { Digest } from '../protocols/decoded.ts';
import { CLIENT_TO_SERVER, SERVER_TO_CLIENT } from '../protocols/flow.ts';
import { decodeServiceBody } from '../protocols/opcua/service-body.ts';
import type { OpcuaTransaction } from '../protocols/opcua/transaction.ts';
import { garbageCollector } from './collect-garbage.ts';
import { median } from './measure.ts';
import { madeContext } from './opcua-context.ts';
import { type OpcuaTraffic, opcuaTraffic } from './opcua-traffic.ts';
import type { BenchSection } from './section.ts';

const EXCHANGES = 2_000;
const ROUNDS = 11;
/** Until the machine code is there. */
const WARM_ROUNDS = 2;
/** Of the traffic in one timed run, for a time that can be measured; theirs are slower. */
const REPETITIONS = 40;
const REPETITIONS_SLOW = 4;

export const opcuaSection: BenchSection = {
  name: 'opcua',
  title: "OPC UA messages a second on one core, hot, against node-opcua's own readers",
  async run(context) {
    const traffic = opcuaTraffic(EXCHANGES);
    context.say(
      `${traffic.messages} messages, ${(traffic.bytes / traffic.messages).toFixed(0)} bytes each`,
    );
    const alone = new Ours(false);
    const withFields = new Ours(true);
    const timed = (repetitions: number, work: () => void) => {
      return messagesPerSecond(traffic.messages, repetitions, work);
    };
    const runs = {
      ours: () => timed(REPETITIONS, () => alone.read(traffic)),
      fields: () => timed(REPETITIONS_SLOW, () => withFields.read(traffic)),
      builder: () => timed(REPETITIONS_SLOW, () => built(traffic)),
      codec: () => timed(REPETITIONS_SLOW, () => decodedByCodec(traffic)),
    };
    const rounds = Array.from({ length: ROUNDS }, () => ({
      ours: runs.ours(),
      fields: runs.fields(),
      builder: runs.builder(),
      codec: runs.codec(),
    })).slice(WARM_ROUNDS);
    // Ratios within a round: what else the machine does then hits both sides.
    const ratio = (of: keyof typeof runs, to: keyof typeof runs) => {
      return median(rounds.map((round) => round[of] / round[to]));
    };
    const rate = (of: keyof typeof runs) => median(rounds.map((round) => round[of]));
    return {
      kind: 'figures',
      figures: [
        {
          name: 'decode (framing, channel, pairing) / MessageBuilder',
          value: ratio('ours', 'builder'),
          unit: 'x',
          goal: 'goal >= 20',
        },
        {
          name: 'decode and every field / MessageBuilder',
          value: ratio('fields', 'builder'),
          unit: 'x',
        },
        {
          name: 'decode and every field / codec alone',
          value: ratio('fields', 'codec'),
          unit: 'x',
        },
        { name: 'decode', value: rate('ours'), unit: 'messages/s' },
        { name: 'decode and every field', value: rate('fields'), unit: 'messages/s' },
        { name: 'node-opcua, MessageBuilder', value: rate('builder'), unit: 'messages/s' },
        { name: 'node-opcua, codec alone', value: rate('codec'), unit: 'messages/s' },
      ],
    };
  },
};

const collect = garbageCollector();

function messagesPerSecond(messages: number, repetitions: number, work: () => void): number {
  collect();
  // A collection shrinks the young generation: it grows again before the clock counts.
  for (let count = 0; count < repetitions; count++) work();
  const started = performance.now();
  for (let count = 0; count < repetitions; count++) work();
  return (messages * repetitions * 1000) / (performance.now() - started);
}

const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

/** A wrong count makes the run worthless. */
function assertCount(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what} read ${actual} of ${expected} messages`);
}

/** One analyzer as in the program; each run is a new connection. */
class Ours {
  #messages = 0;
  readonly #isFieldsWanted: boolean;
  readonly #analyzer: OpcuaAnalyzer;

  constructor(isFieldsWanted: boolean) {
    this.#isFieldsWanted = isFieldsWanted;
    const ignored = (): void => {};
    const sink = {
      modbusTransaction: ignored,
      opcuaTransaction: (transaction: OpcuaTransaction) => this.#take(transaction),
      opcuaTransportMessage: ignored,
      malformed: ignored,
      gap: ignored,
      flowEnded: ignored,
    };
    this.#analyzer = new OpcuaAnalyzer({ flowsMax: 4 }, sink, createDecodeCounters().opcua);
  }

  read(traffic: OpcuaTraffic): void {
    this.#messages = 0;
    const context = madeContext();
    this.#analyzer.flowBegan(context.flow);
    for (const { fromClient, bytes } of traffic.segments) {
      context.direction = fromClient ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
      context.timeUs += 10;
      this.#analyzer.segment(context, bytes, 0, bytes.length);
    }
    this.#analyzer.flowEnded(context.flow);
    assertCount('our analyzer', this.#messages, traffic.messages);
  }

  #take({ request, response }: OpcuaTransaction): void {
    if (request.messageType === 'OPN') return;
    for (const side of [request, response]) {
      if (!side.present) continue;
      this.#messages++;
      if (this.#isFieldsWanted) decodeServiceBody(side.body, side.truncated, digest);
    }
  }
}

function built(traffic: OpcuaTraffic): void {
  let messages = 0;
  const builders = [true, false].map(() => {
    const builder = new MessageBuilder({ getDerivedKey: () => null }, { name: 'bench' });
    builder.on('message', () => {
      messages++;
    });
    return builder;
  });
  for (const { fromClient, bytes } of traffic.segments) {
    builders[fromClient ? 0 : 1].feed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }
  // OPN are messages to it too.
  assertCount('MessageBuilder', messages, traffic.messages + 2);
}

const types = new ExtraDataTypeManager();

function decodedByCodec(traffic: OpcuaTraffic): void {
  for (const body of traffic.bodies) {
    const stream = new BinaryStream(Buffer.from(body.buffer, body.byteOffset, body.length));
    const Class = types.getExtensionObjectConstructorFromBinaryEncoding(
      decodeExpandedNodeId(stream),
    );
    new Class().decode(stream);
  }
}
