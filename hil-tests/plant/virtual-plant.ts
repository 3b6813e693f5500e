/**
 * The whole plant as one object: network, switch with mirror, tap, hosts, and the sensor. A test
 * says what it wants and removes it in the end; whatever was started through it is ended with it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchProcess } from '../bench-process.ts';
import { ownedName } from './abandoned.ts';
import type { Host, NamespaceHost } from './host.ts';
import { deviceWords } from './program.ts';
import { Sensor, type SensorInterface } from './sensor.ts';
import { SilenceWatch } from './silence.ts';
import { listenOnly, type MirrorKind, VirtualSwitch } from './virtual-switch.ts';
import { ipIn, VirtualNetwork } from './virtual-network.ts';

/** Who may stand on the plant network, with the address and whether it is a client. */
export const PLACES = {
  plc: { ipAddress: '10.77.0.10', isClient: false },
  plc2: { ipAddress: '10.77.0.11', isClient: false },
  hmi: { ipAddress: '10.77.0.20', isClient: true },
  hmi2: { ipAddress: '10.77.0.21', isClient: true },
  opcuaServer: { ipAddress: '10.77.0.30', isClient: false },
  opcuaClient: { ipAddress: '10.77.0.40', isClient: true },
  attacker: { ipAddress: '10.77.0.66', isClient: true },
} as const;

export type PlaceName = keyof typeof PLACES;

export const MIRROR_INTERFACE = 'mirror0';
const TAP_INTERFACES = ['tapA0', 'tapB0'] as const;

export interface VirtualPlantOptions {
  readonly places: readonly PlaceName[];
  readonly mirror?: MirrorKind;
  /** A two-port tap in the cable of this place, instead of the mirror: A hears the place. */
  readonly tapAt?: PlaceName;
}

export class VirtualPlant {
  readonly network: VirtualNetwork;
  readonly folder: string;
  readonly sensorHost: NamespaceHost;
  readonly switch: VirtualSwitch;
  readonly sensorInterfaces: readonly SensorInterface[];
  readonly #places = new Map<PlaceName, NamespaceHost>();
  readonly #started: (() => Promise<void>)[] = [];

  private constructor(parts: {
    readonly network: VirtualNetwork;
    readonly sensorHost: NamespaceHost;
    readonly plantSwitch: VirtualSwitch;
    readonly sensorInterfaces: readonly SensorInterface[];
  }) {
    this.network = parts.network;
    this.sensorHost = parts.sensorHost;
    this.switch = parts.plantSwitch;
    this.sensorInterfaces = parts.sensorInterfaces;
    this.folder = join(tmpdir(), ownedName());
    mkdirSync(this.folder, { recursive: true });
  }

  /** Up in seconds. Call `remove` whatever happens. */
  static async make(options: VirtualPlantOptions): Promise<VirtualPlant> {
    const network = await VirtualNetwork.make();
    try {
      const sensorHost = await network.addHost('sensor');
      const end = { namespace: sensorHost.namespace, port: MIRROR_INTERFACE };
      const plantSwitch = await VirtualSwitch.make(network, end, options.mirror ?? 'plain');
      const sensorInterfaces =
        options.tapAt === undefined
          ? [{ name: MIRROR_INTERFACE, role: 'mirror' } as const]
          : [
              { name: TAP_INTERFACES[0], role: 'tapA' } as const,
              { name: TAP_INTERFACES[1], role: 'tapB' } as const,
            ];
      const plant = new VirtualPlant({ network, sensorHost, plantSwitch, sensorInterfaces });
      await Promise.all(options.places.map((name) => plant.addPlace(name)));
      if (options.tapAt !== undefined) await plant.#tap(options.tapAt);
      return plant;
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  /** Plugs one more place in, for a device that is replaced while the sensor listens. */
  async addPlace(name: PlaceName, macAddress?: string): Promise<NamespaceHost> {
    const { ipAddress, isClient } = PLACES[name];
    const host = await this.network.addHost(name, ipAddress);
    await this.switch.plug(host, isClient, macAddress);
    this.#places.set(name, host);
    return host;
  }

  place(name: PlaceName): NamespaceHost {
    const host = this.#places.get(name);
    if (host === undefined) throw new Error(`this plant was made without "${name}"`);
    return host;
  }

  sensor(options: { readonly folder?: string } = {}): Sensor {
    const sensor = new Sensor({
      host: this.sensorHost,
      folder: options.folder ?? join(this.folder, 'sensor'),
      interfaces: this.sensorInterfaces,
    });
    this.endWith(() => sensor.stop());
    return sensor;
  }

  silence(): SilenceWatch {
    const switchEnd = { namespace: this.switch.host.namespace, port: 'mirror' };
    return new SilenceWatch(this.sensorHost, MIRROR_INTERFACE, switchEnd);
  }

  /** Starts a program that is ended with the plant. */
  start(host: Host, words: readonly string[]): BenchProcess {
    const started = host.start(words);
    this.endWith(() => started.stop());
    return started;
  }

  /** A device of hil-tests/devices, when it says that it is ready. */
  async startDevice(
    host: Host,
    file: string,
    ...words: readonly string[]
  ): Promise<BenchProcess> {
    const device = this.start(host, deviceWords(file, ...words));
    await device.ready();
    return device;
  }

  /** Called before the network goes, the last one first. */
  endWith(stop: () => Promise<void>): void {
    this.#started.push(stop);
  }

  async remove(): Promise<void> {
    for (const stop of this.#started.splice(0).reverse()) await stop();
    await this.switch.stop();
    await this.network.remove();
    rmSync(this.folder, { recursive: true, force: true });
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
    await ipIn(namespace, 'link', 'set', 'mirror', 'down');
  }
}
