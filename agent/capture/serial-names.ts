/**
 * The serial ports of this machine by the names that stay: an adapter keeps its name below
 * /dev/serial/by-id whatever it is plugged into.
 */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BY_ID = '/dev/serial/by-id';
const SYS_CLASS_TTY = '/sys/class/tty';
/** Names listed at most; a machine without ports has 64 pseudo-terminals and no more. */
const PORTS_MAX = 64;

/** Stable names first, then the ports that have none. */
export function serialPortNames(): readonly string[] {
  const stable = namesIn(BY_ID).map((name) => join(BY_ID, name));
  const known = new Set(stable.map(targetOf));
  const others = namesIn(SYS_CLASS_TTY)
    .filter((name) => hasDevice(name))
    .map((name) => join('/dev', name))
    .filter((path) => !known.has(path));
  return [...stable, ...others].slice(0, PORTS_MAX);
}

/** Where the links of a name end; the name itself where they end nowhere. */
export function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Consoles and pseudo-terminals have no device behind them. */
function hasDevice(name: string): boolean {
  return statSync(join(SYS_CLASS_TTY, name, 'device'), { throwIfNoEntry: false }) !== undefined;
}
