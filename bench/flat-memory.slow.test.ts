/**
 * Memory stays flat over 20,000 summaries (FIELDTAP_SUMMARIES sets another count); the long form,
 * over a million, is `npm run long -- flat-memory`. Buffer and uplink are the agent's own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const SCRIPT = join(import.meta.dirname, 'long/flat-memory.ts');

test('memory is flat over 20,000 summaries', (context) => {
  const count = process.env.FIELDTAP_SUMMARIES ?? '20000';
  // On a machine that others use too, half a minute has to do.
  const words = ['--summaries', count, '--minutes', '0.5', '--no-evidence'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], {
    encoding: 'utf8',
  });
  context.diagnostic(stdout.trimEnd().split('\n').slice(-5).join('; '));
  assert.equal(status, 0, stdout + stderr);
});
