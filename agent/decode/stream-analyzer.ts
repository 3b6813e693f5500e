/**
 * The seam between the decode core (frames, flows, reassembly, recognition) and the analyzers of
 * one protocol each (framing, pairing). The core delivers each byte of a stream once and in order,
 * and names every hole; an analyzer never sees a frame.
 */
import type { Direction, FlowFacts, Protocol } from '../../protocols/flow.ts';
import type { FlowTable } from './flow-table.ts';
import type { TakePlainPoll } from './modbus-plain-polls.ts';

/** The first bytes of a stream direction are not this protocol. */
export const RECOGNIZED_NO = 0;
/** Too few bytes to tell; ask again when there are more. */
export const RECOGNIZED_MORE = 1;
/** It is this protocol. */
export const RECOGNIZED_YES = 2;
/** Plausible, but the port is no configured one: the other direction must agree (`confirm`). */
export const RECOGNIZED_TENTATIVE = 3;
export type Recognition = 0 | 1 | 2 | 3;

/** Who sent the bytes that were recognised, as far as the bytes themselves tell. */
export const SENDER_UNKNOWN = 0;
export const SENDER_CLIENT = 1;
export const SENDER_SERVER = 2;
export type Sender = 0 | 1 | 2;

/** Where the bytes of a call come from. One object, reused; valid only during the call. */
export interface SegmentContext {
  /** Row of the flow table; analyzers keep their per-flow state in arrays of `flowsMax` rows. */
  slot: number;
  flow: FlowFacts;
  direction: Direction;
  /** UTC microseconds of the frame that carried (or released) these bytes. */
  timeUs: number;
  /** 1-based in a file; 0 live. */
  frameNumber: number;
  /** Address and length in the frame history; -1 and 0 when none is kept. */
  frameAddress: number;
  frameBytes: number;
  /** Datagram of UDP: messages never continue in the next call. */
  isDatagram: boolean;
  /** The IP packet came in pieces (anomaly `fragmentedByIp`). */
  isFragmented?: boolean;
}

export interface StreamAnalyzer {
  readonly protocol: Protocol;
  /**
   * Judges the first `length` bytes of one direction. `portConfigured`: one of the two ports is a
   * configured port of this protocol.
   */
  recognize(
    bytes: Uint8Array,
    offset: number,
    length: number,
    portConfigured: boolean,
  ): Recognition;
  /** After RECOGNIZED_YES or a confirmed pair: who speaks, by content alone. */
  senderOf(bytes: Uint8Array, offset: number, length: number): Sender;
  /** Two tentative directions of one flow: do they answer each other? */
  confirm(
    first: Uint8Array,
    firstOffset: number,
    firstLength: number,
    second: Uint8Array,
    secondOffset: number,
    secondLength: number,
  ): boolean;
  /** A flow was recognised and has `context.slot`; whatever that row held before is gone. */
  flowBegan(flow: FlowFacts): void;
  /** The next bytes of one direction, in order, each stream byte once. */
  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void;
  /** `bytesMissed` bytes of `context.direction` will never come; the next call follows the hole. */
  gap(context: SegmentContext, bytesMissed: number): void;
  /** FIN, RST, eviction or end of input: what is pending leaves now. */
  flowEnded(flow: FlowFacts, timeUs: number): void;
  /**
   * A short way past `segment` for the most ordinary message (modbus-plain-polls.ts); the core asks
   * for it once, and tries it first.
   */
  createTakePlainPoll?(flows: FlowTable, context: SegmentContext): TakePlainPoll;
  /** Bytes of `segment` that lie in `bytes` stay where they are until `endBlock`. */
  beginBlock?(bytes: Uint8Array): void;
  endBlock?(): void;
  /** Capture time goes on; what waits longer than its limit is given up. About once a second. */
  advance(timeUs: number): void;
}
