/**
 * Modbus RTU: how long the frame is that begins here, told by its function code and its own counts,
 * because the silences between frames are lost on the way through a serial adapter.
 * Spec: MODBUS over Serial Line V1.02, section 2.5.1 (frame of 256 bytes at most), 2.2 (addresses);
 * sizes of the PDUs: MODBUS Application Protocol V1.1b3, section 6.
 *
 *    0        1                              length-2
 *    | unitId | function code, data          | CRC low | CRC high |
 *             |<-- PDU, 1..253 bytes ------->|
 */
import { CRC_BYTES } from './crc16.ts';
import { EXCEPTION_BIT, EXCEPTION_PDU_BYTES } from './exceptions.ts';

export const RTU_UNIT_ID = 0;
export const RTU_PDU = 1;
/** Unit identifier, function code and CRC. */
export const RTU_FRAME_BYTES_MIN = 4;
export const RTU_FRAME_BYTES_MAX = 256;
/** Everything of a frame that isn't PDU. */
export const RTU_OVERHEAD_BYTES = RTU_PDU + CRC_BYTES;

/** To every device of the line, and answered by none (section 2.1). */
export const BROADCAST_UNIT_ID = 0;
/** The last address of a device; those above are reserved (section 2.2). */
export const UNIT_ID_MAX = 247;

/** The count that tells the length has not come yet. */
export const FRAME_MORE = 0;
/** No frame of this kind begins with these bytes. */
export const FRAME_NONE = -1;
/** The function code alone tells no length: only the CRC can. */
export const FRAME_OPEN = -2;

/** Largest request and response of 43/14 before the objects (V1.1b3 section 6.21). */
const IDENTIFICATION_REQUEST_PDU_BYTES = 4;
const IDENTIFICATION_OBJECTS_COUNT = 6;
const IDENTIFICATION_OBJECTS = 7;
const MEI_DEVICE_IDENTIFICATION = 14;

/**
 * Bytes of the request frame that begins at `at`, or FRAME_MORE, FRAME_NONE or FRAME_OPEN. Bytes
 * from `end` on are not there yet.
 */
export function rtuRequestBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= RTU_PDU) return FRAME_MORE;
  const pdu = at + RTU_PDU;
  const functionCode = bytes[pdu];
  switch (functionCode) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 8:
      return RTU_OVERHEAD_BYTES + 5;
    case 7:
    case 11:
    case 12:
    case 17:
      return RTU_OVERHEAD_BYTES + 1;
    case 15:
    case 16:
      return counted(bytes, pdu, end, 5, 6);
    case 20:
    case 21:
      return counted(bytes, pdu, end, 1, 2);
    case 22:
      return RTU_OVERHEAD_BYTES + 7;
    case 23:
      return counted(bytes, pdu, end, 9, 10);
    case 24:
      return RTU_OVERHEAD_BYTES + 3;
    case 43:
      if (end <= pdu + 1) return FRAME_MORE;
      return bytes[pdu + 1] === MEI_DEVICE_IDENTIFICATION
        ? RTU_OVERHEAD_BYTES + IDENTIFICATION_REQUEST_PDU_BYTES
        : FRAME_OPEN;
    default:
      return functionCode >= EXCEPTION_BIT ? FRAME_NONE : FRAME_OPEN;
  }
}

/** As `rtuRequestBytes`, for the response frame that begins at `at`. */
export function rtuResponseBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= RTU_PDU) return FRAME_MORE;
  const pdu = at + RTU_PDU;
  const functionCode = bytes[pdu];
  if (functionCode > EXCEPTION_BIT) return RTU_OVERHEAD_BYTES + EXCEPTION_PDU_BYTES;
  switch (functionCode) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 12:
    case 17:
    case 20:
    case 21:
    case 23:
      return counted(bytes, pdu, end, 1, 2);
    case 5:
    case 6:
    case 8:
    case 11:
    case 15:
    case 16:
      return RTU_OVERHEAD_BYTES + 5;
    case 7:
      return RTU_OVERHEAD_BYTES + 2;
    case 22:
      return RTU_OVERHEAD_BYTES + 7;
    case 24:
      if (end <= pdu + 2) return FRAME_MORE;
      return bounded(RTU_OVERHEAD_BYTES + 3 + ((bytes[pdu + 1] << 8) | bytes[pdu + 2]));
    case 43:
      return identificationBytes(bytes, pdu, end);
    default:
      return functionCode === EXCEPTION_BIT ? FRAME_NONE : FRAME_OPEN;
  }
}

/** A PDU of `head` bytes and as many more as the byte at `countAt` says. */
function counted(
  bytes: Uint8Array,
  pdu: number,
  end: number,
  countAt: number,
  head: number,
): number {
  if (end <= pdu + countAt) return FRAME_MORE;
  return bounded(RTU_OVERHEAD_BYTES + head + bytes[pdu + countAt]);
}

function bounded(frameBytes: number): number {
  return frameBytes > RTU_FRAME_BYTES_MAX ? FRAME_NONE : frameBytes;
}

/** The objects of 43/14 carry a length each, so they are walked; 84 fit a PDU at most. */
function identificationBytes(bytes: Uint8Array, pdu: number, end: number): number {
  if (end <= pdu + 1) return FRAME_MORE;
  if (bytes[pdu + 1] !== MEI_DEVICE_IDENTIFICATION) return FRAME_OPEN;
  if (end <= pdu + IDENTIFICATION_OBJECTS_COUNT) return FRAME_MORE;
  let next = pdu + IDENTIFICATION_OBJECTS;
  for (let left = bytes[pdu + IDENTIFICATION_OBJECTS_COUNT]; left > 0; left -= 1) {
    if (next + 2 - pdu > RTU_FRAME_BYTES_MAX) return FRAME_NONE;
    if (end < next + 2) return FRAME_MORE;
    next += 2 + bytes[next + 1];
  }
  return bounded(RTU_OVERHEAD_BYTES + next - pdu);
}
