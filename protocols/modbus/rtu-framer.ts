/**
 * Cuts RTU frames out of a stream of bytes in pieces of any size: by length and CRC, beginning anew
 * one byte further on where neither fits. Silences are only a hint, because adapters and schedulers
 * make and swallow them.
 * Spec: MODBUS over Serial Line V1.02, section 2.5.1.
 */
import { CRC_BYTES, crc16, crcAt, firstRightLength, isCrcRight } from './crc16.ts';
import { EXCEPTION_BIT } from './exceptions.ts';
import {
  FRAME_MORE,
  FRAME_NONE,
  FRAME_OPEN,
  RTU_FRAME_BYTES_MAX,
  RTU_FRAME_BYTES_MIN,
  RTU_OVERHEAD_BYTES,
  RTU_PDU,
  rtuRequestBytes,
  rtuResponseBytes,
  UNIT_ID_MAX,
} from './rtu.ts';
import { ReusedSerialFrame, type SerialFrameSink } from './serial-frame-sink.ts';
import type { SerialTurn } from './serial-turn.ts';

/** A run of unframed bytes, the frame behind it that isn't whole yet, and room for new bytes. */
const BUFFER_BYTES = 1024;
/** Unframed bytes are told in pieces of at most this. */
export const NOT_FRAMED_BYTES_MAX = 256;
/**
 * A silence that no adapter or scheduler makes up on a machine that keeps up (USB latency timers
 * hold bytes for 16 ms); the specification's own 1.5 characters can't be seen through reads.
 */
export const SILENCE_US = 200_000;
/** The only function that is longer than its usual length: return query data (V1.1b3 6.8.1). */
const DIAGNOSTICS = 8;
/** gatewayTargetDeviceFailedToRespond, the last code of V1.1b3 section 7. */
const EXCEPTION_CODE_MAX = 11;

export class RtuFramer {
  readonly #turn: SerialTurn;
  readonly #sink: SerialFrameSink;
  readonly #bytes = new Uint8Array(BUFFER_BYTES);
  /** Stamp of each byte: a frame that was found late keeps its own time. */
  readonly #times = new Float64Array(BUFFER_BYTES);
  readonly #frame = new ReusedSerialFrame();
  #end = 0;
  /** Bytes from 0 to here belong to no frame and are not told yet. */
  #at = 0;
  /** A frame ended here, or listening began here: the next one is due without a search. */
  #inStepAt = 0;
  /** The first byte after a silence, -1 where there was none. */
  #silenceAt = -1;
  #isFirstFound = false;
  #isRequest = false;
  #isFlushing = false;

  constructor(turn: SerialTurn, sink: SerialFrameSink) {
    this.#turn = turn;
    this.#sink = sink;
    this.#frame.bytes = this.#bytes;
  }

  /** Bytes that wait for the rest of their frame. */
  get heldBytes(): number {
    return this.#end;
  }

  /** The next bytes of the stream, stamped with the time at which they were read. */
  push(bytes: Uint8Array, offset: number, length: number, timeUs: number): void {
    if (this.#end > 0 && timeUs - this.#times[this.#end - 1] > SILENCE_US) {
      this.#silenceAt = this.#end;
    }
    let from = offset;
    const end = offset + length;
    while (from < end) {
      const count = Math.min(end - from, BUFFER_BYTES - this.#end);
      for (let index = 0; index < count; index += 1) {
        this.#bytes[this.#end + index] = bytes[from + index];
      }
      this.#times.fill(timeUs, this.#end, this.#end + count);
      this.#end += count;
      from += count;
      this.#drain();
    }
  }

  /** Nothing more comes: a hole in the stream, a long silence, or the end. */
  flush(): void {
    this.#isFlushing = true;
    this.#drain();
    this.#isFlushing = false;
    if (this.#at > 0) this.#tellNotFramed();
    this.#inStepAt = 0;
  }

  #drain(): void {
    while (this.#at < this.#end) {
      let frameBytes = this.#frameBytesAt(this.#at);
      if (frameBytes === FRAME_MORE) frameBytes = this.#findWhole();
      if (frameBytes > 0) {
        this.#take(frameBytes);
      } else if (frameBytes === FRAME_MORE) {
        break;
      } else {
        this.#at += 1;
        if (this.#at >= NOT_FRAMED_BYTES_MAX) this.#tellNotFramed();
      }
    }
  }

  /**
   * What stands at `#at` waits for more bytes. It may be a cut frame, with a whole one after a
   * silence, or no frame at all, met in search of the next. Moves to the whole frame and returns
   * its bytes; FRAME_MORE where there is none.
   */
  #findWhole(): number {
    const isSearching = this.#at !== this.#inStepAt;
    if (!isSearching && this.#silenceAt <= this.#at) return FRAME_MORE;
    let frameBytes = FRAME_NONE;
    let next = isSearching ? this.#at : this.#silenceAt;
    // For the moment nothing waits, so that whole frames of both directions are seen.
    this.#isFlushing = true;
    for (; next < this.#end; next += 1) {
      frameBytes = this.#frameBytesAt(next);
      if (frameBytes > 0 || !isSearching) break;
    }
    this.#isFlushing = false;
    if (frameBytes <= 0) return FRAME_MORE;
    this.#at = next;
    return frameBytes;
  }

  /** Bytes of the frame at `at`, whose direction is then in `#isRequest`; FRAME_MORE or _NONE. */
  #frameBytesAt(at: number): number {
    const bytes = this.#bytes;
    if (this.#end - at <= RTU_PDU) return this.#more();
    if (!this.#isDueAt(at) && this.#isUnlikely(at)) return FRAME_NONE;
    const turn = this.#turn;
    const response = rtuResponseBytes(bytes, at, this.#end);
    const request = rtuRequestBytes(bytes, at, this.#end);
    if (turn.side === 'client') return this.#try(at, request, true);
    if (turn.side === 'server') return this.#try(at, response, false);
    const isAwaited = turn.isAwaited(bytes[at], bytes[at + RTU_PDU], this.#times[at]);
    if (!isAwaited) {
      const found = this.#try(at, request, true);
      return found === FRAME_NONE ? this.#try(at, response, false) : found;
    }
    // A request can be read as a response of another size than the one that was asked for.
    const wanted = turn.responseFrameBytes;
    const isOfOtherSize = wanted !== 0 && response > 0 && response !== wanted && request > 0;
    const found = this.#try(at, isOfOtherSize ? request : response, isOfOtherSize);
    if (found !== FRAME_NONE) return found;
    return this.#try(at, isOfOtherSize ? response : request, !isOfOtherSize);
  }

  /** A frame is to begin here: behind another one, after a silence, or where listening began. */
  #isDueAt(at: number): boolean {
    return at === this.#inStepAt || at === this.#silenceAt;
  }

  /**
   * Half of all bytes could be the function code of an exception, which is short: among the bytes
   * of a broken frame, CRCs that are right by chance would be found too often.
   */
  #isUnlikely(at: number): boolean {
    if (this.#bytes[at] > UNIT_ID_MAX) return true;
    if (this.#bytes[at + RTU_PDU] < EXCEPTION_BIT || this.#end - at <= RTU_PDU + 1) return false;
    const exceptionCode = this.#bytes[at + RTU_PDU + 1];
    return exceptionCode === 0 || exceptionCode > EXCEPTION_CODE_MAX;
  }

  /** Is there a frame of this length, with the right CRC? */
  #try(at: number, frameBytes: number, isRequest: boolean): number {
    if (frameBytes === FRAME_NONE) return FRAME_NONE;
    if (frameBytes === FRAME_MORE) return this.#more();
    this.#isRequest = isRequest;
    if (frameBytes === FRAME_OPEN) return this.#tryOpen(at);
    if (frameBytes > this.#end - at) return this.#more();
    if (isCrcRight(this.#bytes, at, frameBytes)) return frameBytes;
    return this.#bytes[at + RTU_PDU] === DIAGNOSTICS ? this.#tryOpen(at) : FRAME_NONE;
  }

  /**
   * A function without a length: the first length whose CRC is right. Only where a frame is due;
   * elsewhere 250 lengths at each byte would find CRCs that are right by chance.
   */
  #tryOpen(at: number): number {
    if (!this.#isDueAt(at)) return FRAME_NONE;
    const available = Math.min(this.#end - at, RTU_FRAME_BYTES_MAX);
    const length = firstRightLength(this.#bytes, at, RTU_FRAME_BYTES_MIN, available);
    if (length > 0) return length;
    return available === RTU_FRAME_BYTES_MAX ? FRAME_NONE : this.#more();
  }

  #more(): number {
    return this.#isFlushing ? FRAME_NONE : FRAME_MORE;
  }

  #take(frameBytes: number): void {
    const silenceAt = this.#silenceAt - this.#at;
    if (this.#at > 0) this.#tellNotFramed();
    const frame = this.#frame;
    frame.offset = 0;
    frame.pduBytes = frameBytes - RTU_OVERHEAD_BYTES;
    frame.isRequest = this.#isRequest;
    frame.check = crcAt(this.#bytes, frameBytes - CRC_BYTES);
    frame.timeUs = this.#times[frameBytes - 1];
    frame.hasGap = silenceAt > 0 && silenceAt < frameBytes;
    this.#turn.frame(this.#bytes, 0, frame.pduBytes, frame.isRequest, frame.timeUs);
    this.#isFirstFound = true;
    this.#sink.frame(frame);
    this.#drop(frameBytes);
    this.#inStepAt = 0;
  }

  #tellNotFramed(): void {
    const length = this.#at;
    const isCutFrame = this.#isFirstFound && length >= RTU_FRAME_BYTES_MIN;
    const name = isCutFrame ? 'crcInvalid' : undefined;
    this.#sink.notFramed(this.#bytes, 0, length, length, this.#times[length - 1], name);
    this.#drop(length);
    this.#inStepAt = -1;
  }

  /** Lets the first bytes go. */
  #drop(length: number): void {
    this.#bytes.copyWithin(0, length, this.#end);
    this.#times.copyWithin(0, length, this.#end);
    this.#end -= length;
    this.#at = 0;
    this.#silenceAt = this.#silenceAt >= length ? this.#silenceAt - length : -1;
  }
}

/** The frame as it goes over the wire, for tests, the bench and `demo`: unit, PDU and CRC. */
export function encodeRtuFrame(unitId: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(RTU_OVERHEAD_BYTES + pdu.length);
  frame[0] = unitId;
  frame.set(pdu, RTU_PDU);
  const check = crc16(frame, 0, RTU_PDU + pdu.length);
  frame[frame.length - 2] = check & 0xff;
  frame[frame.length - 1] = check >> 8;
  return frame;
}
