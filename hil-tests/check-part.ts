/**
 * One part of the fast tests of `npm run check`: runs the files named on the command line in this
 * process, says what failed, and tells the parent how long each file took (check.ts).
 */
import { relative } from 'node:path';
import { run } from 'node:test';
import './fast-tests.ts';

/** What a part tells its parent when it ends. */
export interface PartResult {
  readonly testsCount: number;
  readonly skippedCount: number;
  /** One text a failed test: its file, name and error. */
  readonly failures: readonly string[];
  /** Milliseconds of the tests of each file, waiting and other processes' time included. */
  readonly files: readonly { readonly file: string; readonly ms: number }[];
  /** User and kernel time of this process. */
  readonly cpuMs: number;
}

await tell(await runPart(process.argv.slice(2)));
process.exit(0);

async function runPart(files: readonly string[]): Promise<PartResult> {
  const msOfFile = new Map<string, number>();
  const failures: string[] = [];
  let testsCount = 0;
  let skippedCount = 0;
  const events = run({ files: [...files], isolation: 'none' });
  for await (const { type, data } of events) {
    if (type === 'test:stderr') process.stderr.write(data.message);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { file = 'unknown', details, name, nesting, skip } = data;
    if (nesting === 0) msOfFile.set(file, (msOfFile.get(file) ?? 0) + details.duration_ms);
    testsCount++;
    if (skip !== undefined) skippedCount++;
    if (type === 'test:fail') {
      failures.push(`${relative(process.cwd(), file)}: ${name}\n${describe(data.details.error)}`);
    }
  }
  const { user, system } = process.cpuUsage();
  return {
    testsCount,
    skippedCount,
    failures,
    files: [...msOfFile].map(([file, ms]) => ({ file, ms })),
    cpuMs: (user + system) / 1000,
  };
}

/** The whole message (of a property: seed, path, counterexample) and why, each with its place. */
function describe(error: Error): string {
  // node:test wraps what the test threw; a property wraps what its body threw.
  const thrown = error.cause instanceof Error ? error.cause : error;
  const because = thrown.cause instanceof Error ? `\nbecause of ${ownStack(thrown.cause)}` : '';
  return ownStack(thrown) + because;
}

/** Without the places inside Node and packages, which fill the page. */
function ownStack(error: Error): string {
  const lines = (error.stack ?? error.message).split('\n');
  return lines.filter((line) => !/^\s+at .*(node:|node_modules\/)/.test(line)).join('\n');
}

function tell(result: PartResult): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) {
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
      resolve();
    } else {
      process.send(result, undefined, {}, () => resolve());
    }
  });
}
