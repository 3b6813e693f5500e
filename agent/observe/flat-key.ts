/**
 * Keys of tables that are kept. A template makes a tree of its parts, which a table keeps as it is:
 * 300 bytes where the text has 40. Joining makes one piece of text.
 */
export function flatKey(...parts: readonly (string | number | undefined)[]): string {
  return parts.join(' ');
}
