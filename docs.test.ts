/** The documents tell the truth: what the sources hold is in them, and what they hold is there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allFaults, FAULTS_FILE, faultDocument } from './agent/platform/faults/fault-document.ts';

const ROOT = import.meta.dirname;
/** Codes of detections whose first word is that of an area of faults. */
const NO_FAULTS: ReadonlySet<string> = new Set(['ASSET_NEW']);
const FOLDERS = ['agent', 'buffer', 'hub', 'protocols'];

test('every fault code of the sources is in the fault table, and none besides', () => {
  const table = allFaults().map(({ code }) => code);
  assert.equal(new Set(table).size, table.length, 'a code has one row');
  const everything = [...sources()].join('\n');
  // A fault is an object with code, problem and remedy; or its code is handed to what makes one.
  const areas = new Set(table.map((code) => code.split('_')[0]).filter((area) => area !== 'HUB'));
  const written = [
    ...everything.matchAll(/code: '([A-Z]+(?:_[A-Z0-9]+)+)',\s*\n?\s*problem/g),
    ...everything.matchAll(new RegExp(`'((?:${[...areas].join('|')})(?:_[A-Z0-9]+)+)'`, 'g')),
  ].map((match) => match[1]);
  const inSources = new Set(written.filter((code) => !NO_FAULTS.has(code)));
  assert.ok(inSources.size > 30, `only ${inSources.size} codes were found in the sources`);
  const missing = [...inSources].filter((code) => !table.includes(code));
  assert.deepEqual(missing, [], 'give these codes a row in agent/platform/faults/');
  const stale = table.filter((code) => !everything.includes(`'${code}'`));
  assert.deepEqual(stale, [], 'these codes of the fault table are in no source');
});

test('docs/faults.md is what the fault table makes', () => {
  const how = 'run: node agent/platform/faults/make-fault-document.ts';
  assert.equal(read(FAULTS_FILE), faultDocument(), how);
});

test('every dependency has its line in docs/dependencies.md', () => {
  const manifest: Record<string, Record<string, string>> = JSON.parse(read('package.json'));
  const names = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((group) =>
    Object.keys(manifest[group] ?? {}),
  );
  const text = read('docs/dependencies.md');
  const isNamed = (name: string): boolean =>
    text.includes(`\`${name}\``) || (name.startsWith('@types/') && text.includes('`@types/*`'));
  assert.deepEqual(
    names.filter((name) => !isNamed(name)),
    [],
  );
});

test('versions are exact', () => {
  const manifest: Record<string, Record<string, string>> = JSON.parse(read('package.json'));
  for (const group of ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides']) {
    for (const [name, version] of Object.entries(manifest[group] ?? {})) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
    }
  }
});

test('every link of the documents leads to a file', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'hub/README.md', 'docs/architecture.md'];
  for (const document of documents) {
    for (const match of read(document).matchAll(/\]\(([^)#:]+)\)/g)) {
      const target = join(ROOT, document, '..', match[1]);
      assert.ok(isThere(target), `${document} links to ${match[1]}, which is not there`);
    }
  }
});

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EISDIR';
  }
}

function* sources(): Generator<string> {
  for (const folder of FOLDERS) {
    const entries = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
    for (const entry of entries) {
      if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue;
      if (!join(folder, entry).startsWith('agent/platform/faults/'))
        yield read(join(folder, entry));
    }
  }
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
