/**
 * The bill of materials in CycloneDX 1.6 (ECMA-424): every npm package whose code is in a program,
 * the addons, Node itself and the libraries inside Node and inside the addons, so that a utility
 * can ask whether a published weakness concerns it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { licenseOf, lockedPackages } from './npm-packages.ts';
import { ARCHITECTURES, nodeVersion, type ProgramName, ROOT, readManifest } from './targets.ts';

interface Component {
  readonly type: 'library' | 'platform';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly object[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

/** What `process.versions` counts that is no library of its own. */
const NOT_LIBRARIES = ['node', 'modules', 'napi', 'unicode', 'cldr', 'tz'];
const SQLITE_VERSION =
  'const Database=require(process.argv[1]);' +
  'console.log(new Database(":memory:").prepare("select sqlite_version()").pluck().get())';

/** JSON text. `packages` are names of npm packages; the stamp is seconds since 1970. */
export function sbomText(
  program: ProgramName,
  packages: readonly string[],
  epochSeconds: number,
): string {
  const { version, license, description } = readManifest();
  const natives = packages.includes('koffi')
    ? ARCHITECTURES.map((architecture) => `@koromix/koffi-linux-${architecture}`)
    : [];
  const nodes = ARCHITECTURES.map((architecture) => `node-linux-${architecture}`);
  const components = [
    ...[...packages, ...natives, ...nodes].map(npmComponent),
    ...nodeComponents(),
    { ...library('sqlite', sqliteVersion()), licenses: [{ license: { name: 'blessing' } }] },
  ];
  const root = `${program}@${version}`;
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(components) + root)}`,
    version: 1,
    metadata: {
      timestamp: new Date(epochSeconds * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': root,
        name: program,
        version,
        description,
        licenses: [{ license: { id: license } }],
      },
    },
    components,
    dependencies: [{ ref: root, dependsOn: components.map((each) => each['bom-ref']) }],
  };
  return `${JSON.stringify(bom, null, 1)}\n`;
}

function npmComponent(name: string): Component {
  const locked = lockedPackages()[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json doesn't name ${name}`);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${locked.version}`;
  const license = licenseOf(name);
  const integrity = /^sha512-(.+)$/.exec(locked.integrity ?? '')?.[1];
  return {
    type: name.startsWith('node-linux-') ? 'platform' : 'library',
    'bom-ref': purl,
    name,
    version: locked.version,
    purl,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    ...(integrity !== undefined && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity, 'base64').toString('hex') }],
    }),
  };
}

/** Node itself and what it is made of, by its own word. */
function nodeComponents(): Component[] {
  const parts = Object.entries(process.versions)
    .filter(([name]) => !NOT_LIBRARIES.includes(name))
    .map(([name, version]) => library(name, version ?? ''));
  const version = nodeVersion();
  if (process.versions.node !== version) {
    throw new Error(`build with Node ${version}, the one of the executables (npm run package)`);
  }
  return [{ ...library('node', version), type: 'platform' }, ...parts];
}

function library(name: string, version: string): Component {
  const purl = `pkg:generic/${name}@${encodeURIComponent(version)}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}

/** Of the npm package better-sqlite3, by its own word. */
function sqliteVersion(): string {
  const words = ['-e', SQLITE_VERSION, 'better-sqlite3'];
  return execFileSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' }).trim();
}

/** Of the content, so that the same sources give the same file; RFC 9562 section 5.8. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join('-');
}
