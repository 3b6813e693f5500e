/** Transcripts of long runs in docs/evidence, each with its date and the commit it ran on. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Replaces the transcript of the last run of that name. */
export function writeEvidence(name: string, command: string, lines: readonly string[]): void {
  const folder = join(ROOT, 'docs', 'evidence');
  mkdirSync(folder, { recursive: true });
  const head = [
    `$ ${command}`,
    `date    ${new Date().toISOString()}`,
    `commit  ${commitOf()}`,
    `node    ${process.version}, ${process.arch}`,
  ];
  writeFileSync(join(folder, name), `${[...head, '', ...lines].join('\n')}\n`);
}

function commitOf(): string {
  const git = (...words: string[]): string =>
    execFileSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain').length > 0 ? ', with changes' : '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed}`;
  } catch {
    return 'unknown (no repository)';
  }
}
