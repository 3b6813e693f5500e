/**
 * From bytes in order to the analyzer of their protocol: recognises the flow first, then hands on
 * every segment and every hole, and tells analyzer and sink when the flow ends.
 */
import type { DecodeCounters, DecodeSink } from '../../protocols/decode-sink.ts';
import { CLIENT_TO_SERVER, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import { createFlowFacts } from './create-flow-facts.ts';
import { WORTH_LEAST } from './flow-lists.ts';
import {
  FLOW_MODBUS,
  FLOW_OPCUA,
  FLOW_TLS,
  FLOW_UNDECIDED,
  type FlowTable,
  SIDE_UNKNOWN,
} from './flow-table.ts';
import { type Recognition, VERDICT_HELD, VERDICT_NO } from './recognition.ts';
import { refusal } from './refusals.ts';
import { decideRoles, type Roles } from './roles.ts';
import { copyOrigin, createSegmentContext } from './segment-origin.ts';
import { BLOCK_NONE, SEGMENT_BLOCK_BYTES, type SegmentPool } from './segment-pool.ts';
import {
  SENDER_CLIENT,
  SENDER_UNKNOWN,
  type SegmentContext,
  type StreamAnalyzer,
} from './stream-analyzer.ts';
import type { InOrderSink } from './tcp-sequences.ts';

export interface Analyzers {
  readonly modbus: StreamAnalyzer;
  readonly opcua: StreamAnalyzer;
  /** Without one, encrypted Modbus is left alone. */
  readonly tls?: StreamAnalyzer;
}

export class StreamDelivery implements InOrderSink {
  readonly #table: FlowTable;
  readonly #recognition: Recognition;
  readonly #pool: SegmentPool;
  readonly #modbus: StreamAnalyzer;
  readonly #opcua: StreamAnalyzer;
  readonly #tls: StreamAnalyzer | undefined;
  readonly #sink: DecodeSink;
  readonly #counters: DecodeCounters;
  readonly #context: SegmentContext;
  readonly #spareContext: SegmentContext = createSegmentContext();
  #flowNumber = 0;

  constructor(
    table: FlowTable,
    recognition: Recognition,
    pool: SegmentPool,
    analyzers: Analyzers,
    context: SegmentContext,
    sink: DecodeSink,
    counters: DecodeCounters,
  ) {
    this.#table = table;
    this.#recognition = recognition;
    this.#pool = pool;
    this.#modbus = analyzers.modbus;
    this.#opcua = analyzers.opcua;
    this.#tls = analyzers.tls;
    this.#context = context;
    this.#sink = sink;
    this.#counters = counters;
  }

  inOrder(direction: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const row = direction >> 1;
    const state = this.#table.state[row];
    const flow = this.#table.facts[row];
    if (state === FLOW_UNDECIDED || flow === undefined) {
      return this.#undecided(direction, bytes, offset, length);
    }
    const context = this.#context;
    context.slot = row;
    if (context.flow !== flow) context.flow = flow;
    flow.lastSeenUs = context.timeUs;
    if ((direction & 1) === this.#table.clientSide[row]) {
      flow.clientSegmentsCount++;
      context.direction = CLIENT_TO_SERVER;
    } else {
      flow.serverSegmentsCount++;
      context.direction = SERVER_TO_CLIENT;
    }
    // Two call sites instead of one, so that each stays monomorphic.
    if (state === FLOW_MODBUS) {
      this.#modbus.segment(context, bytes, offset, length);
    } else if (state === FLOW_OPCUA) {
      this.#opcua.segment(context, bytes, offset, length);
    } else {
      this.#tls?.segment(context, bytes, offset, length);
    }
    return true;
  }

  hole(direction: number, bytesMissed: number): void {
    const row = direction >> 1;
    const flow = this.#table.facts[row];
    if (flow === undefined) {
      this.#recognition.dropHeld(direction);
      return;
    }
    const fromClient = (direction & 1) === this.#table.clientSide[row];
    if (fromClient) flow.clientBytesMissed += bytesMissed;
    else flow.serverBytesMissed += bytesMissed;
    flow.gapsCount++;
    this.#counters.bytesMissedCount += bytesMissed;
    this.#counters.gapsCount++;
    const context = this.#context;
    context.slot = row;
    context.flow = flow;
    context.direction = fromClient ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
    this.#analyzerOf(row).gap(context, bytesMissed);
    this.#sink.gap({ flow, timeUs: context.timeUs, fromClient, bytesMissed });
  }

  ended(row: number): void {
    this.#recognition.reset(row);
    // A closed connection is kept to know late copies by, as long as nobody needs the row.
    this.#table.lists.move(row, WORTH_LEAST);
    const flow = this.#table.facts[row];
    if (flow === undefined) return;
    this.#analyzerOf(row).flowEnded(flow, this.#context.timeUs);
    this.#sink.flowEnded(flow);
    this.#table.facts[row] = undefined;
    this.#table.state[row] = FLOW_UNDECIDED;
  }

  #undecided(direction: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const verdict = this.#recognition.judge(direction, this.#context, bytes, offset, length);
    if (verdict === VERDICT_NO) {
      if (this.#recognition.isFirstRefusal(direction)) {
        this.#tellRefusal(direction, bytes, offset, length);
      }
      return false;
    }
    if (verdict === VERDICT_HELD) return true;
    const row = direction >> 1;
    this.#begin(row, direction & 1, verdict);
    this.#deliverHeld(row);
    this.inOrder(direction, bytes, offset, length);
    return true;
  }

  #begin(row: number, side: number, protocol: number): void {
    const table = this.#table;
    const roles = this.#rolesOf(row, side, protocol);
    const timeUs = this.#context.timeUs;
    const number = ++this.#flowNumber;
    const isOther = protocol === FLOW_MODBUS && !this.#isModbusPort(row);
    const flow = createFlowFacts(table, row, protocol, roles, number, timeUs, isOther);
    table.state[row] = protocol;
    table.clientSide[row] = roles.clientSide;
    table.facts[row] = flow;
    table.classify(row);
    this.#analyzerOf(row).flowBegan(flow);
  }

  #isModbusPort(row: number): boolean {
    const judged = this.#recognition;
    return judged.isServerPort(row, 0, FLOW_MODBUS) || judged.isServerPort(row, 1, FLOW_MODBUS);
  }

  #tellRefusal(direction: number, bytes: Uint8Array, offset: number, length: number): void {
    if (this.#sink.notModbusOnModbusPort === undefined) return;
    const row = direction >> 1;
    const context = this.#context;
    const roles = this.#rolesOf(row, direction & 1, FLOW_MODBUS);
    const { timeUs } = context;
    const number = ++this.#flowNumber;
    const flow = createFlowFacts(this.#table, row, FLOW_MODBUS, roles, number, timeUs, false);
    const fromClient = (direction & 1) === roles.clientSide;
    this.#sink.notModbusOnModbusPort(refusal(flow, context, fromClient, bytes, offset, length));
  }

  #rolesOf(row: number, side: number, protocol: number): Roles {
    const isLowServer = this.#recognition.isServerPort(row, 0, protocol);
    const isHighServer = this.#recognition.isServerPort(row, 1, protocol);
    return decideRoles({
      protocol,
      originatorSide: this.#table.originatorSide[row],
      contentSide: this.#contentSide(row, side, protocol),
      serverPortSide: isLowServer === isHighServer ? SIDE_UNKNOWN : isLowServer ? 0 : 1,
      firstSide: this.#recognition.firstHeldSide(row, side),
    });
  }

  /** The client by the bytes of the side that was recognised, or else by the other side's. */
  #contentSide(row: number, side: number, protocol: number): number {
    const analyzer = this.#analyzerFor(protocol);
    const judged = this.#recognition;
    const sender = analyzer.senderOf(judged.judgedBytes, judged.judgedOffset, judged.judgedLength);
    if (sender !== SENDER_UNKNOWN) return sender === SENDER_CLIENT ? side : side ^ 1;
    judged.gatherHeld((row << 1) | (side ^ 1));
    if (judged.judgedLength === 0) return SIDE_UNKNOWN;
    const peer = analyzer.senderOf(judged.judgedBytes, judged.judgedOffset, judged.judgedLength);
    if (peer === SENDER_UNKNOWN) return SIDE_UNKNOWN;
    return peer === SENDER_CLIENT ? side ^ 1 : side;
  }

  /** What waited for the protocol to be known leaves in order of time, each with its own frame. */
  #deliverHeld(row: number): void {
    copyOrigin(this.#context, this.#spareContext);
    let block = this.#recognition.takeHeld(row);
    while (block !== BLOCK_NONE) {
      this.#pool.restoreOrigin(block, this.#context);
      const offset = block * SEGMENT_BLOCK_BYTES;
      const direction = this.#recognition.takenDirection;
      this.inOrder(direction, this.#pool.bytes, offset, this.#pool.length[block]);
      this.#pool.give(block);
      block = this.#recognition.takeHeld(row);
    }
    copyOrigin(this.#spareContext, this.#context);
  }

  #analyzerOf(row: number): StreamAnalyzer {
    return this.#analyzerFor(this.#table.state[row]);
  }

  #analyzerFor(protocol: number): StreamAnalyzer {
    if (protocol === FLOW_TLS && this.#tls !== undefined) return this.#tls;
    return protocol === FLOW_OPCUA ? this.#opcua : this.#modbus;
  }
}
