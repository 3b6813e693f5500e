/**
 * The last lines of a run of tests: how many were skipped for want of a package, a privilege or the
 * corpus, and why; then which failed, with reason and seed: of a long log, people read the end.
 * What comes before them is the spec reporter's.
 */
import { relative, resolve } from 'node:path';
import type { run } from 'node:test';

/** What node:test tells of a run. */
export type TestEvent = ReturnType<typeof run> extends AsyncIterable<infer T> ? T : never;
type Failure = Extract<TestEvent, { type: 'test:fail' }>['data'];

/** As a skip's reason begins (needs.ts); `other` is any other reason. */
const KINDS = ['package', 'privilege', 'corpus', 'other'];
/** Of all reasons together: a page of a log. */
const REASON_LINES_MAX = 60;
const REASON_LINES_EACH_MAX = 12;
const REASON_CHARACTERS_MAX = 1000;

/** Whole lines, about all that was told in a run. */
export function endOfRun(events: readonly TestEvent[]): string {
  const countOf = new Map(KINDS.map((kind) => [kind, 0]));
  const reasons = new Map<string, number>();
  const failed: Failure[] = [];
  const errorsOf = new Map<string, string>();
  for (const { type, data } of events) {
    if (type === 'test:fail') failed.push(data);
    if (type === 'test:stderr') {
      const text = (errorsOf.get(data.file) ?? '') + data.message;
      errorsOf.set(data.file, text.slice(-REASON_CHARACTERS_MAX));
    }
    if (type !== 'test:pass' || typeof data.skip !== 'string') continue;
    const kind = data.skip.split(':')[0];
    const known = countOf.has(kind) ? kind : 'other';
    countOf.set(known, (countOf.get(known) ?? 0) + 1);
    reasons.set(data.skip, (reasons.get(data.skip) ?? 0) + 1);
  }
  const skips = [...reasons].map(([reason, count]) => `skipped ${count}: ${reason}\n`);
  const needs = [...countOf].map(([kind, count]) => `${kind} ${count}`).join(', ');
  return `${skips.join('')}skipped by need: ${needs}\n${failuresOf(failed, errorsOf)}`;
}

function failuresOf(failed: readonly Failure[], errorsOf: ReadonlyMap<string, string>): string {
  // A suite whose test failed says nothing that the test doesn't.
  const named = failed.filter(({ details }) => failureTypeOf(details.error) !== 'subtestsFailed');
  if (named.length === 0) return '';
  const linesEach = Math.ceil(REASON_LINES_MAX / named.length);
  const linesMax = Math.min(REASON_LINES_EACH_MAX, linesEach);
  const texts = named.map((failure) => failureOf(failure, errorsOf, linesMax));
  return `failed: ${named.length}\n${texts.join('')}${repeatedBy()}`;
}

function failureOf(
  { file = '', line, name, details }: Failure,
  errorsOf: ReadonlyMap<string, string>,
  linesMax: number,
): string {
  const { error } = details;
  // A file that ends before its tests have says on standard error why.
  const isWholeFile = resolve(name) === file && !(error.cause instanceof Error);
  const message: string = error.cause instanceof Error ? error.cause.message : error.message;
  const reason = isWholeFile ? `${message}\n${errorsOf.get(file) ?? ''}` : message;
  const short = reason.slice(0, REASON_CHARACTERS_MAX).split('\n').slice(0, linesMax);
  const place = file === '' ? '' : `${relative('.', file)}:${line} `;
  return `✖ ${place}${name}\n${short.map((each) => `    ${each}\n`).join('')}`;
}

function failureTypeOf(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined;
}

/** Where properties drew from one seed of the run (property-seed.ts). */
function repeatedBy(): string {
  const seed = process.env.FIELDTAP_PROPERTY_SEED;
  return seed === undefined ? '' : `The same draws again: FIELDTAP_PROPERTY_SEED=${seed}\n`;
}
