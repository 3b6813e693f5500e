/**
 * The archive: signed messages, the keys they verify with, receipts and advisories as one
 * append-only stream of records. A USB stick, a backup and an export are all this one file; it is
 * checked without a network (archive-verifier.ts), and a torn end or a flipped bit costs a record.
 *
 *    0    2      3          7       11
 *    | FT | type |  length  | CRC-32 |  body, `length` bytes              |
 *                                    docs/wire-format.md, "Archives"
 */
import { crc32 } from 'node:zlib';
import { isAgentId } from './agent-id.ts';
import { DELIVERED_BYTES_MAX } from './cose.ts';
import { type Algorithm, PUBLIC_KEY_BYTES } from './signature.ts';

/** What such a file is called. */
export const ARCHIVE_SUFFIX = '.ftar';
/** Bytes before the body of each record. */
export const ARCHIVE_HEAD_BYTES = 11;

const MARK_FIRST = 0x46;
const MARK_SECOND = 0x54;
const TYPE = 2;
const LENGTH = 3;
const CRC = 7;
const KEY_NUMBER_MAX = 999_999_999;
const TEXT = new TextDecoder('utf-8', { fatal: true });

/** A public key as the archive claims it: what believes it is the verifier's business. */
export interface ArchiveKey {
  /** Whose signatures it checks: messages, receipts or advisories. */
  readonly role: 'agent' | 'receipt' | 'advisory';
  readonly signerId: string;
  readonly keyNumber: number;
  readonly algorithm: Algorithm;
  /** Raw key, lower-case hex. */
  readonly publicKeyHex: string;
}

export type ArchiveRecord =
  /** First of each session of writing; a file that was resumed has several. */
  | { readonly kind: 'begins'; readonly writer: 'agent' | 'hub'; readonly writtenAtMs: number }
  | { readonly kind: 'key'; readonly key: ArchiveKey }
  /** Signed bytes as they travel. */
  | { readonly kind: 'message' | 'receipt' | 'advisory'; readonly bytes: Uint8Array };

/** What isn't a record: told with its place, and reading goes on behind it. */
export interface ArchiveDamage {
  readonly kind: 'damaged';
  /** Where in the file. */
  readonly offset: number;
  readonly bytes: number;
  /** `cut`: the file ends within a record, as after a pulled stick. */
  readonly reason: 'cut' | 'unreadable';
}

export type ArchiveItem = (ArchiveRecord & { readonly offset: number }) | ArchiveDamage;

const TYPE_OF = { begins: 0x42, key: 0x4b, message: 0x4d, receipt: 0x52, advisory: 0x41 } as const;
const KIND_OF = new Map<number, ArchiveRecord['kind']>([
  [TYPE_OF.begins, 'begins'],
  [TYPE_OF.key, 'key'],
  [TYPE_OF.message, 'message'],
  [TYPE_OF.receipt, 'receipt'],
  [TYPE_OF.advisory, 'advisory'],
]);

/** One record, to be appended. Throws RangeError for a body over the cap of a message. */
export function encodeArchiveRecord(record: ArchiveRecord): Uint8Array {
  const body = 'bytes' in record ? record.bytes : new TextEncoder().encode(factsOf(record));
  if (body.byteLength > DELIVERED_BYTES_MAX) throw new RangeError(`${body.byteLength} bytes`);
  const bytes = new Uint8Array(ARCHIVE_HEAD_BYTES + body.byteLength);
  const view = new DataView(bytes.buffer);
  bytes[0] = MARK_FIRST;
  bytes[1] = MARK_SECOND;
  bytes[TYPE] = TYPE_OF[record.kind];
  view.setUint32(LENGTH, body.byteLength);
  bytes.set(body, ARCHIVE_HEAD_BYTES);
  view.setUint32(CRC, checksum(bytes, 0, body.byteLength));
  return bytes;
}

/**
 * Reads a stream piece by piece, holding at most one record beyond the piece. Never throws on
 * bytes: what isn't a record is told as damage, and the next whole record is found by its mark.
 */
export class ArchiveReader {
  #rest: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #damagedFrom: number | undefined;

  /** End of the last whole record: where a resumed writer truncates and goes on. */
  wholeUpTo = 0;

  *push(piece: Uint8Array): Generator<ArchiveItem> {
    const bytes = concat(this.#rest, piece);
    let at = 0;
    for (;;) {
      const found = recordAt(bytes, at);
      if (found === 'short') break;
      if (found === 'none') {
        this.#damagedFrom ??= this.#offset + at;
        at = nextMark(bytes, at + 1);
        continue;
      }
      const damage = this.#damageUpTo(this.#offset + at, 'unreadable');
      if (damage !== undefined) yield damage;
      const offset = this.#offset + at;
      at = found.end;
      this.wholeUpTo = this.#offset + at;
      yield found.record === undefined
        ? { kind: 'damaged', offset, bytes: this.wholeUpTo - offset, reason: 'unreadable' }
        : { ...found.record, offset };
    }
    // A copy: the piece is the caller's again, and a view would hold all of it.
    this.#rest = Uint8Array.from(bytes.subarray(at));
    this.#offset += at;
  }

  /** To be called once, behind the last piece. */
  *end(): Generator<ArchiveItem> {
    // Behind a head whose length was damaged may stand whole records.
    for (;;) {
      const next = wholeRecordWithin(this.#rest);
      if (next === undefined) break;
      this.#damagedFrom ??= this.#offset;
      const tail = this.#rest.subarray(next);
      this.#offset += next;
      this.#rest = new Uint8Array(0);
      yield* this.push(tail);
    }
    const reason = this.#damagedFrom === undefined ? 'cut' : 'unreadable';
    if (this.#rest.byteLength > 0) this.#damagedFrom ??= this.#offset;
    this.#offset += this.#rest.byteLength;
    this.#rest = new Uint8Array(0);
    const damage = this.#damageUpTo(this.#offset, reason);
    if (damage !== undefined) yield damage;
  }

  #damageUpTo(end: number, reason: ArchiveDamage['reason']): ArchiveDamage | undefined {
    const offset = this.#damagedFrom;
    this.#damagedFrom = undefined;
    return offset === undefined || offset >= end
      ? undefined
      : { kind: 'damaged', offset, bytes: end - offset, reason };
  }
}

type Found =
  | 'short'
  | 'none'
  | { readonly end: number; readonly record: ArchiveRecord | undefined };

function recordAt(bytes: Uint8Array, at: number): Found {
  const left = bytes.byteLength - at;
  if (left <= 0) return 'short';
  if (bytes[at] !== MARK_FIRST || (left > 1 && bytes[at + 1] !== MARK_SECOND)) return 'none';
  if (left < ARCHIVE_HEAD_BYTES) return 'short';
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, ARCHIVE_HEAD_BYTES);
  const length = view.getUint32(LENGTH);
  if (length > DELIVERED_BYTES_MAX) return 'none';
  if (left < ARCHIVE_HEAD_BYTES + length) return 'short';
  if (view.getUint32(CRC) !== checksum(bytes, at, length)) return 'none';
  const end = at + ARCHIVE_HEAD_BYTES + length;
  // Not slice(): of a Buffer that is a view, which would hold the whole piece.
  const body = Uint8Array.from(bytes.subarray(at + ARCHIVE_HEAD_BYTES, end));
  return { end, record: recordOf(KIND_OF.get(bytes[at + TYPE]), body) };
}

/** Undefined for a kind of a later version, or facts that aren't ours. */
function recordOf(
  kind: ArchiveRecord['kind'] | undefined,
  body: Uint8Array,
): ArchiveRecord | undefined {
  if (kind === undefined) return undefined;
  if (kind !== 'begins' && kind !== 'key') return { kind, bytes: body };
  let facts: unknown;
  try {
    facts = JSON.parse(TEXT.decode(body));
  } catch {
    return undefined;
  }
  if (typeof facts !== 'object' || facts === null) return undefined;
  if (kind === 'key') {
    const key = decodeArchiveKey(facts);
    return key && { kind, key };
  }
  const writer = 'writer' in facts ? facts.writer : undefined;
  const writtenAtMs = 'writtenAtMs' in facts ? facts.writtenAtMs : undefined;
  if ((writer !== 'agent' && writer !== 'hub') || typeof writtenAtMs !== 'number') return undefined;
  return { kind, writer, writtenAtMs };
}

/** A key from facts that nobody has checked; undefined when they aren't one. */
export function decodeArchiveKey(facts: object): ArchiveKey | undefined {
  const fields = new Map<string, unknown>(Object.entries(facts));
  const role = fields.get('role');
  const signerId = fields.get('signerId');
  const keyNumber = fields.get('keyNumber');
  const algorithm = fields.get('algorithm');
  const publicKeyHex = fields.get('publicKeyHex');
  if (role !== 'agent' && role !== 'receipt' && role !== 'advisory') return undefined;
  if (typeof signerId !== 'string' || !isAgentId(signerId)) return undefined;
  if (typeof keyNumber !== 'number' || !Number.isInteger(keyNumber)) return undefined;
  if (keyNumber < 1 || keyNumber > KEY_NUMBER_MAX) return undefined;
  if (algorithm !== 'Ed25519' && algorithm !== 'ES256') return undefined;
  if (typeof publicKeyHex !== 'string' || !/^[0-9a-f]*$/.test(publicKeyHex)) return undefined;
  if (publicKeyHex.length !== 2 * PUBLIC_KEY_BYTES[algorithm]) return undefined;
  return { role, signerId, keyNumber, algorithm, publicKeyHex };
}

function factsOf(record: Extract<ArchiveRecord, { kind: 'begins' | 'key' }>): string {
  if (record.kind === 'key') return JSON.stringify(record.key);
  const { writer, writtenAtMs } = record;
  return JSON.stringify({ format: 'fieldtap archive 1', writer, writtenAtMs });
}

/** CRC-32 (ISO-HDLC) over type, length and body. */
function checksum(bytes: Uint8Array, at: number, length: number): number {
  const head = crc32(bytes.subarray(at + TYPE, at + CRC));
  const body = at + ARCHIVE_HEAD_BYTES;
  return crc32(bytes.subarray(body, body + length), head);
}

/** The first whole record behind the beginning. */
function wholeRecordWithin(bytes: Uint8Array): number | undefined {
  for (let at = nextMark(bytes, 1); at < bytes.byteLength; at = nextMark(bytes, at + 1)) {
    const found = recordAt(bytes, at);
    if (found !== 'short' && found !== 'none') return at;
  }
  return undefined;
}

function nextMark(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(MARK_FIRST, from);
  return at < 0 ? bytes.byteLength : at;
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.byteLength === 0) return second;
  const bytes = new Uint8Array(first.byteLength + second.byteLength);
  bytes.set(first);
  bytes.set(second, first.byteLength);
  return bytes;
}
