/**
 * Where does the next message begin, after bytes were lost or a header was broken? A header of
 * zeros is easily found among register values, so evidence is asked for: the end of the message at
 * the end of the segment, or another header behind it (FIELDS.md 1.6).
 */
import { CLIENT_TO_SERVER, type Direction } from '../../protocols/flow.ts';
import {
  ADU_BYTES_MAX,
  LENGTH,
  LENGTH_COUNTS_FROM,
  PDU,
  PROTOCOL_ID,
} from '../../protocols/modbus/mbap.ts';
import {
  requestShape,
  responseShape,
  SHAPE_FITS,
  SHAPE_WRONG,
} from '../../protocols/modbus/pdu-shape.ts';
import { aduBytesAt, isPlausiblePrefix } from './modbus-recognition.ts';

/**
 * The offset of the next message in a segment that follows a hole, `end` when there is none.
 * `restBytes`: what is left of the message that the hole cut, -1 when unknown. At most
 * ADU_BYTES_MAX places are looked at, each in constant time.
 */
export function findAfterLoss(
  bytes: Uint8Array,
  start: number,
  end: number,
  restBytes: number,
  direction: Direction,
): number {
  if (restBytes >= 0 && isPlausiblePrefix(bytes, start + restBytes, end - start - restBytes)) {
    return start + restBytes;
  }
  if (isSegmentStart(bytes, start, end, direction)) return start;
  const last = Math.min(end - PDU - 1, start + ADU_BYTES_MAX);
  for (let at = start + 1; at <= last; at += 1) {
    if (isInnerStart(bytes, at, end, direction)) return at;
  }
  return end;
}

/** A header with one fault only, so worth a report of its own while others go unread. */
export function isNearlyHeader(bytes: Uint8Array, at: number, length: number): boolean {
  if (length <= PDU) return false;
  const protocolId = (bytes[at + PROTOCOL_ID] << 8) | bytes[at + PROTOCOL_ID + 1];
  const lengthBytes = (bytes[at + LENGTH] << 8) | bytes[at + LENGTH + 1];
  return protocolId === 0 || lengthBytes + LENGTH_COUNTS_FROM === length;
}

/**
 * Segments mostly begin with a message. One that fills its segment exactly needs no more evidence,
 * whatever its PDU looks like; otherwise the shape must not contradict.
 */
function isSegmentStart(bytes: Uint8Array, at: number, end: number, direction: Direction): boolean {
  if (end - at <= PDU) return false;
  const aduBytes = aduBytesAt(bytes, at);
  if (aduBytes === 0) return false;
  if (aduBytes === end - at) return true;
  if (aduBytes > end - at) return bytes[at + PDU] !== 0;
  return (
    shapeOf(bytes, at, aduBytes, direction) !== SHAPE_WRONG &&
    isPlausiblePrefix(bytes, at + aduBytes, end - at - aduBytes)
  );
}

function isInnerStart(bytes: Uint8Array, at: number, end: number, direction: Direction): boolean {
  const aduBytes = aduBytesAt(bytes, at);
  if (aduBytes === 0 || aduBytes > end - at) return false;
  const rest = end - at - aduBytes;
  if (rest > 0 && rest < LENGTH_COUNTS_FROM) return false;
  return (
    shapeOf(bytes, at, aduBytes, direction) === SHAPE_FITS &&
    isPlausiblePrefix(bytes, at + aduBytes, rest)
  );
}

function shapeOf(bytes: Uint8Array, at: number, aduBytes: number, direction: Direction): number {
  return direction === CLIENT_TO_SERVER
    ? requestShape(bytes, at + PDU, aduBytes - PDU)
    : responseShape(bytes, at + PDU, aduBytes - PDU);
}
