/**
 * What a bench leaves behind when it is killed, and how a later one finds and removes it: every
 * name that a bench makes (namespace, folder, cgroup) begins with `ft-hil-` and its owner's process
 * id, and what has no living owner is removed with the processes in it.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './command.ts';

const PREFIX = 'ft-hil-';
const NAMESPACES_FOLDER = '/run/netns';
/** Control groups of either version hold the bench's memory limits here. */
export const MEMORY_CGROUP_FOLDERS = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'] as const;

let namesMade = 0;

/** A name for something that outlives a crash: unique to this process and call. */
export function ownedName(): string {
  return `${PREFIX}${process.pid}-${namesMade++}`;
}

/** Names in `folder` that belong to this process, or to processes that are gone. */
export function ownedNames(folder: string, whose: 'mine' | 'abandoned'): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    const owner = /^ft-hil-(\d+)-/.exec(name)?.[1];
    if (owner === undefined) return false;
    return whose === 'mine' ? owner === String(process.pid) : !existsSync(`/proc/${owner}`);
  });
}

/** Every trace of this process, or of processes that are gone; empty when clean. */
export function traces(whose: 'mine' | 'abandoned'): string[] {
  return [NAMESPACES_FOLDER, tmpdir(), ...MEMORY_CGROUP_FOLDERS].flatMap((folder) =>
    ownedNames(folder, whose).map((name) => join(folder, name)),
  );
}

/** Kills what runs in abandoned namespaces and removes all that abandoned benches made. */
export async function removeAbandoned(): Promise<void> {
  const namespaces = ownedNames(NAMESPACES_FOLDER, 'abandoned');
  await Promise.all(namespaces.map(removeNamespace));
  for (const name of ownedNames(tmpdir(), 'abandoned')) {
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  for (const folder of MEMORY_CGROUP_FOLDERS) {
    for (const name of ownedNames(folder, 'abandoned')) removeCgroup(join(folder, name));
  }
}

/** Another bench may be removing the same: what is gone is gone. */
export async function removeNamespace(namespace: string): Promise<void> {
  try {
    for (const pid of (await command(['ip', 'netns', 'pids', namespace])).split('\n')) {
      if (pid !== '') killHard(Number(pid));
    }
    await command(['ip', 'netns', 'del', namespace]);
  } catch (error) {
    if (existsSync(join(NAMESPACES_FOLDER, namespace))) throw error;
  }
}

/** A control group goes as soon as its last process is reaped; one that stays is found later. */
export function removeCgroup(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Busy for as long as the kernel takes to end its processes.
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
