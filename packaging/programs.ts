/**
 * What goes into each executable: the script it starts with, the scripts that run in threads or
 * processes of their own, and the files it reads. A file that the sources name by
 * `new URL('./...', import.meta.url)` and that is missing here fails a test.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ProgramName, ROOT } from './targets.ts';

export interface Program {
  readonly name: ProgramName;
  /** TypeScript that starts the program, from the checkout's folder. */
  readonly start: string;
  /** Scripts by their path in the checkout. */
  readonly parts: readonly string[];
  /** Files by their path in the checkout, as they are. */
  readonly files: readonly string[];
}

/** Folders whose every file the program reads at run time. */
const AGENT_FILE_FOLDERS = ['agent/diagnostics/ui'];
const AGENT_PARTS = [
  'agent/capture-worker.ts',
  'agent/settings-thread.ts',
  'buffer/child.ts',
  'agent/probe/modbus-sender.ts',
  'agent/probe/opcua-sender.ts',
];
const HUB_PARTS = ['hub/opening-thread.ts'];

export function programOf(name: ProgramName): Program {
  switch (name) {
    case 'fieldtap':
      return {
        name,
        start: startText('agent/command-line.ts', 'runCommandLine(process.argv)'),
        parts: AGENT_PARTS,
        files: AGENT_FILE_FOLDERS.flatMap(filesBelow),
      };
    case 'fieldtap-hub':
      return { name, start: `import(${quoted('./hub/main.ts')});`, parts: HUB_PARTS, files: [] };
    default:
      return name satisfies never;
  }
}

/** agent/main.ts prepares Node for a checkout; the executable needs none of that. */
function startText(module: string, call: string): string {
  const [name] = call.split('(');
  return [
    // Small spaces, as agent/start.mjs; as an argument the flag comes too early to count.
    `process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1');`,
    `process.getBuiltinModule('node:v8').setFlagsFromString('--heap-growing-percent=20');`,
    `import(${quoted(`./${module}`)})`,
    `  .then(({ ${name} }) => ${call})`,
    '  .then((exitCode) => { process.exitCode = exitCode; });',
  ].join('\n');
}

function filesBelow(folder: string): string[] {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\.test\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
