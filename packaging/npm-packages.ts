/**
 * Packages of the other architecture. npm installs only what the building machine can run, so the
 * Node and the addon of the other one come by `npm pack`, held against the lockfile's hash.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './targets.ts';

const CACHE = join(ROOT, 'node_modules/.cache/fieldtap-packaging');

/** The parts of a package-lock.json entry that packaging reads. */
export interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly resolved?: string;
}

/** Every package of the lockfile by its folder, `node_modules/NAME`. */
export function lockedPackages(): Readonly<Record<string, LockedPackage>> {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  // Written by npm itself; a missing field is caught where it is needed.
  return (JSON.parse(text) as { packages: Record<string, LockedPackage> }).packages;
}

/** Licences that a package names in its README alone, by name. */
const LICENSES_IN_READMES: Readonly<Record<string, string>> = { precond: 'MIT' };

/** SPDX expression of the package's licence, where it has one. */
export function licenseOf(name: string): string | undefined {
  const locked = lockedPackages()[`node_modules/${name}`]?.license;
  if (locked !== undefined) return locked;
  const path = join(ROOT, 'node_modules', name, 'package.json');
  const { license } = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  return typeof license === 'string' ? license : LICENSES_IN_READMES[name];
}

/** Folder of the package `name`: the installed one, else the packed one of the lockfile's hash. */
export function packageFolder(name: string): string {
  const installed = join(ROOT, 'node_modules', name);
  if (existsSync(join(installed, 'package.json'))) return installed;
  const locked = lockedPackages()[`node_modules/${name}`];
  if (locked?.integrity === undefined) throw new Error(`package-lock.json doesn't name ${name}`);
  const folder = join(CACHE, `${name.replaceAll('/', '+')}-${locked.version}`);
  if (!existsSync(folder)) fetchPackage(name, locked.version, locked.integrity, folder);
  return folder;
}

function fetchPackage(name: string, version: string, integrity: string, folder: string): void {
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const packed = execFileSync(
      'npm',
      ['pack', `${name}@${version}`, '--silent', '--pack-destination', work],
      { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const archive = join(work, packed.trim().split('\n').at(-1) ?? '');
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== integrity) {
      throw new Error(`${name}@${version} has ${found}, package-lock.json says ${integrity}`);
    }
    execFileSync('tar', ['-xzf', archive, '-C', work]);
    renameSync(join(work, 'package'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
