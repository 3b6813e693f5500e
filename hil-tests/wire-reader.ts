/**
 * Reads a signed message as docs/wire-format.md describes it (COSE_Sign1 over raw DEFLATE over
 * CBOR), without a line of the program that wrote it and without looking at the signature.
 */
import { inflateRawSync } from 'node:zlib';

export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | undefined
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>;

/** The payload of a signed message by its integer keys. */
export function readMessage(bytes: Uint8Array): ReadonlyMap<CborValue, CborValue> {
  const envelope = readCbor(bytes);
  if (!Array.isArray(envelope) || !(envelope[2] instanceof Uint8Array)) {
    throw new Error('no COSE_Sign1');
  }
  const payload = readCbor(inflateRawSync(envelope[2]));
  if (!(payload instanceof Map)) throw new Error('the payload is no map');
  return payload;
}

/** Everything in there that is text, bytes as hex among it. */
export function textsIn(value: CborValue): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('hex')];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (value instanceof Map) {
    return [...value].flatMap(([key, each]: [CborValue, CborValue]) => [
      ...textsIn(key),
      ...textsIn(each),
    ]);
  }
  return [];
}

export interface ToldAsset {
  readonly assetId: string;
  readonly change: 'new' | 'changed' | 'gone';
  readonly facts: readonly string[];
}

const KEY_KIND = 1;
const KIND_SUMMARIES: readonly CborValue[] = [2, 12];
const KEY_ASSET_CHANGES = 26;
const CHANGES = ['new', 'changed', 'gone'] as const;

/** The asset changes of a summary or summaryDelta; none in another message. */
export function assetChangesOf(bytes: Uint8Array): ToldAsset[] {
  const message = readMessage(bytes);
  const columns = message.get(KEY_ASSET_CHANGES);
  if (!KIND_SUMMARIES.includes(message.get(KEY_KIND)) || !Array.isArray(columns)) return [];
  const [ids, changes, , , , facts] = columns;
  if (!Array.isArray(ids) || !Array.isArray(changes) || !Array.isArray(facts)) return [];
  return ids.map((id, row) => ({
    assetId: Buffer.from(id instanceof Uint8Array ? id : []).toString('hex'),
    change: CHANGES[Number(changes[row])],
    facts: (Array.isArray(facts[row]) ? facts[row] : []).map((fact) => textsIn(fact).join('=')),
  }));
}

function readCbor(bytes: Uint8Array): CborValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const argument = (low: number): number => {
    if (low < 24) return low;
    const size = 1 << (low - 24);
    at += size;
    if (size === 1) return view.getUint8(at - 1);
    if (size === 2) return view.getUint16(at - 2);
    if (size === 4) return view.getUint32(at - 4);
    return Number(view.getBigUint64(at - 8));
  };
  const simple = (low: number): CborValue => {
    if (low === 25) at += 2;
    if (low === 26) at += 4;
    if (low === 27) at += 8;
    if (low === 26) return view.getFloat32(at - 4);
    if (low === 27) return view.getFloat64(at - 8);
    return low === 20 ? false : low === 21 ? true : low === 22 ? null : undefined;
  };
  const value = (): CborValue => {
    const first = view.getUint8(at++);
    const low = first & 0x1f;
    const major = first >> 5;
    if (major === 7) return simple(low);
    const number = argument(low);
    if (major === 0) return number;
    if (major === 1) return -1 - number;
    if (major === 2 || major === 3) {
      at += number;
      const part = bytes.subarray(at - number, at);
      return major === 2 ? part : new TextDecoder().decode(part);
    }
    if (major === 4) return Array.from({ length: number }, value);
    if (major === 5) return new Map(Array.from({ length: number }, () => [value(), value()]));
    return value();
  };
  return value();
}
