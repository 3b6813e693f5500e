/**
 * Scripts, files and Node to one executable, in Node's single-executable format, by pkg's module
 * function. That function is no public API, so its version is pinned and a test runs what it makes;
 * pkg's command line is of no use here: it wants a network and drops `assets` and `execArgv`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Addon } from './addons.ts';
import type { Bundle } from './bundle.ts';
import { packageFolder } from './npm-packages.ts';
import { type Architecture, nodeVersion, ROOT, STRIP_PROGRAMS } from './targets.ts';

/** `@yao-pkg/pkg` 6.23.0, lib-es5/sea.js: what packaging needs of its types. */
type MakeExecutable = (entry: string, options: Readonly<Record<string, unknown>>) => Promise<void>;

/** Our own; nothing of the environment is added (`execArgvExtension`), NODE_OPTIONS included. */
const NODE_ARGUMENTS = ['--disable-sigusr1'];

/** Node of the optional dependency without symbols, in `folder`; a build strips it once. */
export function strippedNode(architecture: Architecture, folder: string): string {
  const version = `v${nodeVersion()}`;
  const name = `node-${version}-linux-${architecture}`;
  // Where pkg looks for a Node that it has downloaded and unpacked before: it downloads none.
  const cache = join(folder, '.pkg-cache/sea');
  mkdirSync(join(cache, name, 'bin'), { recursive: true });
  const path = join(cache, name, 'bin/node');
  const source = join(packageFolder(`node-linux-${architecture}`), 'bin/node');
  execFileSync(STRIP_PROGRAMS[architecture], ['-o', path, source]);
  for (const finished of [`${path}.ok`, join(cache, `${name}.tar.gz`)]) writeFileSync(finished, '');
  writeFileSync(join(cache, `${name}.tar.gz.ok`), '');
  return path;
}

/** Writes the executable to `output`. `home` is the folder given to `strippedNode`. */
export async function makeExecutable(
  bundle: Bundle,
  files: readonly string[],
  addons: readonly Addon[],
  architecture: Architecture,
  output: string,
  home: string,
): Promise<void> {
  const assets = Object.fromEntries([
    ...addons.map(({ name, path }) => [`native/${name}`, path]),
    ...[...bundle.parts].map(([name, path]) => [name, path]),
    ...files.map((file) => [file, join(ROOT, file)]),
  ]);
  const seaConfig = {
    // The name goes into the executable: relative to the folder that pkg makes inside `home`.
    main: `../${bundle.mainPath.split('/').at(-1)}`,
    assets,
    execArgv: NODE_ARGUMENTS,
    execArgvExtension: 'none',
    // A code cache saves a twentieth of the start and makes no two builds alike.
    useCodeCache: false,
  };
  const targets = [
    { nodeRange: `node${nodeVersion()}`, platform: 'linux', arch: architecture, output },
  ];
  const makeWithPkg = pkgFunction();
  await withEnvironment({ HOME: home, TMPDIR: home }, () =>
    makeWithPkg(resolve(bundle.mainPath), { targets, seaConfig }),
  );
  chmodSync(output, 0o755);
}

function pkgFunction(): MakeExecutable {
  const require = createRequire(import.meta.url);
  // The build prints its own progress; what goes wrong is thrown.
  const { log } = require('@yao-pkg/pkg/lib-es5/log.js') as { log: { info(): void } };
  log.info = () => {};
  // The pinned version's module; hil-tests/packaging.test.ts runs the executables it makes.
  const module = require('@yao-pkg/pkg/lib-es5/sea.js') as { default: MakeExecutable };
  return module.default;
}

async function withEnvironment(
  values: Readonly<Record<string, string>>,
  work: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
