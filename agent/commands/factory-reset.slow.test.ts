/** Before a gateway changes hands: nothing stays that tells of the site, but its configuration. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fieldtap } from '../../hil-tests/bench-process.ts';

test('keys, buffer, advisories, and what probes have learned go; a yes is needed', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'ft-reset-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `capture: { interfaces: [{ name: eth77 }] }
buffer: { path: state/buffer.db }
uplink: { broker: "mqtt://127.0.0.1:1", credentials: state/enrolment }
`,
  );
  const state = join(folder, 'state');
  mkdirSync(join(state, 'enrolment'), { recursive: true });
  mkdirSync(join(state, 'probe', 'own'), { recursive: true });
  const files = ['buffer.db', 'buffer.db.ballast', 'site.key', 'advisories.json', 'probe.ndjson'];
  const kept = ['enrolment/agent-key.pem', 'probe/own/certificate.pem'];
  for (const file of [...files, ...kept]) writeFileSync(join(state, file), 'x');
  const asked = await fieldtap(['factory-reset', '--config', config]);
  assert.match(asked.stderr, /Nothing was removed.*\[FACTORY_RESET_NOT_CONFIRMED\]/);
  assert.ok(readdirSync(state).includes('probe.ndjson'));
  const done = await fieldtap(['factory-reset', '--config', config, '--yes', '--json']);
  assert.equal(done.exitCode, 0, done.stderr);
  assert.deepEqual(readdirSync(state), ['enrolment']);
  assert.deepEqual(readdirSync(join(state, 'enrolment')), []);
});
