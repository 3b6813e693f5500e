/**
 * Register memory (FIELDS.md section 4, point memory): for each (server, unitId, object, address)
 * the last value, its range, how often and when it changed, and who wrote it last. Fed by answered
 * transactions alone: a value that nobody confirmed is none.
 */
import { byteAt, wordAt } from '../../protocols/modbus/pdu-bytes.ts';
import type { MappedObject } from '../../protocols/modbus/register-map.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { BankPages, NO_PAGE } from './bank-pages.ts';
import { flatKey } from './flat-key.ts';
import { NO_POLL, type PollTable } from './poll-table.ts';
import { BLOCK_UNKNOWN, NO_BLOCK, RegisterBlocks } from './register-blocks.ts';
import { isBits, OBJECT_OF, OBJECTS } from './register-objects.ts';
import {
  CLEAN,
  PAGE_POINTS,
  PAGES_MAX,
  POINTS_NEW,
  RegisterPoints,
  VALUES_CHANGED,
} from './register-points.ts';
import { WriterNames } from './writer-names.ts';

/** (server, unitId, object) with points of their own. */
export const BANKS_MAX = 1024;
/** Points that nobody read or wrote for so long make room, once there is none. */
const AGED_US = 86_400_000_000;
/** Above this share of pages, the aged ones leave at the end of an interval. */
const AGE_ABOVE = 0.9;
const BANK_PAGES = 65_536 / PAGE_POINTS;
const COIL_ON = 0xff00;
/** Data bytes for each register that differed: where there are fewer, most of them did. */
const BUSY_SHARE = 4;
/** Of so few it doesn't matter. */
const BUSY_REGISTERS_MIN = 4;

export interface RegisterBank {
  readonly serverIpAddress: string;
  readonly unitId: number;
  readonly object: MappedObject;
  /** Page by its number (its first address / 32). */
  readonly pages: BankPages;
  /** When bytes of this server were missed last, UTC µs; 0: never. */
  gapUs: number;
}

export class RegisterMemory {
  readonly points = new RegisterPoints();
  readonly #blocks = new RegisterBlocks();
  readonly #polls: PollTable;
  readonly #banks: RegisterBank[] = [];
  readonly #bankByKey = new Map<string, number>();
  readonly writers = new WriterNames();
  /** Points that found no room, each time they were seen. */
  pointsRefusedCount = 0;
  banksRefusedCount = 0;
  pagesEvictedCount = 0;

  constructor(polls: PollTable) {
    this.#polls = polls;
  }

  get banks(): readonly RegisterBank[] {
    return this.#banks;
  }

  /** `poll` is the row of the transaction in the poll table, or NO_POLL. */
  see(transaction: ModbusTransaction, poll: number): void {
    const known = poll === NO_POLL ? NO_BLOCK : this.#polls.blockOf(poll);
    const isTrusted = known > BLOCK_UNKNOWN && this.#blocks.isTrusted(known);
    if (isTrusted && this.#seesAgain(transaction, known)) return;
    const { functionCode, exceptionCode, matched, requestPdu, responsePdu } = transaction;
    const object = OBJECT_OF[functionCode & 0x7f];
    if (object < 0 || exceptionCode !== 0 || !matched) return;
    const bank = this.#bankOf(transaction, object, poll);
    if (bank < 0) return;
    const timeUs = transaction.responseTimeUs;
    const address =
      (requestPdu.bytes[requestPdu.offset + 1] << 8) | requestPdu.bytes[requestPdu.offset + 2];
    if (functionCode <= 4) {
      if (requestPdu.length < 5 || responsePdu.length < 2) return;
      const quantity = wordAt(requestPdu, 3);
      const dataBytes = Math.min(responsePdu.bytes[responsePdu.offset + 1], responsePdu.length - 2);
      const { bytes, offset } = responsePdu;
      const refused = this.pointsRefusedCount;
      if (functionCode >= 3) {
        this.#words(bank, address, Math.min(quantity, dataBytes >> 1), bytes, offset + 2, timeUs);
      } else {
        this.#bits(bank, address, Math.min(quantity, dataBytes * 8), bytes, offset + 2, timeUs);
      }
      const isWhole = this.pointsRefusedCount === refused && address + quantity <= 65_536;
      const bytesCount = functionCode >= 3 ? quantity * 2 : (quantity + 7) >> 3;
      const mayKeep = isWhole && bytesCount === dataBytes && quantity > 0;
      this.#remember(mayKeep ? poll : NO_POLL, bank, address, quantity, transaction);
      return;
    }
    if (requestPdu.length >= 5) this.#written(transaction, bank, address, timeUs);
  }

  /** Tells each page when it was heard last; where answers are the same only their block knows. */
  settle(): void {
    const blocks = this.#blocks;
    const { lastSeenUs } = this.points;
    for (const block of blocks.all()) {
      const { pages } = this.#banks[blocks.bankOf(block)];
      const first = blocks.firstOf(block);
      const last = (first + blocks.quantityOf(block) - 1) >> 5;
      const seenUs = blocks.seenUsOf(block);
      for (let number = first >> 5; number <= last; number++) {
        const page = pages.at(number);
        if (lastSeenUs[page] < seenUs) lastSeenUs[page] = seenUs;
      }
    }
  }

  /** Registers are changed from outside: what polls brought last is no longer what they hold. */
  forgetBlocks(nowUs = 0): void {
    if (this.#blocks.used === 0) return;
    this.settle();
    this.#blocks.forget(nowUs);
    this.#polls.forgetBlocks();
  }

  /** Bytes of this server were missed: what it holds may have changed unseen. */
  gap(serverIpAddress: string, timeUs: number): void {
    for (const bank of this.#banks) {
      if (bank.serverIpAddress === serverIpAddress) bank.gapUs = timeUs;
    }
  }

  /** Number of the bank that a function of a unit reads or writes; -1: there is none. */
  findBank(serverIpAddress: string, unitId: number, functionCode: number): number {
    const object = OBJECTS[OBJECT_OF[functionCode & 0x7f]];
    if (object === undefined) return -1;
    return this.#bankByKey.get(flatKey(serverIpAddress, unitId, object)) ?? -1;
  }

  /** The bank of that name, made where there is none; -1: no room. */
  bank(serverIpAddress: string, unitId: number, object: MappedObject): number {
    const key = flatKey(serverIpAddress, unitId, object);
    const known = this.#bankByKey.get(key);
    if (known !== undefined) return known;
    if (this.#banks.length >= BANKS_MAX) return -1;
    const pages = new BankPages(BANK_PAGES);
    this.#banks.push({ serverIpAddress, unitId, object, pages, gapUs: 0 });
    this.#bankByKey.set(key, this.#banks.length - 1);
    return this.#banks.length - 1;
  }

  /** The page of a bank, made where there is none; -1: no room. */
  page(bank: number, number: number, timeUs: number): number {
    const { pages } = this.#banks[bank];
    let page = pages.at(number);
    if (page === NO_PAGE) {
      page = this.points.add(bank, isBits(this.#banks[bank].object), number, timeUs);
      if (page >= 0) pages.set(number, page);
    }
    return page;
  }

  /** End of an interval: pages that were silent for a day leave, where room is short. */
  age(nowUs: number): void {
    const { points } = this;
    if (this.#blocks.isWornOut(nowUs)) this.forgetBlocks(nowUs);
    if (points.pagesUsed < PAGES_MAX * AGE_ABOVE) return;
    this.settle();
    const evicted = this.pagesEvictedCount;
    for (let page = 0; page < points.pagesEnd; page++) {
      if (points.bank[page] < 0 || nowUs - points.lastSeenUs[page] < AGED_US) continue;
      this.#banks[points.bank[page]].pages.set(points.number[page], NO_PAGE);
      points.free(page);
      this.pagesEvictedCount++;
    }
    if (this.pagesEvictedCount > evicted) this.forgetBlocks(nowUs);
  }

  /** The range of a block was read once more. False: it has to be applied register by register. */
  #seesAgain(transaction: ModbusTransaction, block: number): boolean {
    const { responsePdu, exceptionCode, matched, responseTimeUs } = transaction;
    const blocks = this.#blocks;
    const { bytes, offset, length } = responsePdu;
    const count = blocks.bytesCountOf(block);
    if (exceptionCode !== 0 || !matched) return false;
    if (length !== count + 2 || bytes[offset + 1] !== count) return false;
    const at = blocks.firstDifference(block, blocks.wireOf(bytes), offset + 2);
    if (at < count) {
      // Of coils, 32 are one number anyway.
      if (transaction.functionCode <= 2) return false;
      const differing = this.#changedWords(block, at & ~1, bytes, offset + 2, responseTimeUs);
      const isBusy = differing > BUSY_REGISTERS_MIN && differing * BUSY_SHARE > count;
      if (isBusy) blocks.rest(block);
    }
    blocks.seen(block, responseTimeUs);
    return true;
  }

  /** Only the registers that differ, from byte `at` of the answer's data on; how many did. */
  #changedWords(
    block: number,
    at: number,
    bytes: Uint8Array,
    from: number,
    timeUs: number,
  ): number {
    const { points } = this;
    const blocks = this.#blocks;
    const { pages } = this.#banks[blocks.bankOf(block)];
    const held = blocks.bytes;
    let address = blocks.firstOf(block) + (at >> 1);
    const end = blocks.firstOf(block) + (blocks.bytesCountOf(block) >> 1);
    let place = from + at;
    let heldAt = blocks.bytesAt(block) + at;
    let differing = 0;
    while (address < end) {
      const next = Math.min(end, (address | 31) + 1);
      const count = next - address;
      const page = pages.at(address >> 5);
      const bit = address & 31;
      differing += points.takeChanges(page, bit, count, bytes, place, held, heldAt, timeUs);
      place += count * 2;
      heldAt += count * 2;
      address = next;
    }
    return differing;
  }

  /** What the answer brought is compared with from now on, where its poll has a block. */
  #remember(
    poll: number,
    bank: number,
    address: number,
    quantity: number,
    { functionCode, responsePdu, responseTimeUs }: ModbusTransaction,
  ): void {
    const blocks = this.#blocks;
    let block = poll === NO_POLL ? NO_BLOCK : this.#polls.blockOf(poll);
    if (block === BLOCK_UNKNOWN) {
      const bytesCount = functionCode >= 3 ? quantity * 2 : (quantity + 7) >> 3;
      block = blocks.find(bank, address, quantity, bytesCount);
      this.#polls.setBlock(poll, block);
    }
    if (block < 0) {
      blocks.changed(bank, address, quantity);
    } else {
      blocks.take(block, responsePdu.bytes, responsePdu.offset + 2);
      blocks.seen(block, responseTimeUs);
    }
  }

  #bankOf({ flow, unitId }: ModbusTransaction, object: number, poll: number): number {
    const known = poll === NO_POLL ? -1 : this.#polls.bankOf(poll);
    if (known >= 0) return known;
    const bank = this.bank(flow.server.ipAddress, unitId, OBJECTS[object]);
    if (bank < 0) this.banksRefusedCount++;
    else if (poll !== NO_POLL) this.#polls.setBank(poll, bank);
    return bank;
  }

  #words(
    bank: number,
    first: number,
    quantity: number,
    bytes: Uint8Array,
    at: number,
    timeUs: number,
  ): void {
    let offset = at;
    const end = Math.min(first + quantity, 65_536);
    for (let address = first; address < end; ) {
      const page = this.page(bank, address >> 5, timeUs);
      const last = Math.min(end, (address | 31) + 1);
      const count = last - address;
      if (page < 0) {
        this.pointsRefusedCount += count;
      } else {
        this.points.takeWords(page, address & 31, count, bytes, offset, timeUs);
      }
      offset += count * 2;
      address = last;
    }
  }

  #bits(
    bank: number,
    first: number,
    quantity: number,
    bytes: Uint8Array,
    at: number,
    timeUs: number,
  ): void {
    let bit = 0;
    const end = Math.min(first + quantity, 65_536);
    for (let address = first; address < end; ) {
      const page = this.page(bank, address >> 5, timeUs);
      const last = Math.min(end, (address | 31) + 1);
      const count = last - address;
      if (page < 0) {
        this.pointsRefusedCount += count;
      } else {
        this.points.takeBits(page, address & 31, count, bytes, at, bit, timeUs);
      }
      bit += count;
      address = last;
    }
  }

  #written(transaction: ModbusTransaction, bank: number, address: number, timeUs: number): void {
    const { requestPdu, responsePdu, functionCode, flow } = transaction;
    const { bytes, offset, length } = requestPdu;
    let first = address;
    let quantity = 1;
    if (functionCode === 5) {
      const isOn = wordAt(requestPdu, 3) === COIL_ON ? 1 : 0;
      this.#bits(bank, address, 1, Uint8Array.of(isOn), 0, timeUs);
    } else if (functionCode === 6) {
      this.#words(bank, address, 1, bytes, offset + 3, timeUs);
    } else if (functionCode === 15) {
      quantity = Math.min(wordAt(requestPdu, 3), Math.max(0, length - 6) * 8);
      this.#bits(bank, address, quantity, bytes, offset + 6, timeUs);
    } else if (functionCode === 16) {
      quantity = Math.min(wordAt(requestPdu, 3), Math.max(0, length - 6) >> 1);
      this.#words(bank, address, quantity, bytes, offset + 6, timeUs);
    } else if (functionCode === 22) {
      this.#masked(transaction, bank, address, timeUs);
    } else {
      // 23 writes first, then reads (V1.1b3 section 6.17).
      first = wordAt(requestPdu, 5);
      quantity = Math.min(wordAt(requestPdu, 7), Math.max(0, length - 10) >> 1);
      if (first < 0 || quantity < 0) return;
      this.#words(bank, first, quantity, bytes, offset + 10, timeUs);
      const read = Math.min(
        wordAt(requestPdu, 3),
        byteAt(responsePdu, 1) >> 1,
        (responsePdu.length - 2) >> 1,
      );
      this.#words(bank, address, read, responsePdu.bytes, responsePdu.offset + 2, timeUs);
      this.#blocks.changed(bank, address, read);
    }
    this.#blocks.changed(bank, first, quantity);
    this.#sign(bank, first, quantity, this.writers.numberOf(flow.client.ipAddress), timeUs);
  }

  /** (current AND andMask) OR (orMask AND NOT andMask), where the current value is known. */
  #masked(transaction: ModbusTransaction, bank: number, address: number, timeUs: number): void {
    const { requestPdu } = transaction;
    const andMask = wordAt(requestPdu, 3);
    const orMask = wordAt(requestPdu, 5);
    const page = this.#banks[bank].pages.at(address >> 5);
    const isKnown = page >= 0 && (this.points.known[page] & (1 << (address & 31))) !== 0;
    if (orMask < 0 || (!isKnown && andMask !== 0)) return;
    const current = isKnown ? this.points.point(page, address & 31).value : 0;
    const result = (current & andMask) | (orMask & ~andMask & 0xffff);
    this.#words(bank, address, 1, Uint8Array.of(result >> 8, result & 0xff), 0, timeUs);
  }

  #sign(bank: number, first: number, quantity: number, writer: number, timeUs: number): void {
    const { points } = this;
    const end = Math.min(first + quantity, 65_536);
    for (let address = first; address < end; ) {
      const page = this.#banks[bank].pages.at(address >> 5);
      const last = Math.min(end, (address | 31) + 1);
      if (page < 0) {
        address = last;
        continue;
      }
      const writes = points.writesOf(page);
      for (; address < last; address++) {
        const point = address & 31;
        if (writes.writer[point] !== writer) points.news[page] = POINTS_NEW;
        writes.writer[point] = writer;
        writes.timeUs[point] = timeUs;
        writes.count[point]++;
      }
      if (points.news[page] === CLEAN) points.news[page] = VALUES_CHANGED;
    }
  }
}
