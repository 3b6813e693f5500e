/**
 * `npm run long -- chaos`: 10,000 summaries while agents, hub workers and broker are killed 100
 * times. The short form is bench/chaos.slow.test.ts; FIELDTAP_KILLS=1000 kills for an hour.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { writeEvidence } from '../evidence.ts';

const SUMMARIES = 10_000;
/** So that the kills are spread over all of the summaries. */
const PAUSE_MS = 3000;
const TEST = join(import.meta.dirname, '../chaos.slow.test.ts');

const words = ['--test', '--test-reporter=spec', '--test-force-exit', TEST];
const child = spawn(process.execPath, words, {
  env: {
    ...process.env,
    FIELDTAP_SUMMARIES: String(SUMMARIES),
    FIELDTAP_KILLS: process.env.FIELDTAP_KILLS ?? '100',
    FIELDTAP_PAUSE_MS: String(PAUSE_MS),
    FIELDTAP_TEST_ALL: '1',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let transcript = '';
// Shown as it comes: the test tells its progress.
child.stdout.setEncoding('utf8').on('data', (text: string) => {
  transcript += text;
  process.stdout.write(text);
});
child.once('close', (status) => {
  writeEvidence('chaos.txt', 'npm run long -- chaos', transcript.trimEnd().split('\n'));
  process.exitCode = status ?? 1;
});
