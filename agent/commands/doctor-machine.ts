/** What doctor asks this machine itself: interfaces, serial ports, clock, disk. Changes nothing. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { listInterfaces } from '../capture/interfaces.ts';
import { serialPortNames } from '../capture/serial-names.ts';
import type { Config } from '../config.ts';
import type {
  ClockFacts,
  DiskFacts,
  InterfaceFacts,
  SerialFacts,
} from '../diagnostics/doctor-facts.ts';
import type { Clock } from '../platform/clock.ts';
import { openClockTrust } from '../platform/clock-source.ts';
import { PROGRAM_DATE_MS } from '../platform/program-date.ts';
import { serialLineName } from '../platform/serial-line-name.ts';

const SYNC_WRITES = 5;
const SYNC_BYTES = 4096;
const SET_ASIDE_MAX = 16;
/** JEDEC eMMC 5.0, section 7.4.86: each step of the estimate is a tenth of the life. */
const LIFE_STEP_PERCENT = 10;

export function interfaceFacts(): InterfaceFacts[] {
  return listInterfaces().map(({ name, type, up, linkUp, addresses }) => {
    const framesSent = counterOf(`/sys/class/net/${name}/statistics/tx_packets`);
    return {
      name,
      isSetUp: up,
      isUp: linkUp,
      isLoopback: type === 'loopback',
      addresses,
      ...(framesSent !== undefined && { framesSent }),
    };
  });
}

export function serialFacts({ capture }: Config): SerialFacts[] {
  const available = serialPortNames();
  return capture.serial.map((line, at) => ({
    name: serialLineName(line, at),
    port: line.port,
    exists: statSync(line.port, { throwIfNoEntry: false }) !== undefined,
    isReadable: isAllowed(line.port, constants.R_OK),
    available: available.filter((port) => port !== line.port),
  }));
}

export async function clockFacts(clock: Clock): Promise<ClockFacts> {
  const { source, errorMs } = (await openClockTrust())();
  return {
    wallMs: clock.wallMs(),
    programDateMs: PROGRAM_DATE_MS,
    isSynchronized: source === 'ntp' || source === 'ptp',
    ...(errorMs !== undefined && { errorMs }),
  };
}

export function diskFacts(bufferPath: string): DiskFacts {
  const folder = dirname(bufferPath);
  const parent = parentThere(folder);
  const notMade = parent === folder ? undefined : notMadeIn(parent, folder);
  if (notMade !== undefined) return notMade;
  const nothing = { folder, freeBytes: 0, totalBytes: 0, isWritable: false, setAside: [] };
  try {
    const status = statSync(folder);
    if (!status.isDirectory()) return { ...nothing, error: 'no folder' };
    const { bavail, blocks, bsize } = statfsSync(folder);
    const refusal = refusalOf(folder, constants.W_OK);
    const isWritable = refusal === undefined;
    const syncMs = isWritable ? syncMsOf(folder) : undefined;
    const lifeUsedPercent = lifeUsedOf(folder);
    return {
      folder,
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      isWritable,
      ...(refusal === 'EACCES' && status.uid !== process.getuid?.() && { isOfOther: true }),
      ...(typeof syncMs === 'number' && { syncMs }),
      ...(typeof syncMs === 'string' && { error: syncMs }),
      ...(refusal === 'EROFS' && { error: refusal }),
      ...(lifeUsedPercent !== undefined && { lifeUsedPercent }),
      setAside: setAsideOf(bufferPath),
    };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES') return { ...nothing, isOfOther: true };
    return { ...nothing, error: code === 'ENOENT' ? 'no folder' : code };
  }
}

/** A folder that the agent's first start makes; undefined where nobody can make one. */
function notMadeIn(parent: string, folder: string): DiskFacts | undefined {
  const status = statSync(parent);
  if (!status.isDirectory()) return undefined;
  const refusal = refusalOf(parent, constants.W_OK);
  const isOfOther = refusal === 'EACCES' && status.uid !== process.getuid?.();
  if (refusal !== undefined && !isOfOther) return undefined;
  const { bavail, blocks, bsize } = statfsSync(parent);
  const room = { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  const isWritable = refusal === undefined;
  const made = { folder, ...room, isWritable, isNotMade: true, setAside: [] };
  return isOfOther ? { ...made, isOfOther } : made;
}

/** The folder itself, or the nearest one above it that is there: the agent makes the rest. */
export function parentThere(folder: string): string {
  const above = dirname(folder);
  const isThere = statSync(folder, { throwIfNoEntry: false }) !== undefined;
  return isThere || above === folder ? folder : parentThere(above);
}

/** Median of a few small writes that are safe when they return, or the errno of the first. */
function syncMsOf(folder: string): number | string | undefined {
  const path = join(folder, `.doctor-${process.pid}`);
  try {
    const descriptor = openSync(path, 'w', 0o600);
    try {
      const took: number[] = [];
      const bytes = new Uint8Array(SYNC_BYTES);
      for (let count = 0; count < SYNC_WRITES; count++) {
        const beganMs = performance.now();
        writeSync(descriptor, bytes);
        fsyncSync(descriptor);
        took.push(performance.now() - beganMs);
      }
      return took.sort((a, b) => a - b)[Math.floor(SYNC_WRITES / 2)];
    } finally {
      closeSync(descriptor);
      unlinkSync(path);
    }
  } catch (error) {
    // A full disk has a check of its own; what else a disk refuses is named.
    return codeOf(error) === 'ENOSPC' ? undefined : codeOf(error);
  }
}

/** Files that the buffer set aside bear their time in their name. */
function setAsideOf(bufferPath: string): string[] {
  const mark = `${basename(bufferPath)}.quarantined-`;
  if (!isAllowed(dirname(bufferPath), constants.R_OK)) return [];
  return readdirSync(dirname(bufferPath))
    .filter((name) => name.startsWith(mark) && !/-(?:wal|shm)$/.test(name))
    .sort()
    .slice(-SET_ASIDE_MAX)
    .map((name) => join(dirname(bufferPath), name));
}

/** eMMC cards tell their wear in two estimates; the worse one counts. */
function lifeUsedOf(folder: string): number | undefined {
  try {
    const { dev } = statSync(folder);
    const major = Math.floor(dev / 256) & 0xfff;
    const device = realpathSync(`/sys/dev/block/${major}:${dev & 0xff}`);
    for (const path of [device, dirname(device)]) {
      const text = textOf(join(path, 'device', 'life_time'));
      const steps = text
        ?.split(/\s+/)
        .map(Number)
        .filter((step) => step > 0);
      if (steps !== undefined && steps.length > 0) {
        return Math.min(100, Math.max(...steps) * LIFE_STEP_PERCENT);
      }
    }
  } catch {
    // Not a block device of its own (tmpfs, overlay): nothing is known about its wear.
  }
  return undefined;
}

function counterOf(path: string): number | undefined {
  const text = textOf(path);
  return text === undefined ? undefined : Number(text);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function isAllowed(path: string, mode: number): boolean {
  return refusalOf(path, mode) === undefined;
}

/** `EACCES`, `EROFS`... */
function refusalOf(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error
    ? String(error.code)
    : String(error);
}
