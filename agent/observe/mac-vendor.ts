/**
 * Who made a network card, by the first 24, 28 or 36 bits of its MAC address (IEEE registries MA-L,
 * MA-M, MA-S). A sorted table of at most 1 MB that lies beside this file; `bench/knowledge-oui.ts`
 * packs it from a maintained package.
 */

/** Bytes of the table file. */
export const OUI_TABLE_BYTES_MAX = 1_000_000;

/** Base64 digits of the number of a name. */
export const NAME_DIGITS = 3;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Bit 1 of the first byte: the address was made up by whoever uses it (IEEE 802 clause 8.2). */
const LOCALLY_ADMINISTERED = 0x02;
const MULTICAST = 0x01;

/** Name of the maker; undefined for a made-up address and for one that nobody registered. */
export type MacVendor = (macAddress: string) => string | undefined;

interface OuiTable {
  /** Sorted entries of fixed width: prefix, then number of the name. */
  readonly large: string;
  readonly medium: string;
  readonly small: string;
  /** One a line. */
  readonly names: string;
}

/** Longest prefix first: a small block lies inside a large one of the registry itself. */
const SIZES = [
  { block: 'small', nibbles: 9 },
  { block: 'medium', nibbles: 7 },
  { block: 'large', nibbles: 6 },
] as const;

/** Loads the table; takes some milliseconds and a megabyte, so only where MAC addresses are. */
export async function loadMacVendors(): Promise<MacVendor> {
  const table = (await import('./oui-table.json', { with: { type: 'json' } })).default;
  return macVendors(table);
}

export function macVendors(table: OuiTable): MacVendor {
  let names: readonly string[] | undefined;
  return (macAddress) => {
    const hex = macAddress.replaceAll(':', '');
    if (!/^[0-9a-f]{12}$/.test(hex)) return undefined;
    if ((Number.parseInt(hex.slice(0, 2), 16) & (LOCALLY_ADMINISTERED | MULTICAST)) !== 0) {
      return undefined;
    }
    for (const { block, nibbles } of SIZES) {
      const index = find(table[block], Number.parseInt(hex.slice(0, nibbles), 16), nibbles);
      if (index < 0) continue;
      names ??= table.names.split('\n');
      const name = names[index];
      // The registry's own name stands for blocks that it gives away in parts.
      if (name !== undefined && !name.startsWith('IEEE Registration')) return name;
    }
    return undefined;
  };
}

/** `value` as that many Base64 digits, the highest first. */
export function digitsOf(value: number, count: number): string {
  let text = '';
  let rest = value;
  for (let digit = 0; digit < count; digit++) {
    text = DIGITS[rest % 64] + text;
    rest = Math.floor(rest / 64);
  }
  return text;
}

function find(entries: string, prefix: number, nibbles: number): number {
  const prefixDigits = Math.ceil((nibbles * 4) / 6);
  const width = prefixDigits + NAME_DIGITS;
  let low = 0;
  let high = entries.length / width - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = numberAt(entries, middle * width, prefixDigits);
    if (found === prefix) return numberAt(entries, middle * width + prefixDigits, NAME_DIGITS);
    if (found < prefix) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function numberAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let digit = at; digit < at + count; digit++)
    value = value * 64 + DIGITS.indexOf(text[digit]);
  return value;
}
