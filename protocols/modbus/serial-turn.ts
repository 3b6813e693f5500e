/**
 * Whose turn is it on a serial line? The wire doesn't say who sends, and a write and its echo are
 * the same bytes, so what is expected decides: the client asks one device at a time and waits.
 * Spec: MODBUS over Serial Line V1.02, section 2.1 (one transaction at a time; nobody answers a
 * broadcast) and 2.4.1 (time-outs: "from 1s to several second").
 */
import { CRC_BYTES } from './crc16.ts';
import { EXCEPTION_BIT } from './exceptions.ts';
import { BROADCAST_UNIT_ID, RTU_PDU } from './rtu.ts';

/** Who can have sent the bytes: one side alone (a TCP direction), or both (one pair of wires). */
export type SerialSide = 'client' | 'server' | 'both';

/**
 * So long after a request its response is expected, and the same bytes again are taken for an
 * echo; after that they are a retry. The shortest time-out that the specification recommends.
 */
export const RESPONSE_EXPECTED_MS = 1000;

const NOBODY = -1;
const US_A_MS = 1000;

export class SerialTurn {
  readonly side: SerialSide;
  readonly #expectedUs: number;
  #unitId = NOBODY;
  #functionCode = 0;
  #responsePduBytes = 0;
  #requestTimeUs = 0;

  constructor(side: SerialSide, responseExpectedMs: number = RESPONSE_EXPECTED_MS) {
    this.side = side;
    this.#expectedUs = responseExpectedMs * US_A_MS;
  }

  /** A frame of this device and function, whose bytes came at `timeUs`, is the awaited response. */
  isAwaited(unitId: number, functionByte: number, timeUs: number): boolean {
    if (this.side !== 'both') return this.side === 'server';
    return (
      unitId === this.#unitId &&
      (functionByte & ~EXCEPTION_BIT) === this.#functionCode &&
      timeUs - this.#requestTimeUs <= this.#expectedUs
    );
  }

  /**
   * Bytes of the RTU frame that answers the pending request in full; 0 where the request doesn't
   * tell.
   */
  get responseFrameBytes(): number {
    return this.#responsePduBytes === 0 ? 0 : RTU_PDU + this.#responsePduBytes + CRC_BYTES;
  }

  /** A whole frame: `bytes[at]` is its unit identifier, `pduBytes` of PDU follow. */
  frame(bytes: Uint8Array, at: number, pduBytes: number, isRequest: boolean, timeUs: number): void {
    if (this.side !== 'both') return;
    const unitId = bytes[at];
    if (!isRequest || unitId === BROADCAST_UNIT_ID) {
      this.#unitId = NOBODY;
      return;
    }
    this.#unitId = unitId;
    this.#functionCode = bytes[at + RTU_PDU];
    this.#responsePduBytes = responsePduBytes(bytes, at + RTU_PDU, pduBytes);
    this.#requestTimeUs = timeUs;
  }
}

/** Function code, byte count, data (V1.1b3 sections 6.1 to 6.4, 6.17); 0 for any other function. */
function responsePduBytes(bytes: Uint8Array, pdu: number, pduBytes: number): number {
  if (pduBytes < 5) return 0;
  const quantity = (bytes[pdu + 3] << 8) | bytes[pdu + 4];
  switch (bytes[pdu]) {
    case 1:
    case 2:
      return 2 + ((quantity + 7) >> 3);
    case 3:
    case 4:
    case 23:
      return 2 + quantity * 2;
    default:
      return 0;
  }
}
