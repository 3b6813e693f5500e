/**
 * One hash over everything that a build reads from the checkout, so that tests which share dist/
 * build it once, and never test what an earlier state of the sources gave.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, sourceDateEpoch } from './targets.ts';

const FOLDERS = ['agent', 'buffer', 'hub', 'packaging', 'protocols'];
const FILES = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'LICENSE'];
const STAMP = '.sources-sha256';

export function sourceDigest(): string {
  const hash = createHash('sha256').update(`${sourceDateEpoch()}\n`);
  for (const file of [...FOLDERS.flatMap(filesBelow), ...FILES].sort()) {
    const path = join(ROOT, file);
    if (!existsSync(path) || file.endsWith('.test.ts')) continue;
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    hash.update(`${sha256}  ${file}\n`);
  }
  return hash.digest('hex');
}

/** True when `dist` was built whole from the sources with this digest. */
export function isBuiltFrom(dist: string, digest: string): boolean {
  const path = join(dist, STAMP);
  return existsSync(path) && readFileSync(path, 'utf8') === digest;
}

export function markBuilt(dist: string, digest: string): void {
  writeFileSync(join(dist, STAMP), digest);
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}
