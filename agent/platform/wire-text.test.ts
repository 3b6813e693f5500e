/** What a hostile device name may not do to a terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeJson, escapeText, escapeTextShort } from './wire-text.ts';

// biome-ignore format: one case per line
const cases = [
  { name: 'plain text passes', text: 'Pump 1', expect: 'Pump 1' },
  { name: 'letters of other scripts pass', text: 'Pumpe Süd 泵', expect: 'Pumpe Süd 泵' },
  { name: 'a pair of surrogates passes', text: '😀', expect: '😀' },
  { name: 'escape sequence of a terminal', text: '\u001b[2Jx', expect: '\\u001b[2Jx' },
  { name: 'line break stays on one line', text: 'a\r\nb', expect: 'a\\u000d\\u000ab' },
  { name: 'C1 control', text: '\u009b31m', expect: '\\u009b31m' },
  { name: 'right-to-left override', text: 'a\u202egnp.exe', expect: 'a\\u202egnp.exe' },
  { name: 'bidi isolate', text: '\u2066x\u2069', expect: '\\u2066x\\u2069' },
  { name: 'zero width space', text: 'a\u200bb', expect: 'a\\u200bb' },
  { name: 'byte order mark', text: '\ufeffa', expect: '\\ufeffa' },
  { name: 'invisible tag character', text: 'a\u{e0041}', expect: 'a\\u{e0041}' },
  { name: 'half a surrogate pair', text: 'a\ud800', expect: 'a\\ud800' },
] as const;

for (const { name, text, expect } of cases) {
  test(name, () => assert.equal(escapeText(text), expect));
}

test('a long text is cut and says so', () => {
  assert.equal(escapeTextShort('abcdef', 4), 'abc…');
  assert.equal(escapeTextShort('abcd', 4), 'abcd');
  assert.equal(escapeTextShort('\u0000\u0000', 6), '\\u000…');
});

/** Any UTF-16 units, halves of pairs included, many of them controls and marks. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xff), fc.integer({ min: 0x2000, max: 0x206f }), fc.nat(0xffff)), {
    maxLength: 64,
  })
  .map((units) => String.fromCharCode(...units));

test('nothing that a terminal obeys is left, whatever came', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.doesNotMatch(escapeText(text), /[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});

test('escaped JSON means the same and holds nothing that a terminal obeys', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const json = escapeJson(JSON.stringify({ text }));
      assert.doesNotMatch(json, /[\p{Cc}\p{Cf}\p{Cs}]/u);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
});
