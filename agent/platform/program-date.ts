/**
 * The day of this program: no clock that is right stands before it. Doctor judges a clock by it, so
 * it has to move with every release: program-date.test.ts holds it against CHANGELOG.md, and an
 * executable carries the day of its own build.
 */

/** Put in by packaging/bundle.ts, milliseconds since 1970; nothing when run from sources. */
declare const FIELDTAP_SOURCE_DATE_MS: number | undefined;

/** Of the newest release in CHANGELOG.md. */
const RELEASE_DAY = '2026-11-25';
const DAY_MS = 86_400_000;
const builtMs = typeof FIELDTAP_SOURCE_DATE_MS === 'number' ? FIELDTAP_SOURCE_DATE_MS : 0;

/** Milliseconds since 1970, a day early: a gateway that is an hour behind on that day is fine. */
export const PROGRAM_DATE_MS = Math.max(Date.parse(RELEASE_DAY), builtMs) - DAY_MS;
