/**
 * Which protocol a flow speaks, told by its bytes: ports are a hint and never proof. Short
 * beginnings are kept until there are enough bytes, and beginnings that are only plausible until
 * the other direction answers them.
 */
import type { DecoderOptions } from './decoder-options.ts';
import {
  FLOW_MODBUS,
  FLOW_OPCUA,
  FLOW_TLS,
  type FlowTable,
  SIDE_UNKNOWN,
  SIDES,
} from './flow-table.ts';
import { BLOCK_NONE, SEGMENT_BLOCK_BYTES, type SegmentPool } from './segment-pool.ts';
import {
  RECOGNIZED_NO,
  RECOGNIZED_TENTATIVE,
  RECOGNIZED_YES,
  type Recognition as RecognitionAnswer,
  type SegmentContext,
  type StreamAnalyzer,
} from './stream-analyzer.ts';
import type { Analyzers } from './stream-delivery.ts';

/** The segment leads nowhere: not kept. */
export const VERDICT_NO = -1;
/** Kept until more is known. */
export const VERDICT_HELD = 0;
export const VERDICT_MODBUS = FLOW_MODBUS;
export const VERDICT_OPCUA = FLOW_OPCUA;
export const VERDICT_TLS = FLOW_TLS;
export type Verdict = -1 | 0 | 1 | 2 | 3;

/** Bytes kept of one direction: two of the largest Modbus messages (2 x 260, less a header). */
export const HELD_BYTES_MAX = 512;
/** Frames that keep their own stamp in a direction's held bytes; later ones join the last. */
const HELD_BLOCKS_MAX = 4;
/** Part of the pool that beginnings may use; the rest is for segments out of order. */
const HELD_POOL_SHARE = 0.5;
/** Bytes of a segment behind the held ones that are looked at with them. */
const JUDGED_BYTES_MAX = 1024;

const PORT_MODBUS = 1;
const PORT_OPCUA = 2;
const PORT_TLS = 4;
/** By protocol. */
const PORT_OF = [0, PORT_MODBUS, PORT_OPCUA];

export class Recognition {
  readonly #modbus: StreamAnalyzer;
  readonly #opcua: StreamAnalyzer;
  readonly #tls: StreamAnalyzer | undefined;
  readonly #table: FlowTable;
  readonly #pool: SegmentPool;
  readonly #triesMax: number;
  readonly #heldBlocksMax: number;
  #heldBlocks = 0;
  readonly #portBits = new Uint8Array(65_536);
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #heldBytes: Uint16Array;
  readonly #isTentative: Uint8Array;
  readonly #tries: Uint8Array;
  /** By row: what `isFirstRefusal` has answered. */
  readonly #isRefused: Uint8Array;
  readonly #judged = new Uint8Array(JUDGED_BYTES_MAX);
  readonly #answer = new Uint8Array(HELD_BYTES_MAX);
  /** What the last verdict was about: the beginning of the direction in one piece. */
  judgedBytes: Uint8Array = this.#judged;
  judgedOffset = 0;
  judgedLength = 0;
  /** Direction of the block that `takeHeld` took. */
  takenDirection = 0;

  constructor(options: DecoderOptions, analyzers: Analyzers, table: FlowTable, pool: SegmentPool) {
    const directions = table.flowsMax * SIDES;
    this.#modbus = analyzers.modbus;
    this.#opcua = analyzers.opcua;
    this.#tls = analyzers.tls;
    this.#table = table;
    this.#pool = pool;
    this.#triesMax = Math.min(options.recognitionTriesMax, 255);
    this.#heldBlocksMax = Math.floor(options.reassemblyBlocksMax * HELD_POOL_SHARE);
    for (const port of options.modbusPorts) this.#portBits[port] |= PORT_MODBUS;
    for (const port of options.modbusTlsPorts) this.#portBits[port] |= PORT_TLS;
    for (const port of options.opcuaPorts) this.#portBits[port] |= PORT_OPCUA;
    this.#first = new Int32Array(directions).fill(BLOCK_NONE);
    this.#last = new Int32Array(directions).fill(BLOCK_NONE);
    this.#heldBytes = new Uint16Array(directions);
    this.#isTentative = new Uint8Array(directions);
    this.#tries = new Uint8Array(directions);
    this.#isRefused = new Uint8Array(table.flowsMax);
  }

  /** Whether the port of this side is one that the configuration gives to the protocol. */
  isServerPort(row: number, side: number, protocol: number): boolean {
    const bit = protocol === FLOW_TLS ? PORT_TLS | PORT_MODBUS : PORT_OF[protocol];
    return (this.#portBits[this.#table.portOf(row, side)] & bit) !== 0;
  }

  /**
   * Is it settled now that a flow on a port of Modbus speaks something else? The first bytes of a
   * connection do that, and inside one a number of segments. True once per flow.
   */
  isFirstRefusal(direction: number): boolean {
    const row = direction >> 1;
    if (this.#isRefused[row] === 1 || (this.#portsOf(row) & PORT_MODBUS) === 0) return false;
    const isBeginningSeen = this.#table.originatorSide[row] !== SIDE_UNKNOWN;
    if (this.#tries[direction] < (isBeginningSeen ? 1 : this.#triesMax)) return false;
    this.#isRefused[row] = 1;
    return true;
  }

  /** Judges the next bytes of a direction together with those that are held. */
  judge(
    direction: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): Verdict {
    const ports = this.#portsOf(direction >> 1);
    if (ports === 0 && this.#tries[direction] >= this.#triesMax) return VERDICT_NO;
    if (this.#heldBytes[direction] > 0) {
      const verdict = this.#judgeHeld(direction, origin, ports, bytes, offset, length);
      if (verdict !== VERDICT_NO) return verdict;
      this.dropHeld(direction);
    }
    this.judgedBytes = bytes;
    this.judgedOffset = offset;
    this.judgedLength = length;
    return this.#settle(
      direction,
      origin,
      this.#recognize(direction, ports, origin.isDatagram),
      bytes,
      offset,
      length,
    );
  }

  /** The held bytes of the flow in one piece, for a second opinion on who speaks; may be empty. */
  gatherHeld(direction: number): void {
    this.judgedBytes = this.#judged;
    this.judgedOffset = 0;
    this.judgedLength = this.#gather(direction, this.#judged);
  }

  /** The side whose bytes have waited longest; `side` when none wait. */
  firstHeldSide(row: number, side: number): number {
    const low = this.#first[row * SIDES];
    const high = this.#first[row * SIDES + 1];
    if (low === BLOCK_NONE) return high === BLOCK_NONE ? side : 1;
    return high !== BLOCK_NONE && this.#pool.timeUs[high] < this.#pool.timeUs[low] ? 1 : 0;
  }

  /** Takes the oldest held block of the flow out, or BLOCK_NONE; the caller gives it back. */
  takeHeld(row: number): number {
    this.takenDirection = row * SIDES + this.firstHeldSide(row, 0);
    const block = this.#first[this.takenDirection];
    if (block === BLOCK_NONE) return BLOCK_NONE;
    this.#first[this.takenDirection] = this.#pool.next[block];
    if (this.#first[this.takenDirection] === BLOCK_NONE) this.#clear(this.takenDirection);
    this.#heldBlocks--;
    return block;
  }

  dropHeld(direction: number): void {
    for (let block = this.#first[direction]; block !== BLOCK_NONE; block = this.#pool.next[block]) {
      this.#heldBlocks--;
    }
    this.#pool.giveList(this.#first[direction]);
    this.#clear(direction);
  }

  /** The flow is over, or new. */
  reset(row: number): void {
    this.#isRefused[row] = 0;
    for (let direction = row * SIDES; direction < (row + 1) * SIDES; direction++) {
      if (this.#first[direction] !== BLOCK_NONE) this.dropHeld(direction);
      this.#tries[direction] = 0;
    }
  }

  #judgeHeld(
    direction: number,
    origin: SegmentContext,
    ports: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): Verdict {
    const held = this.#gather(direction, this.#judged);
    const added = Math.min(length, JUDGED_BYTES_MAX - held);
    this.#judged.set(bytes.subarray(offset, offset + added), held);
    this.judgedBytes = this.#judged;
    this.judgedOffset = 0;
    this.judgedLength = held + added;
    return this.#settle(
      direction,
      origin,
      this.#recognize(direction, ports, origin.isDatagram),
      bytes,
      offset,
      length,
    );
  }

  /** Keeps the segment where the answer is open. */
  #settle(
    direction: number,
    origin: SegmentContext,
    answer: Answer,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): Verdict {
    switch (answer) {
      case ANSWER_MODBUS:
        return VERDICT_MODBUS;
      case ANSWER_OPCUA:
        return VERDICT_OPCUA;
      case ANSWER_TLS:
        return VERDICT_TLS;
      case ANSWER_NO:
        break;
      default:
        if (this.#hold(direction, origin, bytes, offset, length)) {
          this.#isTentative[direction] = answer === ANSWER_MORE ? 0 : answer;
          return VERDICT_HELD;
        }
    }
    if (this.#tries[direction] < 255) this.#tries[direction]++;
    return VERDICT_NO;
  }

  #recognize(direction: number, ports: number, isDatagram: boolean): Answer {
    const tls = isDatagram ? RECOGNIZED_NO : this.#recognizeTls(ports);
    if (tls === RECOGNIZED_YES) return ANSWER_TLS;
    // OPC UA has no connections over UDP.
    const opcua = isDatagram
      ? RECOGNIZED_NO
      : this.#opcua.recognize(
          this.judgedBytes,
          this.judgedOffset,
          this.judgedLength,
          (ports & PORT_OPCUA) !== 0,
        );
    if (opcua === RECOGNIZED_YES) return ANSWER_OPCUA;
    const modbus = this.#modbus.recognize(
      this.judgedBytes,
      this.judgedOffset,
      this.judgedLength,
      (ports & PORT_MODBUS) !== 0,
    );
    if (modbus === RECOGNIZED_YES) return ANSWER_MODBUS;
    if (opcua === RECOGNIZED_TENTATIVE) {
      return this.#isAnswered(direction, this.#opcua, ANSWER_OPCUA_TENTATIVE)
        ? ANSWER_OPCUA
        : ANSWER_OPCUA_TENTATIVE;
    }
    if (modbus === RECOGNIZED_TENTATIVE) {
      return this.#isAnswered(direction, this.#modbus, ANSWER_MODBUS_TENTATIVE)
        ? ANSWER_MODBUS
        : ANSWER_MODBUS_TENTATIVE;
    }
    const isOver = opcua === RECOGNIZED_NO && modbus === RECOGNIZED_NO && tls === RECOGNIZED_NO;
    return isOver ? ANSWER_NO : ANSWER_MORE;
  }

  #recognizeTls(ports: number): RecognitionAnswer {
    if ((ports & (PORT_TLS | PORT_MODBUS)) === 0 || this.#tls === undefined) return RECOGNIZED_NO;
    return this.#tls.recognize(
      this.judgedBytes,
      this.judgedOffset,
      this.judgedLength,
      (ports & PORT_TLS) !== 0,
    );
  }

  /** Do the held bytes of the other direction and these belong together? */
  #isAnswered(direction: number, analyzer: StreamAnalyzer, answer: Answer): boolean {
    const peer = direction ^ 1;
    if (this.#heldBytes[peer] === 0 || this.#isTentative[peer] !== answer) return false;
    const peerLength = this.#gather(peer, this.#answer);
    const isConfirmed = analyzer.confirm(
      this.#answer,
      0,
      peerLength,
      this.judgedBytes,
      this.judgedOffset,
      this.judgedLength,
    );
    // They came first and weren't answered: the next answer is to what comes now.
    if (!isConfirmed) this.dropHeld(peer);
    return isConfirmed;
  }

  #hold(
    direction: number,
    origin: SegmentContext,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (this.#heldBytes[direction] + length > HELD_BYTES_MAX) return false;
    const last = this.#last[direction];
    const isJoined = last !== BLOCK_NONE && !this.#wantsBlock(direction);
    // A datagram stays one: the next call must not find two in a row.
    if (isJoined && origin.isDatagram) return false;
    if (isJoined) {
      this.#pool.append(last, origin, bytes, offset, length);
    } else {
      if (this.#heldBlocks >= this.#heldBlocksMax) return false;
      const block = this.#pool.take(0, origin, bytes, offset, length);
      if (block === BLOCK_NONE) return false;
      if (last === BLOCK_NONE) this.#first[direction] = block;
      else this.#pool.next[last] = block;
      this.#last[direction] = block;
      this.#heldBlocks++;
    }
    this.#heldBytes[direction] += length;
    return true;
  }

  /** A message that goes on joins its beginning; whole ones keep the stamp of their frame. */
  #wantsBlock(direction: number): boolean {
    if (this.#isTentative[direction] === 0) return false;
    let blocks = 0;
    for (let block = this.#first[direction]; block !== BLOCK_NONE; block = this.#pool.next[block]) {
      blocks++;
    }
    return blocks < HELD_BLOCKS_MAX;
  }

  #gather(direction: number, into: Uint8Array): number {
    let length = 0;
    for (let block = this.#first[direction]; block !== BLOCK_NONE; block = this.#pool.next[block]) {
      const begin = block * SEGMENT_BLOCK_BYTES;
      into.set(this.#pool.bytes.subarray(begin, begin + this.#pool.length[block]), length);
      length += this.#pool.length[block];
    }
    return length;
  }

  #clear(direction: number): void {
    this.#first[direction] = BLOCK_NONE;
    this.#last[direction] = BLOCK_NONE;
    this.#heldBytes[direction] = 0;
    this.#isTentative[direction] = 0;
  }

  #portsOf(row: number): number {
    return this.#portBits[this.#table.portOf(row, 0)] | this.#portBits[this.#table.portOf(row, 1)];
  }
}

/** Both analyzers' opinions as one. */
const ANSWER_NO = 0;
const ANSWER_MORE = 1;
const ANSWER_MODBUS = 2;
const ANSWER_OPCUA = 3;
const ANSWER_MODBUS_TENTATIVE = 4;
const ANSWER_OPCUA_TENTATIVE = 5;
const ANSWER_TLS = 6;
type Answer = 0 | 1 | 2 | 3 | 4 | 5 | 6;
