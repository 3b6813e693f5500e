/** Numbers, times and paragraphs as a person reads them in a terminal. */

const LINE_CHARACTERS_MAX = 96;
const INDENT = ' '.repeat(10);

/** With thousands apart: `12,345`. */
export function numberText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Decimal units. */
export function bytesText(bytes: number): string {
  if (bytes < 10_000) return `${numberText(bytes)} bytes`;
  return bytes < 10_000_000
    ? `${numberText(bytes / 1000)} kB`
    : `${numberText(bytes / 1_000_000)} MB`;
}

/** Microseconds, to the digits that matter. */
export function msText(us: number): string {
  if (us < 1000) return `${us} µs`;
  return us < 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${numberText(us / 1000)} ms`;
}

/** Seconds as `11.9 s`, `4 min` or `2.5 h`. */
export function durationText(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${numberText(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A damaged stamp may lie outside what a date can hold. */
export function utcText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  if (Number.isNaN(date.getTime())) return `${timeUs} µs`;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `once`, `2 times`. */
export function timesText(count: number): string {
  return count === 1 ? 'once' : `${numberText(count)} times`;
}

/** `1 request`, `3 requests`; with the verb that goes with the number: `1 request has`. */
export function countText(count: number, noun: string, one = '', many = ''): string {
  return count === 1 ? `1 ${noun}${one}` : `${numberText(count)} ${noun}s${many}`;
}

/** Breaks a paragraph into indented lines of a terminal's width. */
export function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = INDENT;
  for (const word of text.split(' ')) {
    if (line !== INDENT && line.length + word.length + 1 > LINE_CHARACTERS_MAX) {
      lines.push(line);
      line = INDENT;
    }
    line += line === INDENT ? word : ` ${word}`;
  }
  lines.push(line);
  return lines;
}
