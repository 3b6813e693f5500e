/**
 * The program under test as words of a command: from sources, or built ones named by `HIL_BINARY`
 * (the agent) and `HIL_HUB_BINARY` (the hub), so that the same tests prove what is installed.
 * Either may be several words, such as an emulator and its program; `dist/...` is meant from the
 * checkout.
 */
import { join } from 'node:path';
import { ROOT } from '../bench-process.ts';

/** `fieldtap ARGUMENTS`. The demo is for a checkout: its devices are in no built program. */
export function fieldtapWords(...words: readonly string[]): readonly string[] {
  if (words[0] === 'demo') return wordsOf(undefined, 'agent/start.mjs', words);
  return wordsOf(process.env.HIL_BINARY, 'agent/start.mjs', words);
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
  if (binary === undefined || binary === '') {
    return [process.execPath, join(ROOT, source), ...words];
  }
  return [...binary.split(' ').map(absolute), ...words];
}

/** Tests run in folders of their own; `dist/...` is meant from the checkout. */
function absolute(word: string): string {
  return word.startsWith('dist/') ? join(ROOT, word) : word;
}
