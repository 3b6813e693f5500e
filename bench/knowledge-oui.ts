/**
 * Packs the makers of network cards (IEEE registries MA-L, MA-M and MA-S, by the package
 * `oui-data`) into the sorted table that the program carries: `node bench/knowledge-oui.ts`.
 * To be run when the package is updated; a test says when the table doesn't fit it any more.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { digitsOf, NAME_DIGITS, OUI_TABLE_BYTES_MAX } from '../agent/observe/mac-vendor.ts';

const TABLE = join(import.meta.dirname, '../agent/observe/oui-table.json');
const NAME_BYTES_MAX = 24;
/** What says how a company is incorporated, not which one it is; at the end of a name. */
const FORMS = [
  'co',
  'inc',
  'ltd',
  'llc',
  'limited',
  'corp',
  'corporation',
  'corporate',
  'gmbh',
  'company',
  'sa',
  's\\.a',
  's\\.?r\\.?l',
  's\\.?p\\.?a',
  'b\\.?v',
  'a\\.?s',
  'ag',
  'kg',
  'pty',
  'sdn',
  'bhd',
  'private',
  'pvt',
  'and',
  '&',
];
const FORM = new RegExp(`[\\s,.]+(${FORMS.join('|')})[.,]*$`, 'i');

/** Text of the table file. */
export function packOui(): string {
  const path = createRequire(import.meta.url).resolve('oui-data');
  // The package's file is one object: prefix in upper-case hexadecimal to name and address.
  const vendors = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  const names = new Map<string, number>();
  const packed: Record<string, string> = { large: '', medium: '', small: '' };
  for (const prefix of Object.keys(vendors).sort()) {
    const name = shortName(vendors[prefix].split('\n')[0]);
    let index = names.get(name);
    if (index === undefined) {
      index = names.size;
      names.set(name, index);
    }
    const size = { 6: 'large', 7: 'medium', 9: 'small' }[prefix.length];
    if (size === undefined) continue;
    const digits = Math.ceil((prefix.length * 4) / 6);
    packed[size] += digitsOf(Number.parseInt(prefix, 16), digits) + digitsOf(index, NAME_DIGITS);
  }
  return `${JSON.stringify({ ...packed, names: [...names.keys()].join('\n') }, null, 2)}\n`;
}

function shortName(name: string): string {
  let short = name.replace(/\s+/g, ' ').trim();
  for (let before = ''; before !== short; ) {
    before = short;
    short = short.replace(FORM, '');
  }
  if (short === '') return name.trim();
  while (Buffer.byteLength(short) > NAME_BYTES_MAX) short = short.slice(0, -1).trim();
  return short;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = packOui();
  if (Buffer.byteLength(text) > OUI_TABLE_BYTES_MAX) throw new Error('the table is too large');
  writeFileSync(TABLE, text);
  process.stdout.write(`${TABLE}: ${Buffer.byteLength(text)} bytes\n`);
}
