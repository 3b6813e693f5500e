/**
 * The process that does what takes long beside the agent: `check PATH`, `salvage PATH INTO`. One
 * JSON object on standard output; exit 1 with the reason on standard error where it can't.
 */
import { argv, stderr, stdout } from 'node:process';
import { checkFile } from './check-file.ts';
import { salvageFile } from './salvage.ts';

function main([task, path, into]: readonly string[]): number {
  try {
    if (task === 'check' && path !== undefined) print(checkFile(path));
    else if (task === 'salvage' && path !== undefined && into !== undefined) {
      print(salvageFile(path, into));
    } else {
      stderr.write('check PATH | salvage PATH INTO\n');
      return 2;
    }
    return 0;
  } catch (error) {
    stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function print(report: object): void {
  stdout.write(`${JSON.stringify(report)}\n`);
}

process.exitCode = main(argv.slice(2));
