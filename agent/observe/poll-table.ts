/**
 * What a client asks for again and again: one row per (client, server, server port, unitId,
 * functionCode, address, quantity), with its period and jitter. Address ranges of a conversation
 * and how often a register is read both come from here. An ordinary poll finds its row by numbers.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { flatKey } from './flat-key.ts';
import { PeriodicRows, REGULARITY_STATE_NUMBERS, type Regularity } from './periodic-rows.ts';
import { BLOCK_UNKNOWN } from './register-blocks.ts';
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
const ENTRY_FLOW = 0;
const ENTRY_FUNCTION = 1;
const ENTRY_RANGE = 2;
const ENTRY_ROW = 3;
const NOBODY = -1;
/** A range that the request doesn't have, or that wasn't seen. */
const NO_RANGE = -1;
/** Function code, address and quantity, or address and value. */
const RANGE_BYTES = 5;

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
  /** Number of the bank of registers that the row reads or writes; -1 until it is known. */
  readonly bank = new Int32Array(POLLS_MAX).fill(-1);
  /** Number of the block with what the row brought last (register-blocks.ts). */
  readonly block = new Int32Array(POLLS_MAX).fill(BLOCK_UNKNOWN);
  readonly #facts: (PollFacts | undefined)[] = [];
  readonly #rowByKey = new Map<string, number>();
  readonly #free: number[] = [];
  /** ENTRY_WORDS an entry. */
  readonly #cache = new Int32Array(CACHE_ENTRIES * ENTRY_WORDS).fill(NOBODY);
  evictedCount = 0;
  refusedCount = 0;

  get used(): number {
    return this.#rowByKey.size;
  }

  /** End of the rows that may be in use. */
  get rowsEnd(): number {
    return this.#facts.length;
  }

  facts(row: number): PollFacts | undefined {
    return this.#facts[row];
  }

  poll(row: number): Poll | undefined {
    const facts = this.#facts[row];
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
      cache[entry + ENTRY_FLOW] === flowNumber &&
      cache[entry + ENTRY_FUNCTION] === head;
    const row = isThere ? cache[entry + ENTRY_ROW] : this.#second(flow, head, range, entry);
    if (row === NO_POLL) return row;
    this.rows.see(row, requestTimeUs >= 0 ? requestTimeUs : transaction.responseTimeUs);
    return row;
  }

  /** Puts a poll back; false where the state makes no sense or there is no room. */
  restore(facts: PollFacts, state: unknown): boolean {
    if (!isNumbers(state, REGULARITY_STATE_NUMBERS)) return false;
    const row = this.#find(facts);
    if (row === NO_POLL) return false;
    if (this.rows.countOf(row) === 0) this.rows.restore(row, state);
    else this.rows.addEarlier(row, state[0], state[1]);
    return true;
  }

  /** Polls that nobody makes any more leave, once the table is nearly full. */
  age(nowUs: number): void {
    if (this.used < POLLS_MAX * EVICT_ABOVE) return;
    const idle = [...this.#rowByKey].filter(
      ([, row]) => nowUs - this.rows.lastSeenUsOf(row) > IDLE_US,
    );
    idle.sort(([, a], [, b]) => this.rows.lastSeenUsOf(a) - this.rows.lastSeenUsOf(b));
    for (const [key, row] of idle.slice(0, this.used - Math.floor(POLLS_MAX * EVICT_TO))) {
      this.#rowByKey.delete(key);
      this.#facts[row] = undefined;
      this.rows.free(row);
      this.bank[row] = -1;
      this.block[row] = BLOCK_UNKNOWN;
      this.#free.push(row);
      this.evictedCount++;
    }
    this.#cache.fill(NOBODY);
  }

  /** Two places for each poll: two that want the same one don't drive each other out. */
  #second(flow: FlowFacts, head: number, range: number, first: number): number {
    const cache = this.#cache;
    const second = first ^ ENTRY_WORDS;
    if (
      cache[second + ENTRY_RANGE] === range &&
      cache[second + ENTRY_FLOW] === flow.flowNumber &&
      cache[second + ENTRY_FUNCTION] === head
    ) {
      return cache[second + ENTRY_ROW];
    }
    const row = this.#find(factsOf(flow, head >> 8, head & 0xff, range));
    if (row === NO_POLL) {
      this.refusedCount++;
      return row;
    }
    const entry = cache[first + ENTRY_FLOW] === NOBODY ? first : second;
    cache[entry + ENTRY_FLOW] = flow.flowNumber;
    cache[entry + ENTRY_FUNCTION] = head;
    cache[entry + ENTRY_RANGE] = range;
    cache[entry + ENTRY_ROW] = row;
    return row;
  }

  #find(facts: PollFacts): number {
    const { clientIpAddress, serverIpAddress, serverPort, unitId, functionCode } = facts;
    const { address, quantity } = facts;
    const ends = flatKey(clientIpAddress, serverIpAddress, serverPort);
    const key = flatKey(ends, unitId, functionCode, address, quantity);
    const known = this.#rowByKey.get(key);
    if (known !== undefined) return known;
    if (this.#rowByKey.size >= POLLS_MAX) return NO_POLL;
    const row = this.#free.pop() ?? this.#facts.length;
    this.#facts[row] = facts;
    this.#rowByKey.set(key, row);
    return row;
  }
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

function factsOf(flow: FlowFacts, unitId: number, functionCode: number, range: number): PollFacts {
  return {
    clientIpAddress: flow.client.ipAddress,
    serverIpAddress: flow.server.ipAddress,
    serverPort: flow.server.port,
    unitId,
    functionCode,
    ...(range !== NO_RANGE && { address: range >>> 16, quantity: range & 0xffff }),
  };
}
