/**
 * A plant that never was, as a capture file: Modbus devices that appear one after the other, are
 * polled, and say who they are when asked. Written byte by byte here, so that tests know what the
 * sensor has to find.
 */
import { writeFileSync } from 'node:fs';

export interface MadeDevice {
  /** Last byte of 10.77.0.x. */
  readonly host: number;
  readonly unitIds: readonly number[];
  /** When its first connection is opened, ms after the beginning. */
  readonly fromMs: number;
  /** Answers 43/14 with it. */
  readonly vendor?: string;
  readonly product?: string;
  readonly revision?: string;
}

export interface MadePlant {
  readonly devices: readonly MadeDevice[];
  readonly durationMs: number;
  readonly pollMs: number;
  /** When a frame passes that says nothing of any device. */
  readonly quietAtMs?: readonly number[];
  /** What register `address` holds in that poll; the address itself unless given. */
  readonly registerAt?: (address: number, poll: number) => number;
}

export const CLIENT_ADDRESS = '10.77.0.250';
const CLIENT_HOST = 250;
const REGISTERS = 8;
const FIRST_REGISTER = 100;
const MODBUS_PORT = 502;
const [SYN, SYN_ACK, PUSH_ACK, ACK] = [0x02, 0x12, 0x18, 0x10];
const ANSWER_MS = 2;
/** Every so many polls the client writes the first register. */
const WRITE_EVERY = 3;
/** IPv4 of a protocol that is none of ours. */
const QUIET_FRAME = Buffer.from(
  `00005e00530100005e0053020800450000140000400040010000c0000201c0000202${'00'.repeat(26)}`,
  'hex',
);

export function addressOf(host: number): string {
  return `10.77.0.${host}`;
}

export function macAddressOf(host: number): string {
  return `00:80:f4:77:00:${host.toString(16).padStart(2, '0')}`;
}

export function writeMadePlant(path: string, plant: MadePlant): void {
  const frames = plant.devices.flatMap((device) => framesOf(device, plant));
  for (const timeMs of plant.quietAtMs ?? []) frames.push({ timeMs, bytes: QUIET_FRAME });
  frames.sort((a, b) => a.timeMs - b.timeMs);
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const beginSeconds = 1_700_000_000;
  const records = frames.flatMap(({ timeMs, bytes }) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(beginSeconds + Math.floor(timeMs / 1000), 0);
    record.writeUInt32LE(Math.round((timeMs % 1000) * 1000), 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return [record, bytes];
  });
  writeFileSync(path, Buffer.concat([header, ...records]));
}

interface Frame {
  readonly timeMs: number;
  readonly bytes: Buffer;
}

function framesOf(device: MadeDevice, plant: MadePlant): Frame[] {
  const { fromMs, unitIds, vendor, product = '', revision = '' } = device;
  const flow = new MadeFlow(device.host);
  flow.open(fromMs);
  let timeMs = fromMs + 10;
  if (vendor !== undefined) {
    for (const unitId of unitIds) {
      const named = unitIds.length > 1 ? `${product}-${unitId}` : product;
      flow.exchange(timeMs, unitId, '2b0e0100', identification([vendor, named, revision]));
      timeMs += 10;
    }
  }
  for (let poll = 0; timeMs < plant.durationMs; poll++, timeMs += plant.pollMs) {
    for (const [index, unitId] of unitIds.entries()) {
      const values = Array.from({ length: REGISTERS }, (_, at) => {
        const address = FIRST_REGISTER + at;
        return hex(plant.registerAt?.(address, poll) ?? address, 4);
      });
      const request = `03${hex(FIRST_REGISTER, 4)}${hex(REGISTERS, 4)}`;
      const atMs = timeMs + index * 5;
      flow.exchange(atMs, unitId, request, `03${hex(REGISTERS * 2, 2)}${values.join('')}`);
      if (poll % WRITE_EVERY !== WRITE_EVERY - 1) continue;
      const write = `06${hex(FIRST_REGISTER, 4)}${values[0]}`;
      flow.exchange(atMs + ANSWER_MS * 2, unitId, write, write);
    }
  }
  return flow.frames;
}

/** Read Device Identification, basic objects (V1.1b3 section 6.21). */
function identification(objects: readonly string[]): string {
  const parts = objects.map(
    (text, id) => hex(id, 2) + hex(text.length, 2) + Buffer.from(text).toString('hex'),
  );
  return `2b0e01010000${hex(objects.length, 2)}${parts.join('')}`;
}

/** One TCP connection from the client to a device. */
class MadeFlow {
  readonly frames: Frame[] = [];
  readonly #host: number;
  readonly #clientPort: number;
  #clientSequence = 1000;
  #serverSequence = 5000;
  #transactionId = 0;

  constructor(host: number) {
    this.#host = host;
    this.#clientPort = 40_000 + host;
  }

  open(timeMs: number): void {
    this.#send(timeMs, true, SYN, '');
    this.#clientSequence++;
    this.#send(timeMs + 1, false, SYN_ACK, '');
    this.#serverSequence++;
    this.#send(timeMs + 2, true, ACK, '');
  }

  exchange(timeMs: number, unitId: number, request: string, response: string): void {
    this.#transactionId = (this.#transactionId + 1) & 0xffff;
    const adu = (pdu: string) =>
      `${hex(this.#transactionId, 4)}0000${hex(pdu.length / 2 + 1, 4)}${hex(unitId, 2)}${pdu}`;
    this.#send(timeMs, true, PUSH_ACK, adu(request));
    this.#send(timeMs + ANSWER_MS, false, PUSH_ACK, adu(response));
  }

  #send(timeMs: number, isClient: boolean, flags: number, payload: string): void {
    const [from, to] = isClient ? [CLIENT_HOST, this.#host] : [this.#host, CLIENT_HOST];
    const ports = isClient
      ? hex(this.#clientPort, 4) + hex(MODBUS_PORT, 4)
      : hex(MODBUS_PORT, 4) + hex(this.#clientPort, 4);
    const sequence = isClient ? this.#clientSequence : this.#serverSequence;
    const acknowledged = isClient ? this.#serverSequence : this.#clientSequence;
    const numbers = hex(sequence, 8) + hex(acknowledged, 8);
    const tcp = `${ports}${numbers}50${hex(flags, 2)}200000000000${payload}`;
    const length = hex(20 + tcp.length / 2, 4);
    const ip = `4500${length}00004000400600000a4d00${hex(from, 2)}0a4d00${hex(to, 2)}`;
    const macs = [to, from].map((host) => macAddressOf(host).replaceAll(':', '')).join('');
    this.frames.push({ timeMs, bytes: Buffer.from(`${macs}0800${ip}${tcp}`, 'hex') });
    if (isClient) this.#clientSequence += payload.length / 2;
    else this.#serverSequence += payload.length / 2;
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
