/**
 * A clean place to run a program in, and a look at what it left there: a home and a folder for
 * temporary files that must be empty in the end, and a mark in the environment by which every
 * process that came from it is found again.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MARK = 'FIELDTAP_BENCH_MARK';

export interface Surroundings {
  /** A folder for what the test wants to keep while it runs. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Command lines of the processes that carry the mark and still live. */
  processes(): readonly string[];
  /** Files in the home and in the folder for temporary files. */
  files(): readonly string[];
  /** Also ends what a failed test has left running. */
  remove(): void;
}

export function surroundings(): Surroundings {
  // Short: the path of a unix socket may have 107 characters.
  const root = mkdtempSync(join(tmpdir(), 'ft-'));
  const folder = (name: string): string => {
    const path = join(root, name);
    mkdirSync(path);
    return path;
  };
  const home = folder('home');
  const temporary = folder('tmp');
  return {
    directory: folder('kept'),
    env: { HOME: home, TMPDIR: temporary, XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', [MARK]: root },
    processes: () => markedProcesses(`${MARK}=${root}`),
    files: () => [home, temporary].flatMap((path) => filesBelow(path)),
    remove: () => {
      for (const line of markedProcesses(`${MARK}=${root}`)) killNow(Number.parseInt(line, 10));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function markedProcesses(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const environment = contents(`/proc/${pid}/environ`).split('\0');
      if (!environment.includes(mark)) return [];
      const state = /^State:\s+(\S)/m.exec(contents(`/proc/${pid}/status`))?.[1];
      // A zombie has ended; only nobody has asked yet how.
      if (state === undefined || state === 'Z') return [];
      return [`${pid} ${contents(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`];
    });
}

function killNow(processId: number): void {
  try {
    process.kill(processId, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

/** Empty for a process that ended in the meantime or belongs to somebody else. */
function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)));
}
