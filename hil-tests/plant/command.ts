/**
 * Short commands that build and question the bench (`ip`, `tc`, `nft`, `openssl`): each runs to its
 * end, and one that fails says what it was and what it printed.
 */
import { execFile } from 'node:child_process';

/** A loaded machine takes long even for `ip`. */
const PATIENCE_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

/** Debian keeps these programs where an ordinary user's PATH doesn't look. */
export function benchPath(): string {
  return `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
}

/** Standard output of a command that must succeed; `input` goes to its standard input. */
export function command(words: readonly string[], input = ''): Promise<string> {
  const [program, ...rest] = words;
  const options = {
    env: { ...process.env, PATH: benchPath() },
    timeout: PATIENCE_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${words.join(' ')}: ${stderr.trim() || error.message}`));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
