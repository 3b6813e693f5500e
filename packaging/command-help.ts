/**
 * What the program says of its own commands: the man page and the completions are made from its
 * `--help`, so that they never tell of a command that isn't there.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './targets.ts';

export interface CommandHelp {
  /** Without the program: `replay`, `buffer check`; empty for the program itself. */
  readonly name: string;
  /** After the name: `[options] <file...>`. */
  readonly usage: string;
  readonly description: string;
  readonly options: readonly { readonly flags: string; readonly description: string }[];
  readonly commands: readonly CommandHelp[];
  /** Lines below `Example:`. */
  readonly examples: readonly string[];
}

const DEPTH_MAX = 3;
/** An entry of a list: two spaces, the term, at least two spaces, its description. */
const ENTRY = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/;

export function readCommandHelp(
  program: 'agent' | 'hub',
  words: readonly string[] = [],
): CommandHelp {
  const main = join(ROOT, program, 'main.ts');
  const text = execFileSync(process.execPath, [main, ...words, '--help'], { encoding: 'utf8' });
  const { sections, usage, description } = sectionsOf(text);
  const options = entriesOf(sections.get('Options') ?? []);
  const commands = entriesOf(sections.get('Commands') ?? [])
    .map(({ term }) => term.split(/[ |]/)[0])
    .filter((name) => name !== 'help');
  return {
    name: words.join(' '),
    usage,
    description,
    options: options.map(({ term, text }) => ({ flags: term, description: text })),
    commands:
      words.length < DEPTH_MAX
        ? commands.map((name) => readCommandHelp(program, [...words, name]))
        : [],
    examples: [...(sections.get('Example') ?? []), ...(sections.get('Examples') ?? [])].map(
      (line) => line.trim(),
    ),
  };
}

/** Every command of the tree, the program itself first. */
export function allCommands(root: CommandHelp): CommandHelp[] {
  return [root, ...root.commands.flatMap(allCommands)];
}

interface HelpText {
  readonly usage: string;
  readonly description: string;
  readonly sections: ReadonlyMap<string, readonly string[]>;
}

function sectionsOf(text: string): HelpText {
  const sections = new Map<string, string[]>();
  const description: string[] = [];
  let usage = '';
  let lines = description;
  for (const line of text.split('\n')) {
    const heading = /^([A-Z][a-z]+):$/.exec(line)?.[1];
    if (line.startsWith('Usage: ')) usage = line.replace(/^Usage: \S+ ?/, '');
    else if (heading !== undefined) {
      lines = [];
      sections.set(heading, lines);
    } else if (line.trim() !== '') lines.push(line);
  }
  return { usage, description: description.join(' ').trim(), sections };
}

function entriesOf(lines: readonly string[]): { term: string; text: string }[] {
  const entries: { term: string; text: string }[] = [];
  for (const line of lines) {
    const match = line.startsWith('   ') ? null : ENTRY.exec(line);
    if (match !== null) entries.push({ term: match[1], text: match[2] ?? '' });
    else {
      const last = entries.at(-1);
      if (last !== undefined) last.text = `${last.text} ${line.trim()}`.trim();
    }
  }
  return entries;
}
