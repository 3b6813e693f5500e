// The table of makers: what it answers, and that it stays as small as promised.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadMacVendors, OUI_TABLE_BYTES_MAX } from './mac-vendor.ts';

const vendor = await loadMacVendors();

// biome-ignore format: one case per line
const CASES = [
  { name: 'a large block',                        mac: '00:80:f4:01:02:03', is: 'TELEMECANIQUE ELECTRIQUE' },
  { name: 'another large block',                  mac: '00:0e:8c:00:00:01', is: 'Siemens' },
  { name: 'an address that somebody made up',     mac: '02:00:0a:00:00:05', is: undefined },
  { name: 'a multicast address',                  mac: '01:80:c2:00:00:0e', is: undefined },
  { name: 'no address at all',                    mac: 'router', is: undefined },
  { name: 'capital letters are not how we write', mac: '00:80:F4:01:02:03', is: undefined },
] as const;

for (const { name, mac, is } of CASES) {
  test(name, () => assert.equal(vendor(mac), is));
}

test('the table is at most 1 MB', () => {
  const { size } = statSync(join(import.meta.dirname, 'oui-table.json'));
  assert.ok(size <= OUI_TABLE_BYTES_MAX, `${size} bytes`);
});
