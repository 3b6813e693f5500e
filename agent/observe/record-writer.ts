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
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from '../../protocols/opcua/transaction.ts';
import { tlsRecordFields } from '../../protocols/tls/record-fields.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { type FlowText, flowText } from './record-flow-text.ts';
import { RegisterValues } from './register-values.ts';

/** Text is handed on in pieces of about this size; what is held is never much more. */
export const RECORD_PIECE_CHARACTERS = 65_536;
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
  readonly #values: RegisterValues | undefined;
  readonly #flows = new Map<number, FlowText>();
  #piece = '';
  #interval = 0;
  #number = 0;

  constructor(options: RecordWriterOptions) {
    this.#options = options;
    const { registerMap } = options;
    this.#values = registerMap === undefined ? undefined : new RegisterValues(registerMap);
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    const { digest } = this.#options;
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
    this.#line('modbus', 'transaction', transaction.flow, request, response, transaction.rttUs, {
      ...fields,
      ...(values === undefined ? {} : { values }),
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
      ...(protocol === 'modbus' ? { transport: flow.transport ?? flow.ipProtocol } : {}),
      anomalies,
      bytesBase64: base64At(bytes, 0, bytes.length),
      ...framesOf(request, response),
      decode: { status: 'malformed', confidence: 0.9 },
    });
  }

  tlsConnection(connection: TlsConnection): void {
    const { flow, firstTimeUs, lastTimeUs, frameNumber, client, server } = connection;
    const request = { timeUs: client.recordsCount > 0 ? firstTimeUs : -1, frameNumber };
    const response = { timeUs: server.recordsCount > 0 ? lastTimeUs : -1, frameNumber: 0 };
    this.#line('modbus', 'transportMessage', flow, request, response, -1, {
      ...tlsRecordFields(connection, this.#options.digest),
      ...framesOf(request, NOT_SEEN),
      ...sidednessOf(flow),
      anomalies: [],
      decode: { status: 'partial', confidence: 1 },
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
    const { line: serialLine } = flow;
    if (serialLine !== undefined) line += `,"bytesNotFramed":${serialLine.bytesNotFramed}`;
    line += gapText(flow) + redundancyText(flow);
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

/** Bytes never seen: of the flow, and of each side, so far. */
function gapText(flow: FlowFacts): string {
  const { gapsCount, clientBytesMissed, serverBytesMissed } = flow;
  const bytesMissed = clientBytesMissed + serverBytesMissed;
  if (gapsCount === 0 && bytesMissed === 0) return '';
  return (
    `,"gapsCount":${gapsCount},"bytesMissed":${bytesMissed}` +
    `,"clientBytesMissed":${clientBytesMissed},"serverBytesMissed":${serverBytesMissed}`
  );
}

/** Of the frame that completed the record. */
function redundancyText({ prp, hsr }: FlowFacts): string {
  const fields = { ...(prp !== undefined && { prp }), ...(hsr !== undefined && { hsr }) };
  return prp === undefined && hsr === undefined ? '' : `,${JSON.stringify(fields).slice(1, -1)}`;
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

/** On serial lines nobody answers unit 0 (MODBUS over Serial Line V1.02, section 2.1). */
function isBroadcast({ flow, unitId, requestPdu }: ModbusTransaction): boolean {
  const { transport } = flow;
  const isSerial = transport !== undefined && transport !== 'tls';
  return isSerial && unitId === 0 && requestPdu.length > 0;
}

function statusOf(transaction: ModbusTransaction, anomalies: readonly Anomaly[]): string {
  if (anomalies.some((anomaly) => anomaly.name === 'pduTruncated')) return 'partial';
  if (transaction.matched || isBroadcast(transaction)) return 'ok';
  return transaction.requestPdu.length > 0 ? 'unmatchedRequest' : 'unmatchedResponse';
}
