/**
 * The program under test as words of a command: from sources, or built ones named by `HIL_BINARY`
 * (the agent) and `HIL_HUB_BINARY` (the hub), so that the same tests prove what is installed.
 */
import { join } from 'node:path';
import { ROOT } from '../bench-process.ts';

/** `fieldtap ARGUMENTS`. */
export function fieldtapWords(...words: readonly string[]): readonly string[] {
  return wordsOf(process.env.HIL_BINARY, 'agent/main.ts', words);
}

/** `fieldtap-hub ARGUMENTS`. */
export function hubWords(...words: readonly string[]): readonly string[] {
  return wordsOf(process.env.HIL_HUB_BINARY, 'hub/main.ts', words);
}

/** A device program of hil-tests/devices. */
export function deviceWords(file: string, ...words: readonly string[]): readonly string[] {
  return [process.execPath, join(ROOT, 'hil-tests/devices', file), ...words];
}

function wordsOf(
  binary: string | undefined,
  source: string,
  words: readonly string[],
): readonly string[] {
  if (binary !== undefined && binary !== '') return [binary, ...words];
  return [process.execPath, join(ROOT, source), ...words];
}
