/**
 * Register maps: what the engineer of a plant knows of a device's registers (type, word order,
 * scale, unit), laid over what a transaction carries (FIELDS.md 1.1, `values[]`). The protocol
 * itself knows 16-bit words and bits only (V1.1b3 section 4.3).
 */
import type { ByteSpan } from '../decoded.ts';
import type { FunctionObject } from './function-codes.ts';
import { decodeRequestPdu } from './request.ts';
import { decodeResponsePdu } from './response.ts';

export const DATA_TYPES = [
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'float32',
  'uint64',
  'float64',
  'string',
] as const;
export type DataType = (typeof DATA_TYPES)[number];
/** Of the words of one value: the high one first, or the low one. Bytes in a word never change. */
export type WordOrder = 'highFirst' | 'lowFirst';
export type MappedObject = Exclude<FunctionObject, 'file' | 'none'>;

export interface RegisterMapEntry {
  /** Absent: every server. */
  readonly server?: string;
  readonly unitId: number;
  readonly object: MappedObject;
  /** 0-based, as on the wire. */
  readonly address: number;
  readonly name: string;
  readonly dataType: DataType;
  readonly wordOrder: WordOrder;
  readonly scale: number;
  readonly engineeringUnit?: string;
  /** Registers of a `string`; of the other types by their size. */
  readonly words: number;
}

export type MappedValue = number | boolean | string;

/** One point of a transaction, by its name. */
export interface RegisterValue {
  /** Label on a drawing, 1-based with the digit of its object: 40001. */
  readonly reference: number;
  readonly name: string;
  readonly dataType: DataType;
  readonly wordOrder: WordOrder;
  readonly scale: number;
  /** 64-bit integers are decimal text; no number is given for NaN or an infinity, but its name. */
  readonly value: MappedValue;
  readonly engineeringUnit?: string;
  readonly entry: RegisterMapEntry;
}

/** Entries of all maps together. */
export const REGISTER_MAP_ENTRIES_MAX = 65_536;
/** Values of one record. */
const VALUES_MAX = 256;
const WORDS: Readonly<Record<DataType, number>> = {
  bool: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  uint64: 4,
  float64: 4,
  string: 0,
};
/** First digit of a reference, as ten thousands. */
const REFERENCE_BASE: Readonly<Record<MappedObject, number>> = {
  coil: 0,
  discreteInput: 100_000,
  inputRegister: 300_000,
  holdingRegister: 400_000,
};
const SHORT_ADDRESS_MAX = 9998;

/** Registers, or bits, that a type takes; 0 for a string, whose entry says it. */
export function wordsOf(dataType: DataType): number {
  return WORDS[dataType];
}

/** `40001` for the first holding register; six digits where five don't reach. */
export function referenceOf(object: MappedObject, address: number): number {
  const base = REFERENCE_BASE[object];
  return (address <= SHORT_ADDRESS_MAX ? base / 10 : base) + address + 1;
}

/** The address behind a reference of five or six digits; undefined: it names no such object. */
export function addressOfReference(object: MappedObject, reference: number): number | undefined {
  const base = REFERENCE_BASE[object];
  const short = reference - base / 10 - 1;
  if (short >= 0 && short <= SHORT_ADDRESS_MAX) return short;
  const long = reference - base - 1;
  return long >= 0 && long <= 0xffff ? long : undefined;
}

export class RegisterMap {
  /** By unit and object, in the order of addresses. */
  readonly #entries = new Map<string, RegisterMapEntry[]>();

  constructor(entries: readonly RegisterMapEntry[]) {
    for (const entry of entries.slice(0, REGISTER_MAP_ENTRIES_MAX)) {
      const key = `${entry.unitId} ${entry.object}`;
      const list = this.#entries.get(key);
      if (list === undefined) this.#entries.set(key, [entry]);
      else list.push(entry);
    }
    for (const list of this.#entries.values()) list.sort((a, b) => a.address - b.address);
  }

  /** Entries that lie wholly inside; one for this server counts before one for all. */
  find(
    server: string,
    unitId: number,
    object: MappedObject,
    address: number,
    quantity: number,
  ): readonly RegisterMapEntry[] {
    const list = this.#entries.get(`${unitId} ${object}`) ?? [];
    const found = new Map<number, RegisterMapEntry>();
    for (let at = lowerBound(list, address); at < list.length; at += 1) {
      const entry = list[at];
      if (entry.address >= address + quantity || found.size >= VALUES_MAX) break;
      if (entry.server !== undefined && entry.server !== server) continue;
      if (entry.address + entry.words > address + quantity) continue;
      const isBetter = entry.server !== undefined || !found.has(entry.address);
      if (isBetter) found.set(entry.address, entry);
    }
    return [...found.values()];
  }
}

/** Points of a transaction that the map knows: read from the response, written in the request. */
export function mappedValues(
  map: RegisterMap,
  server: string,
  unitId: number,
  request: ByteSpan,
  response: ByteSpan,
): readonly RegisterValue[] {
  const values: RegisterValue[] = [];
  for (const { object, address, words } of pointsOf(request, response)) {
    for (const entry of map.find(server, unitId, object, address, words.length)) {
      const first = entry.address - address;
      values.push(describe(entry, words.slice(first, first + entry.words)));
    }
  }
  return values.slice(0, VALUES_MAX);
}

interface Points {
  readonly object: MappedObject;
  readonly address: number;
  /** Registers, or bits as 0 and 1. */
  readonly words: readonly number[];
}

/** A write counts once it was answered; a read needs the request, which alone has the address. */
function pointsOf(requestPdu: ByteSpan, responsePdu: ByteSpan): readonly Points[] {
  if (requestPdu.length === 0 || responsePdu.length === 0) return [];
  if (responsePdu.bytes[responsePdu.offset] >= 0x80) return [];
  const request = decodeRequestPdu(requestPdu);
  const response = decodeResponsePdu(responsePdu, requestPdu);
  const address = request.address ?? 0;
  switch (requestPdu.bytes[requestPdu.offset]) {
    case 1:
      return [{ object: 'coil', address, words: response.coils ?? [] }];
    case 2:
      return [{ object: 'discreteInput', address, words: response.discreteInputs ?? [] }];
    case 3:
      return [{ object: 'holdingRegister', address, words: response.registers ?? [] }];
    case 4:
      return [{ object: 'inputRegister', address, words: response.registers ?? [] }];
    case 5:
      return [{ object: 'coil', address, words: [request.outputValue === 0xff00 ? 1 : 0] }];
    case 6:
      return [{ object: 'holdingRegister', address, words: [request.registerValue ?? 0] }];
    case 15:
      return [{ object: 'coil', address, words: request.coils ?? [] }];
    case 16:
      return [{ object: 'holdingRegister', address, words: request.registers ?? [] }];
    case 23: {
      const { read, write } = request;
      const object = 'holdingRegister' as const;
      return [
        { object, address: write?.address ?? 0, words: write?.registers ?? [] },
        { object, address: read?.address ?? 0, words: response.registers ?? [] },
      ];
    }
    default:
      return [];
  }
}

function describe(entry: RegisterMapEntry, words: readonly number[]): RegisterValue {
  const { object, address, name, dataType, wordOrder, scale, engineeringUnit } = entry;
  return {
    reference: referenceOf(object, address),
    name,
    dataType,
    wordOrder,
    scale,
    value: valueOfEntry(entry, words),
    ...(engineeringUnit === undefined ? {} : { engineeringUnit }),
    entry,
  };
}

/** Value of an entry from its words, high address last; bits as 0 and 1. */
export function valueOfEntry(
  { dataType, wordOrder, scale }: RegisterMapEntry,
  words: readonly number[],
): MappedValue {
  const isNumber = dataType !== 'string' && dataType !== 'bool';
  const ordered = wordOrder === 'lowFirst' && isNumber ? [...words].reverse() : words;
  const view = new DataView(new ArrayBuffer(Math.max(8, ordered.length * 2)));
  for (const [at, word] of ordered.entries()) view.setUint16(at * 2, word);
  switch (dataType) {
    case 'bool':
      return ordered[0] !== 0;
    case 'int16':
      return scaled(view.getInt16(0), scale);
    case 'uint16':
      return scaled(view.getUint16(0), scale);
    case 'int32':
      return scaled(view.getInt32(0), scale);
    case 'uint32':
      return scaled(view.getUint32(0), scale);
    case 'float32':
      return scaled(view.getFloat32(0), scale);
    case 'float64':
      return scaled(view.getFloat64(0), scale);
    case 'uint64':
      return scale === 1
        ? String(view.getBigUint64(0))
        : scaled(Number(view.getBigUint64(0)), scale);
    case 'string':
      return textOf(view, ordered.length * 2);
    default:
      return dataType satisfies never;
  }
}

/** JSON has no NaN: the name of the number stands for it. Factors like 0.1 leave no trace. */
function scaled(value: number, scale: number): number | string {
  const product = scale === 1 ? value : Number((value * scale).toPrecision(15));
  return Number.isFinite(product) ? product : String(product);
}

/** Up to the first zero byte; bytes are taken as code points. */
function textOf(view: DataView, bytes: number): string {
  let text = '';
  for (let at = 0; at < bytes && view.getUint8(at) !== 0; at += 1) {
    text += String.fromCharCode(view.getUint8(at));
  }
  return text;
}

/** Where the first entry of at least this address stands. */
function lowerBound(list: readonly RegisterMapEntry[], address: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
