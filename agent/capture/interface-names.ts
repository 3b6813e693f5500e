/**
 * The names of this machine's interfaces, apart from interfaces.ts so that the ring can name the
 * alternatives in its faults.
 */
import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

export const SYS_CLASS_NET = '/sys/class/net';
/** Names listed at most: a gateway has a handful, a container host hundreds. */
const INTERFACES_MAX = 256;

/** Names in order of the alphabet; from node:os where /sys isn't mounted. */
export function interfaceNames(): readonly string[] {
  try {
    // The folder also holds plain files such as bonding_masters.
    const entries = readdirSync(SYS_CLASS_NET, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isFile()).map(({ name }) => name);
    return names.sort().slice(0, INTERFACES_MAX);
  } catch {
    return Object.keys(networkInterfaces()).sort().slice(0, INTERFACES_MAX);
  }
}
