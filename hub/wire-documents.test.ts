/** The contract files say what the codec does, and the prose names every reason. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENCODING_REASONS, RULE_REASONS, SIGNATURE_REASONS } from '../protocols/uplink/refusal.ts';
import { CDDL_FILE, NAMES_FILE, wireCddl, wireNames } from './wire-documents.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

test('the names file and the CDDL are those of the tables', () => {
  assert.equal(read(NAMES_FILE), wireNames(), 'run node hub/make-wire-documents.ts');
  assert.equal(read(CDDL_FILE), wireCddl(), 'run node hub/make-wire-documents.ts');
});

test('every rule that the CDDL uses is defined in it once', () => {
  const cddl = wireCddl().replace(/;.*$/gm, '');
  const defined = [...cddl.matchAll(/^([a-z][a-z0-9-]*) =/gm)].map(([, name]) => name);
  assert.equal(new Set(defined).size, defined.length);
  const known = new Set([
    ...defined,
    'bstr',
    'tstr',
    'uint',
    'any',
    'bool',
    'null',
    'size',
    'cbor',
  ]);
  const used = [...cddl.matchAll(/(?<![\w-])([a-z][a-z0-9-]*)(?![\w:-]|\s*:)/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual(
    used.filter((name) => !known.has(name)),
    [],
  );
});

test('no key and no name stands twice in a table', () => {
  const walk = (about: unknown): void => {
    if (typeof about !== 'object' || about === null) return;
    if ('fields' in about && Array.isArray(about.fields)) {
      for (const part of ['key', 'name']) {
        const all: unknown[] = about.fields.map((field: Record<string, unknown>) => field[part]);
        assert.equal(new Set(all).size, all.length, JSON.stringify(all));
      }
    }
    for (const value of Object.values(about)) walk(value);
  };
  walk(JSON.parse(wireNames()));
});

test('docs/wire-format.md names every reason of a refusal', () => {
  const prose = read('docs/wire-format.md');
  const missing = [...SIGNATURE_REASONS, ...ENCODING_REASONS, ...RULE_REASONS].filter(
    (reason) => !prose.includes(`\`${reason}\``),
  );
  assert.deepEqual(missing, []);
});
