/**
 * Cuts ASCII frames out of a stream of characters: a colon begins one, CR and LF end it, and the
 * LRC proves it.
 * Spec: MODBUS over Serial Line V1.02, section 2.5.2 (513 characters at most, up to one second
 * between two of them); the line feed can be replaced (V1.1b3 section 6.8.1, sub-function 3).
 *
 *    | ':' | unitId | function code, data | LRC | CR LF |
 *    |  1  |   2    |       2 x PDU       |  2  |   2   |  characters
 */
import { LRC_BYTES, lrc } from './lrc.ts';
import { requestShape, responseShape, SHAPE_FITS, SHAPE_WRONG } from './pdu-shape.ts';
import { RTU_PDU } from './rtu.ts';
import { ReusedSerialFrame, type SerialFrameSink } from './serial-frame-sink.ts';
import type { SerialTurn } from './serial-turn.ts';

export const ASCII_FRAME_CHARACTERS_MAX = 513;
/** Colon, unit identifier, function code, LRC, CR, LF. */
export const ASCII_FRAME_CHARACTERS_MIN = 9;
const COLON = 0x3a;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const END_CHARACTERS = 2;
/** Section 2.5.2.1. */
const SILENCE_US = 1_000_000;
/** Characters outside of frames are told in pieces of at most this. */
const NOT_FRAMED_CHARACTERS_MAX = 256;
const DIAGNOSTICS = 8;
const CHANGE_ASCII_INPUT_DELIMITER = 3;

export class AsciiFramer {
  readonly #turn: SerialTurn;
  readonly #sink: SerialFrameSink;
  /** The characters since the colon. */
  readonly #characters = new Uint8Array(ASCII_FRAME_CHARACTERS_MAX);
  readonly #noise = new Uint8Array(NOT_FRAMED_CHARACTERS_MAX);
  readonly #frame = new ReusedSerialFrame();
  readonly #decoded = new Uint8Array(ASCII_FRAME_CHARACTERS_MAX >> 1);
  #count = 0;
  #noiseCount = 0;
  #lastTimeUs = 0;
  #hasGap = false;
  #delimiter = LINE_FEED;

  constructor(turn: SerialTurn, sink: SerialFrameSink) {
    this.#turn = turn;
    this.#sink = sink;
    this.#frame.bytes = this.#decoded;
  }

  /** Characters that wait for the rest of their frame. */
  get heldBytes(): number {
    return this.#count + this.#noiseCount;
  }

  /** The next bytes of the stream, stamped with the time at which they were read. */
  push(bytes: Uint8Array, offset: number, length: number, timeUs: number): void {
    if (this.#count > 0 && timeUs - this.#lastTimeUs > SILENCE_US) this.#hasGap = true;
    this.#lastTimeUs = timeUs;
    for (let at = offset; at < offset + length; at += 1) this.#character(bytes[at]);
  }

  /** Nothing more comes: a hole in the stream, a long silence, or the end. */
  flush(): void {
    this.#tellNoise();
    if (this.#count > 0) this.#tellNotFramed(undefined);
  }

  #character(character: number): void {
    if (character === COLON) {
      if (this.#count === 1) {
        // Nothing stood behind the last colon: a row of them is noise, not a frame each.
        this.#count = 0;
        this.#addNoise(COLON);
      } else {
        this.#tellNoise();
        if (this.#count > 0) this.#tellNotFramed('lrcInvalid');
      }
    } else if (this.#count === 0) {
      this.#addNoise(character);
      return;
    }
    this.#characters[this.#count] = character;
    this.#count += 1;
    const isEnd =
      character === this.#delimiter && this.#characters[this.#count - 2] === CARRIAGE_RETURN;
    if (isEnd) this.#line();
    else if (this.#count === ASCII_FRAME_CHARACTERS_MAX) this.#tellNotFramed('lrcInvalid');
  }

  #addNoise(character: number): void {
    this.#noise[this.#noiseCount] = character;
    this.#noiseCount += 1;
    if (this.#noiseCount === NOT_FRAMED_CHARACTERS_MAX) this.#tellNoise();
  }

  /** A line from colon to line feed. */
  #line(): void {
    this.#tellNoise();
    const decodedBytes = this.#decode();
    if (decodedBytes <= RTU_PDU + LRC_BYTES) {
      this.#tellNotFramed('lrcInvalid');
      return;
    }
    const decoded = this.#decoded;
    const content = decodedBytes - LRC_BYTES;
    const check = decoded[content];
    if (lrc(decoded, 0, content) !== check) {
      this.#tellNotFramed('lrcInvalid');
      return;
    }
    const frame = this.#frame;
    frame.pduBytes = content - RTU_PDU;
    frame.isRequest = this.#isRequest(frame.pduBytes);
    frame.check = check;
    frame.timeUs = this.#lastTimeUs;
    frame.hasGap = this.#hasGap;
    this.#count = 0;
    this.#hasGap = false;
    this.#turn.frame(decoded, 0, frame.pduBytes, frame.isRequest, frame.timeUs);
    this.#noteDelimiter(frame.pduBytes);
    this.#sink.frame(frame);
  }

  /** Hexadecimal pairs between colon and CR to bytes; 0 where there is anything else. */
  #decode(): number {
    const digits = this.#count - 1 - END_CHARACTERS;
    if (digits <= 0 || (digits & 1) !== 0) return 0;
    for (let index = 0; index < digits; index += 2) {
      const high = hexDigit(this.#characters[1 + index]);
      const low = hexDigit(this.#characters[2 + index]);
      if ((high | low) < 0) return 0;
      this.#decoded[index >> 1] = (high << 4) | low;
    }
    return digits >> 1;
  }

  #isRequest(pduBytes: number): boolean {
    const { side } = this.#turn;
    if (side !== 'both') return side === 'client';
    const decoded = this.#decoded;
    const asRequest = requestShape(decoded, RTU_PDU, pduBytes);
    const asResponse = responseShape(decoded, RTU_PDU, pduBytes);
    if (asRequest === SHAPE_WRONG) return false;
    if (this.#turn.isAwaited(decoded[0], decoded[RTU_PDU], this.#lastTimeUs)) {
      return asResponse === SHAPE_WRONG;
    }
    return asRequest === SHAPE_FITS || asResponse !== SHAPE_FITS;
  }

  /** From now on the line ends with another character. */
  #noteDelimiter(pduBytes: number): void {
    const pdu = this.#decoded;
    const isChange =
      pduBytes === 5 &&
      pdu[RTU_PDU] === DIAGNOSTICS &&
      pdu[RTU_PDU + 1] === 0 &&
      pdu[RTU_PDU + 2] === CHANGE_ASCII_INPUT_DELIMITER;
    if (isChange && !this.#frame.isRequest) this.#delimiter = pdu[RTU_PDU + 3];
  }

  #tellNoise(): void {
    const count = this.#noiseCount;
    if (count === 0) return;
    this.#noiseCount = 0;
    this.#sink.notFramed(this.#noise, 0, count, count, this.#lastTimeUs, undefined);
  }

  #tellNotFramed(name: 'lrcInvalid' | undefined): void {
    this.#tellNoise();
    const count = this.#count;
    this.#count = 0;
    this.#hasGap = false;
    this.#sink.notFramed(this.#characters, 0, count, count, this.#lastTimeUs, name);
  }
}

/** Value of an ASCII hexadecimal digit, -1 for any other character. */
export function hexDigit(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const upper = character & 0xdf;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1;
}

/** The frame as it goes over the wire, for tests, the bench and `demo`. */
export function encodeAsciiFrame(unitId: number, pdu: Uint8Array): Uint8Array {
  const content = Uint8Array.of(unitId, ...pdu);
  const bytes = Uint8Array.of(...content, lrc(content, 0, content.length));
  let text = ':';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0').toUpperCase();
  return Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));
}
