/**
 * A Modbus/TCP client (by modbus-serial) that polls like an HMI:
 * `node modbus-client.ts --port 1502 --units 1,2 --interval-ms 100 --role hmi|historian`.
 * An `hmi` also writes coils and registers and now and then asks for an address that isn't there.
 */
import { createRequire } from 'node:module';
import { createConnection } from 'node:net';
import { deviceArguments, endWith, numberArgument, say } from './device.ts';

/** Every so many polls the HMI writes; every so many it asks for what doesn't exist. */
const POLLS_PER_WRITE = 10;
const POLLS_PER_EXCEPTION = 40;
const MISSING_ADDRESS = 900;

/** What is used of the library's client; its own typings don't fit how Node loads it. */
interface ModbusClient {
  connectTCP(host: string, options: { port: number }): Promise<void>;
  close(done: () => void): void;
  setID(unitId: number): void;
  setTimeout(timeoutMs: number): void;
  readCoils(address: number, quantity: number): Promise<unknown>;
  readDiscreteInputs(address: number, quantity: number): Promise<unknown>;
  readHoldingRegisters(address: number, quantity: number): Promise<unknown>;
  readInputRegisters(address: number, quantity: number): Promise<unknown>;
  writeCoil(address: number, value: boolean): Promise<unknown>;
  writeRegister(address: number, value: number): Promise<unknown>;
  writeCoils(address: number, values: readonly boolean[]): Promise<unknown>;
  writeRegisters(address: number, values: readonly number[]): Promise<unknown>;
}

const ModbusRTU: new () => ModbusClient = createRequire(import.meta.url)('modbus-serial');

const given = deviceArguments();
const host = given.host ?? '127.0.0.1';
const port = numberArgument(given, 'port', 502);
const units = (given.units ?? '1').split(',').map(Number);
const intervalMs = numberArgument(given, 'interval-ms', 100);
const isHmi = (given.role ?? 'hmi') === 'hmi';

if (given.role === 'stranger') {
  await knockWithFunctionZero();
} else {
  await poll();
}

async function poll(): Promise<void> {
  const client = new ModbusRTU();
  let isEnding = false;
  endWith(() => {
    isEnding = true;
    client.close(() => {});
  });
  await client.connectTCP(host, { port });
  client.setTimeout(2000);
  say({ ready: 'modbus-client' });
  for (let count = 1; !isEnding; count++) {
    for (const unit of units) {
      client.setID(unit);
      await settle(pollOnce(client, count));
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

async function pollOnce(client: ModbusClient, count: number): Promise<void> {
  await client.readHoldingRegisters(0, 20);
  await client.readInputRegisters(100, 8);
  await client.readCoils(0, 16);
  if (!isHmi) {
    await client.readDiscreteInputs(16, 8);
    return;
  }
  if (count % POLLS_PER_WRITE === 0) {
    await client.writeRegister(10, count % 0x10000);
    await client.writeCoil(3, count % 20 === 0);
    await client.writeRegisters(12, [count % 100, 7]);
    await client.writeCoils(8, [true, false, count % 20 === 0]);
  }
  if (count % POLLS_PER_EXCEPTION === 0) await client.readHoldingRegisters(MISSING_ADDRESS, 2);
}

/** A refused request or a lost answer is part of a plant's day: the poll goes on. */
async function settle(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    say({ refused: error instanceof Error ? error.message : String(error) });
  }
}

/** A probe as attack tools send it: function code 0, which no device has. */
async function knockWithFunctionZero(): Promise<void> {
  const MBAP_WITH_FUNCTION_ZERO = Buffer.from('0001000000020100', 'hex');
  await new Promise<void>((resolve) => {
    const socket = createConnection({ host, port }, () => socket.write(MBAP_WITH_FUNCTION_ZERO));
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    setTimeout(() => socket.destroy(), 500);
  });
  say({ ready: 'modbus-stranger' });
  process.exit(0);
}
