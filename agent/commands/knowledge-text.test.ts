// Lines for a terminal: nothing is lost, nothing is wider than it has to be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { folded, periodText, tableLines } from './knowledge-text.ts';

test('a line is broken between words, and no word is lost', () => {
  const word = fc.stringMatching(/^[a-z0-9.:/]{1,70}$/);
  fc.assert(
    fc.property(fc.nat(6), fc.array(word, { minLength: 1, maxLength: 40 }), (indent, words) => {
      const lines = folded(`${' '.repeat(indent)}${words.join(' ')}`);
      assert.ok(lines.every((line) => line.length <= 80));
      assert.ok(lines.every((line) => line.startsWith(' '.repeat(indent))));
      assert.deepEqual(lines.join(' ').split(' ').filter(Boolean), words);
    }),
  );
});

test('a word that is longer than a line stays whole', () => {
  const [first, second] = folded(`    name: ${'x'.repeat(100)}`);
  assert.equal(first, '    name:');
  assert.equal(second.trim().length, 100);
});

test('numbers stand to the right, texts to the left, and columns are as wide as their cells', () => {
  const rows = [
    ['10.0.0.5', '1,200', 'x'],
    ['fd00::1:2:3', '7', 'y'],
  ];
  assert.deepEqual(tableLines(['CLIENT', 'COUNT', 'Z'], rows), [
    'CLIENT       COUNT  Z',
    '10.0.0.5     1,200  x',
    'fd00::1:2:3      7  y',
  ]);
});

// biome-ignore format: one case a line
const PERIODS = [
  { ms: 0.4,     text: '0.4 ms' },
  { ms: 85.722,  text: '86 ms' },
  { ms: 1552.8,  text: '1.55 s' },
  { ms: 60_000,  text: '60 s' },
  { ms: 600_000, text: '10 min' },
] as const;

for (const { ms, text } of PERIODS) {
  test(`a period of ${ms} ms is ${text}`, () => assert.equal(periodText(ms), text));
}
