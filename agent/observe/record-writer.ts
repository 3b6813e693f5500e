/**
 * One JSON line per transaction, transport message and malformed message, in the shape of FIELDS.md
 * section 0. It runs only where records were asked for: text per PDU has no place on the hot path.
 */

import type { DecodeSink, MalformedMessage, StreamGap } from '../../protocols/decode-sink.ts';
import type { Anomaly, Digest } from '../../protocols/decoded.ts';
import type { FlowFacts, Protocol } from '../../protocols/flow.ts';
import { base64At } from '../../protocols/modbus/pdu-bytes.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from '../../protocols/opcua/transaction.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { type FlowText, flowText } from './record-flow-text.ts';

/** Text is handed on in pieces of about this size; what is held is never much more. */
export const RECORD_PIECE_CHARACTERS = 65_536;
/** Flows whose constant part is kept as text; when full, the table begins again. */
const FLOW_TEXTS_MAX = 8192;

export interface RecordWriterOptions {
  /** By the `interfaceIndex` of flows; empty where frames come from a file. */
  readonly interfaces: readonly { readonly name: string }[];
  readonly digest: Digest;
  /** Padded Base64 of a SHA-1, for Community ID. */
  readonly sha1Base64: (bytes: Uint8Array) => string;
  /** Takes whole lines; returns once they are on their way, so that a slow reader slows us. */
  readonly write: (lines: string) => void;
}

/** One side's moment: time in UTC µs (-1: not seen) and 1-based frame number (0: none). */
interface Moment {
  readonly timeUs: number;
  readonly frameNumber: number;
}

const NOT_SEEN: Moment = { timeUs: -1, frameNumber: 0 };

export class RecordWriter implements DecodeSink {
  readonly #options: RecordWriterOptions;
  readonly #flows = new Map<number, FlowText>();
  #piece = '';
  #interval = 0;
  #number = 0;

  constructor(options: RecordWriterOptions) {
    this.#options = options;
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    const { digest } = this.#options;
    const { anomalies, ...fields } = modbusRecordFields(transaction, { digest });
    const request = {
      timeUs: transaction.requestTimeUs,
      frameNumber: transaction.requestFrameNumber,
    };
    const response = {
      timeUs: transaction.responseTimeUs,
      frameNumber: transaction.responseFrameNumber,
    };
    this.#line('modbus', 'transaction', transaction.flow, request, response, transaction.rttUs, {
      ...fields,
      ...framesOf(request, response),
      ...(transaction.matched ? {} : sidednessOf(transaction.flow)),
      anomalies,
      decode: { status: statusOf(transaction, anomalies), confidence: 1 },
    });
  }

  opcuaTransaction(transaction: OpcuaTransaction): void {
    const { anomalies, decode, ...fields } = opcuaTransactionFields(
      transaction,
      this.#options.digest,
    );
    const request = transaction.request.present ? transaction.request : NOT_SEEN;
    const response = transaction.response.present ? transaction.response : NOT_SEEN;
    this.#line('opcua', 'transaction', transaction.flow, request, response, transaction.rttUs, {
      ...fields,
      ...framesOf(request, response),
      ...(transaction.matched ? {} : sidednessOf(transaction.flow)),
      anomalies,
      decode,
    });
  }

  opcuaTransportMessage(message: OpcuaTransportMessage): void {
    const { anomalies, decode, ...fields } = opcuaTransportFields(message, this.#options.digest);
    const [request, response] = momentsOf(message);
    this.#line('opcua', 'transportMessage', message.flow, request, response, -1, {
      ...fields,
      ...framesOf(request, response),
      anomalies,
      decode,
    });
  }

  malformed(message: MalformedMessage): void {
    const { bytes, protocol, flow, anomalies } = message;
    const [request, response] = momentsOf(message);
    this.#line(protocol, 'malformed', flow, request, response, -1, {
      ...(protocol === 'modbus' ? { transport: flow.ipProtocol } : {}),
      anomalies,
      bytesBase64: base64At(bytes, 0, bytes.length),
      ...framesOf(request, response),
      decode: { status: 'malformed', confidence: 0.9 },
    });
  }

  gap(_gap: StreamGap): void {}

  flowEnded(flow: FlowFacts): void {
    this.#flows.delete(flow.flowNumber);
  }

  /** Record numbers begin again with each report. */
  endInterval(): void {
    this.#interval++;
    this.#number = 0;
  }

  /** Hands on what is held. */
  flush(): void {
    if (this.#piece === '') return;
    const piece = this.#piece;
    this.#piece = '';
    this.#options.write(piece);
  }

  #line(
    protocol: Protocol,
    kind: string,
    flow: FlowFacts,
    request: Moment,
    response: Moment,
    rttUs: number,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#number++;
    let line =
      `{"protocol":"${protocol}","kind":"${kind}",` +
      `"recordId":"${this.#interval}-${this.#number}"`;
    if (request.timeUs >= 0) line += `,"requestTimeUs":${request.timeUs}`;
    if (response.timeUs >= 0) line += `,"responseTimeUs":${response.timeUs}`;
    if (rttUs >= 0) line += `,"rttMs":${rttUs / 1000}`;
    line += this.#flowText(flow);
    const bytesMissed = flow.clientBytesMissed + flow.serverBytesMissed;
    if (flow.gapsCount > 0) line += `,"gapsCount":${flow.gapsCount},"bytesMissed":${bytesMissed}`;
    this.#piece += `${line},${escapeJson(JSON.stringify(fields)).slice(1)}\n`;
    if (this.#piece.length >= RECORD_PIECE_CHARACTERS) this.flush();
  }

  #flowText(flow: FlowFacts): string {
    const known = this.#flows.get(flow.flowNumber);
    if (known !== undefined && known.roleSource === flow.roleSource) return known.text;
    if (this.#flows.size >= FLOW_TEXTS_MAX) this.#flows.clear();
    const { interfaces, sha1Base64 } = this.#options;
    const made = flowText(flow, interfaces[flow.interfaceIndex]?.name, sha1Base64);
    this.#flows.set(flow.flowNumber, made);
    return made.text;
  }
}

function momentsOf(message: Moment & { readonly fromClient: boolean }): [Moment, Moment] {
  return message.fromClient ? [message, NOT_SEEN] : [NOT_SEEN, message];
}

/** Absent live, where frames have no numbers. */
function framesOf(request: Moment, response: Moment): { frames?: Record<string, number[]> } {
  const frames: Record<string, number[]> = {};
  if (request.frameNumber > 0) frames.request = [request.frameNumber];
  if (response.frameNumber > 0) frames.response = [response.frameNumber];
  return request.frameNumber > 0 || response.frameNumber > 0 ? { frames } : {};
}

/** A record that stands alone says whether the other side was ever heard. */
function sidednessOf(flow: FlowFacts): { oneSided?: 'clientOnly' | 'serverOnly' } {
  if (flow.serverSegmentsCount === 0) return { oneSided: 'clientOnly' };
  if (flow.clientSegmentsCount === 0) return { oneSided: 'serverOnly' };
  return {};
}

function statusOf(transaction: ModbusTransaction, anomalies: readonly Anomaly[]): string {
  if (anomalies.some((anomaly) => anomaly.name === 'pduTruncated')) return 'partial';
  if (transaction.matched) return 'ok';
  return transaction.requestPdu.length > 0 ? 'unmatchedRequest' : 'unmatchedResponse';
}
