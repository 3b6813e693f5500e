/** The second lock on what leaves by hand, and the archive that carries it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { redact } from './redact.ts';
import { tar } from './tar.ts';

// biome-ignore format: one case per line
const cases = [
  { name: 'a password in YAML',         text: 'password: hunter2',                        without: 'hunter2' },
  { name: 'a password in JSON',         text: '{"password":"hun\\"ter2","port":1}',       without: 'ter2' },
  { name: 'a token as a parameter',     text: 'GET /x?token=hunter2&y=1',                 without: 'hunter2' },
  { name: 'a user in an address',       text: 'mqtts://me:hunter2@hub:8883',              without: 'hunter2' },
  { name: 'a private key',              text: '-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----', without: 'hunter2' },
  { name: 'a private key cut off',      text: '-----BEGIN PRIVATE KEY-----\nhunter2',     without: 'hunter2' },
  { name: 'raw key material as hex',    text: `key ${'ab'.repeat(32)}`,                   without: 'abab' },
  { name: 'an SNMP community',          text: 'community = hunter2',                      without: 'hunter2' },
] as const;

for (const { name, text, without } of cases) {
  test(`withheld: ${name}`, () => assert.ok(!redact(text).includes(without), redact(text)));
}

test('what is no secret stays as it is', () => {
  const text = 'interface eth1 is up, 40 frames, mqtts://hub.example:8883, code BUFFER_DISK_FULL\n';
  assert.equal(redact(text), text);
});

test('any text: no throw, and twice is once', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(redact(redact(text)), redact(text))));
});

test('the archive is one that tar reads', () => {
  const files = [
    { name: 'a.txt', bytes: Buffer.from('hello\n') },
    { name: 'empty', bytes: new Uint8Array(0) },
    { name: 'b.bin', bytes: new Uint8Array(1024).fill(7) },
  ];
  const archive = tar(files, 1_790_000_000);
  assert.equal(archive.byteLength % 512, 0);
  const listed = execFileSync('tar', ['tvf', '-'], { input: archive }).toString();
  assert.match(listed, / 6 .* a\.txt\n.* 0 .* empty\n.* 1024 .* b\.bin\n/);
});
