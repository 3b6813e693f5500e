/** The site's key: made once, kept, readable by the agent alone, and a fault when it can't be. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OperatorFault } from './platform/operator-fault.ts';
import { SystemRandom } from './platform/random.ts';
import { openSiteKey } from './site-key.ts';

const root = mkdtempSync(join(tmpdir(), 'fieldtap-site-key-'));
after(() => rmSync(root, { recursive: true }));
const random = new SystemRandom();

test('made at the first start, the same at the next, another at another site', () => {
  const folder = join(root, 'new', 'deep');
  const key = openSiteKey(folder, random);
  assert.equal(key.length, 32);
  assert.deepEqual(openSiteKey(folder, random), key);
  assert.notDeepEqual(openSiteKey(join(root, 'other'), random), key);
  assert.deepEqual(readdirSync(folder), ['site.key']);
  assert.equal(statSync(join(folder, 'site.key')).mode & 0o777, 0o600);
});

test('a start that was cut off in the making leaves no half key behind', () => {
  const folder = join(root, 'cut');
  mkdirSync(folder);
  writeFileSync(join(folder, 'site.key.new'), 'half');
  assert.equal(openSiteKey(folder, random).length, 32);
  assert.deepEqual(readdirSync(folder), ['site.key']);
});

// biome-ignore format: one case per line
const unusable = [
  { name: 'too short', make: (path: string) => writeFileSync(path, 'short'), says: /5 bytes instead of 32/ },
  { name: 'a folder', make: (path: string) => mkdirSync(path), says: /EISDIR/ },
] as const;

for (const { name, make, says } of unusable) {
  test(`a key that is ${name} is a fault, and is not replaced`, () => {
    const folder = join(root, name.replace(' ', '-'));
    mkdirSync(folder);
    make(join(folder, 'site.key'));
    for (let attempt = 0; attempt < 2; attempt++) {
      assert.throws(() => openSiteKey(folder, random), {
        code: 'SITE_KEY_UNUSABLE',
        message: says,
      });
    }
  });
}

test('a full disk is told as one', () => {
  const folder = join(root, 'full');
  mkdirSync(folder);
  // The key is written under this name first.
  symlinkSync('/dev/full', join(folder, 'site.key.new'));
  assert.throws(
    () => openSiteKey(folder, random),
    (fault) => fault instanceof OperatorFault && /disk is full/.test(fault.remedy),
  );
});

test('a folder that cannot be made is a fault with its path', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.throws(() => openSiteKey(join(file, 'below'), random), {
    code: 'SITE_KEY_UNUSABLE',
    message: /file\/below\/site\.key/,
  });
});
