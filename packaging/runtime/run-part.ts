/**
 * Inside the executable: `--fieldtap-part=NAME` as first argument runs one of the program's parts
 * that work in a process of their own (agent/platform/program-files.ts) instead of a command.
 */
import { createRequire } from 'node:module';
import { getAsset } from 'node:sea';
import { compileFunction, constants } from 'node:vm';

const PART_ARGUMENT = '--fieldtap-part=';
/** Parts are scripts below these names; nothing else of the executable may run. */
const PART_PATTERN = /^(agent|buffer|hub)\/[a-z0-9/-]+\.ts$/;

/** True when a part was asked for and has been started. */
export function runPart(): boolean {
  const [, , word] = process.argv;
  if (word === undefined || !word.startsWith(PART_ARGUMENT)) return false;
  const name = word.slice(PART_ARGUMENT.length);
  if (!PART_PATTERN.test(name)) throw new Error(`"${name}" is no part of this program`);
  // As in a checkout, the part sees its own arguments from the third word on.
  process.argv.splice(1, 2, name);
  const body = compileFunction(getAsset(name, 'utf8'), ['require', 'module', 'exports'], {
    filename: name,
    // Packages import a built-in module now and then.
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  body(createRequire('/'), module, module.exports);
  return true;
}
