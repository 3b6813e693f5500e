/**
 * From single PDUs to transactions: a request is kept until its response comes, and leaves alone
 * when it is given up. Key: flow, transactionId, unitId, functionCode without bit 7 (FIELDS.md 1).
 */
import type { DecodeSink, ModbusCounters } from '../../protocols/decode-sink.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import { PDU } from '../../protocols/modbus/mbap.ts';
import { isOrdinaryRequest, isOrdinaryResponse } from '../../protocols/modbus/ordinary.ts';
import { answers, responseShape, SHAPE_FITS } from '../../protocols/modbus/pdu-shape.ts';
import { BROADCAST_UNIT_ID } from '../../protocols/modbus/rtu.ts';
import {
  BROADCAST_ANSWERED,
  FRAGMENTED_BY_IP,
  FRAME_GAP_VIOLATION,
  pairingAnomalies,
  READ_BROADCAST,
  REQUEST_DUPLICATE,
  REQUEST_NOT_ORDINARY,
  REQUEST_RETRANSMITTED,
  REQUEST_UNANSWERED,
  REQUESTS_OUTSTANDING_TOO_MANY,
  RESPONSE_DUPLICATE,
  RESPONSE_DUPLICATE_DIFFERS,
  RESPONSE_FUNCTION_MISMATCH,
  RESPONSE_LATE,
  RESPONSE_UNIT_MISMATCH,
  RESPONSE_UNSOLICITED,
  SERIAL_FRAME,
  SUPERSEDED,
  TRANSACTION_ID_REUSED,
  transactionAnomalies,
} from './modbus-anomalies.ts';
import { ModbusAnswered } from './modbus-answered.ts';
import { ModbusPending, NONE } from './modbus-pending.ts';
import { isRead, keyOf } from './modbus-request-key.ts';
import { ReusedTransaction } from './modbus-reused-transaction.ts';
import type { SegmentContext } from './stream-analyzer.ts';

const FUNCTION_CODE_MASK = 0x7f;

/** The engine folds a constant of this file, but loads an imported one at each use. */
const PDU_AT = PDU;
const NOBODY = NONE;
const NOTHING_WRONG = NO_ANOMALIES;

/**
 * A client that uses one transaction identifier for everything and doesn't wait for answers sends
 * the next request within a round trip (seen: 0.5 ms); one that gave up does so after its timeout.
 * A different request under a key that waits longer than this replaces the first.
 */
export const PIPELINED_WITHIN_US = 100_000;

export interface PairingLimits {
  readonly flowsMax: number;
  /** Of one flow; at most 255. */
  readonly transactionsPendingMax: number;
  /** Of all flows together. */
  readonly requestsMax: number;
  readonly requestTimeoutUs: number;
  /**
   * RTU and ASCII frames: no transaction identifier, one request at a time, broadcasts to unit 0
   * (MODBUS over Serial Line V1.02, section 2.1). The caller puts six zeros before each frame.
   */
  readonly isSerial?: boolean;
}

export class ModbusPairing {
  readonly #limits: PairingLimits;
  readonly #flows: (FlowFacts | undefined)[];
  readonly sink: DecodeSink;
  readonly counters: ModbusCounters;
  readonly pending: ModbusPending;
  readonly answered: ModbusAnswered;
  /** Made with the first transaction, because only then there is a flow to put in. */
  #transaction: ReusedTransaction | undefined;
  #evictedCount = 0;
  /** SERIAL_FRAME or 0. */
  readonly #framing: number;
  #check = NONE;
  #gapFlag = 0;

  constructor(limits: PairingLimits, sink: DecodeSink, counters: ModbusCounters) {
    this.#limits = limits;
    this.sink = sink;
    this.counters = counters;
    this.#framing = limits.isSerial === true ? SERIAL_FRAME : 0;
    this.pending = new ModbusPending(limits.flowsMax, limits.requestsMax);
    this.#flows = new Array<FlowFacts | undefined>(limits.flowsMax).fill(undefined);
    this.answered = new ModbusAnswered(limits.flowsMax);
  }

  /** Requests that left without an answer because a table was full. */
  get evictedCount(): number {
    return this.#evictedCount;
  }

  /** CRC or LRC of the serial frame that is handed over next, and whether it has a silence. */
  setFrame(check: number, hasGap: boolean): void {
    this.#check = check;
    this.#gapFlag = hasGap ? FRAME_GAP_VIOLATION : 0;
  }

  flowBegan(flow: FlowFacts): void {
    this.flowEnded(flow.slot);
    this.#flows[flow.slot] = flow;
    this.answered.forget(flow.slot);
  }

  /** What still waits leaves now; whether it was answered nobody knows. */
  flowEnded(slot: number): void {
    while (this.pending.headOf(slot) !== NONE) this.#giveUp(this.pending.headOf(slot), NONE, 0);
  }

  advance(timeUs: number): void {
    const pending = this.pending;
    const before = timeUs - this.#limits.requestTimeoutUs;
    let row = pending.findOlder(0, before);
    while (row !== NONE) {
      this.answered.giveUp(pending.slotOf(row), pending.keyOf(row));
      this.#giveUp(row, pending.previousOf(row), REQUEST_UNANSWERED);
      row = pending.findOlder(row + 1, before);
    }
  }

  /** A whole message from the client; `at` is the offset of its MBAP header. */
  request(context: SegmentContext, bytes: Uint8Array, at: number, pduBytes: number): void {
    const pending = this.pending;
    const slot = context.slot;
    const key = keyOf(bytes, at);
    const pduAt = at + PDU_AT;
    let flags = isOrdinaryRequest(bytes, pduAt, pduBytes) ? 0 : REQUEST_NOT_ORDINARY;
    if (context.isFragmented === true) flags |= FRAGMENTED_BY_IP;
    if (this.#framing !== 0) {
      flags |= this.#framing | this.#gapFlag;
      if (this.#isBroadcast(key) && isRead(bytes[pduAt])) flags |= READ_BROADCAST;
      if (this.#isRetry(context.timeUs, slot, key, bytes, pduAt, pduBytes)) return;
    } else if (pending.headOf(slot) !== NOBODY) {
      const reuse = this.#reuse(context.timeUs, slot, key, bytes, pduAt, pduBytes);
      if (reuse < 0) return;
      flags |= reuse;
      if (pending.countOf(slot) >= this.#limits.transactionsPendingMax) {
        flags |= REQUESTS_OUTSTANDING_TOO_MANY;
        this.#evict(pending.headOf(slot));
      }
    }
    if (pending.isFull) this.#evict(pending.nextVictim());
    pending.add(context, key, flags, this.#check, bytes, pduAt, pduBytes);
  }

  /** A whole message from the server. */
  response(context: SegmentContext, bytes: Uint8Array, at: number, pduBytes: number): void {
    const key = keyOf(bytes, at);
    const row = this.pending.onlyOf(context.slot, key);
    if (row === NOBODY) {
      this.#responseAmongSeveral(context, bytes, at, pduBytes, key);
      return;
    }
    this.#match(context, row, bytes, at + PDU_AT, pduBytes);
    this.pending.removeOnly(context.slot, row);
  }

  /** Not the ordinary case: none waits, or several do, or one with another key. */
  #responseAmongSeveral(
    context: SegmentContext,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
    key: number,
  ): void {
    const pending = this.pending;
    let previous = NONE;
    let row = pending.headOf(context.slot);
    while (row !== NONE && pending.keyOf(row) !== key) {
      previous = row;
      row = pending.nextInFlow(row);
    }
    if (row === NONE) {
      this.#unmatchedResponse(context, bytes, at, pduBytes, key);
      return;
    }
    if (row !== pending.tailOf(context.slot)) {
      const better = this.#betterFit(row, key, bytes, at + PDU, pduBytes);
      if (better !== row) {
        row = better;
        previous = pending.previousOf(row);
      }
    }
    this.#match(context, row, bytes, at + PDU, pduBytes);
    pending.remove(row, previous);
  }

  /**
   * On a serial line one request waits at most, and the next one says that it waits in vain. True
   * where the next one is the same again: a retry, which is counted.
   */
  #isRetry(
    timeUs: number,
    slot: number,
    key: number,
    bytes: Uint8Array,
    pduAt: number,
    pduBytes: number,
  ): boolean {
    const pending = this.pending;
    const row = pending.headOf(slot);
    if (row === NONE) return false;
    const isInTime = timeUs - pending.lastTimeUsOf(row) <= this.#limits.requestTimeoutUs;
    const isSame = pending.keyOf(row) === key && pending.isSame(row, bytes, pduAt, pduBytes);
    if (isInTime && isSame && !this.#isBroadcast(key)) {
      pending.repeat(row, timeUs, repetition(timeUs - pending.lastTimeUsOf(row)));
      return true;
    }
    this.answered.giveUp(slot, pending.keyOf(row));
    const replaced = pending.keyOf(row) === key ? SUPERSEDED : 0;
    this.#giveUp(row, NONE, REQUEST_UNANSWERED | replaced);
    return false;
  }

  /**
   * -1: it was a repetition and is counted; otherwise flags for the new request. A repetition so
   * late that the first is given up is a request of its own: a client seen alone polls like that.
   */
  #reuse(
    timeUs: number,
    slot: number,
    key: number,
    bytes: Uint8Array,
    pduAt: number,
    pduBytes: number,
  ): number {
    const pending = this.pending;
    let flags = 0;
    let previous = NONE;
    let row = pending.headOf(slot);
    while (row !== NONE) {
      const next = pending.nextInFlow(row);
      const isSame = pending.keyOf(row) === key && pending.isSame(row, bytes, pduAt, pduBytes);
      if (pending.keyOf(row) !== key) {
        previous = row;
      } else if (isSame && pending.timeUsOf(row) >= timeUs - this.#limits.requestTimeoutUs) {
        pending.repeat(row, timeUs, repetition(timeUs - pending.lastTimeUsOf(row)));
        return -1;
      } else {
        if (!isSame) flags = TRANSACTION_ID_REUSED;
        if (timeUs - pending.lastTimeUsOf(row) > PIPELINED_WITHIN_US)
          this.#giveUp(row, previous, SUPERSEDED);
        else previous = row;
      }
      row = next;
    }
    return flags;
  }

  /** Of several requests under one key: the oldest that this response has the size of. */
  #betterFit(first: number, key: number, bytes: Uint8Array, at: number, pduBytes: number): number {
    const pending = this.pending;
    for (let row = first; row !== NONE; row = pending.nextInFlow(row)) {
      if (pending.keyOf(row) !== key) continue;
      const base = pending.pduOffset(row);
      if (answers(pending.bytes, base, pending.pduBytesOf(row), bytes, at, pduBytes)) return row;
    }
    return first;
  }

  #match(
    context: SegmentContext,
    row: number,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
  ): void {
    const pending = this.pending;
    const transaction = this.#begin(context.flow, context.isDatagram);
    transaction.setMatch(context, row, bytes, at, pduBytes, this.#check);
    let flags = pending.flagsOf(row) | this.#gapFlag;
    if (this.#isBroadcast(pending.keyOf(row))) flags |= BROADCAST_ANSWERED;
    if (context.isFragmented === true) flags |= FRAGMENTED_BY_IP;
    const isOrdinary =
      flags === this.#framing &&
      isOrdinaryResponse(
        bytes,
        at,
        pduBytes,
        pending.bytes,
        pending.pduOffset(row),
        pending.pduBytesOf(row),
      );
    if (!isOrdinary) {
      const { requestPdu, responsePdu } = transaction;
      transaction.anomalies = transactionAnomalies(requestPdu, responsePdu, flags);
    } else if (transaction.anomalies !== NOTHING_WRONG) {
      transaction.anomalies = NOTHING_WRONG;
    }
    this.sink.modbusTransaction(transaction);
    const isRepeated = transaction.retriesCount > 0;
    this.answered.answer(context.slot, pending.keyOf(row), isRepeated, bytes, at, pduBytes);
  }

  #evict(row: number): void {
    this.#evictedCount += 1;
    this.#giveUp(row, this.pending.previousOf(row), 0);
  }

  #giveUp(row: number, previous: number, why: number): void {
    const pending = this.pending;
    const flow = this.#flows[pending.slotOf(row)];
    if (flow !== undefined) {
      const transaction = this.#begin(flow, flow.ipProtocol === 'udp');
      transaction.setRequest(row);
      transaction.clearResponse();
      // Nobody is to answer a broadcast.
      const isBroadcast = this.#isBroadcast(pending.keyOf(row));
      const flags = pending.flagsOf(row) | (isBroadcast ? 0 : why);
      transaction.isSuperseded = (flags & SUPERSEDED) !== 0;
      transaction.anomalies =
        (flags & REQUEST_NOT_ORDINARY) === 0
          ? pairingAnomalies(flags)
          : transactionAnomalies(transaction.requestPdu, transaction.responsePdu, flags);
      if (!isBroadcast) this.counters.unmatchedRequests += 1;
      this.sink.modbusTransaction(transaction);
    }
    pending.remove(row, previous);
  }

  #unmatchedResponse(
    context: SegmentContext,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
    key: number,
  ): void {
    const transaction = this.#begin(context.flow, context.isDatagram);
    transaction.clearRequest();
    transaction.setKey(key);
    transaction.setResponse(context, bytes, at + PDU, pduBytes, this.#check);
    let why = this.#isBroadcast(key) ? BROADCAST_ANSWERED : this.#whyUnmatched(context, key);
    if (
      why === RESPONSE_DUPLICATE &&
      this.answered.differs(context.slot, bytes, at + PDU, pduBytes)
    ) {
      why |= RESPONSE_DUPLICATE_DIFFERS;
    }
    const pieces = context.isFragmented === true ? FRAGMENTED_BY_IP : 0;
    const flags = why | pieces | this.#framing | this.#gapFlag;
    const functionByte = bytes[at + PDU];
    const isOrdinary =
      (functionByte <= 4 || functionByte === 15 || functionByte === 16) &&
      responseShape(bytes, at + PDU, pduBytes) === SHAPE_FITS;
    transaction.anomalies = isOrdinary
      ? pairingAnomalies(flags)
      : transactionAnomalies(transaction.requestPdu, transaction.responsePdu, flags);
    this.counters.unmatchedResponses += 1;
    this.sink.modbusTransaction(transaction);
  }

  /** Nothing is said against a response whose request the capture may have missed. */
  #whyUnmatched(context: SegmentContext, key: number): number {
    const { slot, flow } = context;
    if (this.answered.isAnswered(slot, key)) return RESPONSE_DUPLICATE;
    if (this.answered.isGivenUp(slot, key)) return RESPONSE_LATE;
    const pending = this.pending;
    for (let row = pending.headOf(slot); row !== NONE; row = pending.nextInFlow(row)) {
      const differs = pending.keyOf(row) ^ key;
      if (differs >>> 15 !== 0) continue;
      return (differs & FUNCTION_CODE_MASK) !== 0
        ? RESPONSE_FUNCTION_MISMATCH
        : RESPONSE_UNIT_MISMATCH;
    }
    const isWholeSeen = !flow.midstream && flow.gapsCount === 0 && flow.clientSegmentsCount > 0;
    return isWholeSeen && this.#evictedCount === 0 ? RESPONSE_UNSOLICITED : 0;
  }

  #isBroadcast(key: number): boolean {
    return this.#framing !== 0 && ((key >>> 7) & 0xff) === BROADCAST_UNIT_ID;
  }

  #begin(flow: FlowFacts, isDatagram: boolean): ReusedTransaction {
    this.#transaction ??= new ReusedTransaction(flow, this.pending);
    this.#transaction.setFlow(flow, isDatagram);
    return this.#transaction;
  }
}

/** The same again at once is a duplicate; after a wait it is a client that has lost patience. */
function repetition(waitedUs: number): number {
  const isRetry = waitedUs > PIPELINED_WITHIN_US;
  return isRetry ? REQUEST_DUPLICATE | REQUEST_RETRANSMITTED : REQUEST_DUPLICATE;
}
