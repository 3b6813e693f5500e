/** Agent ids, held against RFC 4648's own examples and against what only looks like one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { agentIdBytes, agentIdFromBytes, agentIdOf, isAgentId } from './agent-id.ts';

test('base32 as RFC 4648 section 10 has it, in lower case', () => {
  const foobar = new Uint8Array(16);
  foobar.set(new TextEncoder().encode('foobar'));
  assert.equal(agentIdFromBytes(foobar).slice(0, 9), 'mzxw6ytbo');
});

test('the id of the Ed25519 key of RFC 8032 section 7.1, test 1', () => {
  // printf d75a...511a | xxd -r -p | sha256sum | cut -c1-32 | xxd -r -p | base32
  const key = Buffer.from(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    'hex',
  );
  assert.equal(agentIdOf(key), 'eh7ddx5bksrgcytl7bkai36se4');
});

// biome-ignore format: one case per line
const texts = [
  { name: 'a right one',                        text: 'aaaaaaaaaaaaaaaaaaaaaaaaaa', is: true },
  { name: 'all bits set',                       text: '7777777777777777777777777' + '4', is: true },
  { name: '25 characters',                      text: 'aaaaaaaaaaaaaaaaaaaaaaaaa', is: false },
  { name: '27 characters',                      text: 'aaaaaaaaaaaaaaaaaaaaaaaaaaa', is: false },
  { name: 'upper case',                         text: 'Aaaaaaaaaaaaaaaaaaaaaaaaaa', is: false },
  { name: 'digits that base32 does not have',   text: 'a1aaaaaaaaaaaaaaaaaaaaaaaa', is: false },
  { name: 'spare bits that are not zero',       text: 'aaaaaaaaaaaaaaaaaaaaaaaaab', is: false },
  { name: 'a path',                             text: '../../../../../etc/passwd0', is: false },
  { name: 'a line break behind it',             text: 'aaaaaaaaaaaaaaaaaaaaaaaaaa\n', is: false },
] as const;

for (const { name, text, is } of texts) {
  test(`${name} is ${is ? 'an' : 'no'} agentId`, () => {
    assert.equal(isAgentId(text), is);
    assert.equal(agentIdBytes(text) !== undefined, is);
  });
}

test('bytes and text are one to one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = agentIdFromBytes(bytes);
      assert.ok(isAgentId(text));
      assert.deepEqual(agentIdBytes(text), bytes);
    }),
  );
});
