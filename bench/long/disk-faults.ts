/**
 * `npm run long -- disk-faults`: full, read-only, failing, stalled (for 60 s) and damaged disks
 * under a running agent. The short form is hil-tests/scenarios/disk.test.ts.
 */
import { join } from 'node:path';
import { runLongTest } from './run-long-test.ts';

process.exitCode = runLongTest({
  name: 'disk-faults',
  test: join(import.meta.dirname, '../../hil-tests/scenarios/disk.test.ts'),
  env: { FIELDTAP_LONG: '1' },
});
