/**
 * The whole plant as one object: network, switch with mirror, tap, hosts, uplink and the sensor. A
 * test says what it wants and removes it in the end; what was started through it ends with it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchProcess } from '../bench-process.ts';
import { ownedName } from './abandoned.ts';
import type { Bench, BenchNeeds, MirrorPort, ModbusServerPlace, PlaceName } from './bench.ts';
import { compiledDevice } from './compiled-device.ts';
import type { Host, NamespaceHost } from './host.ts';
import { Sensor, type SensorInterface, type SensorUplink } from './sensor.ts';
import { VirtualSerialBus } from './serial-bus.ts';
import { SilenceWatch } from './silence.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { listenOnly, VirtualSwitch } from './virtual-switch.ts';
import { VirtualUplink } from './virtual-uplink.ts';

/** Addresses of the places; clients are heard by a one-sided mirror. */
export const PLACES = {
  plc: { ipAddress: '10.77.0.10', isClient: false },
  plc2: { ipAddress: '10.77.0.10', isClient: false },
  hmi: { ipAddress: '10.77.0.20', isClient: true },
  hmi2: { ipAddress: '10.77.0.21', isClient: true },
  opcuaServer: { ipAddress: '10.77.0.30', isClient: false },
  opcuaClient: { ipAddress: '10.77.0.40', isClient: true },
  attacker: { ipAddress: '10.77.0.66', isClient: true },
} as const;

export const MIRROR_INTERFACE = 'mirror0';
const TAP_INTERFACES = ['tapA0', 'tapB0'] as const;
const MODBUS_PORT = 502;

export interface VirtualPlantOptions extends BenchNeeds {
  /** Certificates that also hold when a test moves a clock by years. */
  readonly longCertificates?: boolean;
}

export class VirtualPlant implements Bench {
  readonly network: VirtualNetwork;
  readonly folder: string;
  readonly sensorHost: NamespaceHost;
  readonly switch: VirtualSwitch;
  readonly mirrorPort: MirrorPort;
  readonly #sensorInterfaces: readonly SensorInterface[];
  readonly #places = new Map<PlaceName, NamespaceHost>();
  readonly #atEnd: (() => Promise<void>)[] = [];
  #uplink: VirtualUplink | undefined;
  #sensorsMade = 0;

  private constructor(
    network: VirtualNetwork,
    sensorHost: NamespaceHost,
    plantSwitch: VirtualSwitch,
    folder: string,
    hasTap: boolean,
  ) {
    this.network = network;
    this.sensorHost = sensorHost;
    this.switch = plantSwitch;
    this.folder = folder;
    this.#sensorInterfaces = hasTap
      ? [
          { name: TAP_INTERFACES[0], role: 'tapA' },
          { name: TAP_INTERFACES[1], role: 'tapB' },
        ]
      : [{ name: MIRROR_INTERFACE, role: 'mirror' }];
    this.mirrorPort = {
      set: (state) => plantSwitch.setMirrorLink(state),
      counters: () => plantSwitch.mirrorCounters(),
    };
  }

  /** Up in seconds. Call `remove` whatever happens. */
  static async make(options: VirtualPlantOptions): Promise<VirtualPlant> {
    const network = await VirtualNetwork.make();
    const folder = join(tmpdir(), ownedName());
    mkdirSync(folder, { recursive: true });
    try {
      const sensorHost = await network.addHost('sensor');
      const end = { namespace: sensorHost.namespace, port: MIRROR_INTERFACE };
      const hasTap = options.tapAt !== undefined;
      const mirror = hasTap ? 'none' : (options.mirror ?? 'plain');
      const plantSwitch = await VirtualSwitch.make(network, end, mirror);
      const plant = new VirtualPlant(network, sensorHost, plantSwitch, folder, hasTap);
      await Promise.all(options.places.map((name) => plant.addPlace(name)));
      if (options.tapAt !== undefined) await plant.#tap(options.tapAt);
      if (options.uplink === true) await plant.#startUplink(options.longCertificates === true);
      return plant;
    } catch (error) {
      await network.remove();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Plugs a place in; also later, for a device that is replaced while the sensor listens. */
  async addPlace(name: PlaceName): Promise<NamespaceHost> {
    const { ipAddress, isClient } = PLACES[name];
    const host = await this.network.addHost(name, ipAddress);
    await this.switch.plug(host, isClient);
    this.#places.set(name, host);
    return host;
  }

  /** Takes a place off the network with all that runs there. */
  async removePlace(name: PlaceName): Promise<void> {
    const host = this.place(name);
    this.#places.delete(name);
    await this.network.removeHost(host);
  }

  place(name: PlaceName): NamespaceHost {
    const host = this.#places.get(name);
    if (host === undefined) throw new Error(`this plant was made without "${name}"`);
    return host;
  }

  get uplink(): VirtualUplink {
    if (this.#uplink === undefined) throw new Error('this plant was made without an uplink');
    return this.#uplink;
  }

  sensor(uplink?: SensorUplink): Sensor {
    const sensor = new Sensor({
      host: this.sensorHost,
      folder: join(this.folder, `sensor-${this.#sensorsMade++}`),
      interfaces: this.#sensorInterfaces,
      ...(uplink && { uplink }),
    });
    this.endWith(() => sensor.stop());
    return sensor;
  }

  /** A sensor that is enrolled at the bench's hub. */
  async enrolledSensor(summaryIntervalMs: number): Promise<Sensor> {
    const { credentials } = await this.uplink.enrol(join(this.folder, 'enrolment'));
    return this.sensor({ broker: this.uplink.broker, credentials, summaryIntervalMs });
  }

  silence(): SilenceWatch {
    const switchEnd = { namespace: this.switch.host.namespace, port: 'mirror' };
    return new SilenceWatch(this.sensorHost, MIRROR_INTERFACE, switchEnd);
  }

  async modbusServer(name: 'plc' | 'plc2' = 'plc'): Promise<ModbusServerPlace> {
    const host = this.place(name);
    const program = await compiledDevice('modbus-plc', this.folder);
    const words = [program, 'tcp', host.ipAddress, String(MODBUS_PORT)];
    await this.start(host, words).ready();
    return { ipAddress: host.ipAddress, port: MODBUS_PORT };
  }

  async serialBus(baudRate: number): Promise<VirtualSerialBus> {
    const bus = await VirtualSerialBus.make(this.folder, baudRate);
    this.endWith(() => bus.close());
    return bus;
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
    try {
      for (const stop of this.#atEnd.splice(0).reverse()) await stop();
      await this.switch.stop();
    } finally {
      await this.network.remove();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  async #startUplink(isLong: boolean): Promise<void> {
    const folder = join(this.folder, 'hub');
    const uplink = await VirtualUplink.make(this.network, this.sensorHost, folder, isLong);
    this.#uplink = uplink;
    this.endWith(() => uplink.stop());
    await uplink.start();
  }

  /** Port A carries what the place sends, port B what it receives. */
  async #tap(place: PlaceName): Promise<void> {
    const { namespace } = this.switch.host;
    for (const [index, direction] of (['ingress', 'egress'] as const).entries()) {
      const port = ['tapA', 'tapB'][index];
      const end = { namespace: this.sensorHost.namespace, port: TAP_INTERFACES[index] };
      await this.network.addCable({ namespace, port }, end);
      await listenOnly({ namespace, port });
      await listenOnly(end);
      await this.switch.copy(place, direction, port);
    }
  }
}
