/**
 * A Modbus/TCP server (by modbus-serial) that plays a pump station with several units behind one
 * address: `node modbus-server.ts --host 127.0.0.1 --port 0 --units 1,2`. Holding registers and
 * coils remember what was written; input registers move slowly. Addresses from 200 on don't exist,
 * so that asking for them gets a real exception.
 */
import { ServerTCP } from 'modbus-serial';
import { deviceArguments, endWith, freePort, numberArgument, say } from './device.ts';

/** Addresses that exist; beyond them the device answers exception 2. */
const ADDRESSES_MAX = 200;
const ILLEGAL_DATA_ADDRESS = 2;

const given = deviceArguments();
const host = given.host ?? '127.0.0.1';
// The library takes 502 for a port of 0.
const port = numberArgument(given, 'port', 0) || (await freePort(host));
const units = (given.units ?? '1,2').split(',').map(Number);
const holdingRegisters = new Map(units.map((unit) => [unit, new Uint16Array(ADDRESSES_MAX)]));
const coils = new Map(units.map((unit) => [unit, new Uint8Array(ADDRESSES_MAX)]));

const server = new ServerTCP(
  {
    getHoldingRegister: (address: number, unitId: number) =>
      tableOf(holdingRegisters, unitId, address)[address],
    getInputRegister: (address: number, unitId: number) => {
      tableOf(holdingRegisters, unitId, address);
      return Math.round(500 + 100 * Math.sin(Date.now() / 5000 + address + unitId));
    },
    getCoil: (address: number, unitId: number) => tableOf(coils, unitId, address)[address] === 1,
    getDiscreteInput: (address: number, unitId: number) =>
      tableOf(coils, unitId, address).length > 0 && (Date.now() / 1000 + address) % 2 < 1,
    setRegister: (address: number, value: number, unitId: number) => {
      tableOf(holdingRegisters, unitId, address)[address] = value;
    },
    setCoil: (address: number, value: boolean, unitId: number) => {
      tableOf(coils, unitId, address)[address] = value ? 1 : 0;
    },
  },
  { host, port, unitID: 255 },
);
server.on('initialized', () => say({ ready: 'modbus-server', port }));
server.on('serverError', () => {});
server.on('socketError', () => {});
endWith(() => new Promise((resolve) => server.close(() => resolve())));

function tableOf<T>(tables: ReadonlyMap<number, T>, unitId: number, address: number): T {
  const table = tables.get(unitId);
  if (table === undefined || address >= ADDRESSES_MAX) {
    // modbus-serial takes the exception code from the error it catches.
    throw Object.assign(new Error('no such address'), { modbusErrorCode: ILLEGAL_DATA_ADDRESS });
  }
  return table;
}
