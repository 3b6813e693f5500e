/** A release that forgets to move the program's own date fails here. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROGRAM_DATE_MS } from './program-date.ts';

const DAY_MS = 86_400_000;

test('the date by which clocks are judged is that of the newest release in CHANGELOG.md', () => {
  const changelog = readFileSync(join(import.meta.dirname, '../../CHANGELOG.md'), 'utf8');
  const days = [...changelog.matchAll(/^## \[\d[^\]]*\] - (\d{4}-\d{2}-\d{2})$/gm)];
  const newest =
    days
      .map(([, day]) => day)
      .sort()
      .at(-1) ?? '';
  assert.equal(new Date(PROGRAM_DATE_MS + DAY_MS).toISOString().slice(0, 10), newest);
});
