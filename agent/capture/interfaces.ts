/**
 * Which interfaces this machine has, for setup, doctor and the faults that name alternatives.
 * Reading /sys needs no privilege; whether we may listen is asked from the kernel by trying.
 */
import { readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { OperatorFault } from '../platform/operator-fault.ts';
import { interfaceNames, SYS_CLASS_NET } from './interface-names.ts';
import { tryPacketSocket } from './packet-ring.ts';

/** net/if_arp.h */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFF_UP = 0x1;

export type InterfaceType = 'ethernet' | 'wireless' | 'loopback' | 'bridge' | 'vlan' | 'other';

export interface InterfaceFacts {
  readonly name: string;
  readonly type: InterfaceType;
  /** Set up by an administrator. */
  readonly up: boolean;
  /** Up, and there is a carrier: frames can arrive. */
  readonly linkUp: boolean;
  /** `aa:bb:cc:dd:ee:ff`; absent on the loopback. */
  readonly macAddress?: string;
  /** Textual IPv4 and IPv6 addresses; a mirror port should have none. */
  readonly addresses: readonly string[];
  /** Mbit/s, where the card tells it. */
  readonly speedMbps?: number;
}

/** All interfaces, the loopback last. */
export function listInterfaces(): readonly InterfaceFacts[] {
  const addresses = networkInterfaces();
  const facts = interfaceNames().map((name) =>
    factsOf(
      name,
      (addresses[name] ?? []).map(({ address }) => address),
    ),
  );
  const isLoopback = ({ type }: InterfaceFacts): number => (type === 'loopback' ? 1 : 0);
  return facts.sort((a, b) => isLoopback(a) - isLoopback(b));
}

/** True where this process may listen: the socket is tried, bound to nothing, and closed. */
export function canCapture(): boolean {
  return whyNoCapture() === undefined;
}

/** What keeps this process from listening on any interface, with the remedy. */
export function whyNoCapture(): OperatorFault | undefined {
  return tryPacketSocket();
}

function factsOf(name: string, addresses: readonly string[]): InterfaceFacts {
  const flags = Number(attributeOf(name, 'flags') ?? IFF_UP);
  const up = (flags & IFF_UP) !== 0;
  // The loopback and some virtual interfaces never tell a state: "unknown" counts as up.
  const operationalState = attributeOf(name, 'operstate') ?? 'unknown';
  const macAddress = attributeOf(name, 'address');
  const speedMbps = Number(attributeOf(name, 'speed') ?? -1);
  const type = typeOf(name);
  return {
    name,
    type,
    up,
    linkUp: up && (operationalState === 'up' || operationalState === 'unknown'),
    addresses,
    ...(macAddress === undefined || type === 'loopback' ? {} : { macAddress }),
    ...(speedMbps > 0 ? { speedMbps } : {}),
  };
}

function typeOf(name: string): InterfaceType {
  const hardwareType = Number(attributeOf(name, 'type') ?? ARPHRD_ETHER);
  if (hardwareType === ARPHRD_LOOPBACK) return 'loopback';
  if (hardwareType !== ARPHRD_ETHER) return 'other';
  if (exists(`${SYS_CLASS_NET}/${name}/bridge`)) return 'bridge';
  if (exists(`${SYS_CLASS_NET}/${name}/wireless`)) return 'wireless';
  if (exists(`/proc/net/vlan/${name}`)) return 'vlan';
  return 'ethernet';
}

/** One attribute as text; some (speed, while down) can't even be read. */
function attributeOf(name: string, attribute: string): string | undefined {
  try {
    return readFileSync(`${SYS_CLASS_NET}/${name}/${attribute}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
