/**
 * Log files of Zeek as its own test suite keeps them: tab-separated rows with the names of the
 * columns in a `#fields` line.
 */
import { readFileSync } from 'node:fs';

export type LogRow = Readonly<Record<string, string>>;

export function readLog(path: string): LogRow[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const names =
    lines
      .find((line) => line.startsWith('#fields'))
      ?.split('\t')
      .slice(1) ?? [];
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'))
    .map((cells) => Object.fromEntries(names.map((name, at) => [name, cells[at]])));
}

/** `readCoils` as Zeek and ICSNPP write it: `READ_COILS`. */
export function zeekFunctionName(functionName: string): string {
  if (functionName === 'reportServerId') return 'REPORT_SLAVE_ID';
  if (functionName === 'readDeviceIdentification') return 'ENCAP_INTERFACE_TRANSPORT';
  return upperSnake(functionName);
}

export function upperSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** What is in the first list and not in the second; each line counts as often as it stands. */
export function notIn(first: readonly string[], second: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of second) left.set(line, (left.get(line) ?? 0) + 1);
  return first.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
