/**
 * What a client asks for again and again: one row per (client, server, server port, unitId,
 * functionCode, address, quantity), with its period and jitter. Address ranges of a conversation
 * and how often a register is read both come from here. An ordinary poll finds its row by numbers,
 * and a row is numbers too: a sweep makes 16,384 of them.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { PeriodicRows, REGULARITY_STATE_NUMBERS, type Regularity } from './periodic-rows.ts';
import { PollEnds } from './poll-ends.ts';
import { mixedHash, NO_ROW, RowIndex } from './row-index.ts';
import { isNumbers } from './state-check.ts';

/** Polls kept apart. Once full, further ones are only counted. */
export const POLLS_MAX = 16_384;
/** Above this share, the polls that were silent longest make room at the end of an interval. */
const EVICT_ABOVE = 0.9;
const EVICT_TO = 0.75;
/** The silent ones only: a poll that was heard within ten minutes stays. */
const IDLE_US = 600_000_000;
/** `see` found no row. */
export const NO_POLL = -1;
/** Direct-mapped cache from (flow, poll) to row: a power of two. */
const CACHE_ENTRIES = 16_384;
const CACHE_SHIFT = 18;
const ENTRY_WORDS = 4;
/** One more than the flow's number: an entry that nobody has touched holds 0. */
const ENTRY_FLOW = 0;
const ENTRY_HEAD = 1;
const ENTRY_RANGE = 2;
const ENTRY_ROW = 3;
/** A range that the request doesn't have, or that wasn't seen. */
const NO_RANGE = -1;
/** Function code, address and quantity, or address and value. */
const RANGE_BYTES = 5;
/** Numbers of a key: one more than the number of its ends (0: a free row), head, range. */
const KEY_NUMBERS = 3;
const ROWS_AT_FIRST = 256;
const NOBODY = NO_POLL;
/** Where a row notes its bank and its block (`PeriodicRows.noteOf`). */
const BANK = 0;
const BLOCK = 1;

/** What never changes in a row. */
export interface PollFacts {
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
  readonly unitId: number;
  readonly functionCode: number;
  /** 0-based; absent where the function has none, or the request wasn't seen. */
  readonly address?: number;
  readonly quantity?: number;
}

export interface Poll extends PollFacts, Regularity {}

export class PollTable {
  readonly rows = new PeriodicRows(POLLS_MAX);
  readonly #ends = new PollEnds(POLLS_MAX);
  #keys = new Int32Array(ROWS_AT_FIRST * KEY_NUMBERS);
  readonly #index = new RowIndex(POLLS_MAX);
  readonly #free: number[] = [];
  readonly #cache = new Int32Array(CACHE_ENTRIES * ENTRY_WORDS);
  #rowsEnd = 0;
  evictedCount = 0;
  refusedCount = 0;

  get used(): number {
    return this.#rowsEnd - this.#free.length;
  }

  /** End of the rows that may be in use. */
  get rowsEnd(): number {
    return this.#rowsEnd;
  }

  /** Number of the bank of registers that the row reads or writes; -1 until it is known. */
  bankOf(row: number): number {
    return this.rows.noteOf(row, BANK) - 1;
  }

  setBank(row: number, bank: number): void {
    this.rows.setNote(row, BANK, bank + 1);
  }

  /** The block with what the row brought last (register-blocks.ts). */
  blockOf(row: number): number {
    return this.rows.noteOf(row, BLOCK);
  }

  setBlock(row: number, block: number): void {
    this.rows.setNote(row, BLOCK, block);
  }

  /** No row knows its block any more. */
  forgetBlocks(): void {
    for (let row = 0; row < this.#rowsEnd; row++) this.rows.setNote(row, BLOCK, 0);
  }

  /** Absent where the row is free. */
  facts(row: number): PollFacts | undefined {
    const key = row * KEY_NUMBERS;
    if (row >= this.#rowsEnd || this.#keys[key] === 0) return undefined;
    const head = this.#keys[key + 1];
    const range = this.#keys[key + 2];
    return {
      ...this.#ends.of(this.#keys[key] - 1),
      unitId: head >> 8,
      functionCode: head & 0xff,
      ...(range !== NO_RANGE && { address: range >>> 16, quantity: range & 0xffff }),
    };
  }

  poll(row: number): Poll | undefined {
    const facts = this.facts(row);
    return facts === undefined ? undefined : { ...facts, ...this.rows.of(row) };
  }

  /** Counts the transaction; answers its row, or NO_POLL where the table is full. */
  see(transaction: ModbusTransaction): number {
    const { flow, requestTimeUs } = transaction;
    const { flowNumber } = flow;
    const range = rangeOf(transaction.functionCode, transaction.requestPdu);
    const head = (transaction.unitId << 8) | transaction.functionCode;
    const mixed = Math.imul(flowNumber ^ Math.imul(head, 0x85ebca6b) ^ range, 0x9e3779b1);
    const entry = ((mixed ^ (mixed << 13)) >>> CACHE_SHIFT) * ENTRY_WORDS;
    const cache = this.#cache;
    const isThere =
      cache[entry + ENTRY_RANGE] === range &&
      cache[entry + ENTRY_FLOW] === flowNumber + 1 &&
      cache[entry + ENTRY_HEAD] === head;
    const row = isThere ? cache[entry + ENTRY_ROW] : this.#second(flow, head, range, entry);
    if (row === NOBODY) return row;
    this.rows.see(row, requestTimeUs >= 0 ? requestTimeUs : transaction.responseTimeUs);
    return row;
  }

  /** Puts a poll back; false where the state makes no sense or there is no room. */
  restore(facts: PollFacts, state: unknown): boolean {
    if (!isNumbers(state, REGULARITY_STATE_NUMBERS)) return false;
    const { clientIpAddress, serverIpAddress, serverPort, unitId, functionCode } = facts;
    if (!isByte(unitId) || !isByte(functionCode)) return false;
    const mayAdd = this.used < POLLS_MAX;
    const ends = this.#ends.numberOf(clientIpAddress, serverIpAddress, serverPort, mayAdd);
    const { address, quantity } = facts;
    const hasRange = address !== undefined && quantity !== undefined;
    const range = hasRange ? (address << 16) | (quantity & 0xffff) : NO_RANGE;
    const row = this.#find(ends, (unitId << 8) | functionCode, range);
    if (row === NO_POLL) return false;
    if (this.rows.countOf(row) === 0) this.rows.restore(row, state);
    else this.rows.addEarlier(row, state[0], state[1]);
    return true;
  }

  /** Polls that nobody makes any more leave, once the table is nearly full. */
  age(nowUs: number): void {
    if (this.used < POLLS_MAX * EVICT_ABOVE) return;
    const idle: number[] = [];
    for (let row = 0; row < this.#rowsEnd; row++) {
      if (this.#keys[row * KEY_NUMBERS] === 0) continue;
      if (nowUs - this.rows.lastSeenUsOf(row) > IDLE_US) idle.push(row);
    }
    idle.sort((a, b) => this.rows.lastSeenUsOf(a) - this.rows.lastSeenUsOf(b));
    const leaving = idle.slice(0, this.used - Math.floor(POLLS_MAX * EVICT_TO));
    for (const row of leaving) {
      this.#keys[row * KEY_NUMBERS] = 0;
      this.rows.free(row);
      this.#free.push(row);
      this.evictedCount++;
    }
    if (leaving.length > 0) this.#indexAgain();
    this.#cache.fill(0);
  }

  /** Two places for each poll: two that want the same one don't drive each other out. */
  #second(flow: FlowFacts, head: number, range: number, first: number): number {
    const cache = this.#cache;
    const second = first ^ ENTRY_WORDS;
    if (
      cache[second + ENTRY_RANGE] === range &&
      cache[second + ENTRY_FLOW] === flow.flowNumber + 1 &&
      cache[second + ENTRY_HEAD] === head
    ) {
      return cache[second + ENTRY_ROW];
    }
    const row = this.#find(this.#ends.numberOfFlow(flow, this.used < POLLS_MAX), head, range);
    if (row === NO_POLL) {
      this.refusedCount++;
      return row;
    }
    const entry = cache[first + ENTRY_FLOW] === 0 ? first : second;
    cache[entry + ENTRY_FLOW] = flow.flowNumber + 1;
    cache[entry + ENTRY_HEAD] = head;
    cache[entry + ENTRY_RANGE] = range;
    cache[entry + ENTRY_ROW] = row;
    return row;
  }

  #find(ends: number, head: number, range: number): number {
    const hash = mixedHash(ends, head, range);
    const keys = this.#keys;
    for (let probe = 0; ; probe++) {
      const row = this.#index.at(hash, probe);
      if (row === NO_ROW) break;
      const key = row * KEY_NUMBERS;
      if (keys[key] === ends + 1 && keys[key + 1] === head && keys[key + 2] === range) return row;
    }
    if (ends < 0 || this.used >= POLLS_MAX) return NO_POLL;
    const row = this.#free.at(-1) ?? this.#rowsEnd;
    if (!this.#index.add(hash, row)) return NO_POLL;
    if (row < this.#rowsEnd) this.#free.pop();
    else this.#rowsEnd++;
    this.#setKey(row, ends, head, range);
    return row;
  }

  #setKey(row: number, ends: number, head: number, range: number): void {
    const key = row * KEY_NUMBERS;
    if (key >= this.#keys.length) {
      const grown = new Int32Array(this.#keys.length * 2);
      grown.set(this.#keys);
      this.#keys = grown;
    }
    this.#keys[key] = ends + 1;
    this.#keys[key + 1] = head;
    this.#keys[key + 2] = range;
  }

  /** After rows have left: ends that nobody uses leave too, and the others are found again. */
  #indexAgain(): void {
    const ends = new Set<number>();
    this.#index.clear();
    for (let row = 0; row < this.#rowsEnd; row++) {
      const key = row * KEY_NUMBERS;
      if (this.#keys[key] === 0) continue;
      const end = this.#keys[key] - 1;
      ends.add(end);
      this.#index.add(mixedHash(end, this.#keys[key + 1], this.#keys[key + 2]), row);
    }
    this.#ends.keep(ends);
  }
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 256;
}

/** By function code: what stands behind it in a request. */
const RANGES = new Uint8Array(256);
const ADDRESS_AND_QUANTITY = 1;
const ADDRESS_OF_ONE = 2;
for (const functionCode of [1, 2, 3, 4, 15, 16, 23]) RANGES[functionCode] = ADDRESS_AND_QUANTITY;
for (const functionCode of [5, 6, 22]) RANGES[functionCode] = ADDRESS_OF_ONE;

/** Address and quantity as one number, address high; NO_RANGE where there is none. */
function rangeOf(functionCode: number, request: ModbusTransaction['requestPdu']): number {
  const { bytes, offset, length } = request;
  const kind = RANGES[functionCode];
  if (length < RANGE_BYTES || kind === 0) return NO_RANGE;
  const address = (bytes[offset + 1] << 24) | (bytes[offset + 2] << 16);
  if (kind === ADDRESS_OF_ONE) return address | 1;
  return address | (bytes[offset + 3] << 8) | bytes[offset + 4];
}
