/**
 * Questions about values that were read back from disk. What the buffer holds was written by this
 * program, but perhaps by another version, or it was damaged: nothing is taken on trust.
 */

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list of exactly `count` finite numbers. */
export function isNumbers(value: unknown, count: number): value is readonly number[] {
  return Array.isArray(value) && value.length === count && value.every(Number.isFinite);
}

/** A finite number, or `otherwise`. */
export function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

/** A text of at most `charactersMax`; undefined for anything else. */
export function textOf(value: unknown, charactersMax = 256): string | undefined {
  return typeof value === 'string' ? value.slice(0, charactersMax) : undefined;
}

/** The items of a list, at most `itemsMax`; none for anything else. */
export function itemsOf(value: unknown, itemsMax: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, itemsMax) : [];
}
