/**
 * A bench of real hardware by an inventory file. Untested until a bench exists: what could be shown
 * without one is that ssh words are quoted, that SNMP objects are asked for, and that skips are
 * counted (inventory.test.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchProcess } from '../bench-process.ts';
import type { Bench, MirrorPort, ModbusServerPlace, PlaceName, SwitchedLink } from './bench.ts';
import { type Host, SshHost } from './host.ts';
import type { RealInventory } from './inventory.ts';
import { Sensor, type SensorInterface, type SensorUplink } from './sensor.ts';
import type { Pacing, SerialBus, Station } from './serial-bus.ts';
import { SnmpOutlet, SnmpSwitchPort } from './snmp.ts';

export class RealBench implements Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'ft-bench-'));
  readonly sensorHost: Host;
  readonly #inventory: RealInventory;
  readonly #atEnd: (() => Promise<void>)[] = [];

  constructor(inventory: RealInventory) {
    this.#inventory = inventory;
    this.sensorHost = new SshHost({ name: 'sensor', ...inventory.sensor });
  }

  get mirrorPort(): MirrorPort {
    return new SnmpSwitchPort(needed(this.#inventory.mirrorPort, 'mirrorPort'));
  }

  /** The gateway's outlet. */
  get power(): SwitchedLink {
    return new SnmpOutlet(needed(this.#inventory.power, 'power'));
  }

  place(name: PlaceName): Host {
    const entry = needed(this.#inventory.places[name], name);
    if (entry.driver === 'ssh') return new SshHost({ name, ...entry });
    throw new Error(`"${name}" is a device of its own: no program can be started on it`);
  }

  sensor(uplink?: SensorUplink): Sensor {
    const { folder, interfaces } = this.#inventory.sensor;
    const known = interfaces.flatMap(({ name, role }): SensorInterface[] =>
      role === 'mirror' || role === 'tapA' || role === 'tapB' ? [{ name, role }] : [],
    );
    const host = this.sensorHost;
    const sensor = new Sensor({ host, folder, interfaces: known, ...(uplink && { uplink }) });
    this.endWith(() => sensor.stop());
    return sensor;
  }

  async modbusServer(name: 'plc' | 'plc2' = 'plc'): Promise<ModbusServerPlace> {
    const entry = needed(this.#inventory.places[name], name);
    if (entry.driver === 'device') return { ipAddress: entry.ipAddress, port: entry.port };
    const host = this.place(name);
    const words = ['--host', host.ipAddress, '--port', '502'];
    await this.startDevice(host, 'modbus-server.ts', ...words);
    return { ipAddress: host.ipAddress, port: 502 };
  }

  async serialBus(): Promise<SerialBus> {
    const entry = needed(this.#inventory.serialBus, 'serialBus');
    return {
      baudRate: entry.baudRate,
      path: (station: Station) => entry[station],
      transmit: (_bytes: Uint8Array, _pacing: Pacing) =>
        Promise.reject(new Error('on a real bus only its own stations transmit')),
      bytesSent: () => 0,
      close: async () => {},
    };
  }

  start(host: Host, words: readonly string[]): BenchProcess {
    const started = host.start(words);
    this.endWith(() => started.stop());
    return started;
  }

  async startDevice(host: Host, file: string, ...words: readonly string[]): Promise<BenchProcess> {
    const device = this.start(host, host.deviceWords(file, words));
    await device.ready();
    return device;
  }

  endWith(stop: () => Promise<void>): void {
    this.#atEnd.push(stop);
  }

  async remove(): Promise<void> {
    for (const stop of this.#atEnd.splice(0).reverse()) await stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function needed<T>(entry: T | undefined, role: string): T {
  if (entry === undefined) throw new Error(`the inventory has no role "${role}"`);
  return entry;
}
