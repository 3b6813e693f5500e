/**
 * One JSON line per transaction, transport message and malformed message, in the shape of FIELDS.md
 * section 0. It runs only where records were asked for: text per PDU has no place on the hot path.
 */

import type { DecodeSink, MalformedMessage, StreamGap } from '../../protocols/decode-sink.ts';
import type { Anomaly, Digest } from '../../protocols/decoded.ts';
import type { FlowFacts, Protocol } from '../../protocols/flow.ts';
import { base64At } from '../../protocols/modbus/pdu-bytes.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import type { RegisterMap } from '../../protocols/modbus/register-map.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { networkMessageFields } from '../../protocols/opcua/pubsub/record.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import { OpcuaRecordMemory } from '../../protocols/opcua/record-memory.ts';
import type {
  OpcuaNetworkMessage,
  OpcuaTransaction,
  OpcuaTransportMessage,
} from '../../protocols/opcua/transaction.ts';
import { tlsRecordFields } from '../../protocols/tls/record-fields.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { isOrdinaryRecord, putModbusRecord } from './modbus-record-line.ts';
import { RecordBytes } from './record-bytes.ts';
import { putEnvelope, RecordTimes } from './record-envelope.ts';
import { type FlowText, flowText, ttlsCountOf } from './record-flow-text.ts';
import { networkMessageLine } from './record-network-message.ts';
import { RecordNumbers } from './record-numbers.ts';
import {
  confidenceOf,
  framesOf,
  gapText,
  type Moment,
  momentsOf,
  NOT_SEEN,
  redundancyText,
  sidednessOf,
  statusOf,
} from './record-parts.ts';
import { RegisterValues } from './register-values.ts';
import { SupersededLines } from './superseded-lines.ts';

/** Flows whose constant part is kept as text; when full, the table begins again. */
const FLOW_TEXTS_MAX = 8192;

export interface RecordWriterOptions {
  /** By the `interfaceIndex` of flows; empty where frames come from a file. */
  readonly interfaces: readonly { readonly name: string }[];
  readonly digest: Digest;
  /** What the engineer knows of the registers; then records have `values`. */
  readonly registerMap?: RegisterMap;
  /** Padded Base64 of a SHA-1, for Community ID. */
  readonly sha1Base64: (bytes: Uint8Array) => string;
  /**
   * Takes whole lines (UTF-8), valid during the call alone; returns once they are on their way, so
   * that a slow reader slows us.
   */
  readonly write: (lines: Uint8Array) => void;
  /** False: every line goes the slow way, for the test that compares both. */
  readonly isFast?: boolean;
}

/** What stands at the beginning of every line. */
interface Subject {
  readonly protocol: Protocol;
  readonly kind: string;
  readonly flow: FlowFacts;
  readonly request: Moment;
  readonly response: Moment;
  /** Microseconds; -1 where there is no such time. */
  readonly rttUs: number;
}

export class RecordWriter implements DecodeSink {
  readonly #options: RecordWriterOptions;
  readonly #isFast: boolean;
  readonly #values: RegisterValues | undefined;
  readonly #flows = new Map<number, FlowText>();
  readonly #out: RecordBytes;
  readonly #numbers = new RecordNumbers();
  readonly #superseded = new SupersededLines();
  readonly #times = new RecordTimes();
  readonly #memory = new OpcuaRecordMemory();
  /** The flow of the last line: mostly the next line's too, or one of few. */
  #lastFlow: FlowFacts | undefined;
  #lastText: FlowText | undefined;

  constructor(options: RecordWriterOptions) {
    this.#options = options;
    const { registerMap, isFast = true } = options;
    this.#values = registerMap === undefined ? undefined : new RegisterValues(registerMap);
    this.#isFast = isFast && registerMap === undefined;
    this.#out = new RecordBytes(options.write);
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    if (this.#isFast && this.#writeOrdinary(transaction)) return;
    const { digest } = this.#options;
    const { flow } = transaction;
    const { anomalies, ...fields } = modbusRecordFields(transaction, { digest });
    const values = this.#values?.of(transaction);
    const request = {
      timeUs: transaction.requestTimeUs,
      frameNumber: transaction.requestFrameNumber,
    };
    const response = {
      timeUs: transaction.responseTimeUs,
      frameNumber: transaction.responseFrameNumber,
    };
    const { rttUs } = transaction;
    const recordId = this.#numbers.next();
    const line = this.#lineOf(
      { protocol: 'modbus', kind: 'transaction', flow, request, response, rttUs },
      recordId,
      {
        ...fields,
        ...(values === undefined ? {} : { values }),
        ...framesOf(request, response),
        ...(transaction.matched ? {} : sidednessOf(flow)),
        anomalies: [...anomalies, ...this.#flowAnomalies(flow, transaction.transport)],
        decode: {
          status: statusOf(transaction, anomalies),
          confidence: transaction.matched ? 1 : confidenceOf(flow, 1),
        },
      },
    );
    const superseded = this.#superseded;
    if (superseded.isAwaited(transaction)) this.#out.line(superseded.take(transaction, recordId));
    if (!superseded.hold(transaction, line)) this.#out.line(line);
  }

  opcuaTransaction(transaction: OpcuaTransaction): void {
    const { flow, matched } = transaction;
    const told = opcuaTransactionFields(transaction, this.#options.digest, this.#memory);
    const { anomalies, decode, ...fields } = told;
    const request = transaction.request.present ? transaction.request : NOT_SEEN;
    const response = transaction.response.present ? transaction.response : NOT_SEEN;
    const { rttUs } = transaction;
    this.#line(
      { protocol: 'opcua', kind: 'transaction', flow, request, response, rttUs },
      {
        ...fields,
        ...framesOf(request, response),
        ...(matched ? {} : sidednessOf(flow)),
        anomalies,
        decode: matched ? decode : { ...decode, confidence: confidenceOf(flow, decode.confidence) },
      },
    );
  }

  opcuaTransportMessage(message: OpcuaTransportMessage): void {
    const { flow } = message;
    const { anomalies, decode, ...fields } = opcuaTransportFields(message, this.#options.digest);
    const [request, response] = momentsOf(message);
    this.#line(
      { protocol: 'opcua', kind: 'transportMessage', flow, request, response, rttUs: -1 },
      {
        ...fields,
        ...framesOf(request, response),
        anomalies,
        decode,
      },
    );
  }

  opcuaNetworkMessage(message: OpcuaNetworkMessage): void {
    const { interfaces, digest } = this.#options;
    const fields = networkMessageFields(message, digest);
    const interfaceName = interfaces[message.interfaceIndex]?.name;
    const recordId = this.#numbers.next();
    this.#out.line(networkMessageLine(message, fields, recordId, interfaceName));
  }

  malformed(message: MalformedMessage): void {
    const { bytes, protocol, flow, anomalies } = message;
    const [request, response] = momentsOf(message);
    this.#line(
      { protocol, kind: 'malformed', flow, request, response, rttUs: -1 },
      {
        ...(protocol === 'modbus' ? { transport: flow.transport ?? flow.ipProtocol } : {}),
        anomalies,
        bytesBase64: base64At(bytes, 0, bytes.length),
        ...framesOf(request, response),
        decode: { status: 'malformed', confidence: 0.9 },
      },
    );
  }

  notModbusOnModbusPort(message: MalformedMessage): void {
    this.malformed(message);
    this.#flows.delete(message.flow.flowNumber);
  }

  tlsConnection(connection: TlsConnection): void {
    const { flow, firstTimeUs, lastTimeUs, frameNumber, client, server } = connection;
    const request = { timeUs: client.recordsCount > 0 ? firstTimeUs : -1, frameNumber };
    const response = { timeUs: server.recordsCount > 0 ? lastTimeUs : -1, frameNumber: 0 };
    const { digest } = this.#options;
    this.#line(
      { protocol: 'modbus', kind: 'transportMessage', flow, request, response, rttUs: -1 },
      {
        ...tlsRecordFields(connection, digest, this.#memory.certificates),
        ...framesOf(request, NOT_SEEN),
        ...sidednessOf(flow),
        anomalies: [],
        decode: { status: 'partial', confidence: confidenceOf(flow, 1) },
      },
    );
  }

  gap(_gap: StreamGap): void {}

  flowEnded(flow: FlowFacts): void {
    this.#flows.delete(flow.flowNumber);
    if (this.#lastFlow === flow) this.#lastFlow = undefined;
  }

  /** Record numbers begin again with each report. */
  endInterval(): void {
    this.#numbers.endInterval();
  }

  /** Hands on what is held. */
  flush(): void {
    for (const line of this.#superseded.takeAll()) this.#out.line(line);
    this.#out.flush();
  }

  /** False: it takes the slow way. */
  #writeOrdinary(transaction: ModbusTransaction): boolean {
    const { flow } = transaction;
    if (flow.line !== undefined || !isOrdinaryRecord(transaction)) return false;
    if (this.#superseded.isAwaited(transaction)) return false;
    const text = this.#flowText(flow);
    if (flow.isOnOtherPort === true && !text.isOtherPortTold) return false;
    const out = this.#out;
    out.beginLine();
    const at = putEnvelope(out, transaction, text, this.#numbers, this.#times);
    if (at < 0) return false;
    this.#numbers.count();
    out.length = putModbusRecord(out, at, transaction);
    return true;
  }

  #line(subject: Subject, fields: Readonly<Record<string, unknown>>): void {
    this.#out.line(this.#lineOf(subject, this.#numbers.next(), fields));
  }

  #lineOf(subject: Subject, recordId: string, fields: Readonly<Record<string, unknown>>): string {
    const { protocol, kind, flow, request, response, rttUs } = subject;
    let line = `{"protocol":"${protocol}","kind":"${kind}","recordId":"${recordId}"`;
    if (request.timeUs >= 0) line += `,"requestTimeUs":${request.timeUs}`;
    if (response.timeUs >= 0) line += `,"responseTimeUs":${response.timeUs}`;
    if (rttUs >= 0) line += `,"rttMs":${rttUs / 1000}`;
    line += this.#flowText(flow).text;
    const { line: serialLine } = flow;
    if (serialLine !== undefined) line += `,"bytesNotFramed":${serialLine.bytesNotFramed}`;
    line += gapText(flow) + redundancyText(flow);
    return `${line},${escapeJson(JSON.stringify(fields)).slice(1)}\n`;
  }

  /** What is wrong with the flow as a whole stands in its first record. */
  #flowAnomalies(flow: FlowFacts, transport: string): readonly Anomaly[] {
    const isAtPort = transport === 'tcp' || transport === 'udp';
    if (flow.isOnOtherPort !== true || !isAtPort) return [];
    const text = this.#flowText(flow);
    if (text.isOtherPortTold) return [];
    text.isOtherPortTold = true;
    return [modbusOnOtherPort(flow)];
  }

  #flowText(flow: FlowFacts): FlowText {
    const { flowNumber, roleSource } = flow;
    const known = flow === this.#lastFlow ? this.#lastText : this.#flows.get(flowNumber);
    const isValid = known?.roleSource === roleSource && known.ttlsCount === ttlsCountOf(flow);
    if (known !== undefined && isValid) {
      this.#lastFlow = flow;
      this.#lastText = known;
      return known;
    }
    if (this.#flows.size >= FLOW_TEXTS_MAX) this.#flows.clear();
    const { interfaces, sha1Base64 } = this.#options;
    const made = flowText(flow, interfaces[flow.interfaceIndex]?.name, sha1Base64);
    if (known !== undefined) made.isOtherPortTold = known.isOtherPortTold;
    this.#flows.set(flowNumber, made);
    this.#lastFlow = flow;
    this.#lastText = made;
    return made;
  }
}

function modbusOnOtherPort({ server }: FlowFacts): Anomaly {
  return {
    name: 'modbusOnOtherPort',
    field: 'serverPort',
    offsetBytes: 0,
    expected: 'a port of Modbus',
    actual: String(server.port),
  };
}
