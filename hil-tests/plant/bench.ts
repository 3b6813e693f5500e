/**
 * The bench as tests see it, whatever stands behind it: places by role, each with a driver. A test
 * declares what it needs; the virtual plant has all of it, a real bench what its inventory names.
 */
import type { BenchProcess } from '../bench-process.ts';
import type { Host } from './host.ts';
import type { Sensor, SensorUplink } from './sensor.ts';
import type { SerialBus } from './serial-bus.ts';

/** Who may stand on the plant network. `plc2` and `hmi2` replace the first ones. */
export type PlaceName =
  | 'plc'
  | 'plc2'
  | 'hmi'
  | 'hmi2'
  | 'opcuaServer'
  | 'opcuaClient'
  | 'attacker';

/** `oneSided`: only what clients send. `doubled`: as a mirror of both directions of all ports. */
export type MirrorKind = 'plain' | 'oneSided' | 'doubled' | 'vlanTrunk' | 'prp';

export interface BenchNeeds {
  readonly places: readonly PlaceName[];
  /** `plain` unless given. */
  readonly mirror?: MirrorKind;
  /** A two-port tap in the cable of this place, instead of the mirror: A hears the place. */
  readonly tapAt?: PlaceName;
  /** Broker, hub and a link to them that can be cut. */
  readonly uplink?: boolean;
  /** A link whose rate can be set. */
  readonly slowLink?: boolean;
  readonly serialBus?: boolean;
  /** Power of the gateway that can be switched. */
  readonly power?: boolean;
  /** Why only namespaces can do it; real benches skip it, counted. */
  readonly onlyVirtual?: string;
}

/** A link that can be cut: the mirror's cable, or the uplink. */
export interface SwitchedLink {
  set(state: 'up' | 'down'): Promise<void>;
}

export interface MirrorPort extends SwitchedLink {
  /** At the switch: `framesReceived` came from the sensor, and must stay 0. */
  counters(): Promise<{ readonly framesSent: number; readonly framesReceived: number }>;
}

export interface UplinkPort extends SwitchedLink {
  /** `mqtts://host:port` */
  readonly broker: string;
  /** Bits a second in each direction; 0 for as fast as it goes. */
  shape(bitsPerSecond: number): Promise<void>;
}

export interface ModbusServerPlace {
  readonly ipAddress: string;
  readonly port: number;
}

export interface Bench {
  /** On this machine; removed with the bench. */
  readonly folder: string;
  readonly mirrorPort: MirrorPort;
  /** Ports of the sensor by which it hears the plant. */
  readonly sensorHost: Host;
  /** Throws where the test didn't declare the place. */
  place(name: PlaceName): Host;
  sensor(uplink?: SensorUplink): Sensor;
  /** A real device is already there; elsewhere the bench starts one on libmodbus. */
  modbusServer(name?: 'plc' | 'plc2'): Promise<ModbusServerPlace>;
  serialBus(baudRate: number): Promise<SerialBus>;
  start(host: Host, words: readonly string[]): BenchProcess;
  /** A device of hil-tests/devices, when it says that it is ready. */
  startDevice(host: Host, file: string, ...words: readonly string[]): Promise<BenchProcess>;
  /** Called at the end, the last one first. */
  endWith(stop: () => Promise<void>): void;
  remove(): Promise<void>;
}
