/**
 * `npm run long -- power-cut`: 200 power cuts replayed from a system-call trace and 50 shutdowns of
 * a real ext4 disk. The short form is buffer/power-cut.slow.test.ts.
 */
import { join } from 'node:path';
import { runLongTest } from './run-long-test.ts';

process.exitCode = runLongTest({
  name: 'power-cut',
  test: join(import.meta.dirname, '../../buffer/power-cut.slow.test.ts'),
  env: { FIELDTAP_CUTS: '200', FIELDTAP_ROUNDS: '50' },
});
