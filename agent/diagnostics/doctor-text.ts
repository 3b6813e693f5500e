/** Doctor's checks as a page for a person: one line each, cause and remedy below what is wrong. */
import { escapeText } from '../platform/wire-text.ts';
import { type Check, rootsOf } from './check.ts';

const MARKS = { good: 'ok', warning: 'look', fault: 'FAULT', unknown: '?' } as const;
const MARK_CHARACTERS = 7;
const NAME_CHARACTERS = 23;
const LINE_CHARACTERS = 92;
const INDENT = ' '.repeat(MARK_CHARACTERS);

/** The verdict comes last, where a person at a terminal looks first. */
export function checksText(checks: readonly Check[]): string {
  const lines: string[] = [];
  for (const check of checks) {
    if (check.explainedBy !== undefined) continue;
    const mark = MARKS[check.verdict].padEnd(MARK_CHARACTERS);
    lines.push(`${mark}${check.name.padEnd(NAME_CHARACTERS)} ${escapeText(check.figure)}`);
    if (check.cause !== undefined) lines.push(...wrapped(escapeText(check.cause), INDENT, INDENT));
    if (check.remedy !== undefined) {
      lines.push(...wrapped(`-> ${escapeText(check.remedy)}`, INDENT, `${INDENT}   `));
    }
  }
  const hidden = checks.filter((check) => check.explainedBy !== undefined);
  if (hidden.length > 0) {
    const names = hidden.map(({ name, explainedBy }) => `${name} (by ${explainedBy})`);
    lines.push(`Explained by the above: ${names.join(', ')}`);
  }
  return `${lines.join('\n')}\n${verdictText(checks)}\n`;
}

function verdictText(checks: readonly Check[]): string {
  const roots = rootsOf(checks);
  if (roots.length > 0) {
    const names = roots.map(({ name }) => name).join(', ');
    return `${roots.length === 1 ? 'One fault' : `${roots.length} faults`}: ${names}.`;
  }
  const warnings = checks.filter(
    ({ verdict, explainedBy }) => verdict === 'warning' && explainedBy === undefined,
  ).length;
  if (warnings > 0) return `No fault; ${warnings} to look at.`;
  return 'All good.';
}

function wrapped(text: string, indent: string, further: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    const isFull = line.length + 1 + word.length > LINE_CHARACTERS && line.trim() !== '';
    if (isFull) lines.push(line);
    line = isFull ? `${further}${word}` : `${line}${line.trim() === '' ? '' : ' '}${word}`;
  }
  return [...lines, line];
}
