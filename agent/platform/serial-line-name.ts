/** One name for a serial line in records, on screens and in faults, whoever speaks of it. */

/** What the line is called: its name, or `serial1`, `serial2`... by its place in the list. */
export function serialLineName(
  { name }: { readonly name?: string | undefined },
  at: number,
): string {
  return name ?? `serial${at + 1}`;
}
