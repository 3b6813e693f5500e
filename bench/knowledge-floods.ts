/**
 * Captures that try to make the memory of the plant grow: a sweep over every register of every
 * unit, and more devices and conversations than there is room for.
 */
import { type Endpoint, FrameWriter, TCP_ACK, TCP_PSH } from './frame-writer.ts';

const BEGIN_US = 1_790_000_000_000_000;
const UNITS = 247;
const REGISTERS = 65_536;
/** Registers of one answer: the most (V1.1b3 section 6.3). */
const QUANTITY = 125;
const MODBUS_PORT = 502;
const ANSWER_AFTER_US = 300;
const MBAP_BYTES = 7;

/** One client reads all that there is behind a gateway; a transaction each millisecond. */
export function writeRegisterSweep(path: string): void {
  const writer = new FrameWriter(path);
  const client = endpoint(0x0a00_0005, 40_000);
  const server = endpoint(0x0a00_0109, MODBUS_PORT);
  let transaction = 0;
  for (let unitId = 1; unitId <= UNITS; unitId++) {
    for (let address = 0; address < REGISTERS; address += QUANTITY) {
      const quantity = Math.min(QUANTITY, REGISTERS - address);
      // A register of its own value, so that nothing is the same.
      poll(writer, client, server, { transaction, unitId, address, quantity });
      transaction++;
    }
  }
  writer.close();
}

/** `conversationsCount` pairs over `serversCount` servers, each with one poll; 2,000 a second. */
export function writeManyConversations(
  path: string,
  serversCount: number,
  conversationsCount: number,
): void {
  const writer = new FrameWriter(path);
  for (let number = 0; number < conversationsCount; number++) {
    const client = endpoint(
      0x0a80_0000 + Math.floor(number / serversCount),
      40_000 + (number % 97),
    );
    const server = endpoint(0x0a01_0000 + (number % serversCount), MODBUS_PORT);
    poll(writer, client, server, {
      transaction: number * 2,
      unitId: 1,
      address: 100,
      quantity: 20,
    });
  }
  writer.close();
}

interface PollFacts {
  readonly transaction: number;
  readonly unitId: number;
  readonly address: number;
  readonly quantity: number;
}

const payload = new Uint8Array(260);

function poll(writer: FrameWriter, client: Endpoint, server: Endpoint, facts: PollFacts): void {
  const { transaction, unitId, address, quantity } = facts;
  const timeUs = BEGIN_US + transaction * (ANSWER_AFTER_US * 2);
  header(transaction, unitId, 5);
  word(8, address);
  word(10, quantity);
  writer.segment(timeUs, client, server, TCP_PSH | TCP_ACK, payload, MBAP_BYTES + 5, 0);
  header(transaction, unitId, 2 + quantity * 2);
  payload[8] = quantity * 2;
  for (let index = 0; index < quantity; index++) word(9 + index * 2, address + index + unitId);
  const bytes = MBAP_BYTES + 2 + quantity * 2;
  const answerUs = timeUs + ANSWER_AFTER_US;
  writer.segment(answerUs, server, client, TCP_PSH | TCP_ACK, payload, bytes, 0);
}

function header(transaction: number, unitId: number, pduBytes: number): void {
  word(0, transaction);
  word(2, 0);
  word(4, pduBytes + 1);
  payload[6] = unitId;
  payload[7] = 3;
}

function word(at: number, value: number): void {
  payload[at] = value >>> 8;
  payload[at + 1] = value;
}

function endpoint(ipAddress: number, port: number): Endpoint {
  return {
    macAddress: 0x0080_f400_0000 + (ipAddress & 0xff_ffff),
    ipAddress,
    port,
    sequence: 1000,
    ipIdentification: 0,
  };
}
