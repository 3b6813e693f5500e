// The last lines of a run, on events as node:test tells them.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './bench-process.ts';

/** A file of tests, outside of the checkout: there nobody else looks at what comes and goes. */
const PROGRAM = `
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from '${import.meta.resolve('fast-check')}';
test('no pump has a negative speed', () => {
  fc.assert(fc.property(fc.integer(), (speed) => { assert.ok(speed >= 0, 'backwards'); }));
});
suite('a suite', () => { test('its inner one', () => { throw new Error('the inner reason'); }); });
test('left out', { skip: 'package: needs the program nothing' }, () => {});
test('good', () => {});
`;

function inFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'ft-run-end-'));
  try {
    use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, ...words: readonly string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, FIELDTAP_PROPERTY_SEED: '42', NODE_TEST_CONTEXT: undefined };
  const all = [join(ROOT, 'hil-tests', program), ...words];
  return spawnSync(process.execPath, all, { encoding: 'utf8', env });
}

test('a failed run ends with its skips, the failed tests, their reasons and their seed', () => {
  inFolder((folder) => {
    const file = join(folder, 'made.test.mjs');
    const broken = join(folder, 'broken.test.mjs');
    writeFileSync(file, PROGRAM);
    writeFileSync(broken, "throw new Error('no such pump');");
    const { status, stdout } = run('run-tests.ts', 'hil', file, broken);
    assert.equal(status, 1, stdout);
    const last = stdout.slice(stdout.indexOf('1 passed, 3 failed, 1 skipped in 2 files'));
    assert.match(last, /skipped 1: package: needs the program nothing\n/);
    assert.match(last, /skipped by need: package 1, privilege 0, corpus 0, other 0\nfailed: 3\n/);
    assert.match(last, /✖ .*made\.test\.mjs:5 no pump has a negative speed\n/);
    assert.match(last, /\{ seed: 42, path: "[\d:]+".*\n +Counterexample: \[-1\]/);
    assert.match(last, /✖ .*made\.test\.mjs:8 its inner one\n +the inner reason\n/);
    assert.match(last, /✖ .*broken\.test\.mjs:1 .*\n +test failed\n[^✖]*Error: no such pump\n/);
    assert.match(last, /The same draws again: FIELDTAP_PROPERTY_SEED=42\n$/);
    assert.ok(last.split('\n').length < 50, last);
  });
});

test('a part of the check tells a failed property whole: seed, counterexample and why', () => {
  inFolder((folder) => {
    const file = join(folder, 'made.test.mjs');
    writeFileSync(file, PROGRAM);
    const { failures } = JSON.parse(run('check-part.ts', file).stdout);
    const [property] = failures;
    assert.match(property, /^.*made\.test\.mjs: no pump has a negative speed\n/);
    assert.match(property, /\{ seed: 42, path: "[\d:]+".*\nCounterexample: \[-1\]/);
    assert.match(property, /\nbecause of AssertionError.*: backwards\n +at /);
  });
});
