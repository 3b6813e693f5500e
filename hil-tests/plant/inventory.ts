/**
 * Which bench the tests run on: `HIL_INVENTORY=virtual` (the default) or the path of a YAML file
 * that names the places of a real one by role, each with its driver. hil-tests/README.md shows a
 * filled one. Unknown roles and drivers are refused, since a misspelt role would be a silent skip.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { BenchNeeds, MirrorKind, PlaceName } from './bench.ts';

export interface SshEntry {
  readonly driver: 'ssh';
  readonly destination: string;
  readonly ipAddress: string;
  readonly checkout: string;
}

/** A real device that serves by itself: nothing is started on it. */
export interface DeviceEntry {
  readonly driver: 'device';
  readonly ipAddress: string;
  readonly port: number;
}

/** A port of a switch that speaks SNMP (IF-MIB): its link is switched and its counters read. */
export interface SwitchPortEntry {
  readonly driver: 'managedSwitch';
  readonly address: string;
  readonly community: string;
  readonly interfaceIndex: number;
  readonly kind: MirrorKind;
}

export interface SerialEntry {
  readonly driver: 'serialAdapter';
  /** /dev/serial/by-id/...: names that survive a reboot. */
  readonly client: string;
  readonly server: string;
  readonly tap: string;
  readonly baudRate: number;
}

/** An outlet of a power distribution unit that speaks SNMP. */
export interface OutletEntry {
  readonly driver: 'pdu';
  readonly address: string;
  readonly community: string;
  readonly objectId: string;
  readonly onValue: number;
  readonly offValue: number;
}

export interface RealInventory {
  readonly kind: 'real';
  readonly sensor: SshEntry & {
    readonly folder: string;
    readonly interfaces: readonly { readonly name: string; readonly role: string }[];
  };
  readonly places: Readonly<Partial<Record<PlaceName, SshEntry | DeviceEntry>>>;
  readonly mirrorPort?: SwitchPortEntry;
  readonly uplink?: SwitchPortEntry & { readonly broker: string };
  readonly serialBus?: SerialEntry;
  readonly power?: OutletEntry;
}

export type Inventory = { readonly kind: 'virtual' } | RealInventory;

/** Fields of each driver, all of them needed. */
const DRIVER_FIELDS: Readonly<Record<string, readonly string[]>> = {
  ssh: ['destination', 'ipAddress', 'checkout'],
  device: ['ipAddress', 'port'],
  managedSwitch: ['address', 'community', 'interfaceIndex', 'kind'],
  serialAdapter: ['client', 'server', 'tap', 'baudRate'],
  pdu: ['address', 'community', 'objectId', 'onValue', 'offValue'],
};
const PLACE_NAMES: readonly string[] = [
  'plc',
  'plc2',
  'hmi',
  'hmi2',
  'opcuaServer',
  'opcuaClient',
  'attacker',
] satisfies readonly PlaceName[];
const ROLES: Readonly<Record<string, readonly string[]>> = {
  sensor: ['ssh'],
  ...Object.fromEntries(PLACE_NAMES.map((name) => [name, ['ssh', 'device']])),
  mirrorPort: ['managedSwitch'],
  uplink: ['managedSwitch'],
  serialBus: ['serialAdapter'],
  power: ['pdu'],
};
const BY_ID = '/dev/serial/by-id/';

/** Reads what HIL_INVENTORY names. Throws with a sentence for each fault of the file. */
export function loadInventory(named = process.env.HIL_INVENTORY ?? 'virtual'): Inventory {
  if (named === '' || named === 'virtual') return { kind: 'virtual' };
  return parseInventory(readFileSync(named, 'utf8'), named);
}

/** The text of an inventory file; `name` stands in its faults. */
export function parseInventory(text: string, name: string): RealInventory {
  const entries: unknown = parse(text);
  if (!isRecord(entries)) throw new Error(`${name}: an inventory maps roles to places.`);
  const faults = Object.entries(entries).flatMap(([role, entry]) => faultsOf(role, entry));
  if (!isRecord(entries.sensor)) faults.push('The role "sensor" is missing.');
  if (faults.length > 0) throw new Error(`${name}:\n${faults.join('\n')}`);
  const places = Object.fromEntries(PLACE_NAMES.flatMap((each) => entryOf(entries, each)));
  const others = ['sensor', 'mirrorPort', 'uplink', 'serialBus', 'power'];
  const rest = Object.fromEntries(others.flatMap((each) => entryOf(entries, each)));
  // Every role has one of its drivers with all of that driver's fields: faultsOf has shown it.
  return { kind: 'real', places, ...rest } as unknown as RealInventory;
}

/** Why this bench can't run a test with these needs; undefined where it can. */
export function whyNot(inventory: Inventory, needs: BenchNeeds): string | undefined {
  if (inventory.kind === 'virtual') return undefined;
  if (needs.onlyVirtual !== undefined) return `only the virtual plant can ${needs.onlyVirtual}`;
  const place = needs.places.find((name) => inventory.places[name] === undefined);
  if (place !== undefined) return `no role "${place}" in the inventory`;
  const kind = needs.mirror ?? 'plain';
  if (needs.tapAt !== undefined) {
    const roles = inventory.sensor.interfaces.map(({ role }) => role);
    if (!roles.includes('tapA')) return 'the sensor has no tap pair in the inventory';
  } else if (inventory.mirrorPort?.kind !== kind) {
    return `no mirror port of kind "${kind}" in the inventory`;
  }
  if (needs.slowLink === true) return 'no driver that sets the rate of a real link';
  if (needs.uplink === true && inventory.uplink === undefined) return 'no role "uplink"';
  if (needs.serialBus === true && inventory.serialBus === undefined) return 'no role "serialBus"';
  if (needs.power === true && inventory.power === undefined) return 'no role "power"';
  return undefined;
}

function faultsOf(role: string, entry: unknown): string[] {
  const drivers = ROLES[role];
  if (drivers === undefined) return [`"${role}" is no role (${Object.keys(ROLES).join(', ')}).`];
  if (!isRecord(entry)) return [`The role "${role}" is no map.`];
  const driver = String(entry.driver);
  if (!drivers.includes(driver)) {
    return [`The role "${role}" takes the drivers ${drivers.join(', ')}, not "${driver}".`];
  }
  const fields = [...DRIVER_FIELDS[driver], ...(role === 'sensor' ? ['folder', 'interfaces'] : [])];
  const faults = fields
    .filter((field) => entry[field] === undefined)
    .map((field) => `The role "${role}" lacks "${field}".`);
  if (driver !== 'serialAdapter') return faults;
  const unstable = ['client', 'server', 'tap'].filter(
    (field) => !String(entry[field]).startsWith(BY_ID),
  );
  return [...faults, ...unstable.map((field) => `serialBus.${field} is not below ${BY_ID}.`)];
}

function entryOf(entries: Readonly<Record<string, unknown>>, role: string): [string, unknown][] {
  return entries[role] === undefined ? [] : [[role, entries[role]]];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
