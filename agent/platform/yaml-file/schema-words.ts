/**
 * A value that a schema doesn't accept, in words of ours: what stands there, what may stand there,
 * and what to write instead. The schema itself tells all three; no word of its library is shown.
 */
import { z } from 'zod';
import type { FaultWords } from './syntax-words.ts';

const SHOWN_CHARACTERS_MAX = 40;
/** Zod's own messages begin so; another one is ours, from the schema. */
const NOT_OURS = /^(Invalid|Too |Unrecognized|Expected|Required)/;

/** `schema`: of the place itself, with its default; `value`: what stands there. */
export function schemaWords(
  issue: z.core.$ZodIssue,
  schema: unknown,
  value: unknown,
  manual: string,
): FaultWords {
  const key = String(issue.path.at(-1) ?? '');
  if (!NOT_OURS.test(issue.message)) {
    const remedy = `${manual} says what this key may hold.`;
    return { problem: `is not accepted: ${issue.message}.`, remedy };
  }
  const wanted = wantedText(schema);
  if (value === undefined) {
    return { problem: 'is missing.', remedy: `Add "${key}:", ${wanted} (${manual}).` };
  }
  const problem = `is not accepted: it says ${shownText(value)}.`;
  if (unwrap(schema) instanceof z.ZodString && isBare(value)) {
    return { problem, remedy: `Put it in quotes, so that it is a text: "${value}".` };
  }
  const example = exampleOf(schema);
  const such = example === undefined || isIndex(key) ? '' : `, such as "${key}: ${example}"`;
  return { problem, remedy: `Write ${wanted}${such} (${manual}).` };
}

function isIndex(key: string): boolean {
  return /^\d*$/.test(key);
}

/** `12`, `true`: what YAML takes for no text. */
function isBare(value: unknown): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function shownText(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty text' : JSON.stringify(value.slice(0, SHOWN_CHARACTERS_MAX));
    case 'object':
      return 'a section with keys';
    default:
      return String(value);
  }
}

/** "a whole number from 1 to 64", "one of: mirror, tapA". */
function wantedText(schema: unknown): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber) {
    const { minValue, maxValue, format } = inner;
    const kind = format === 'safeint' ? 'a whole number' : 'a number';
    return `${kind}${rangeText(minValue, maxValue, '')}`;
  }
  if (inner instanceof z.ZodString) {
    return `a text${rangeText(inner.minLength, inner.maxLength, ' characters')}`;
  }
  if (inner instanceof z.ZodBoolean) return 'true or false';
  const words = choicesOf(inner);
  if (words !== undefined) return words.length === 1 ? words[0] : `one of: ${words.join(', ')}`;
  if (inner instanceof z.ZodArray) {
    const most = maximumOf(inner);
    return `a list${most === undefined ? '' : ` of at most ${most}`}`;
  }
  if (inner instanceof z.ZodObject) {
    return `a section with the keys ${Object.keys(inner.shape).join(', ')}`;
  }
  return 'something else';
}

function rangeText(least: number | null, most: number | null, unit: string): string {
  const from = isLimit(least) ? least : undefined;
  const to = isLimit(most) ? most : undefined;
  if (from !== undefined && to !== undefined) {
    return unit === '' ? ` from ${from} to ${to}` : ` of ${from} to ${to}${unit}`;
  }
  if (from !== undefined) return ` of at least ${from}${unit}`;
  return to === undefined ? '' : ` of at most ${to}${unit}`;
}

/** Whole numbers have the limits of JavaScript where a schema names none. */
function isLimit(limit: number | null): limit is number {
  return limit !== null && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
}

/** Of an enum, a literal, or a union of literals. */
function choicesOf(inner: unknown): readonly string[] | undefined {
  if (inner instanceof z.ZodEnum) return inner.options.map(String);
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(String);
  if (!(inner instanceof z.ZodUnion)) return undefined;
  const options = inner.options.map(choicesOf);
  return options.every((words) => words !== undefined) ? options.flat() : undefined;
}

function maximumOf(list: z.ZodArray): number | undefined {
  for (const check of list.def.checks ?? []) {
    const { def } = check._zod;
    if ('maximum' in def && typeof def.maximum === 'number') return def.maximum;
  }
  return undefined;
}

/** The default where there is one; else the first choice. */
function exampleOf(schema: unknown): string | undefined {
  return defaultOf(schema) ?? choicesOf(unwrap(schema))?.[0];
}

function defaultOf(schema: unknown): string | undefined {
  const value = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' || isBare(value) ? String(value) : undefined;
}

/** Zod wraps a schema for each default and optional; what it describes lies inside. */
export function unwrap(value: unknown): unknown {
  let inner = value;
  for (let depth = 0; depth < 4; depth++) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.in;
    else break;
  }
  return inner;
}
