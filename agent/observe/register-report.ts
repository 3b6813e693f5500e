/**
 * Reads register memory out: neighbouring points as one range, each with its values, and apart from
 * them the points that have a history. What was not heard for long says so.
 */
import {
  type MappedObject,
  type MappedValue,
  type RegisterMap,
  referenceOf,
  valueOfEntry,
} from '../../protocols/modbus/register-map.ts';
import type { PollTable } from './poll-table.ts';
import type { RegisterBank, RegisterMemory } from './register-memory.ts';
import { PAGE_POINTS } from './register-points.ts';

/** A point is silent once it wasn't heard for so many of its periods, and at least SILENT_US. */
const SILENT_PERIODS = 5;
const SILENT_US = 60_000_000;
const ADDRESSES = 65_536;

/** Why a value may be another by now. */
export type StaleReason =
  /** Bytes of this server, or of everything, were missed since. */
  | 'gap'
  /** The sensor was started again, and the point hasn't been heard since. */
  | 'restart'
  /** Nobody asks for it any more, or nobody answers. */
  | 'silent';

/** A point that changed or was written. */
export interface PointHistory {
  readonly address: number;
  /** Label on a drawing, 1-based with the digit of its object: 40001. */
  readonly reference: number;
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly changesCount: number;
  readonly lastChangeUs?: number;
  readonly lastWriter?: string;
  readonly lastWriteUs?: number;
  readonly writesCount?: number;
}

/** What a register map makes of a range. */
export interface TypedValue {
  readonly reference: number;
  readonly name: string;
  readonly dataType: string;
  readonly value: MappedValue;
  readonly engineeringUnit?: string;
}

export interface RegisterRange {
  readonly server: string;
  readonly unitId: number;
  readonly object: MappedObject;
  /** 0-based, as on the wire. */
  readonly address: number;
  readonly quantity: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  /** Of the poll that covers the range, the most frequent one. */
  readonly readsCount?: number;
  readonly periodMs?: number;
  readonly periodJitterMs?: number;
  readonly stale?: StaleReason;
  /** Where all points hold the same value. */
  readonly value?: number;
  /** Otherwise one for each point. */
  readonly values?: readonly number[];
  readonly history?: readonly PointHistory[];
  readonly typed?: readonly TypedValue[];
}

export interface RegisterReportOptions {
  readonly nowUs: number;
  /** Everything was missed until then (start, restart), UTC µs; absent: nothing was. */
  readonly blindUntilUs?: number;
  /** The kind of that blindness. */
  readonly blindReason?: StaleReason;
  readonly server?: string;
  readonly unitId?: number;
  readonly map?: RegisterMap;
  readonly rangesMax?: number;
}

interface Cover {
  readonly first: number;
  readonly end: number;
  readonly lastSeenUs: number;
  readonly count: number;
  readonly periodMs?: number;
  readonly periodJitterMs?: number;
}

/** Sorted by server, unit, object and address; `folded`: ranges beyond `rangesMax`. */
export function listRegisters(
  memory: RegisterMemory,
  polls: PollTable,
  options: RegisterReportOptions,
): { readonly ranges: readonly RegisterRange[]; readonly folded: number } {
  memory.settle();
  for (let page = 0; page < memory.points.pagesEnd; page++) memory.points.settle(page);
  const covers = coversOf(memory, polls);
  const banks = memory.banks
    .map((bank, index) => ({ bank, covers: covers.get(index) ?? [] }))
    .filter(
      ({ bank }) =>
        (options.server ?? bank.serverIpAddress) === bank.serverIpAddress &&
        (options.unitId ?? bank.unitId) === bank.unitId,
    )
    .sort((a, b) => compareBanks(a.bank, b.bank));
  const ranges: RegisterRange[] = [];
  let folded = 0;
  for (const { bank, covers: own } of banks) {
    for (const range of rangesOf(memory, bank, own, options)) {
      if (ranges.length < (options.rangesMax ?? Number.POSITIVE_INFINITY)) ranges.push(range);
      else folded++;
    }
  }
  return { ranges, folded };
}

function compareBanks(a: RegisterBank, b: RegisterBank): number {
  return (
    a.serverIpAddress.localeCompare(b.serverIpAddress, 'en', { numeric: true }) ||
    a.unitId - b.unitId ||
    a.object.localeCompare(b.object)
  );
}

/** Polls by bank, those that read or write a range of it. */
function coversOf(memory: RegisterMemory, polls: PollTable): Map<number, Cover[]> {
  const covers = new Map<number, Cover[]>();
  for (let row = 0; row < polls.rowsEnd; row++) {
    const poll = polls.poll(row);
    if (poll?.address === undefined || poll.quantity === undefined) continue;
    const { address, quantity, functionCode, ...regularity } = poll;
    // A poll that was restored isn't bound to its bank until it comes again.
    const bank = memory.findBank(poll.serverIpAddress, poll.unitId, functionCode);
    if (bank < 0) continue;
    // A write tells when a point was heard, but its period is not that of a reading.
    const isRead = functionCode <= 4 || functionCode === 23;
    const cover: Cover = {
      first: address,
      end: address + quantity,
      lastSeenUs: regularity.lastSeenUs,
      count: isRead ? regularity.count : 0,
      ...(isRead &&
        regularity.periodMs !== undefined && {
          periodMs: regularity.periodMs,
          periodJitterMs: regularity.periodJitterMs ?? 0,
        }),
    };
    const list = covers.get(bank);
    if (list === undefined) covers.set(bank, [cover]);
    else list.push(cover);
  }
  return covers;
}

/** Neighbours with the same coverage are one range. */
function rangesOf(
  memory: RegisterMemory,
  bank: RegisterBank,
  covers: readonly Cover[],
  options: RegisterReportOptions,
): RegisterRange[] {
  const ranges: RegisterRange[] = [];
  const edges = edgesOf(covers);
  let first = -1;
  for (let address = 0; address <= ADDRESSES; address++) {
    const isKnown = address < ADDRESSES && pointOf(memory, bank, address) >= 0;
    if (!isKnown && bank.pages.at(address >> 5) < 0 && first < 0) {
      address |= PAGE_POINTS - 1;
      continue;
    }
    if (first >= 0 && (!isKnown || edges.has(address))) {
      ranges.push(describe(memory, bank, covers, first, address - first, options));
      first = -1;
    }
    if (isKnown && first < 0) first = address;
  }
  return ranges;
}

/** A sweep has an edge at each address of its own; only edges between other coverages count. */
function edgesOf(covers: readonly Cover[]): Set<number> {
  const edges = new Set<number>();
  for (const { first, end, count } of covers) {
    if (count < 2) continue;
    edges.add(first);
    edges.add(end);
  }
  return edges;
}

/** Index into the arrays of the points, or -1. */
function pointOf(memory: RegisterMemory, bank: RegisterBank, address: number): number {
  const page = bank.pages.at(address >> 5);
  if (page < 0 || (memory.points.known[page] & (1 << (address & 31))) === 0) return -1;
  return page * PAGE_POINTS + (address & 31);
}

function describe(
  memory: RegisterMemory,
  bank: RegisterBank,
  covers: readonly Cover[],
  address: number,
  quantity: number,
  options: RegisterReportOptions,
): RegisterRange {
  const { points } = memory;
  const values: number[] = [];
  const history: PointHistory[] = [];
  let firstSeenUs = Number.POSITIVE_INFINITY;
  let pagesSeenUs = 0;
  for (let at = address; at < address + quantity; at++) {
    const page = bank.pages.at(at >> 5);
    const told = historyOf(memory, bank, at);
    firstSeenUs = Math.min(firstSeenUs, points.firstSeenUs[page]);
    pagesSeenUs = Math.max(pagesSeenUs, points.lastSeenUs[page]);
    values.push(points.point(page, at & 31).value);
    if (told !== undefined) history.push(told);
  }
  const covering = covers.filter(({ first, end }) => first < address + quantity && end > address);
  const reading = covering.reduce<Cover | undefined>(
    (best, each) => (each.count > (best?.count ?? 0) ? each : best),
    undefined,
  );
  const heard = covering.reduce((last, each) => Math.max(last, each.lastSeenUs), 0);
  const lastSeenUs = heard === 0 ? pagesSeenUs : heard;
  const stale = staleOf(bank, lastSeenUs, reading, options);
  const typed = typedOf(bank, address, values, options.map);
  return {
    server: bank.serverIpAddress,
    unitId: bank.unitId,
    object: bank.object,
    address,
    quantity,
    firstSeenUs,
    lastSeenUs,
    ...(reading !== undefined && { readsCount: reading.count }),
    ...(reading?.periodMs !== undefined && {
      periodMs: reading.periodMs,
      periodJitterMs: reading.periodJitterMs,
    }),
    ...(stale !== undefined && { stale }),
    ...(values.every((value) => value === values[0]) ? { value: values[0] } : { values }),
    ...(history.length > 0 && { history }),
    ...(typed.length > 0 && { typed }),
  };
}

function historyOf(
  memory: RegisterMemory,
  bank: RegisterBank,
  address: number,
): PointHistory | undefined {
  const page = bank.pages.at(address >> 5);
  const writes = memory.points.writes.get(page);
  const writesCount = writes?.count[address & 31] ?? 0;
  const point = memory.points.point(page, address & 31);
  if (point.changesCount === 0 && writesCount === 0) return undefined;
  const { lastChangeUs, ...facts } = point;
  return {
    address,
    reference: referenceOf(bank.object, address),
    ...facts,
    ...(lastChangeUs > 0 && { lastChangeUs }),
    ...(writes !== undefined &&
      writesCount > 0 && {
        lastWriter: memory.writers.nameOf(writes.writer[address & 31]),
        lastWriteUs: writes.timeUs[address & 31],
        writesCount,
      }),
  };
}

function staleOf(
  bank: RegisterBank,
  lastSeenUs: number,
  reading: Cover | undefined,
  options: RegisterReportOptions,
): StaleReason | undefined {
  const { nowUs, blindUntilUs, blindReason } = options;
  if (blindUntilUs !== undefined && lastSeenUs < blindUntilUs) return blindReason ?? 'gap';
  if (lastSeenUs < bank.gapUs) return 'gap';
  const periodUs = (reading?.periodMs ?? 0) * 1000;
  const patienceUs = Math.max(SILENT_US, SILENT_PERIODS * periodUs);
  return nowUs - lastSeenUs > patienceUs ? 'silent' : undefined;
}

function typedOf(
  bank: RegisterBank,
  address: number,
  values: readonly number[],
  map: RegisterMap | undefined,
): TypedValue[] {
  if (map === undefined) return [];
  const { serverIpAddress, unitId, object } = bank;
  const entries = map.find(serverIpAddress, unitId, object, address, values.length);
  return entries.map((entry) => ({
    reference: referenceOf(object, entry.address),
    name: entry.name,
    dataType: entry.dataType,
    value: valueOfEntry(
      entry,
      values.slice(entry.address - address, entry.address - address + entry.words),
    ),
    ...(entry.engineeringUnit !== undefined && { engineeringUnit: entry.engineeringUnit }),
  }));
}
