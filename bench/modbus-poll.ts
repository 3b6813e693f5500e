/**
 * What a Modbus client asks in a plant, and what the server says to it: poll lists of reads over
 * several units, now and then a write or a refusal. Written independently of the decoder, so that
 * its counts are a truth.
 * Spec: MODBUS Application Protocol V1.1b3, section 6.
 */

export type Chance = () => number;

interface PollItem {
  readonly unitId: number;
  readonly functionCode: number;
  readonly address: number;
  readonly quantity: number;
}

const WRITE_SHARE = 0.04;
const EXCEPTION_SHARE = 0.005;
const MBAP_BYTES = 7;
const ILLEGAL_DATA_ADDRESS = 2;
const GATEWAY_TARGET_FAILED_TO_RESPOND = 11;

/** The poll list of one client at one server. `payload` holds the message that was made last. */
export class ModbusPoll {
  readonly payload = new Uint8Array(260);
  readonly #items: readonly PollItem[];
  readonly #writes: readonly PollItem[];
  readonly #isGateway: boolean;
  readonly #chance: Chance;
  readonly #changedShare: number;
  /** What each item of the poll list answered last, where not everything changes each time. */
  readonly #held = new Map<PollItem, Uint8Array>();
  #next = 0;
  #transactionId: number;
  #current: PollItem;

  /** `changedShare`: of the registers and coils of an answer, those that changed since the last. */
  constructor(units: readonly number[], chance: Chance, changedShare = 1) {
    this.#chance = chance;
    this.#changedShare = changedShare;
    this.#isGateway = units.length > 1;
    this.#transactionId = Math.floor(chance() * 65_536);
    this.#items = units.flatMap((unitId) => readsOf(unitId, chance));
    this.#writes = units.flatMap((unitId) => writesOf(unitId, chance));
    this.#current = this.#items[0];
  }

  /** Function code of the transaction that is going on. */
  get functionCode(): number {
    return this.#current.functionCode;
  }

  /** Makes the next request; returns its bytes. */
  request(): number {
    const isWrite = this.#chance() < WRITE_SHARE;
    this.#current = isWrite ? this.#pickWrite() : this.#items[this.#next++ % this.#items.length];
    this.#transactionId = (this.#transactionId + 1) & 0xffff;
    const { functionCode, address, quantity } = this.#current;
    this.#word(8, address);
    switch (functionCode) {
      case 5:
        this.#word(10, this.#chance() < 0.5 ? 0xff00 : 0);
        return this.#frame(5);
      case 6:
        this.#word(10, this.#value());
        return this.#frame(5);
      case 15:
      case 16: {
        const dataBytes = dataBytesOf(functionCode, quantity);
        this.#word(10, quantity);
        this.payload[12] = dataBytes;
        this.#fill(13, functionCode, quantity);
        return this.#frame(6 + dataBytes);
      }
      default:
        this.#word(10, quantity);
        return this.#frame(5);
    }
  }

  /** Makes the answer to the last request; returns its bytes, negative when it is an exception. */
  response(): number {
    const { functionCode, quantity } = this.#current;
    if (this.#chance() < EXCEPTION_SHARE) {
      this.payload[8] = this.#isGateway ? GATEWAY_TARGET_FAILED_TO_RESPOND : ILLEGAL_DATA_ADDRESS;
      const bytes = this.#frame(2);
      this.payload[7] |= 0x80;
      return -bytes;
    }
    // Writes echo their address and value, or address and quantity, which are still in place.
    if (functionCode >= 5) return this.#frame(5);
    const dataBytes = dataBytesOf(functionCode, quantity);
    this.payload[8] = dataBytes;
    if (this.#changedShare === 1) this.#fill(9, functionCode, quantity);
    else this.#drift(9, dataBytes);
    return this.#frame(2 + dataBytes);
  }

  /** The values of before, but for some. */
  #drift(offset: number, dataBytes: number): void {
    let held = this.#held.get(this.#current);
    if (held === undefined) {
      this.#fill(offset, this.#current.functionCode, this.#current.quantity);
      held = this.payload.slice(offset, offset + dataBytes);
      this.#held.set(this.#current, held);
    }
    const isBits = this.#current.functionCode <= 2;
    for (let at = 0; at < dataBytes; at += isBits ? 1 : 2) {
      if (this.#chance() >= this.#changedShare) continue;
      held[isBits ? at : at + 1] ^= isBits ? 1 : 1 + Math.floor(this.#chance() * 255);
    }
    this.payload.set(held, offset);
  }

  #pickWrite(): PollItem {
    return this.#writes[Math.floor(this.#chance() * this.#writes.length)];
  }

  #frame(pduBytes: number): number {
    this.#word(0, this.#transactionId);
    this.#word(2, 0);
    this.#word(4, 1 + pduBytes);
    this.payload[6] = this.#current.unitId;
    this.payload[7] = this.#current.functionCode;
    return MBAP_BYTES + pduBytes;
  }

  /** Process values: registers that drift, coils with their pad bits at 0. */
  #fill(offset: number, functionCode: number, quantity: number): void {
    const dataBytes = dataBytesOf(functionCode, quantity);
    const seed = this.#value();
    for (let index = 0; index < dataBytes; index++) {
      this.payload[offset + index] = seed + index * 7;
    }
    const isBits = functionCode <= 2 || functionCode === 15;
    if (isBits && quantity % 8 > 0) {
      this.payload[offset + dataBytes - 1] &= (1 << (quantity % 8)) - 1;
    }
  }

  #value(): number {
    return Math.floor(this.#chance() * 65_536);
  }

  #word(offset: number, value: number): void {
    this.payload[offset] = value >>> 8;
    this.payload[offset + 1] = value;
  }
}

/** Function codes 1, 2 and 15 carry bits, the others registers of two bytes. */
function dataBytesOf(functionCode: number, quantity: number): number {
  return functionCode <= 2 || functionCode === 15 ? Math.ceil(quantity / 8) : 2 * quantity;
}

/** Mostly holding registers, as in plants; two to five reads a unit. */
function readsOf(unitId: number, chance: Chance): PollItem[] {
  const count = 2 + Math.floor(chance() * 4);
  return Array.from({ length: count }, (_, index) => {
    const functionCode = index === 0 ? 3 : [3, 3, 4, 1, 2][Math.floor(chance() * 5)];
    const quantityMax = functionCode <= 2 ? 200 : 125;
    const quantity = 1 + Math.floor(chance() * chance() * quantityMax);
    return { unitId, functionCode, address: Math.floor(chance() * 9000), quantity };
  });
}

function writesOf(unitId: number, chance: Chance): PollItem[] {
  return [5, 6, 15, 16].map((functionCode) => {
    const quantity = functionCode < 15 ? 1 : 1 + Math.floor(chance() * 20);
    return { unitId, functionCode, address: Math.floor(chance() * 500), quantity };
  });
}
