/**
 * The quick question of the hot path: is this PDU beyond reproach? Numbers only, nothing allocated,
 * written beside the decoders whose anomalies it must agree with: a test compares the two over
 * random PDUs. A `false` costs a decode and is never wrong; a wrong `true` would hide an anomaly.
 */
import { EXCEPTION_BIT, EXCEPTION_PDU_BYTES, isExceptionLegal } from './exceptions.ts';
import { READ_BITS_QUANTITY_MAX } from './read-bits.ts';
import { READ_REGISTERS_QUANTITY_MAX } from './read-registers.ts';
import { WRITE_COILS_QUANTITY_MAX, WRITE_REGISTERS_QUANTITY_MAX } from './write-multiple.ts';

/**
 * The four reads by function code, so that all take one path: which of them a poll uses changes
 * from packet to packet, and a branch on it is a branch that the processor guesses wrong.
 */
const READ_QUANTITY_MAX = Uint16Array.of(
  0,
  READ_BITS_QUANTITY_MAX,
  READ_BITS_QUANTITY_MAX,
  READ_REGISTERS_QUANTITY_MAX,
  READ_REGISTERS_QUANTITY_MAX,
);
const ITEM_BITS = Uint8Array.of(0, 1, 1, 16, 16);

const ADDRESSES_COUNT = 0x10000;
const READ_REQUEST_BYTES = 5;
const WRITE_ECHO_BYTES = 5;
const WRITE_HEAD_BYTES = 6;
const READ_HEAD_BYTES = 2;

/** `length` bytes from `offset` are a request PDU that breaks no rule of V1.1b3 section 6. */
export function isOrdinaryRequest(bytes: Uint8Array, offset: number, length: number): boolean {
  const functionCode = bytes[offset];
  if (functionCode >= 1 && functionCode <= 4) {
    return isOrdinaryRead(bytes, offset, length, READ_QUANTITY_MAX[functionCode]);
  }
  switch (functionCode) {
    case 5:
      return (
        length === WRITE_ECHO_BYTES &&
        bytes[offset + 4] === 0 &&
        (bytes[offset + 3] === 0xff || bytes[offset + 3] === 0)
      );
    case 6:
      return length === WRITE_ECHO_BYTES;
    case 7:
    case 11:
    case 12:
    case 17:
      return length === 1;
    case 15:
      return isOrdinaryWriteCoils(bytes, offset, length);
    case 16:
      return isOrdinaryWriteRegisters(bytes, offset, length);
    case 22:
      return length === 7;
    case 24:
      return length === 3;
    default:
      return false;
  }
}

/** A response PDU that breaks no rule and answers this request; both begin with the same code. */
export function isOrdinaryResponse(
  bytes: Uint8Array,
  offset: number,
  length: number,
  requestBytes: Uint8Array,
  requestOffset: number,
  requestLength: number,
): boolean {
  const functionCode = bytes[offset];
  if ((functionCode & EXCEPTION_BIT) !== 0) {
    return (
      length === EXCEPTION_PDU_BYTES &&
      isExceptionLegal(bytes[offset + 1], functionCode & ~EXCEPTION_BIT)
    );
  }
  if (functionCode >= 1 && functionCode <= 4) {
    if (requestLength !== READ_REQUEST_BYTES || length < READ_HEAD_BYTES) return false;
    const quantity = (requestBytes[requestOffset + 3] << 8) | requestBytes[requestOffset + 4];
    const bits = quantity * ITEM_BITS[functionCode];
    const byteCount = bytes[offset + 1];
    if (byteCount !== (bits + 7) >> 3 || length !== READ_HEAD_BYTES + byteCount) return false;
    return (bits & 7) === 0 || bytes[offset + length - 1] >> (bits & 7) === 0;
  }
  switch (functionCode) {
    case 5:
    case 6:
      return (
        requestLength === WRITE_ECHO_BYTES &&
        isEcho(bytes, offset, length, requestBytes, requestOffset)
      );
    case 15:
    case 16:
      return (
        requestLength >= WRITE_HEAD_BYTES &&
        isEcho(bytes, offset, length, requestBytes, requestOffset)
      );
    default:
      return false;
  }
}

function isOrdinaryRead(
  bytes: Uint8Array,
  offset: number,
  length: number,
  quantityMax: number,
): boolean {
  if (length !== READ_REQUEST_BYTES) return false;
  const address = (bytes[offset + 1] << 8) | bytes[offset + 2];
  const quantity = (bytes[offset + 3] << 8) | bytes[offset + 4];
  return quantity > 0 && quantity <= quantityMax && address + quantity <= ADDRESSES_COUNT;
}

function isOrdinaryWriteCoils(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < WRITE_HEAD_BYTES) return false;
  const address = (bytes[offset + 1] << 8) | bytes[offset + 2];
  const quantity = (bytes[offset + 3] << 8) | bytes[offset + 4];
  const byteCount = bytes[offset + 5];
  if (quantity === 0 || quantity > WRITE_COILS_QUANTITY_MAX) return false;
  if (address + quantity > ADDRESSES_COUNT) return false;
  if (byteCount !== (quantity + 7) >> 3 || length !== WRITE_HEAD_BYTES + byteCount) return false;
  return (quantity & 7) === 0 || bytes[offset + length - 1] >> (quantity & 7) === 0;
}

function isOrdinaryWriteRegisters(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < WRITE_HEAD_BYTES) return false;
  const address = (bytes[offset + 1] << 8) | bytes[offset + 2];
  const quantity = (bytes[offset + 3] << 8) | bytes[offset + 4];
  if (quantity === 0 || quantity > WRITE_REGISTERS_QUANTITY_MAX) return false;
  if (address + quantity > ADDRESSES_COUNT) return false;
  return bytes[offset + 5] === quantity * 2 && length === WRITE_HEAD_BYTES + quantity * 2;
}

function isEcho(
  bytes: Uint8Array,
  offset: number,
  length: number,
  requestBytes: Uint8Array,
  requestOffset: number,
): boolean {
  return (
    length === WRITE_ECHO_BYTES &&
    bytes[offset + 1] === requestBytes[requestOffset + 1] &&
    bytes[offset + 2] === requestBytes[requestOffset + 2] &&
    bytes[offset + 3] === requestBytes[requestOffset + 3] &&
    bytes[offset + 4] === requestBytes[requestOffset + 4]
  );
}
