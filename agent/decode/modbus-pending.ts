/**
 * Requests that wait for their answer: a pool of fixed size for all flows, each row with a copy of
 * its PDU, because the block that brought it is gone when the response comes. The requests of one
 * flow are chained, oldest first. There is no order over all: to find what is too old, all rows in
 * use are read about once a second, which is cheaper than a second chain at every request.
 */
import type { SegmentContext } from './stream-analyzer.ts';

export const NONE = -1;
/**
 * The engine reads an exported constant from memory at each use and folds one that isn't: hence
 * the layout of a row stays in this file, behind methods.
 */
const NOBODY = NONE;

/** Bytes of a PDU copy: 253 at most, rounded up so that rows begin at round offsets. */
const PDU_ROW_BYTES = 256;

/** Words of a row in `#words`. */
const ROW_WORDS = 8;
/** transactionId << 15 | unitId << 7 | functionCode without bit 7; NONE in a free row. */
const KEY = 0;
const PDU_BYTES = 1;
const FLOW_SLOT = 2;
const RETRIES_COUNT = 3;
/** What pairing noticed of the request (modbus-anomalies.ts). */
const FLAGS = 4;
/** The next younger request of the same flow. */
const NEXT_IN_FLOW = 5;
const FRAME_BYTES = 6;
const FRAME_NUMBER = 7;

/** Numbers of a row in `#numbers`: what 32 bits don't hold. */
const ROW_NUMBERS = 4;
const TIME_US = 0;
/** Of the last repetition: what the timeout counts from. */
const LAST_TIME_US = 1;
const FRAME_ADDRESS = 2;
/** CRC or LRC of the frame, where it has one. */
const FRAME_CHECK = 3;

/** Words of a flow in `flows`. */
const FLOW_WORDS = 4;
const HEAD = 0;
const TAIL = 1;
const COUNT = 2;

export class ModbusPending {
  /** Copies of the PDUs, at `pduOffset(row)`. */
  readonly bytes: Uint8Array;
  /** ROW_WORDS a row. */
  readonly #words: Int32Array;
  /** ROW_NUMBERS a row. */
  readonly #numbers: Float64Array;
  readonly #flows: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;
  /** Rows from here on were never used. */
  #rowsTouched = 0;
  /** Where the search for a row to give up goes on when all are taken. */
  #hand = 0;

  constructor(flowsMax: number, requestsMax: number) {
    this.bytes = new Uint8Array(requestsMax * PDU_ROW_BYTES);
    this.#words = new Int32Array(requestsMax * ROW_WORDS).fill(NOBODY);
    this.#numbers = new Float64Array(requestsMax * ROW_NUMBERS);
    this.#flows = new Int32Array(flowsMax * FLOW_WORDS);
    for (let slot = 0; slot < flowsMax; slot += 1) {
      this.#flows[slot * FLOW_WORDS + HEAD] = NOBODY;
      this.#flows[slot * FLOW_WORDS + TAIL] = NOBODY;
    }
    this.#free = new Int32Array(requestsMax);
    for (let row = 0; row < requestsMax; row += 1) this.#free[row] = requestsMax - 1 - row;
    this.#freeCount = requestsMax;
  }

  get isFull(): boolean {
    return this.#freeCount === 0;
  }

  /**
   * A request that waits for long, when all rows are taken: rows are handed out in order as long as
   * none comes back, so that in a flood without answers the hand meets the oldest first.
   */
  nextVictim(): number {
    const row = this.#hand;
    this.#hand = (this.#hand + 1) % this.#free.length;
    return row;
  }

  /** The first row from `from` on whose last request is older than `beforeUs`, or NONE. */
  findOlder(from: number, beforeUs: number): number {
    for (let row = from; row < this.#rowsTouched; row += 1) {
      const isOld = this.#numbers[row * ROW_NUMBERS + LAST_TIME_US] < beforeUs;
      if (isOld && this.#words[row * ROW_WORDS + KEY] !== NOBODY) return row;
    }
    return NOBODY;
  }

  pduOffset(row: number): number {
    return row * PDU_ROW_BYTES;
  }

  keyOf(row: number): number {
    return this.#words[row * ROW_WORDS + KEY];
  }

  pduBytesOf(row: number): number {
    return this.#words[row * ROW_WORDS + PDU_BYTES];
  }

  slotOf(row: number): number {
    return this.#words[row * ROW_WORDS + FLOW_SLOT];
  }

  flagsOf(row: number): number {
    return this.#words[row * ROW_WORDS + FLAGS];
  }

  retriesCountOf(row: number): number {
    return this.#words[row * ROW_WORDS + RETRIES_COUNT];
  }

  frameNumberOf(row: number): number {
    return this.#words[row * ROW_WORDS + FRAME_NUMBER];
  }

  frameBytesOf(row: number): number {
    return this.#words[row * ROW_WORDS + FRAME_BYTES];
  }

  frameAddressOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + FRAME_ADDRESS];
  }

  /** CRC or LRC of the frame, NONE where it has none. */
  checkOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + FRAME_CHECK];
  }

  nextInFlow(row: number): number {
    return this.#words[row * ROW_WORDS + NEXT_IN_FLOW];
  }

  timeUsOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + TIME_US];
  }

  lastTimeUsOf(row: number): number {
    return this.#numbers[row * ROW_NUMBERS + LAST_TIME_US];
  }

  /** The oldest request of a flow, or NONE. */
  headOf(slot: number): number {
    return this.#flows[slot * FLOW_WORDS + HEAD];
  }

  tailOf(slot: number): number {
    return this.#flows[slot * FLOW_WORDS + TAIL];
  }

  countOf(slot: number): number {
    return this.#flows[slot * FLOW_WORDS + COUNT];
  }

  /**
   * Takes a free row for the youngest request of the context's flow and copies its PDU (253 bytes
   * at most); never when full. Times come in the context: as arguments they would be boxed.
   */
  add(
    context: SegmentContext,
    key: number,
    flags: number,
    check: number,
    bytes: Uint8Array,
    at: number,
    pduBytes: number,
  ): void {
    this.#freeCount -= 1;
    const row = this.#free[this.#freeCount];
    if (row >= this.#rowsTouched) this.#rowsTouched = row + 1;
    const slot = context.slot;
    const words = this.#words;
    const base = row * ROW_WORDS;
    words[base + KEY] = key;
    words[base + PDU_BYTES] = pduBytes;
    words[base + FLOW_SLOT] = slot;
    words[base + RETRIES_COUNT] = 0;
    words[base + FLAGS] = flags;
    words[base + NEXT_IN_FLOW] = NOBODY;
    words[base + FRAME_BYTES] = context.frameBytes;
    words[base + FRAME_NUMBER] = context.frameNumber;
    const numbers = this.#numbers;
    const number = row * ROW_NUMBERS;
    numbers[number + TIME_US] = context.timeUs;
    numbers[number + LAST_TIME_US] = context.timeUs;
    numbers[number + FRAME_ADDRESS] = context.frameAddress;
    numbers[number + FRAME_CHECK] = check;
    const copy = this.bytes;
    const copyAt = row * PDU_ROW_BYTES;
    for (let index = 0; index < pduBytes; index += 1) copy[copyAt + index] = bytes[at + index];
    const flows = this.#flows;
    const flow = slot * FLOW_WORDS;
    const tail = flows[flow + TAIL];
    if (tail === NOBODY) flows[flow + HEAD] = row;
    else words[tail * ROW_WORDS + NEXT_IN_FLOW] = row;
    flows[flow + TAIL] = row;
    flows[flow + COUNT] += 1;
  }

  /** The only request of `slot`, where it has this key; else NONE. */
  onlyOf(slot: number, key: number): number {
    const flow = slot * FLOW_WORDS;
    const row = this.#flows[flow + HEAD];
    if (row === NOBODY || row !== this.#flows[flow + TAIL]) return NOBODY;
    return this.#words[row * ROW_WORDS + KEY] === key ? row : NOBODY;
  }

  /** As `remove`, for the only request of `slot`: there is no chain to mend. */
  removeOnly(slot: number, row: number): void {
    const flow = slot * FLOW_WORDS;
    this.#flows[flow + HEAD] = NOBODY;
    this.#flows[flow + TAIL] = NOBODY;
    this.#flows[flow + COUNT] = 0;
    this.#words[row * ROW_WORDS + KEY] = NOBODY;
    this.#free[this.#freeCount] = row;
    this.#freeCount += 1;
  }

  /** `previous` is the row before it in the flow's chain, NONE for its head. */
  remove(row: number, previous: number): void {
    const words = this.#words;
    const next = words[row * ROW_WORDS + NEXT_IN_FLOW];
    const flows = this.#flows;
    const flow = words[row * ROW_WORDS + FLOW_SLOT] * FLOW_WORDS;
    if (previous === NOBODY) flows[flow + HEAD] = next;
    else words[previous * ROW_WORDS + NEXT_IN_FLOW] = next;
    if (next === NOBODY) flows[flow + TAIL] = previous;
    flows[flow + COUNT] -= 1;
    words[row * ROW_WORDS + KEY] = NOBODY;
    this.#free[this.#freeCount] = row;
    this.#freeCount += 1;
  }

  /** The row before `row` in its flow's chain: at most `transactionsPendingMax` steps. */
  previousOf(row: number): number {
    let previous = NOBODY;
    let at = this.headOf(this.slotOf(row));
    while (at !== row && at !== NOBODY) {
      previous = at;
      at = this.nextInFlow(at);
    }
    return previous;
  }

  /** The same request was sent again: it is counted, flagged, and waits anew. */
  repeat(row: number, timeUs: number, flag: number): void {
    this.#words[row * ROW_WORDS + RETRIES_COUNT] += 1;
    this.#words[row * ROW_WORDS + FLAGS] |= flag;
    this.#numbers[row * ROW_NUMBERS + LAST_TIME_US] = timeUs;
  }

  /** Is this PDU, byte for byte, the one of `row`? */
  isSame(row: number, bytes: Uint8Array, at: number, pduBytes: number): boolean {
    if (this.pduBytesOf(row) !== pduBytes) return false;
    const copyAt = row * PDU_ROW_BYTES;
    for (let index = 0; index < pduBytes; index += 1) {
      if (this.bytes[copyAt + index] !== bytes[at + index]) return false;
    }
    return true;
  }
}
