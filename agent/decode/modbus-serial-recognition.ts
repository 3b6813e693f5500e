/**
 * Are these bytes of a TCP stream RTU or ASCII frames, and who speaks? Only checks that are right
 * count: a CRC of 16 bits over a frame whose length its function code tells.
 * Spec: MODBUS over Serial Line V1.02, section 2.5.
 */
import { AsciiFramer, hexDigit } from '../../protocols/modbus/ascii.ts';
import { isCrcRight } from '../../protocols/modbus/crc16.ts';
import {
  answers,
  requestShape,
  responseShape,
  SHAPE_WRONG,
} from '../../protocols/modbus/pdu-shape.ts';
import {
  FRAME_MORE,
  FRAME_NONE,
  RTU_OVERHEAD_BYTES,
  RTU_PDU,
  rtuRequestBytes,
  rtuResponseBytes,
  UNIT_ID_MAX,
} from '../../protocols/modbus/rtu.ts';
import type { SerialFrame, SerialFrameSink } from '../../protocols/modbus/serial-frame-sink.ts';
import { SerialTurn } from '../../protocols/modbus/serial-turn.ts';
import type { SerialFraming } from './modbus-serial-frames.ts';
import { SENDER_CLIENT, SENDER_SERVER, SENDER_UNKNOWN, type Sender } from './stream-analyzer.ts';

/** Frames of one direction that are looked at. */
const FRAMES_JUDGED_MAX = 4;
const COLON = 0x3a;
const CARRIAGE_RETURN = 0x0d;
const FUNCTION_CODE_MASK = 0x7f;

export type SerialVerdict = SerialFraming | 'more' | 'no';

/** Judges the first `length` bytes of one direction: nothing but whole frames. */
export function recognizeSerial(bytes: Uint8Array, offset: number, length: number): SerialVerdict {
  if (length < 2) return 'no';
  if (bytes[offset] === COLON) {
    const ascii = recognizeAscii(bytes, offset, length);
    if (ascii !== 'no') return ascii;
  }
  return recognizeRtu(bytes, offset, length);
}

/** Client or server where only one of them can have sent these frames. */
export function senderOfSerial(
  framing: SerialFraming,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Sender {
  for (const frame of framesOf(framing, bytes, offset, length)) {
    const asRequest = requestShape(frame, RTU_PDU, frame.length - RTU_PDU);
    const asResponse = responseShape(frame, RTU_PDU, frame.length - RTU_PDU);
    if (asRequest !== SHAPE_WRONG && asResponse === SHAPE_WRONG) return SENDER_CLIENT;
    if (asResponse !== SHAPE_WRONG && asRequest === SHAPE_WRONG) return SENDER_SERVER;
  }
  return SENDER_UNKNOWN;
}

/** One of the first frames of one direction answers one of the other's, whoever asked. */
export function confirmSerial(
  framing: SerialFraming,
  first: readonly [bytes: Uint8Array, offset: number, length: number],
  second: readonly [bytes: Uint8Array, offset: number, length: number],
): boolean {
  const others = framesOf(framing, ...second);
  return framesOf(framing, ...first).some((one) =>
    others.some((other) => isAnswer(one, other) || isAnswer(other, one)),
  );
}

function recognizeRtu(bytes: Uint8Array, offset: number, length: number): SerialVerdict {
  const end = offset + length;
  let at = offset;
  for (let frame = 0; frame < FRAMES_JUDGED_MAX && at < end; frame += 1) {
    const frameBytes = rtuFrameBytes(bytes, at, end);
    if (frameBytes === FRAME_NONE) return 'no';
    if (frameBytes === FRAME_MORE) return at === offset ? 'more' : 'rtu';
    at += frameBytes;
  }
  return 'rtu';
}

/** Bytes of the whole frame at `at`, of whichever side; FRAME_MORE, FRAME_NONE. */
function rtuFrameBytes(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] > UNIT_ID_MAX) return FRAME_NONE;
  const request = rtuRequestBytes(bytes, at, end);
  const response = rtuResponseBytes(bytes, at, end);
  if (isWhole(bytes, at, end, request)) return request;
  if (isWhole(bytes, at, end, response)) return response;
  const isRequestOpen = request === FRAME_MORE || request > end - at;
  const isResponseOpen = response === FRAME_MORE || response > end - at;
  return isRequestOpen || isResponseOpen ? FRAME_MORE : FRAME_NONE;
}

function isWhole(bytes: Uint8Array, at: number, end: number, frameBytes: number): boolean {
  return frameBytes > 0 && frameBytes <= end - at && isCrcRight(bytes, at, frameBytes);
}

/** A colon and hexadecimal digits; a line that ended must have the right LRC. */
function recognizeAscii(bytes: Uint8Array, offset: number, length: number): SerialVerdict {
  for (let at = offset + 1; at < offset + length; at += 1) {
    if (hexDigit(bytes[at]) >= 0) continue;
    if (bytes[at] !== CARRIAGE_RETURN) return 'no';
    if (at + 1 === offset + length) return 'more';
    return framesOf('ascii', bytes, offset, length).length > 0 ? 'ascii' : 'no';
  }
  return 'more';
}

/** Unit identifier and PDU of the first frames. */
function framesOf(
  framing: SerialFraming,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Uint8Array[] {
  const frames: Uint8Array[] = [];
  if (framing === 'ascii') {
    const sink: SerialFrameSink = {
      frame: ({ bytes: decoded, offset: from, pduBytes }: SerialFrame) => {
        if (frames.length < FRAMES_JUDGED_MAX) {
          frames.push(decoded.slice(from, from + RTU_PDU + pduBytes));
        }
      },
      notFramed: () => {},
    };
    new AsciiFramer(new SerialTurn('both'), sink).push(bytes, offset, length, 0);
    return frames;
  }
  const end = offset + length;
  let at = offset;
  while (at < end && frames.length < FRAMES_JUDGED_MAX) {
    const frameBytes = rtuFrameBytes(bytes, at, end);
    if (frameBytes <= 0) break;
    frames.push(bytes.subarray(at, at + frameBytes - RTU_OVERHEAD_BYTES + RTU_PDU));
    at += frameBytes;
  }
  return frames;
}

function isAnswer(request: Uint8Array, response: Uint8Array): boolean {
  if (request[0] !== response[0]) return false;
  if (((request[RTU_PDU] ^ response[RTU_PDU]) & FUNCTION_CODE_MASK) !== 0) return false;
  const requestPdu = request.length - RTU_PDU;
  const responsePdu = response.length - RTU_PDU;
  return (
    requestShape(request, RTU_PDU, requestPdu) !== SHAPE_WRONG &&
    responseShape(response, RTU_PDU, responsePdu) !== SHAPE_WRONG &&
    answers(request, RTU_PDU, requestPdu, response, RTU_PDU, responsePdu)
  );
}
