/**
 * TypeScript and npm packages to plain scripts, by esbuild: one a program and one for each part.
 * The scripts hold no path of the building machine, so that two builds have the same bytes.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type BuildOptions, build, type Plugin, type StdinOptions } from 'esbuild';
import type { Addon } from './addons.ts';
import { packageFolder } from './npm-packages.ts';
import type { Program } from './programs.ts';
import { type Architecture, ROOT, sourceDateEpoch } from './targets.ts';

/** See agent/platform/program-files.ts. */
const PACKAGED_ROOT = 'file:///fieldtap/';
/** A throw prints the line it stands on; a whole bundle on one line would be half a megabyte. */
const LINE_CHARACTERS = 400;
/** Packages that others load only where they are installed, and that are not. */
const NOT_INSTALLED = /^(pg-native|proper-lockfile)$/;
const OWN_SOURCES = /\/(agent|buffer|hub|packaging|protocols)\/.*\.ts$/;

export interface Bundle {
  /** Path of the script the executable starts with. */
  readonly mainPath: string;
  /** Name inside the executable to path. */
  readonly parts: ReadonlyMap<string, string>;
  /** Names of the npm packages whose code is inside, sorted. */
  readonly packages: readonly string[];
}

/** Writes the scripts of `program` into `folder`. */
export async function bundle(
  program: Program,
  architecture: Architecture,
  addons: readonly Addon[],
  folder: string,
): Promise<Bundle> {
  const common = commonOptions(architecture, addons);
  const inputs = new Set<string>();
  const run = async (options: BuildOptions): Promise<void> => {
    const { metafile } = await build({ ...common, ...options, metafile: true });
    for (const input of Object.keys(metafile.inputs)) inputs.add(input);
  };
  const mainPath = join(folder, `${program.name}.js`);
  await run({ stdin: scriptOf(program.start, true), outfile: mainPath });
  const parts = new Map<string, string>();
  for (const part of program.parts) {
    const outfile = join(folder, part.replaceAll('/', '+').replace(/\.ts$/, '.js'));
    const start = `import ${JSON.stringify(`./${part}`)};`;
    await run({ stdin: scriptOf(start, false), outfile });
    parts.set(part, outfile);
  }
  return { mainPath, parts, packages: packagesOf(inputs) };
}

/** Own line first: the addons' loader must stand before any package that wants an addon. */
function scriptOf(start: string, isMain: boolean): StdinOptions {
  const place = { resolveDir: ROOT, sourcefile: 'start.ts', loader: 'ts' } as const;
  const prepare = [`import ${JSON.stringify('./packaging/runtime/load-addon.ts')};`];
  if (!isMain) return { contents: [...prepare, start].join('\n'), ...place };
  prepare.push(`import { runPart } from ${JSON.stringify('./packaging/runtime/run-part.ts')};`);
  const contents = [...prepare, `if (!runPart()) {\n${start}\n}`].join('\n');
  return { contents, ...place };
}

function commonOptions(architecture: Architecture, addons: readonly Addon[]): BuildOptions {
  const hashes = Object.fromEntries(addons.map(({ name, sha256 }) => [name, sha256]));
  return {
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    keepNames: true,
    lineLimit: LINE_CHARACTERS,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [ownSources(), nativeAddons(architecture, addons)],
    define: {
      'import.meta.url': JSON.stringify(`${PACKAGED_ROOT}package`),
      __filename: JSON.stringify('/fieldtap/package'),
      __dirname: JSON.stringify('/fieldtap'),
      FIELDTAP_ADDON_SHA256: JSON.stringify(hashes),
      FIELDTAP_SOURCE_DATE_MS: String(sourceDateEpoch() * 1000),
    },
  };
}

/** Gives each of our own files its URL inside the executable. */
function ownSources(): Plugin {
  return {
    name: 'own-sources',
    setup(build) {
      build.onLoad({ filter: OWN_SOURCES }, ({ path }) => {
        const place = relative(ROOT, path).split(sep).join('/');
        if (place.startsWith('node_modules/')) return undefined;
        const text = readFileSync(path, 'utf8');
        const contents = text
          // A package without types is required; esbuild follows only a plain require.
          .replaceAll('createRequire(import.meta.url)(', `require(`)
          .replaceAll('import.meta.url', JSON.stringify(PACKAGED_ROOT + place))
          .replaceAll('import.meta.dirname', JSON.stringify(`/fieldtap/${dirname(place)}`));
        return { contents, loader: 'ts' };
      });
    },
  };
}

/**
 * Sends every addon through packaging/runtime/load-addon.ts. koffi is taken by its CommonJS entry:
 * the other one hides its addon behind a computed import.
 */
function nativeAddons(architecture: Architecture, addons: readonly Addon[]): Plugin {
  const sqlite = join(packageFolder('better-sqlite3'), `lib/linux-${architecture}.js`);
  const koffi = join(packageFolder('koffi'), 'index.cjs');
  const isThere = (name: string): boolean => addons.some((addon) => addon.name === name);
  return {
    name: 'native-addons',
    setup(build) {
      build.onResolve({ filter: /^better-sqlite3$/ }, () => ({ path: sqlite }));
      build.onResolve({ filter: /^koffi$/ }, () => ({ path: koffi }));
      build.onResolve({ filter: /\.node$/ }, ({ importer }) =>
        importer.includes('better-sqlite3')
          ? { path: 'better_sqlite3', namespace: 'addon' }
          : undefined,
      );
      build.onResolve({ filter: /^@koromix\/koffi-/ }, ({ path }) =>
        path === `@koromix/koffi-linux-${architecture}` && isThere('koffi')
          ? { path: 'koffi', namespace: 'addon' }
          : { path: 'absent', namespace: 'absent' },
      );
      // Of @serialport/bindings-cpp: looks for its addon below its own folder.
      build.onResolve({ filter: /^node-gyp-build$/ }, () => ({
        path: 'serialport',
        namespace: 'addon-finder',
      }));
      build.onResolve({ filter: NOT_INSTALLED }, ({ path }) => ({ path, namespace: 'missing' }));
      build.onLoad({ filter: /.*/, namespace: 'addon' }, ({ path }) => ({
        contents: `module.exports = globalThis.fieldtapLoadAddon(${JSON.stringify(path)})`,
      }));
      build.onLoad({ filter: /.*/, namespace: 'addon-finder' }, ({ path }) => ({
        contents: `module.exports = () => globalThis.fieldtapLoadAddon(${JSON.stringify(path)})`,
      }));
      // Whoever tries such a package goes on without it when loading fails, as in a checkout.
      build.onLoad({ filter: /.*/, namespace: 'missing' }, ({ path }) => ({
        contents: `throw new Error(${JSON.stringify(`${path} is not installed`)})`,
      }));
      build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
        contents: 'module.exports = null',
      }));
    },
  };
}

function packagesOf(inputs: ReadonlySet<string>): string[] {
  const names = new Set<string>();
  for (const input of inputs) {
    const inside = input.split('node_modules/').at(-1);
    if (inside === undefined || inside === input) continue;
    const words = inside.split('/');
    names.add(words.slice(0, inside.startsWith('@') ? 2 : 1).join('/'));
  }
  return [...names].sort();
}
