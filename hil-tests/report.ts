/**
 * What a bench run measured, one JSON line each: `{name, value, unit, limit, pass}`. The lines go
 * to the file that HIL_REPORT names (appended, so that several test files share it) and to the
 * test's own output; a line that doesn't pass fails its test.
 */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { allowedMs } from './machine-load.ts';

export interface ReportLine {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What passes: `== 6600`, `<= 5`, `>= 1`; empty for a figure without a limit. */
  readonly limit: string;
  readonly pass: boolean;
}

type Comparison = '==' | '<=' | '>=' | 'none';

/** Writes one line and fails the test when the limit isn't kept. */
export function report(
  context: TestContext,
  name: string,
  value: number,
  unit: string,
  comparison: Comparison = 'none',
  limit = 0,
): void {
  // A promise in time holds as it stands on a machine that does nothing else.
  const isTime = comparison === '<=' && (unit === 'ms' || unit === 's');
  const kept = isTime ? Math.round(allowedMs(limit)) : limit;
  const pass = isKept(value, comparison, kept);
  const shared = kept > limit ? `, ${limit} on a machine that is not shared` : '';
  const text = comparison === 'none' ? '' : `${comparison} ${kept}${shared}`;
  const line: ReportLine = { name, value: rounded(value), unit, limit: text, pass };
  const { HIL_REPORT: file } = process.env;
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify(line)}\n`);
  context.diagnostic(JSON.stringify(line));
  assert.ok(pass, `${name}: ${line.value} ${unit}, wanted ${text}`);
}

function isKept(value: number, comparison: Comparison, limit: number): boolean {
  switch (comparison) {
    case '==':
      return value === limit;
    case '<=':
      return value <= limit;
    case '>=':
      return value >= limit;
    case 'none':
      return Number.isFinite(value);
    default:
      return comparison satisfies never;
  }
}

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toFixed(3));
}
