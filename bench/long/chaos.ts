/**
 * `npm run long -- chaos`: 10,000 summaries while agents, hub workers and broker are killed 100
 * times. The short form is bench/chaos.slow.test.ts; FIELDTAP_KILLS=1000 kills for an hour.
 */
import { join } from 'node:path';
import { runLongTest } from './run-long-test.ts';

process.exitCode = runLongTest({
  name: 'chaos',
  test: join(import.meta.dirname, '../chaos.slow.test.ts'),
  env: { FIELDTAP_SUMMARIES: '10000', FIELDTAP_KILLS: process.env.FIELDTAP_KILLS ?? '100' },
});
