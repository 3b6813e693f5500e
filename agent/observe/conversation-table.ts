/**
 * Who talks to whom: counters per (client, server, server port, protocol, unitId) in typed arrays.
 * Every transaction of the plant passes here, so an ordinary poll finds its row by two numbers and
 * allocates nothing (docs/benchmarks.md has the figure).
 */
import type { FlowFacts, Protocol } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import {
  ANOMALIES,
  BYTES_MISSED,
  COUNTERS,
  EXCEPTIONS,
  INTERVAL_FIRST_US,
  LAST_SEEN_US,
  MOMENTS,
  REQUESTS,
  RESPONSES,
  RTT_MAX_US,
  RTT_SAMPLES,
  UNMATCHED_REQUESTS,
  WRITES,
} from './conversation-columns.ts';
import { ConversationEntries, NO_ENTRY } from './conversation-entries.ts';
import { flatKey } from './flat-key.ts';
import { isFromGateway, isModbusWrite } from './modbus-functions.ts';
import { RTT_BINS, rttBin } from './rtt-histogram.ts';
import { SubjectCells } from './subject-cells.ts';

/** Conversations kept apart. Once full, further ones are counted together in row 0. */
export const CONVERSATIONS_MAX = 8192;
/** The row of all conversations that found no room. */
export const FOLDED_ROW = 0;
/** Above this share, rows that were silent for an interval make room, idle longest first. */
const EVICT_ABOVE = 0.75;
const NO_UNIT = 256;

/** Above it the ordinary way counts: the last bin of the histogram begins there. */
const RTT_SHORT_MAX_US = 134_217_728;

/** The engine folds a constant of this file that isn't exported; an exported one is loaded. */
const ROW_COUNTERS = COUNTERS;
const OF_REQUESTS = REQUESTS;
const OF_RESPONSES = RESPONSES;
const OF_UNMATCHED = UNMATCHED_REQUESTS;
const OF_WRITES = WRITES;
const OF_ANOMALIES = ANOMALIES;
const OF_RTT_SAMPLES = RTT_SAMPLES;
const OF_RTT_MAX_US = RTT_MAX_US;
const ROW_RTT_BINS = RTT_BINS;
const NOWHERE = NO_ENTRY;

const ROW_MOMENTS = MOMENTS;
const LAST_SEEN = LAST_SEEN_US;
const INTERVAL_FIRST = INTERVAL_FIRST_US;

/** What never changes in a row. */
export interface ConversationFacts {
  readonly protocol: Protocol;
  readonly transport: string;
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
  /** Absent for OPC UA. */
  readonly unitId?: number;
  /** No other conversation between these two was known when it began. */
  readonly isNewPair: boolean;
  /** Of the last flow that was looked up, 0..1; the flow itself isn't kept alive. */
  roleConfidence: number;
}

export class ConversationTable {
  /** Counts of this interval; row times COUNTERS. */
  readonly counts = new Uint32Array(CONVERSATIONS_MAX * COUNTERS);
  /** Counts of all intervals before. */
  readonly totals = new Float64Array(CONVERSATIONS_MAX * COUNTERS);
  readonly moments = new Float64Array(CONVERSATIONS_MAX * MOMENTS);
  /** Bytes missed in all intervals before. */
  readonly bytesMissedTotal = new Float64Array(CONVERSATIONS_MAX);
  readonly rttBins = new Uint32Array(CONVERSATIONS_MAX * RTT_BINS);
  /** Of flows; what `again` answers is one of them. */
  readonly entries = new ConversationEntries();
  readonly cells = new SubjectCells(CONVERSATIONS_MAX);
  /** The last call found a row (or a cell, see `cells.isNew`) that was not there before. */
  isNewRow = false;
  evictedCount = 0;
  refusedCount = 0;

  readonly #refusedItself = new Uint8Array(CONVERSATIONS_MAX);
  readonly #facts: (ConversationFacts | undefined)[] = [undefined];
  readonly #free: number[] = [];
  readonly #rowByKey = new Map<string, number>();
  readonly #rowsByPair = new Map<string, number>();

  /** Conversations known now, without the folded row. */
  get used(): number {
    return this.#rowByKey.size;
  }

  /** Rows run from 1 below this; some of them may be empty. */
  get rowsEnd(): number {
    return this.#facts.length;
  }

  facts(row: number): ConversationFacts | undefined {
    return this.#facts[row];
  }

  /**
   * The short way of an ordinary poll: answered without exception, retry and anomaly, and no write.
   * Answers the entry that counts it; NO_ENTRY: it has to go through `modbus`.
   */
  again(transaction: ModbusTransaction): number {
    const { rttUs } = transaction;
    const head = (transaction.unitId << 8) | transaction.functionCode;
    const entries = this.entries;
    const entry = entries.find(transaction.flow.flowNumber, head);
    if (entry < 0 || rttUs < 0 || rttUs >= RTT_SHORT_MAX_US) return NOWHERE;
    if (transaction.requestPdu.length === 0 || transaction.responsePdu.length === 0) return NOWHERE;
    if (entries.pollsOf(entry) === 0) this.#begin(entry, transaction);
    this.rttBins[entries.rowOf(entry) * ROW_RTT_BINS + rttBin(rttUs)]++;
    entries.add(entry, rttUs, transaction.responseTimeUs);
    return entry;
  }

  /** What waits in the entries stands in the counts afterwards: call it before you read them. */
  settle(): void {
    const entries = this.entries;
    for (let index = 0; index < entries.waitingCount; index++) {
      this.#settleEntry(entries.waiting(index));
    }
    entries.clearWaiting();
  }

  /** Counts a transaction; returns its row, and sets `isNewRow` and `cells.isNew`. */
  modbus(transaction: ModbusTransaction): number {
    const { functionCode, rttUs, unitId, flow } = transaction;
    const head = (unitId << 8) | functionCode;
    let entry = this.entries.find(flow.flowNumber, head);
    if (entry >= 0) {
      this.isNewRow = false;
      this.cells.again(this.entries.cellOf(entry));
    } else {
      entry = this.#enter(flow, unitId, transaction.transport, functionCode);
    }
    const row = this.entries.rowOf(entry);
    const cell = this.entries.cellOf(entry);
    const counts = this.counts;
    const base = row * ROW_COUNTERS;
    const cellCounts = this.cells.counts;
    const hasResponse = transaction.responsePdu.length > 0;
    let firstUs = transaction.responseTimeUs;
    let lastUs = firstUs;
    if (transaction.requestPdu.length > 0) {
      const requests = 1 + transaction.retriesCount;
      counts[base + OF_REQUESTS] += requests;
      cellCounts[cell] += requests;
      if (!hasResponse) counts[base + OF_UNMATCHED]++;
      if (isModbusWrite(functionCode)) counts[base + OF_WRITES]++;
      firstUs = transaction.requestTimeUs;
      if (!hasResponse) lastUs = firstUs;
    }
    if (hasResponse) {
      const isException = transaction.exceptionCode === 0 ? 0 : 1;
      counts[base + OF_RESPONSES + isException]++;
      cellCounts[cell + 1 + isException]++;
      if (isException === 1 && !isFromGateway(transaction.exceptionCode)) {
        this.#refusedItself[row] = 1;
      }
    }
    if (transaction.anomalies.length > 0) counts[base + OF_ANOMALIES]++;
    if (rttUs >= 0) this.#sampleRtt(row, base, rttUs);
    this.#touch(row, firstUs, lastUs);
    return row;
  }

  /** As `modbus`; `subject` is the service's number, `isBad` a response with a Bad result. */
  opcua(transaction: OpcuaTransaction, subject: number, isWrite: boolean, isBad: boolean): number {
    const { request, response, rttUs } = transaction;
    const row = this.#rowOf(transaction.flow, NO_UNIT, transaction.flow.ipProtocol);
    const counts = this.counts;
    const base = row * COUNTERS;
    const cell = this.cells.of(row, subject);
    let firstUs = response.timeUs;
    let lastUs = firstUs;
    if (request.present) {
      counts[base + REQUESTS]++;
      this.cells.counts[cell]++;
      if (!response.present) counts[base + UNMATCHED_REQUESTS]++;
      if (isWrite) counts[base + WRITES]++;
      firstUs = request.timeUs;
      if (!response.present) lastUs = firstUs;
    }
    if (response.present) {
      counts[base + (isBad ? EXCEPTIONS : RESPONSES)]++;
      this.cells.counts[cell + (isBad ? 2 : 1)]++;
    }
    if (transaction.anomalies.length > 0) counts[base + ANOMALIES]++;
    if (rttUs >= 0) this.#sampleRtt(row, base, rttUs);
    this.#touch(row, firstUs, lastUs);
    return row;
  }

  /** OPC UA transport messages belong to a conversation without being one of its services. */
  opcuaTransport(flow: FlowFacts, timeUs: number): number {
    const row = this.#rowOf(flow, NO_UNIT, flow.ipProtocol);
    this.#touch(row, timeUs, timeUs);
    return row;
  }

  /** A hole in the stream; told at the conversation of this flow that spoke last. */
  gap(flow: FlowFacts, row: number, bytesMissed: number): void {
    const facts = this.#facts[row];
    const belongs =
      facts !== undefined &&
      facts.clientIpAddress === flow.client.ipAddress &&
      facts.serverIpAddress === flow.server.ipAddress;
    this.moments[(belongs ? row : FOLDED_ROW) * MOMENTS + BYTES_MISSED] += bytesMissed;
  }

  /**
   * Somebody is there: a normal answer came, or an exception that a gateway does not give in the
   * name of an absent device (V1.1b3 section 7: 10 and 11).
   */
  hasAnswered(row: number): boolean {
    const index = row * COUNTERS + RESPONSES;
    return this.counts[index] + this.totals[index] > 0 || this.#refusedItself[row] === 1;
  }

  /** Adds the interval to the totals and begins the next; makes room when the table fills. */
  endInterval(): void {
    this.settle();
    for (let row = 0; row < this.rowsEnd; row++) {
      const moment = row * MOMENTS;
      if (this.moments[moment + INTERVAL_FIRST_US] === 0 && row !== FOLDED_ROW) continue;
      this.#foldRow(row, moment);
    }
    this.cells.endInterval();
    if (this.used > CONVERSATIONS_MAX * EVICT_ABOVE) this.#evictIdle();
  }

  /** Makes the entry of a conversation; `isNewRow` and `cells.isNew` say what it found. */
  #enter(flow: FlowFacts, unit: number, transport: string, functionCode: number): number {
    const row = this.#lookUp(flow, unit, transport);
    const cell = this.cells.of(row, functionCode);
    return this.#remember(flow.flowNumber, (unit << 8) | functionCode, row, cell);
  }

  #rowOf(flow: FlowFacts, unit: number, transport: string): number {
    const head = unit << 8;
    const entry = this.entries.find(flow.flowNumber, head);
    if (entry >= 0) {
      this.isNewRow = false;
      return this.entries.rowOf(entry);
    }
    const row = this.#lookUp(flow, unit, transport);
    this.#remember(flow.flowNumber, head, row, 0);
    return row;
  }

  #remember(flowNumber: number, head: number, row: number, cell: number): number {
    const entry = this.entries.place(flowNumber, head);
    this.#settleEntry(entry);
    this.entries.set(entry, flowNumber, head, row, cell);
    return entry;
  }

  /** The first poll that waits in an entry; it also begins the row's interval. */
  #begin(entry: number, transaction: ModbusTransaction): void {
    const { requestTimeUs, responseTimeUs } = transaction;
    if (!this.entries.begin(entry)) {
      this.settle();
      this.entries.begin(entry);
    }
    this.#touch(this.entries.rowOf(entry), requestTimeUs, responseTimeUs);
  }

  #settleEntry(entry: number): void {
    const entries = this.entries;
    const polls = entries.pollsOf(entry);
    if (polls === 0) return;
    const row = entries.rowOf(entry);
    const base = row * COUNTERS;
    const cell = entries.cellOf(entry);
    this.counts[base + REQUESTS] += polls;
    this.counts[base + RESPONSES] += polls;
    this.counts[base + RTT_SAMPLES] += polls;
    this.cells.counts[cell] += polls;
    this.cells.counts[cell + 1] += polls;
    const rttMaxUs = entries.rttMaxUsOf(entry);
    if (rttMaxUs > this.counts[base + RTT_MAX_US]) this.counts[base + RTT_MAX_US] = rttMaxUs;
    const lastUs = entries.lastUsOf(entry);
    const moment = row * MOMENTS + LAST_SEEN_US;
    if (lastUs > this.moments[moment]) this.moments[moment] = lastUs;
    entries.take(entry);
  }

  #lookUp(flow: FlowFacts, unit: number, transport: string): number {
    const { protocol, client, server } = flow;
    const pair = flatKey(protocol, client.ipAddress, server.ipAddress, server.port);
    const key = flatKey(pair, unit);
    const known = this.#rowByKey.get(key);
    this.isNewRow = known === undefined;
    if (known !== undefined) {
      const facts = this.#facts[known];
      if (facts !== undefined) facts.roleConfidence = flow.roleConfidence;
      return known;
    }
    const row = this.#takeRow();
    if (row === FOLDED_ROW) {
      this.isNewRow = false;
      this.refusedCount++;
      return FOLDED_ROW;
    }
    const rowsOfPair = this.#rowsByPair.get(pair) ?? 0;
    this.#rowsByPair.set(pair, rowsOfPair + 1);
    this.#rowByKey.set(key, row);
    this.#facts[row] = {
      protocol,
      transport,
      clientIpAddress: client.ipAddress,
      serverIpAddress: server.ipAddress,
      serverPort: server.port,
      ...(unit === NO_UNIT ? {} : { unitId: unit }),
      isNewPair: rowsOfPair === 0,
      roleConfidence: flow.roleConfidence,
    };
    return row;
  }

  #takeRow(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if (this.#facts.length >= CONVERSATIONS_MAX) return FOLDED_ROW;
    this.#facts.push(undefined);
    return this.#facts.length - 1;
  }

  #sampleRtt(row: number, base: number, rttUs: number): void {
    const counts = this.counts;
    counts[base + OF_RTT_SAMPLES]++;
    if (rttUs > counts[base + OF_RTT_MAX_US]) counts[base + OF_RTT_MAX_US] = rttUs;
    this.rttBins[row * ROW_RTT_BINS + rttBin(rttUs)]++;
  }

  #touch(row: number, firstUs: number, lastUs: number): void {
    const moments = this.moments;
    const base = row * ROW_MOMENTS;
    if (lastUs > moments[base + LAST_SEEN]) moments[base + LAST_SEEN] = lastUs;
    if (moments[base + INTERVAL_FIRST] === 0) this.#beginInterval(base, firstUs);
  }

  #beginInterval(base: number, timeUs: number): void {
    this.moments[base + INTERVAL_FIRST_US] = Math.max(1, timeUs);
    if (this.moments[base] === 0) this.moments[base] = Math.max(1, timeUs);
  }

  #foldRow(row: number, moment: number): void {
    const base = row * COUNTERS;
    for (let counter = 0; counter < RTT_MAX_US; counter++) {
      this.totals[base + counter] += this.counts[base + counter];
    }
    const rttMaxUs = this.counts[base + RTT_MAX_US];
    this.totals[base + RTT_MAX_US] = Math.max(this.totals[base + RTT_MAX_US], rttMaxUs);
    this.counts.fill(0, base, base + COUNTERS);
    this.rttBins.fill(0, row * RTT_BINS, (row + 1) * RTT_BINS);
    this.bytesMissedTotal[row] += this.moments[moment + BYTES_MISSED];
    this.moments[moment + BYTES_MISSED] = 0;
    this.moments[moment + INTERVAL_FIRST_US] = 0;
  }

  #evictIdle(): void {
    const idle = [...this.#rowByKey.entries()].sort(
      ([, a], [, b]) =>
        this.moments[a * MOMENTS + LAST_SEEN_US] - this.moments[b * MOMENTS + LAST_SEEN_US],
    );
    const excess = idle.slice(0, this.used - Math.floor(CONVERSATIONS_MAX * EVICT_ABOVE));
    for (const [key, row] of excess) this.#freeRow(key, row);
    this.entries.forget();
    this.evictedCount += excess.length;
  }

  #freeRow(key: string, row: number): void {
    this.#rowByKey.delete(key);
    const pair = key.slice(0, key.lastIndexOf(' '));
    const left = (this.#rowsByPair.get(pair) ?? 1) - 1;
    if (left === 0) this.#rowsByPair.delete(pair);
    else this.#rowsByPair.set(pair, left);
    this.#facts[row] = undefined;
    this.totals.fill(0, row * COUNTERS, (row + 1) * COUNTERS);
    this.moments.fill(0, row * MOMENTS, (row + 1) * MOMENTS);
    this.bytesMissedTotal[row] = 0;
    this.#refusedItself[row] = 0;
    this.cells.freeRow(row);
    this.#free.push(row);
  }
}
