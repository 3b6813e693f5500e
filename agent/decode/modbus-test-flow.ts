/**
 * Drives the analyzer in tests as the decode core would: one flow, bytes of both directions, and a
 * sink that copies what it is given. Tests alone use this file.
 */
import type { DecodeSink, MalformedMessage, ModbusCounters } from '../../protocols/decode-sink.ts';
import { CLIENT_TO_SERVER, type FlowFacts, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import { fromHex } from '../../protocols/modbus/testdata-hex.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { ModbusAnalyzer, type ModbusAnalyzerOptions } from './modbus-analyzer.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** A copy of a transaction that a test can keep. */
export interface SeenTransaction {
  readonly slot: number;
  readonly matched: boolean;
  readonly transport: string;
  readonly transactionId: number;
  readonly unitId: number;
  readonly functionCode: number;
  readonly exceptionCode: number;
  readonly request: string;
  readonly response: string;
  readonly requestTimeUs: number;
  readonly responseTimeUs: number;
  readonly rttUs: number;
  readonly retriesCount: number;
  readonly frames: readonly [number, number];
  readonly anomalies: readonly string[];
}

export function newCounters(): ModbusCounters {
  return {
    requests: 0,
    responses: 0,
    exceptions: 0,
    unmatchedRequests: 0,
    unmatchedResponses: 0,
    malformed: 0,
    byFunctionCode: new Uint32Array(256),
  };
}

export function newFlow(slot: number, more: Partial<FlowFacts> = {}): FlowFacts {
  const endpoint = { ipAddress: '10.0.0.5', ipBytes: new Uint8Array(4), port: 502 };
  return {
    flowNumber: slot,
    slot,
    protocol: 'modbus',
    ipProtocol: 'tcp',
    interfaceIndex: 0,
    client: endpoint,
    server: endpoint,
    vlanIds: [],
    startTimeUs: 0,
    midstream: false,
    roleSource: 'syn',
    roleConfidence: 1,
    originator: 'client',
    clientSegmentsCount: 0,
    serverSegmentsCount: 0,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: 0,
    ...more,
  };
}

export class ModbusTestFlow {
  readonly counters = newCounters();
  readonly transactions: SeenTransaction[] = [];
  readonly malformed: { readonly name: string; readonly text: string; readonly frame: number }[] =
    [];
  readonly analyzer: ModbusAnalyzer;
  readonly context: SegmentContext;
  readonly flows: FlowFacts[] = [];

  constructor(options: Partial<ModbusAnalyzerOptions> = {}, flow: Partial<FlowFacts> = {}) {
    const sink: DecodeSink = {
      modbusTransaction: (transaction) => this.#keep(transaction),
      malformed: (message) => this.#keepMalformed(message),
      opcuaTransaction: () => {},
      opcuaTransportMessage: () => {},
      gap: () => {},
      flowEnded: () => {},
    };
    this.analyzer = new ModbusAnalyzer({ flowsMax: 64, ...options }, sink, this.counters);
    this.context = {
      slot: 0,
      flow: this.begin(0, flow),
      direction: CLIENT_TO_SERVER,
      timeUs: 1_000_000,
      frameNumber: 0,
      frameAddress: -1,
      frameBytes: 60,
      isDatagram: flow.ipProtocol === 'udp',
    };
  }

  begin(slot: number, more: Partial<FlowFacts> = {}): FlowFacts {
    const flow = newFlow(slot, more);
    this.flows[slot] = flow;
    this.analyzer.flowBegan(flow);
    return flow;
  }

  on(slot: number): this {
    this.context.slot = slot;
    this.context.flow = this.flows[slot];
    return this;
  }

  client(bytes: string | Uint8Array): this {
    this.context.direction = CLIENT_TO_SERVER;
    this.context.flow.clientSegmentsCount += 1;
    return this.#feed(bytes);
  }

  server(bytes: string | Uint8Array): this {
    this.context.direction = SERVER_TO_CLIENT;
    this.context.flow.serverSegmentsCount += 1;
    return this.#feed(bytes);
  }

  clientGap(bytesMissed: number): this {
    this.context.direction = CLIENT_TO_SERVER;
    this.context.flow.gapsCount += 1;
    this.analyzer.gap(this.context, bytesMissed);
    return this;
  }

  serverGap(bytesMissed: number): this {
    this.context.direction = SERVER_TO_CLIENT;
    this.context.flow.gapsCount += 1;
    this.analyzer.gap(this.context, bytesMissed);
    return this;
  }

  wait(timeUs: number): this {
    this.context.timeUs += timeUs;
    this.analyzer.advance(this.context.timeUs);
    return this;
  }

  end(): this {
    this.analyzer.flowEnded(this.context.flow, this.context.timeUs);
    return this;
  }

  /** Bytes lie in the middle of a larger block, as in a capture. */
  #feed(bytes: string | Uint8Array): this {
    const content = typeof bytes === 'string' ? fromHex(bytes) : bytes;
    const block = new Uint8Array(content.length + 32).fill(0xee);
    block.set(content, 16);
    this.context.timeUs += 1000;
    this.context.frameNumber += 1;
    this.analyzer.segment(this.context, block, 16, content.length);
    return this;
  }

  #keep(transaction: ModbusTransaction): void {
    modbusRecordFields(transaction);
    this.transactions.push({
      slot: transaction.flow.slot,
      matched: transaction.matched,
      transport: transaction.transport,
      transactionId: transaction.transactionId,
      unitId: transaction.unitId,
      functionCode: transaction.functionCode,
      exceptionCode: transaction.exceptionCode,
      request: hexOf(transaction.requestPdu),
      response: hexOf(transaction.responsePdu),
      requestTimeUs: transaction.requestTimeUs,
      responseTimeUs: transaction.responseTimeUs,
      rttUs: transaction.rttUs,
      retriesCount: transaction.retriesCount,
      frames: [transaction.requestFrameNumber, transaction.responseFrameNumber],
      anomalies: transaction.anomalies.map((anomaly) => anomaly.name),
    });
  }

  #keepMalformed(message: MalformedMessage): void {
    const [{ name, field, offsetBytes, actual }] = message.anomalies;
    const text = `${field} at ${offsetBytes} is ${actual}: ${hexOf(message.bytes)}`;
    this.malformed.push({ name, text, frame: message.frameNumber });
  }
}

function hexOf(span: { bytes: Uint8Array; offset: number; length: number }): string {
  let text = '';
  for (let index = 0; index < span.length; index += 1) {
    text += span.bytes[span.offset + index].toString(16).padStart(2, '0');
  }
  return text;
}
