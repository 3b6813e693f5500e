/**
 * The observe stage: from transactions to counts, rare facts and detections. A function of what it
 * is given: it reads no clock, and everything it keeps is bounded.
 */

import type {
  DecodeCounters,
  DecodeSink,
  MalformedMessage,
  StreamGap,
} from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { FrameEvidence } from '../../protocols/frame-block.ts';
import {
  CONVERSATIONS_PER_REPORT_MAX,
  type ConversationCounts,
  type Detection,
  type InterfaceCoverage,
  type IntervalReport,
  type Observation,
  type ObservationKind,
} from '../../protocols/interval-report.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { isBad } from '../../protocols/opcua/status-code.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from '../../protocols/opcua/transaction.ts';
import { type Asset, AssetTable } from './asset-table.ts';
import { NO_ENTRY } from './conversation-entries.ts';
import { addressesOf, type ConversationList, listConversations } from './conversation-report.ts';
import { CONVERSATIONS_MAX, ConversationTable, FOLDED_ROW } from './conversation-table.ts';
import { DetectionCases } from './detection-cases.ts';
import { ExceptionWatch } from './exception-watch.ts';
import { describeMalformed, envelope } from './flow-observations.ts';
import type { Knowledge } from './knowledge.ts';
import { MalformedWatch } from './malformed-watch.ts';
import { isIdentification, isIdentifying, ModbusFacts } from './modbus-facts.ts';
import { isModbusWrite } from './modbus-functions.ts';
import { ObservationLog } from './observation-log.ts';
import { ObservedWrites } from './observed-writes.ts';
import { OpcuaFacts } from './opcua-facts.ts';
import { isOpcuaWrite, SERVICE_NAMES, serviceNumber } from './opcua-services.ts';
import { CELL_WORDS } from './subject-cells.ts';
import { tableUses, trafficOf, trafficSince } from './traffic-counts.ts';

export type InterfaceRole = 'mirror' | 'tapA' | 'tapB' | 'host' | 'serial';

export interface ObservedInterface {
  readonly name: string;
  readonly role: InterfaceRole;
}

export interface ObserverOptions {
  /** By the `interfaceIndex` of flows; empty where frames come from a file. */
  readonly interfaces: readonly ObservedInterface[];
  /** What is known beyond the interval, fed beside the observer; it takes its conversations. */
  readonly knowledge?: Knowledge;
}

/** Everything since start; what `replay --summary json` prints. */
export interface ObserverTotals {
  readonly modbusTransactions: number;
  readonly opcuaTransactions: number;
  readonly assets: readonly Asset[];
  /** Busiest first. */
  readonly conversations: readonly ConversationCounts[];
  readonly conversationsFolded: number;
  readonly detections: readonly Detection[];
  /** Of the interval that is not yet reported; in a replay that is all of it. */
  readonly observations: readonly Observation[];
  readonly observationsByKind: Readonly<Partial<Record<ObservationKind, number>>>;
  readonly observationsFolded: number;
}

/** Rows of the last conversation per flow; a power of two. */
const LAST_ROWS = 8192;

/** CELL_WORDS as a shift, which the engine needs not check for a remainder. */
const NOWHERE = NO_ENTRY;
const CELL_SHIFT = Math.log2(CELL_WORDS);

/** By function code: 1 where a transaction without fault may tell more than its counts. */
const TELLING_FUNCTIONS = new Uint8Array(128);
for (let code = 0; code < TELLING_FUNCTIONS.length; code++) {
  TELLING_FUNCTIONS[code] = isModbusWrite(code) || isIdentifying(code) ? 1 : 0;
}

/** Answered as it should be, and nothing that would be told. */
function isOrdinary(transaction: ModbusTransaction): boolean {
  return (
    transaction.exceptionCode === 0 &&
    TELLING_FUNCTIONS[transaction.functionCode] === 0 &&
    transaction.retriesCount === 0 &&
    transaction.anomalies.length === 0
  );
}

export class Observer implements DecodeSink {
  readonly #interfaces: readonly ObservedInterface[];
  readonly #table = new ConversationTable();
  readonly #assets: AssetTable;
  readonly #knowledge: Knowledge | undefined;
  readonly #exceptions = new ExceptionWatch();
  readonly #malformed = new MalformedWatch();
  readonly #log = new ObservationLog();
  readonly #writes = new ObservedWrites(this.#log);
  readonly #cases: DetectionCases;
  readonly #modbus: ModbusFacts;
  readonly #opcua: OpcuaFacts;
  /** Conversation that a flow spoke in last, by slot; a gap is told there. */
  readonly #lastRow = new Uint16Array(LAST_ROWS);
  #reportNumber = 0;
  /** Number of the last record of this interval, as the record writer counts them. */
  #recordNumber = 0;
  #modbusTransactions = 0;
  #opcuaTransactions = 0;
  #reported = trafficOf(undefined, 0, 0);

  constructor(options: ObserverOptions, digest: Digest, evidence?: FrameEvidence) {
    this.#interfaces = options.interfaces;
    this.#knowledge = options.knowledge;
    this.#assets = options.knowledge?.assets ?? new AssetTable();
    this.#cases = new DetectionCases(digest);
    const context = {
      log: this.#log,
      writes: this.#writes,
      cases: this.#cases,
      assets: this.#assets,
      digest,
      evidence,
    };
    this.#modbus = new ModbusFacts(context);
    this.#opcua = new OpcuaFacts(context);
  }

  /** Id of the record that the last call stands for. */
  get #recordId(): string {
    return `${this.#reportNumber}-${this.#recordNumber}`;
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    this.#recordNumber++;
    this.#modbusTransactions++;
    const table = this.#table;
    if (isOrdinary(transaction)) {
      const entry = table.again(transaction);
      if (entry !== NOWHERE) {
        this.#again(transaction, entry);
        return;
      }
    }
    const row = table.modbus(transaction);
    this.#lastRow[transaction.flow.slot & (LAST_ROWS - 1)] = row;
    const cell = table.cells.last >> CELL_SHIFT;
    if (
      TELLING_FUNCTIONS[transaction.functionCode] === 1 ||
      transaction.exceptionCode !== 0 ||
      transaction.anomalies.length > 0 ||
      table.isNewRow ||
      table.cells.isNew ||
      this.#exceptions.isOver(cell, transaction.responseTimeUs)
    ) {
      this.#tellModbus(transaction, row, cell);
    }
  }

  /** One more of the same; it may end an episode of exceptions. */
  #again(transaction: ModbusTransaction, entry: number): void {
    const { entries } = this.#table;
    this.#lastRow[transaction.flow.slot & (LAST_ROWS - 1)] = entries.rowOf(entry);
    const cell = entries.cellOf(entry) >> CELL_SHIFT;
    if (this.#exceptions.isOver(cell, transaction.responseTimeUs)) {
      this.#watchModbus(transaction, cell);
    }
  }

  /** What is more than one more of the same; apart, so that the ordinary poll compiles small. */
  #tellModbus(transaction: ModbusTransaction, row: number, cell: number): void {
    const table = this.#table;
    if (table.isNewRow || table.cells.isNew) this.#newModbus(transaction, row, cell);
    if (transaction.exceptionCode !== 0 || this.#exceptions.isActive(cell)) {
      this.#watchModbus(transaction, cell);
    }
    if (isModbusWrite(transaction.functionCode) && transaction.requestPdu.length > 0) {
      this.#modbus.write(transaction, row);
    }
    if (isIdentification(transaction)) this.#modbus.identify(transaction);
    if (transaction.anomalies.length > 0) this.#modbus.detect(transaction, this.#recordId);
  }

  opcuaTransaction(transaction: OpcuaTransaction): void {
    this.#recordNumber++;
    this.#opcuaTransactions++;
    const table = this.#table;
    const { service, response, flow } = transaction;
    const isRefused = response.present && isBad(transaction.serviceResult);
    const row = table.opcua(transaction, serviceNumber(service), isOpcuaWrite(service), isRefused);
    this.#lastRow[flow.slot & (LAST_ROWS - 1)] = row;
    const cell = table.cells.last / CELL_WORDS;
    if (table.isNewRow) this.#newConversation(flow, timeOf(transaction), row);
    if (table.cells.isNew) {
      this.#exceptions.reset(cell);
      this.#opcua.newService(transaction);
    }
    if (isRefused || this.#exceptions.isActive(cell))
      this.#watchOpcua(transaction, cell, isRefused);
    this.#opcua.see(transaction, row, this.#recordId);
  }

  opcuaTransportMessage(message: OpcuaTransportMessage): void {
    this.#recordNumber++;
    const row = this.#table.opcuaTransport(message.flow, message.timeUs);
    this.#lastRow[message.flow.slot & (LAST_ROWS - 1)] = row;
    if (this.#table.isNewRow) this.#newConversation(message.flow, message.timeUs, row);
  }

  malformed(message: MalformedMessage): void {
    this.#recordNumber++;
    if (this.#malformed.isFirst(message.flow, message.timeUs)) {
      this.#log.add(describeMalformed(message));
    }
  }

  notModbusOnModbusPort(message: MalformedMessage): void {
    this.malformed(message);
  }

  /** Has a record of its own, which is counted as the record writer counts. */
  tlsConnection(): void {
    this.#recordNumber++;
  }

  gap(gap: StreamGap): void {
    const { flow, timeUs, fromClient, bytesMissed } = gap;
    this.#table.gap(flow, this.#lastRow[flow.slot & (LAST_ROWS - 1)], bytesMissed);
    const interfaceName = this.#interfaces[flow.interfaceIndex]?.name;
    this.#log.add({
      ...envelope(flow, 'gap', timeUs),
      details: {
        bytesMissed,
        fromClient,
        ...(interfaceName === undefined ? {} : { interfaceName }),
      },
    });
  }

  flowEnded(flow: FlowFacts): void {
    this.#malformed.forget(flow);
  }

  /**
   * Ends the interval and tells it. `decode` are the counts since start; what the report holds are
   * the differences to the report before.
   */
  report(
    fromUs: number,
    toUs: number,
    coverage: readonly InterfaceCoverage[],
    decode: DecodeCounters,
  ): IntervalReport {
    const traffic = trafficOf(decode, this.#modbusTransactions, this.#opcuaTransactions);
    const { conversations, folded } = this.#conversations(toUs);
    const told = this.#knowledge?.honesty.observe({ fromUs, toUs, coverage });
    for (const observation of told ?? []) this.#log.add(observation);
    const { observations, folded: observationsFolded } = this.#log.take();
    const report: IntervalReport = {
      reportNumber: this.#reportNumber,
      fromUs,
      toUs,
      coverage,
      traffic: trafficSince(traffic, this.#reported),
      conversations,
      conversationsFolded: folded,
      observations,
      observationsFolded,
      detections: this.#cases.take(),
      tables: [
        ...tableUses(decode, this.#table, this.#assets, this.#cases),
        ...(this.#knowledge?.tables() ?? []),
      ],
    };
    this.#reported = traffic;
    this.#table.endInterval();
    this.#writes.endInterval();
    this.#reportNumber++;
    this.#recordNumber = 0;
    return report;
  }

  /** The busiest of the interval; knowledge gets all of them. */
  #conversations(toUs: number): ConversationList {
    const all = listConversations(this.#table, 'interval', SERVICE_NAMES, CONVERSATIONS_MAX);
    this.#knowledge?.endInterval(all.conversations, toUs);
    const conversations = all.conversations.slice(0, CONVERSATIONS_PER_REPORT_MAX);
    return { conversations, folded: all.folded + all.conversations.length - conversations.length };
  }

  /** A new detection that no report has told yet. */
  get isDetectionWaiting(): boolean {
    return this.#cases.isNewWaiting;
  }

  totals(): ObserverTotals {
    const table = this.#table;
    const list = listConversations(table, 'total', SERVICE_NAMES, CONVERSATIONS_MAX);
    const { lastSeen, units } = addressesOf(table);
    return {
      modbusTransactions: this.#modbusTransactions,
      opcuaTransactions: this.#opcuaTransactions,
      assets: this.#assets.list(lastSeen, units),
      conversations: list.conversations,
      conversationsFolded: list.folded,
      detections: this.#cases.list(),
      observations: this.#log.peek(),
      observationsByKind: this.#log.totals,
      observationsFolded: this.#log.foldedTotal,
    };
  }

  #newModbus(transaction: ModbusTransaction, row: number, cell: number): void {
    const { requestTimeUs, responseTimeUs, flow, unitId } = transaction;
    const timeUs = requestTimeUs >= 0 ? requestTimeUs : responseTimeUs;
    if (this.#table.isNewRow) this.#newConversation(flow, timeUs, row, unitId);
    if (!this.#table.cells.isNew) return;
    this.#exceptions.reset(cell);
    if (row !== FOLDED_ROW) this.#modbus.newFunctionCode(transaction);
  }

  #newConversation(flow: FlowFacts, timeUs: number, row: number, unitId?: number): void {
    const isNew = this.#assets.see(flow, timeUs);
    const unit = unitId === undefined ? {} : { unitId };
    if (isNew.server) {
      this.#log.add({
        ...envelope(flow, 'newAsset', timeUs),
        ...unit,
        details: { role: 'server' },
      });
    }
    if (isNew.client) {
      this.#log.add({ ...envelope(flow, 'newAsset', timeUs), details: { role: 'client' } });
    }
    if (this.#table.facts(row)?.isNewPair === true) {
      this.#log.add({ ...envelope(flow, 'newClient', timeUs), ...unit });
    } else if (unitId !== undefined) {
      const details = { role: 'unit' };
      this.#log.add({ ...envelope(flow, 'newAsset', timeUs), ...unit, details });
    }
  }

  #watchModbus(transaction: ModbusTransaction, cell: number): void {
    const { exceptionCode, responseTimeUs, responsePdu } = transaction;
    if (responsePdu.length === 0) return;
    const edge =
      exceptionCode === 0
        ? this.#exceptions.answered(cell, responseTimeUs)
        : this.#exceptions.refused(cell, exceptionCode, responseTimeUs);
    if (edge !== undefined) this.#modbus.exception(transaction, edge);
  }

  #watchOpcua(transaction: OpcuaTransaction, cell: number, isRefused: boolean): void {
    const { response, serviceResult } = transaction;
    if (!response.present) return;
    const edge = isRefused
      ? this.#exceptions.refused(cell, serviceResult >>> 0, response.timeUs)
      : this.#exceptions.answered(cell, response.timeUs);
    if (edge !== undefined) this.#opcua.exception(transaction, edge);
  }
}

function timeOf(transaction: OpcuaTransaction): number {
  return transaction.request.present ? transaction.request.timeUs : transaction.response.timeUs;
}
