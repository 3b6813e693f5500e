/**
 * The cursor with which every OPC UA structure is read: little-endian, bounds-checked, and with a
 * sticky fault instead of a throw. After the first fault it stands at the end, each read gives 0,
 * and `isStopped` tells the caller to leave out what was not there (OPC 10000-6 §5.2).
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';
import {
  FAULTS_PER_MESSAGE_MAX,
  ITEMS_PER_MESSAGE_MAX,
  NAMESPACES_PER_MESSAGE_MAX,
} from './limits.ts';

/** Name and place of what kept a body from being decoded whole (`decode.faults` of a record). */
export interface DecodeFault {
  readonly name: string;
  readonly offsetBytes: number;
}

/** Is told each named value that was read: `at` is the index of its first byte. */
export interface ValueTrace {
  value(reader: ByteReader, name: string, at: number, value: unknown): void;
}

/** Bytes that must never leave the sensor, from the first byte of the body. */
export interface SecretSpan {
  readonly offset: number;
  readonly length: number;
}

export class ByteReader {
  bytes: Uint8Array;
  /** Index into `bytes` of the next byte, of the body's first and of the one after its last. */
  position: number;
  readonly start: number;
  end: number;
  /** The body was cut: running out of bytes is no fault of the sender. */
  readonly isTruncated: boolean;
  readonly digest: Digest;
  status: 'ok' | 'partial' | 'malformed' = 'ok';
  isStopped = false;
  readonly faults: DecodeFault[] = [];
  readonly anomalies: Anomaly[] = [];
  /** Namespace indexes of the NodeIds that were read, other than 0; at most a few. */
  readonly namespaceIndexes: number[] = [];
  /** Where redaction struck; only the evidence mask reads it. */
  readonly secrets: SecretSpan[] = [];
  /** Field being read, for the words of a fault. */
  field = 'typeId';
  /** Set by who explains a message field by field; nobody else asks where a value stands. */
  trace: ValueTrace | undefined = undefined;
  /** Levels of nesting entered. */
  depth = 0;
  /** Texts to which DiagnosticInfo refers by index; set by the response header. */
  stringTable: readonly (string | undefined)[] = [];
  #itemsLeft = ITEMS_PER_MESSAGE_MAX;

  constructor(span: ByteSpan, isTruncated: boolean, digest: Digest) {
    this.bytes = span.bytes;
    this.start = span.offset;
    this.position = span.offset;
    this.end = Math.min(span.offset + span.length, span.bytes.length);
    this.isTruncated = isTruncated;
    this.digest = digest;
  }

  get bytesLeft(): number {
    return this.end - this.position;
  }

  readByte(): number {
    return this.#has(1) ? this.bytes[this.position++] : 0;
  }

  readUInt16(): number {
    if (!this.#has(2)) return 0;
    const at = this.position;
    this.position = at + 2;
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  readInt32(): number {
    if (!this.#has(4)) return 0;
    const at = this.position;
    const bytes = this.bytes;
    this.position = at + 4;
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }

  readUInt32(): number {
    return this.readInt32() >>> 0;
  }

  /** Index of the first of `length` bytes, and steps over them; faults when they aren't there. */
  take(length: number): number {
    if (!this.#has(length)) return this.end;
    const at = this.position;
    this.position = at + length;
    return at;
  }

  /** Length of a String or ByteString: -1 is null (OPC 10000-6 §5.2.2.4). */
  readLength(): number {
    const length = this.readInt32();
    if (length < -1) {
      this.fail('arrayLengthImplausible', '-1 or more', length);
      return -1;
    }
    return length;
  }

  /** Elements of an array, checked against the bytes left before anything is built; -1 is null. */
  readArrayLength(elementBytesMin: number): number {
    const at = this.position;
    const count = this.readInt32();
    const isTooLong = count * elementBytesMin > this.bytesLeft && !this.isTruncated;
    if (count >= -1 && !isTooLong) return this.isStopped ? -1 : count;
    this.position = at;
    this.fail('arrayLengthImplausible', `-1..${Math.floor(this.bytesLeft / 4)}`, count);
    return -1;
  }

  /** Room for one more built element? */
  takeItem(): boolean {
    if (this.#itemsLeft > 0) {
      this.#itemsLeft--;
      return true;
    }
    this.note('itemsTooMany');
    return false;
  }

  /** The bytes break the specification here; nothing after them can be placed. */
  fail(name: string, expected: string, actual: string | number): void {
    if (this.isStopped) return;
    this.anomaly(name, expected, actual);
    this.#stop(name, 'malformed');
  }

  /** We stop here by our own limit; the bytes may well be right. */
  giveUp(name: string): void {
    if (!this.isStopped) this.#stop(name, 'partial');
  }

  /** A limit was hit and reading goes on; each name once. */
  note(name: string): void {
    if (this.status === 'ok') this.status = 'partial';
    if (this.faults.some((fault) => fault.name === name)) return;
    if (this.faults.length >= FAULTS_PER_MESSAGE_MAX) return;
    this.faults.push({ name, offsetBytes: this.position - this.start });
  }

  /** A departure from the specification that doesn't hinder reading. */
  anomaly(name: string, expected: string, actual: string | number): void {
    if (this.anomalies.length >= FAULTS_PER_MESSAGE_MAX) return;
    const offsetBytes = this.position - this.start;
    this.anomalies.push({ name, field: this.field, offsetBytes, expected, actual: String(actual) });
  }

  /** Remembers a namespace index, for its URI to be put beside it. */
  noteNamespace(index: number): void {
    const known = this.namespaceIndexes;
    if (known.length < NAMESPACES_PER_MESSAGE_MAX && !known.includes(index)) known.push(index);
  }

  /** Remembers bytes that evidence must not show; a span past the end is cut. */
  markSecret(position: number, length: number): void {
    const offset = position - this.start;
    const kept = Math.min(length, this.end - position);
    if (kept > 0) this.secrets.push({ offset, length: kept });
  }

  #stop(name: string, status: 'partial' | 'malformed'): void {
    this.faults.push({ name, offsetBytes: this.position - this.start });
    this.status = status;
    this.isStopped = true;
    this.position = this.end;
  }

  #has(length: number): boolean {
    if (this.end - this.position >= length) return true;
    if (this.isStopped) return false;
    if (this.isTruncated) this.giveUp('truncated');
    else this.fail('bodyTruncated', `${length} bytes`, this.end - this.position);
    return false;
  }
}
