/**
 * The one transaction object that the sink sees, filled anew for each: an ordinary poll allocates
 * nothing. ModbusTransaction says what the fields mean.
 */
import { type Anomaly, type ByteSpan, NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction, ModbusTransport } from '../../protocols/modbus/transaction.ts';
import type { ModbusPending } from './modbus-pending.ts';
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
  requestFrameNumber = 0;
  responseFrameNumber = 0;
  requestFrameAddress = -1;
  requestFrameBytes = 0;
  responseFrameAddress = -1;
  responseFrameBytes = 0;
  requestCheck = -1;
  responseCheck = -1;
  anomalies: readonly Anomaly[] = NO_ANOMALIES;

  constructor(flow: FlowFacts, requestBytes: Uint8Array) {
    this.flow = flow;
    this.requestPdu = new Span(requestBytes);
    this.responsePdu = new Span(requestBytes);
  }

  setKey(key: number): void {
    this.transactionId = key >>> 15;
    this.unitId = (key >>> 7) & 0xff;
    this.functionCode = key & FUNCTION_CODE_MASK;
  }

  setRequest(pending: ModbusPending, row: number): void {
    this.setKey(pending.keyOf(row));
    this.requestPdu.offset = pending.pduOffset(row);
    this.requestPdu.length = pending.pduBytesOf(row);
    this.requestTimeUs = pending.timeUsOf(row);
    this.retriesCount = pending.retriesCountOf(row);
    this.requestFrameNumber = pending.frameNumberOf(row);
    this.requestFrameAddress = pending.frameAddressOf(row);
    this.requestFrameBytes = pending.frameBytesOf(row);
    this.requestCheck = pending.checkOf(row);
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
    this.responsePdu.offset = at;
    this.responsePdu.length = pduBytes;
    this.exceptionCode = (bytes[at] & EXCEPTION_BIT) !== 0 && pduBytes > 1 ? bytes[at + 1] : 0;
    this.responseTimeUs = context.timeUs;
    this.responseFrameNumber = context.frameNumber;
    this.responseFrameAddress = context.frameAddress;
    this.responseFrameBytes = context.frameBytes;
    this.responseCheck = check;
  }

  clearRequest(): void {
    this.matched = false;
    this.rttUs = -1;
    this.requestPdu.length = 0;
    this.requestTimeUs = -1;
    this.retriesCount = 0;
    this.requestFrameNumber = 0;
    this.requestFrameAddress = -1;
    this.requestFrameBytes = 0;
    this.requestCheck = -1;
  }

  clearResponse(): void {
    this.matched = false;
    this.rttUs = -1;
    this.responsePdu.length = 0;
    this.exceptionCode = 0;
    this.responseTimeUs = -1;
    this.responseFrameNumber = 0;
    this.responseFrameAddress = -1;
    this.responseFrameBytes = 0;
    this.responseCheck = -1;
  }
}
