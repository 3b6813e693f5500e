/** The documents tell the truth: what the sources hold is in them, and what they hold is there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = import.meta.dirname;
const FOLDERS = ['agent', 'buffer', 'hub', 'protocols'];

test('every fault code of the sources is in docs/faults.md, and none besides', () => {
  const inSources = new Set<string>();
  for (const text of sources()) {
    // A fault is an object with code, problem and remedy; the code may come from a table.
    for (const match of text.matchAll(/code: '([A-Z]+(?:_[A-Z]+)+)',\s*\n?\s*problem/g)) {
      inSources.add(match[1]);
    }
  }
  const documented = new Set(
    [...read('docs/faults.md').matchAll(/^\| ([A-Z]+(?:_[A-Z]+)+) \|/gm)].map((match) => match[1]),
  );
  assert.ok(inSources.size > 30, `only ${inSources.size} codes were found in the sources`);
  const missing = [...inSources].filter((code) => !documented.has(code));
  assert.deepEqual(missing, [], 'add these codes to docs/faults.md');
  const everything = [...sources()].join('\n');
  const stale = [...documented].filter((code) => !everything.includes(`'${code}'`));
  assert.deepEqual(stale, [], 'these codes of docs/faults.md are in no source');
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
      if (entry.endsWith('.ts') && !entry.endsWith('.test.ts')) yield read(join(folder, entry));
    }
  }
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
