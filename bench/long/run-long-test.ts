/** A test in its long form, as a process of its own; its transcript becomes evidence. */
import { spawnSync } from 'node:child_process';
import { writeEvidence } from '../evidence.ts';

export interface LongTest {
  /** Of the long run and of its transcript. */
  readonly name: string;
  readonly test: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Answers the exit code. */
export function runLongTest({ name, test, env }: LongTest): number {
  const words = ['--test', '--test-reporter=spec', '--test-force-exit', test];
  const { status, stdout } = spawnSync(process.execPath, words, {
    env: { ...process.env, ...env, FIELDTAP_TEST_ALL: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(stdout);
  writeEvidence(`${name}.txt`, `npm run long -- ${name}`, stdout.trimEnd().split('\n'));
  return status ?? 1;
}
