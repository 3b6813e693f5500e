/**
 * The link is cut for 30 days of an injected clock, and the quota has room for a part of them: that
 * arrives in order, the rest is named. The long form, with the default quota and a busy
 * plant, is `npm run long -- cut`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fastFolder } from '../buffer/test-kit.ts';

const SCRIPT = join(import.meta.dirname, 'long/cut.ts');

test('30 days without a link: everything within the quota arrives, what was evicted is named', (context) => {
  const words = ['--days', '30', '--summary-ms', '900000', '--quota-mib', '5'];
  const plant = ['--conversations', '50', '--observations', '10', '--no-evidence'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...words, ...plant], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: fastFolder() },
  });
  context.diagnostic(stdout.trimEnd().split('\n').slice(0, 2).join(' '));
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /named by [1-9]\d* tombstones/);
});
