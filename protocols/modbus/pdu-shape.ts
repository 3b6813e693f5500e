/**
 * Can these bytes be a request, can they be a response? By size and inner counts of each function
 * code alone: what recognition on an unknown port, the question who speaks, and picking up a stream
 * after a loss have to go by.
 * Spec: MODBUS Application Protocol V1.1b3, section 6.
 */
import { EXCEPTION_BIT, EXCEPTION_PDU_BYTES } from './exceptions.ts';

/** The bytes contradict the function code. */
export const SHAPE_WRONG = 0;
/** Sizes and counts agree with the function code. */
export const SHAPE_FITS = 1;
/** No rule for this function code: anything may be right. */
export const SHAPE_UNKNOWN = 2;
export type Shape = 0 | 1 | 2;

/** The whole request PDU stands at `offset`; at least its function code is there. */
export function requestShape(bytes: Uint8Array, offset: number, length: number): Shape {
  const functionCode = bytes[offset];
  if (functionCode >= EXCEPTION_BIT || functionCode === 0) return SHAPE_WRONG;
  switch (functionCode) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return fits(length === 5);
    case 7:
    case 11:
    case 12:
    case 17:
      return fits(length === 1);
    case 8:
      return fits(length >= 3 && (length & 1) === 1);
    case 15:
      return fits(
        length >= 7 &&
          length === 6 + bytes[offset + 5] &&
          bytes[offset + 5] === (word(bytes, offset + 3) + 7) >> 3,
      );
    case 16:
      return fits(
        length >= 8 &&
          length === 6 + bytes[offset + 5] &&
          bytes[offset + 5] === word(bytes, offset + 3) * 2,
      );
    case 20:
    case 21:
      return fits(length >= 9 && length === 2 + bytes[offset + 1]);
    case 22:
      return fits(length === 7);
    case 23:
      return fits(length >= 12 && length === 10 + bytes[offset + 9]);
    case 24:
      return fits(length === 3);
    case 43:
      return meiShape(bytes, offset, length, 4, 4);
    default:
      return SHAPE_UNKNOWN;
  }
}

/** The whole response PDU stands at `offset`; at least its function code is there. */
export function responseShape(bytes: Uint8Array, offset: number, length: number): Shape {
  const functionCode = bytes[offset];
  if ((functionCode & EXCEPTION_BIT) !== 0) {
    return fits(length === EXCEPTION_PDU_BYTES && functionCode !== EXCEPTION_BIT);
  }
  switch (functionCode) {
    case 0:
      return SHAPE_WRONG;
    case 1:
    case 2:
      return fits(length >= 3 && length === 2 + bytes[offset + 1]);
    case 3:
    case 4:
    case 23:
      return fits(length >= 4 && length === 2 + bytes[offset + 1] && (bytes[offset + 1] & 1) === 0);
    case 5:
    case 6:
    case 11:
    case 15:
    case 16:
      return fits(length === 5);
    case 7:
      return fits(length === 2);
    case 8:
      return fits(length >= 3 && (length & 1) === 1);
    case 12:
      return fits(length >= 8 && length === 2 + bytes[offset + 1]);
    case 17:
    case 20:
      return fits(length >= 4 && length === 2 + bytes[offset + 1]);
    case 21:
      return fits(length >= 9 && length === 2 + bytes[offset + 1]);
    case 22:
      return fits(length === 7);
    case 24:
      return fits(length >= 5 && length === 3 + word(bytes, offset + 1));
    case 43:
      return meiShape(bytes, offset, length, 7, 253);
    default:
      return SHAPE_UNKNOWN;
  }
}

/** Does this response have the size that the request asked for? Both of the same function code. */
export function answers(
  request: Uint8Array,
  requestOffset: number,
  requestLength: number,
  response: Uint8Array,
  responseOffset: number,
  responseLength: number,
): boolean {
  if ((response[responseOffset] & EXCEPTION_BIT) !== 0) {
    return responseLength === EXCEPTION_PDU_BYTES;
  }
  if (requestLength < 5) return true;
  const quantity = word(request, requestOffset + 3);
  switch (request[requestOffset]) {
    case 1:
    case 2:
      return responseLength === 2 + ((quantity + 7) >> 3);
    case 3:
    case 4:
    case 23:
      return responseLength === 2 + quantity * 2;
    case 5:
    case 6:
    case 15:
    case 16:
    case 22:
      return (
        responseLength >= 5 &&
        word(request, requestOffset + 1) === word(response, responseOffset + 1) &&
        quantity === word(response, responseOffset + 3)
      );
    default:
      return true;
  }
}

function meiShape(
  bytes: Uint8Array,
  offset: number,
  length: number,
  bytesMin: number,
  bytesMax: number,
): Shape {
  if (length < 3) return SHAPE_WRONG;
  if (bytes[offset + 1] !== 14) return bytes[offset + 1] === 13 ? SHAPE_UNKNOWN : SHAPE_WRONG;
  const readDeviceIdCode = bytes[offset + 2];
  return fits(
    length >= bytesMin && length <= bytesMax && readDeviceIdCode >= 1 && readDeviceIdCode <= 4,
  );
}

function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

function fits(isRight: boolean): Shape {
  return isRight ? SHAPE_FITS : SHAPE_WRONG;
}
