/** Which mappings may be given back: unchanged pages of the executable, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cleanFileRanges, trimMemory } from './trim-memory.ts';

function mapping(head: string, anonymous: number, dirty: number): string {
  return `${head}\nRss: 100 kB\nPrivate_Dirty:   ${dirty} kB\nAnonymous:       ${anonymous} kB\n`;
}

// biome-ignore format: one mapping per line
const cases = [
  { name: 'code of the program',           text: mapping('00400000-00500000 r-xp 00001000 08:01 77 /usr/bin/fieldtap', 0, 0), expected: [{ start: 0x400000n, bytes: 0x100000n }] },
  { name: 'its constants',                 text: mapping('00600000-00601000 r--p 00001000 08:01 77 /usr/bin/fieldtap', 0, 0), expected: [{ start: 0x600000n, bytes: 0x1000n }] },
  { name: 'replaced by an upgrade',        text: mapping('00600000-00601000 r-xp 00001000 08:01 77 /usr/bin/fieldtap (deleted)', 0, 4), expected: [{ start: 0x600000n, bytes: 0x1000n }] },
  { name: 'a library, which may go',       text: mapping('00600000-00601000 r-xp 00001000 08:01 78 /usr/lib/libc.so.6', 0, 0), expected: [] },
  { name: 'relocated, so changed',         text: mapping('00600000-00601000 r--p 00001000 08:01 77 /usr/bin/fieldtap', 4, 4), expected: [] },
  { name: 'its variables',                 text: mapping('00700000-00701000 rw-p 00001000 08:01 77 /usr/bin/fieldtap', 0, 0), expected: [] },
  { name: 'shared with another process',   text: mapping('00700000-00701000 r--s 00001000 08:01 77 /dev/shm/x', 0, 0), expected: [] },
  { name: 'memory without a file',         text: mapping('00800000-00801000 r-xp 00000000 00:00 0 ', 0, 0), expected: [] },
  { name: 'the heap',                      text: mapping('00800000-00801000 rw-p 00000000 00:00 0 [heap]', 8, 8), expected: [] },
  { name: 'the kernel\'s own page',        text: mapping('7fff0000-7fff2000 r-xp 00000000 00:00 0 [vdso]', 0, 0), expected: [] },
];

for (const { name, text, expected } of cases) {
  test(name, () => assert.deepEqual(cleanFileRanges(text, 77), expected));
}

test('pages of files that only the start needed are given back, and the process goes on', async () => {
  const before = residentFileBytes();
  await trimMemory();
  assert.equal(JSON.stringify({ a: [1, 2, 3].map((each) => each * 2) }), '{"a":[2,4,6]}');
  // Measured: a quarter stays.
  assert.ok(residentFileBytes() < 0.75 * before, `${before} bytes of files before`);
});

/** Of the whole process: mapped pages of files. */
function residentFileBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return 1024 * Number(/RssFile:\s*(\d+) kB/.exec(status)?.[1]);
}
