/**
 * The program's first file; in a checkout, start.mjs is a shorter way here. It only prepares Node
 * and hands on to the command line: compiled code is kept inside node_modules, so that a start from
 * sources neither compiles again nor carries the compiler (measured: 40 MB of the running agent,
 * docs/benchmarks.md).
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

/** npm scripts run in the project's folder; paths are meant from where the user stands. */
const NPM_SCRIPTS = ['fieldtap', 'start'];
if (NPM_SCRIPTS.includes(process.env.npm_lifecycle_event ?? '') && process.env.INIT_CWD) {
  process.chdir(process.env.INIT_CWD);
}

// As start.mjs, and for the same reason.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');
const cacheFolder = join(import.meta.dirname, '../node_modules/.cache/fieldtap');
enableCompileCache(cacheFolder);
// Workers and child processes read the variable instead.
process.env.NODE_COMPILE_CACHE ??= cacheFolder;

const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv);
