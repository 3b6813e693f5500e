/**
 * The built programs for the tests: dist/ of the checkout, built by the first test of a run that
 * asks, and again only after a change of the sources.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './bench-process.ts';

/** Two minutes on two idle cores; generous, since a build that is cut off would begin anew. */
const BUILD_MS_MAX = 1_200_000;
const DIST = join(ROOT, 'dist');

let isBuilt = false;
let failure: unknown;

/** Absolute path of `file` in dist, such as `fieldtap-linux-x64`. */
export function built(file: string): string {
  // One failed build is enough for a file of tests.
  if (failure !== undefined) throw failure;
  if (!isBuilt) build();
  return join(DIST, file);
}

function build(): void {
  try {
    execFileSync('nice', [process.execPath, join(ROOT, 'packaging/package.ts'), '--if-changed'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: BUILD_MS_MAX,
    });
    isBuilt = true;
  } catch (error) {
    failure = error;
    throw error;
  }
}

/** The words that run an executable for arm64 on this machine. */
export function arm64Words(file: string): readonly string[] {
  const program = built(file);
  if (process.arch === 'arm64') return [program];
  return ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', program];
}
