/**
 * `npm run long -- kill`: the agent killed with SIGKILL at 20 random moments under load, the hub
 * twice; then both databases are counted from outside. The short form is hil-tests/kill.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeEvidence } from '../evidence.ts';

const TEST = join(import.meta.dirname, '../../hil-tests/kill.test.ts');

const { status, stdout } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-force-exit', TEST],
  {
    env: { ...process.env, FIELDTAP_LONG: '1', FIELDTAP_TEST_ALL: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
process.stdout.write(stdout);
writeEvidence('kill.txt', 'npm run long -- kill', stdout.trimEnd().split('\n'));
process.exitCode = status ?? 1;
