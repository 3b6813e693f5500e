/**
 * The one transaction object that the sink sees, filled anew for each: an ordinary poll allocates
 * nothing. ModbusTransaction says what the fields mean.
 */
import { type Anomaly, type ByteSpan, NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction, ModbusTransport } from '../../protocols/modbus/transaction.ts';
import { type ModbusPending, NONE } from './modbus-pending.ts';
import type { SegmentContext } from './stream-analyzer.ts';

const FUNCTION_CODE_MASK = 0x7f;
const EXCEPTION_BIT = 0x80;

class Span implements ByteSpan {
  bytes: Uint8Array;
  offset = 0;
  length = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export class ReusedTransaction implements ModbusTransaction {
  flow: FlowFacts;
  transport: ModbusTransport = 'tcp';
  matched = false;
  transactionId = 0;
  readonly protocolId = 0;
  unitId = 0;
  functionCode = 0;
  exceptionCode = 0;
  readonly requestPdu: Span;
  readonly responsePdu: Span;
  requestTimeUs = -1;
  responseTimeUs = -1;
  rttUs = -1;
  retriesCount = 0;
  isSuperseded = false;
  responseCheck = -1;
  anomalies: readonly Anomaly[] = NO_ANOMALIES;
  readonly #pending: ModbusPending;
  /** Row of the request in `#pending`, NONE without one. */
  #row = NONE;
  /** Of the frame that brought the response; undefined without one. */
  #response: SegmentContext | undefined;

  constructor(flow: FlowFacts, pending: ModbusPending) {
    this.flow = flow;
    this.transport = flow.transport ?? 'tcp';
    this.#pending = pending;
    this.requestPdu = new Span(pending.bytes);
    this.responsePdu = new Span(pending.bytes);
  }

  // Where frames are found again is asked for by few: it is read from its place, not copied.

  get requestFrameNumber(): number {
    return this.#row === NONE ? 0 : this.#pending.frameNumberOf(this.#row);
  }

  get requestFrameAddress(): number {
    return this.#row === NONE ? -1 : this.#pending.frameAddressOf(this.#row);
  }

  get requestFrameBytes(): number {
    return this.#row === NONE ? 0 : this.#pending.frameBytesOf(this.#row);
  }

  get requestCheck(): number {
    return this.#row === NONE ? -1 : this.#pending.checkOf(this.#row);
  }

  get responseFrameNumber(): number {
    return this.#response?.frameNumber ?? 0;
  }

  get responseFrameAddress(): number {
    return this.#response?.frameAddress ?? -1;
  }

  get responseFrameBytes(): number {
    return this.#response?.frameBytes ?? 0;
  }

  setFlow(flow: FlowFacts, isDatagram: boolean): void {
    this.flow = flow;
    const transport = flow.transport ?? (isDatagram ? 'udp' : 'tcp');
    if (this.transport !== transport) this.transport = transport;
  }

  /** Request of `row` and its response; `check` as in `setResponse`. */
  setMatch(
    context: SegmentContext,
    row: number,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
    check: number,
  ): void {
    this.setRequest(row);
    this.setResponse(context, bytes, at, pduBytes, check);
    this.matched = true;
    const rttUs = context.timeUs - this.requestTimeUs;
    this.rttUs = rttUs >= 0 ? rttUs : -1;
  }

  setKey(key: number): void {
    this.transactionId = key >>> 15;
    this.unitId = (key >>> 7) & 0xff;
    this.functionCode = key & FUNCTION_CODE_MASK;
  }

  setRequest(row: number): void {
    const pending = this.#pending;
    this.#row = row;
    this.setKey(pending.keyOf(row));
    this.requestPdu.offset = pending.pduOffset(row);
    this.requestPdu.length = pending.pduBytesOf(row);
    this.requestTimeUs = pending.timeUsOf(row);
    this.retriesCount = pending.retriesCountOf(row);
  }

  /** `check` is the CRC or LRC of the frame, -1 where it has none. */
  setResponse(
    context: SegmentContext,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
    check: number,
  ): void {
    // Storing a reference costs a call of the garbage collector's barrier: not for the same again.
    if (this.responsePdu.bytes !== bytes) this.responsePdu.bytes = bytes;
    if (this.#response !== context) this.#response = context;
    this.responsePdu.offset = at;
    this.responsePdu.length = pduBytes;
    this.exceptionCode = (bytes[at] & EXCEPTION_BIT) !== 0 && pduBytes > 1 ? bytes[at + 1] : 0;
    this.responseTimeUs = context.timeUs;
    this.responseCheck = check;
  }

  clearRequest(): void {
    this.matched = false;
    this.rttUs = -1;
    this.#row = NONE;
    this.requestPdu.length = 0;
    this.requestTimeUs = -1;
    this.retriesCount = 0;
  }

  clearResponse(): void {
    this.matched = false;
    this.rttUs = -1;
    this.#response = undefined;
    this.responsePdu.length = 0;
    this.exceptionCode = 0;
    this.responseTimeUs = -1;
    this.responseCheck = -1;
  }
}
