// The table of makers in the tree is the one that the pinned package gives, and finds all of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { macVendors } from '../agent/observe/mac-vendor.ts';
import { packOui } from './knowledge-oui.ts';

const TABLE = join(import.meta.dirname, '../agent/observe/oui-table.json');

test('the table was packed from the package of the lockfile', () => {
  const text = packOui();
  assert.ok(
    text === readFileSync(TABLE, 'utf8'),
    'oui-data has changed: run "node bench/knowledge-oui.ts"',
  );
});

test('every block of the package is found under its prefix', () => {
  const vendor = macVendors(JSON.parse(readFileSync(TABLE, 'utf8')));
  const path = createRequire(import.meta.url).resolve('oui-data');
  const prefixes = Object.keys(JSON.parse(readFileSync(path, 'utf8')));
  const missing = prefixes.filter((prefix) => {
    const hex = prefix.toLowerCase().padEnd(12, '0');
    const isOrdinary = (Number.parseInt(hex.slice(0, 2), 16) & 3) === 0;
    return isOrdinary && vendor(hex.replace(/..(?!$)/g, '$&:')) === undefined;
  });
  // The registry's own blocks are given away in parts, and some were never taken.
  assert.ok(missing.length < prefixes.length / 50, `${missing.length} of ${prefixes.length}`);
});
