/**
 * What every device program shares: `--name value` arguments, one JSON line on standard output when
 * it is ready (`{"ready":...}`), further JSON lines for facts, and an end by SIGTERM or when
 * whoever started it goes away (standard input ends), so that no device is left behind.
 */
import { createServer } from 'node:net';

/** `--port 502 --units 1,2` as a record of texts; a flag without value is the empty text. */
export function deviceArguments(): Readonly<Record<string, string>> {
  const given: Record<string, string> = {};
  const words = process.argv.slice(2);
  for (let index = 0; index < words.length; index++) {
    if (!words[index].startsWith('--')) continue;
    const next = words[index + 1];
    given[words[index].slice(2)] = next === undefined || next.startsWith('--') ? '' : next;
  }
  return given;
}

export function numberArgument(
  given: Readonly<Record<string, string>>,
  name: string,
  fallback: number,
): number {
  const value = Number(given[name] ?? fallback);
  if (!Number.isFinite(value)) throw new Error(`--${name} is not a number: "${given[name]}"`);
  return value;
}

export function say(fact: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

/** Runs `stop` once on SIGTERM, SIGINT or the end of standard input, then exits. */
export function endWith(stop: () => Promise<void> | void, onLine?: (line: string) => void): void {
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    const limit = setTimeout(() => process.exit(0), 2000);
    limit.unref();
    Promise.resolve(stop()).then(
      () => process.exit(0),
      () => process.exit(0),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.stdout.on('error', end);
  let rest = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  process.stdin.on('end', end);
  process.stdin.resume();
}

/** Free a moment ago, for libraries that can't take what the system gives. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
