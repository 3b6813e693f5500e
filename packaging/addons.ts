/**
 * The native addons inside each executable: which file of which package, and its hash, which is
 * compiled into the program so that it loads nothing else under that name.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './npm-packages.ts';
import type { Architecture, ProgramName } from './targets.ts';

export type AddonName = 'better_sqlite3' | 'koffi' | 'serialport';

export interface Addon {
  readonly name: AddonName;
  readonly path: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** The hub listens to no interface; serialport is for the probe's own process alone. */
const ADDONS_OF: Readonly<Record<ProgramName, readonly AddonName[]>> = {
  fieldtap: ['better_sqlite3', 'koffi', 'serialport'],
  'fieldtap-hub': ['better_sqlite3'],
};

export function addonsOf(program: ProgramName, architecture: Architecture): Addon[] {
  return ADDONS_OF[program].map((name) => {
    const path = addonPath(name, architecture);
    return { name, path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
  });
}

function addonPath(name: AddonName, architecture: Architecture): string {
  switch (name) {
    case 'better_sqlite3':
      return join(packageFolder('better-sqlite3'), `prebuilds/linux-${architecture}.node`);
    case 'koffi':
      return join(
        packageFolder(`@koromix/koffi-linux-${architecture}`),
        `linux_${architecture}/koffi.node`,
      );
    case 'serialport': {
      const processor = architecture === 'arm64' ? 'armv8.' : '';
      return join(
        packageFolder('@serialport/bindings-cpp'),
        `prebuilds/linux-${architecture}/@serialport+bindings-cpp.${processor}glibc.node`,
      );
    }
    default:
      return name satisfies never;
  }
}
