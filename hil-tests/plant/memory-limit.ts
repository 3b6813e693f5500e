/**
 * A memory limit for the sensor, as systemd's MemoryMax sets it: a control group of version 1 or 2,
 * and where this machine lets us make none, prlimit's limit of data, which is a different thing
 * (allocations fail instead of a kill) and is named in the report.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownedName, removeCgroup } from './abandoned.ts';
import { command } from './command.ts';

export type MemoryLimitKind = 'cgroup v1' | 'cgroup v2' | 'prlimit';

interface Layout {
  readonly kind: MemoryLimitKind;
  readonly folder: string;
  readonly limitFile: string;
  readonly processesFile: string;
}

const STEP_BYTES = 2 ** 19;

const LAYOUTS: readonly Layout[] = [
  {
    kind: 'cgroup v1',
    folder: '/sys/fs/cgroup/memory',
    limitFile: 'memory.limit_in_bytes',
    processesFile: 'cgroup.procs',
  },
  {
    kind: 'cgroup v2',
    folder: '/sys/fs/cgroup',
    limitFile: 'memory.max',
    processesFile: 'cgroup.procs',
  },
];

export class MemoryLimit {
  readonly kind: MemoryLimitKind;
  readonly #layout: Layout | undefined;
  readonly #path: string;
  #processId = 0;

  private constructor(layout: Layout | undefined, path: string) {
    this.kind = layout?.kind ?? 'prlimit';
    this.#layout = layout;
    this.#path = path;
  }

  static make(): MemoryLimit {
    for (const layout of LAYOUTS) {
      const path = join(layout.folder, ownedName());
      try {
        mkdirSync(path);
        if (existsSync(join(path, layout.limitFile))) return new MemoryLimit(layout, path);
        removeCgroup(path);
      } catch {
        // Not this version, or not ours to make.
      }
    }
    return new MemoryLimit(undefined, '');
  }

  /**
   * Words before a program, to start it inside the group: version 1 doesn't count the memory that a
   * process had before it came in.
   */
  get words(): readonly string[] {
    if (this.#layout === undefined) return [];
    const file = join(this.#path, this.#layout.processesFile);
    return ['sh', '-c', `echo $$ >${file} && exec "$@"`, 'sh'];
  }

  /** Tells prlimit whom it limits. */
  take(processId: number): void {
    this.#processId = processId;
  }

  /** False when the kernel can't reach it by reclaiming (EBUSY): the old limit stays. */
  async set(bytes: number): Promise<boolean> {
    if (this.#layout === undefined) {
      await command(['prlimit', '--pid', String(this.#processId), `--data=${bytes}`]);
      return true;
    }
    try {
      this.#write(this.#layout.limitFile, bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** As tight as it gets: the next memory that is wanted is too much. */
  async tighten(): Promise<void> {
    for (let bytes = this.usedBytes(); bytes > 0; bytes -= STEP_BYTES) {
      if (!(await this.set(bytes))) return;
    }
  }

  /** What the group uses now, page cache included; 0 where it can't be told. */
  usedBytes(): number {
    const file = this.kind === 'cgroup v1' ? 'memory.usage_in_bytes' : 'memory.current';
    return this.#layout ? Number(readFileSync(join(this.#path, file), 'utf8')) : 0;
  }

  remove(): void {
    if (this.#layout) removeCgroup(this.#path);
  }

  #write(file: string, value: number): void {
    writeFileSync(join(this.#path, file), String(value));
  }
}
