/**
 * Rows as CSV (RFC 4180), for a spreadsheet. A text from the wire that begins like a formula gets
 * an apostrophe in front: a device name must not run anything on the engineer's laptop.
 */
import { escapeText } from '../platform/wire-text.ts';

const FORMULA = /^[=+\-@\t]/;
const NUMBER = /^-?\d+(\.\d+)?$/;

export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: string | number): string {
  const text = escapeText(String(value));
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
