/**
 * A Modbus transaction as decode hands it on: a request with its response, or one of them alone.
 * The object and its spans are reused: they are valid only during the sink's call. What must live
 * longer is copied by whoever needs it, so that an ordinary poll costs no allocation.
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import type { FlowFacts } from '../flow.ts';

export type ModbusTransport =
  | 'tcp'
  | 'udp'
  | 'rtuOverTcp'
  | 'asciiOverTcp'
  | 'rtu'
  | 'ascii'
  | 'tls';

export interface ModbusTransaction {
  readonly flow: FlowFacts;
  readonly transport: ModbusTransport;
  /** Both sides were seen and belong together. */
  readonly matched: boolean;
  readonly transactionId: number;
  readonly protocolId: number;
  readonly unitId: number;
  /** Bit 7 removed. In a request above 127 the anomaly `functionCodeAbove127InRequest` is set. */
  readonly functionCode: number;
  /** 0 when the response is normal or absent. */
  readonly exceptionCode: number;
  /** Function code byte and data; absent side: length 0. */
  readonly requestPdu: ByteSpan;
  readonly responsePdu: ByteSpan;
  /** UTC microseconds; -1 when that side was not seen. */
  readonly requestTimeUs: number;
  readonly responseTimeUs: number;
  /** Microseconds at the tap; -1 when unmatched or across a clock step. */
  readonly rttUs: number;
  /** Identical requests seen again before the answer. */
  readonly retriesCount: number;
  /** Of a request alone: the next one on the flow with the same key took its place. */
  readonly isSuperseded?: boolean;
  /** 1-based in a file; 0 live or absent. */
  readonly requestFrameNumber: number;
  readonly responseFrameNumber: number;
  /** Address in the frame history of the frame that ended the message; -1 when none. */
  readonly requestFrameAddress: number;
  readonly requestFrameBytes: number;
  readonly responseFrameAddress: number;
  readonly responseFrameBytes: number;
  /** CRC-16 of RTU or LRC of ASCII as read, always right; -1 or absent: no such frame. */
  readonly requestCheck?: number;
  readonly responseCheck?: number;
  /** NO_ANOMALIES for an ordinary poll. */
  readonly anomalies: readonly Anomaly[];
}
