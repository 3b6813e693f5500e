/** `fieldtap check-config`: every fault of a configuration with line, problem and remedy. */
import { readFileSync } from 'node:fs';
import { parseConfig } from '../config.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';

export function checkConfig(options: { readonly file: string; readonly json: boolean }): number {
  const result = parseConfig(read(options.file));
  const faults = result.kind === 'faults' ? result.faults : [];
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ file: options.file, ok: faults.length === 0, faults })}\n`,
    );
  } else if (faults.length === 0) {
    process.stdout.write(`${options.file}: good\n`);
  } else {
    for (const fault of faults) {
      const place = `${options.file}:${fault.line}`;
      const text = [fault.key, fault.problem, fault.remedy].filter((part) => part !== '').join(' ');
      process.stdout.write(`${place}: ${escapeText(text)}\n`);
    }
  }
  return faults.length === 0 ? 0 : 1;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OperatorFault({
      code: 'CONFIG_FILE_UNREADABLE',
      problem: `The configuration "${file}" can't be read.`,
      remedy: 'Give the path of the file: fieldtap check-config FILE.',
      cause,
    });
  }
}
