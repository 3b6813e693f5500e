/**
 * Where lines of records are put together: one buffer, in which numbers are written digit by digit
 * and texts that come again as bytes made before. A string for each record, and the encoding of it,
 * cost as much as decoding the packets did (`npm run bench -- peers`).
 */

/** Lines are handed on in pieces of about this size; what is held is never much more. */
export const RECORD_PIECE_BYTES = 65_536;
/** Longest line that is put together in place; a longer one is made for itself. */
const LINE_BYTES_MAX = 32_768;
/** UTF-8 of one UTF-16 unit. */
const BYTES_PER_CHARACTER_MAX = 3;

export class RecordBytes {
  /** Write from `length` on, `LINE_BYTES_MAX` bytes at most after `beginLine`. */
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(RECORD_PIECE_BYTES + LINE_BYTES_MAX);
  readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  length = 0;
  readonly #write: (lines: Uint8Array) => void;

  /** `write` takes whole lines, which are valid during the call alone. */
  constructor(write: (lines: Uint8Array) => void) {
    this.#write = write;
  }

  /** Makes room for a line that is put together in place. */
  beginLine(): void {
    if (this.length >= RECORD_PIECE_BYTES) this.flush();
  }

  /** Adds a whole line of any length. */
  line(text: string): void {
    this.beginLine();
    if (text.length * BYTES_PER_CHARACTER_MAX <= LINE_BYTES_MAX) {
      this.length += this.bytes.write(text, this.length);
      return;
    }
    this.flush();
    this.#write(Buffer.from(text));
  }

  flush(): void {
    if (this.length === 0) return;
    const piece = this.bytes.subarray(0, this.length);
    this.length = 0;
    this.#write(piece);
  }
}

/** A text that is put many times: its bytes, and the same four at a time. */
export interface PutText {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

/** Below so many bytes, four at a time cost less than a call of `set`. */
const SHORT_BYTES_MAX = 64;

/** Puts a text at `at`; up to three bytes behind its end are written too. Returns where it ends. */
export function putText(out: RecordBytes, at: number, text: PutText): number {
  const { bytes, words } = text;
  if (bytes.length > SHORT_BYTES_MAX) {
    out.bytes.set(bytes, at);
  } else {
    const { view } = out;
    for (let index = 0; index < words.length; index++) view.setInt32(at + 4 * index, words[index]);
  }
  return at + bytes.length;
}

/** ASCII text, to be put many times. */
export function textToPut(text: string): PutText {
  return bytesToPut(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

export function bytesToPut(bytes: Uint8Array): PutText {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const words = Int32Array.from({ length: padded.length / 4 }, (_, at) => view.getInt32(4 * at));
  return { bytes, words };
}

const COMMA = 0x2c;
const ZERO = 0x30;
const BRACKET = 0x5d;
const TEN_THOUSAND = 10_000;
/** The digits of 0 to 9999 as four bytes: from the first digit on, and with zeros in front. */
const DIGITS = new Int32Array(TEN_THOUSAND);
const PADDED_DIGITS = new Int32Array(TEN_THOUSAND);

for (let value = 0; value < TEN_THOUSAND; value++) {
  const padded = String(value).padStart(4, '0');
  DIGITS[value] = wordOf(String(value).padEnd(4, '0'));
  PADDED_DIGITS[value] = wordOf(padded);
}

function wordOf(digits: string): number {
  return Buffer.from(digits, 'latin1').readInt32BE(0);
}

/**
 * Puts an integer of 0 to 2^31 - 1 in decimal; up to three bytes behind its end are written too.
 * Returns where it ends.
 */
export function putInteger(out: RecordBytes, at: number, value: number): number {
  if (value >= TEN_THOUSAND) return putLarge(out, at, value);
  out.view.setInt32(at, DIGITS[value]);
  return at + digitsOf(value);
}

function putLarge(out: RecordBytes, at: number, value: number): number {
  const high = (value / TEN_THOUSAND) | 0;
  const end = putInteger(out, at, high);
  return putFourDigits(out, end, value - high * TEN_THOUSAND);
}

/** Of 0 to 9999. */
function digitsOf(value: number): number {
  if (value >= 100) return value >= 1000 ? 4 : 3;
  return value >= 10 ? 2 : 1;
}

/**
 * Puts `count` words of `pdu`, one at least, as a list without its first bracket. A loop of its own
 * instead of calls: of an ordinary answer the registers are the largest part.
 */
export function putWords(
  out: RecordBytes,
  begin: number,
  pdu: Uint8Array,
  offset: number,
  count: number,
): number {
  const { bytes, view } = out;
  const end = offset + 2 * count;
  let at = begin;
  for (let index = offset; index < end; index += 2) {
    const value = (pdu[index] << 8) | pdu[index + 1];
    if (value < TEN_THOUSAND) {
      view.setInt32(at, DIGITS[value]);
      at += digitsOf(value);
    } else {
      const high = (value / TEN_THOUSAND) | 0;
      bytes[at] = ZERO + high;
      view.setInt32(at + 1, PADDED_DIGITS[value - high * TEN_THOUSAND]);
      at += 5;
    }
    bytes[at] = COMMA;
    at += 1;
  }
  bytes[at - 1] = BRACKET;
  return at;
}

/** 0 to 9999, with zeros in front. */
export function putFourDigits(out: RecordBytes, at: number, value: number): number {
  out.view.setInt32(at, PADDED_DIGITS[value]);
  return at + 4;
}

/** 0 to 99, with a zero in front. */
export function putTwoDigits(out: RecordBytes, at: number, value: number): number {
  const tens = (value / 10) | 0;
  out.view.setInt16(at, ((ZERO + tens) << 8) | (ZERO + value - 10 * tens));
  return at + 2;
}
