/** Deterministic CBOR: RFC 8949's examples, every departure from the one form, and any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOfHex, hexOfBytes } from './address.ts';
import { decodeCbor, decodeLenient, encodeCbor, type WireValue } from './cbor.ts';

// biome-ignore format: one case per line
const examples: readonly { hex: string; value: WireValue }[] = [
  { hex: '00',                   value: 0 },
  { hex: '17',                   value: 23 },
  { hex: '1818',                 value: 24 },
  { hex: '18ff',                 value: 255 },
  { hex: '190100',               value: 256 },
  { hex: '1a000f4240',           value: 1_000_000 },
  { hex: '1b000000e8d4a51000',   value: 1_000_000_000_000 },
  { hex: '1b001fffffffffffff',   value: Number.MAX_SAFE_INTEGER },
  { hex: '20',                   value: -1 },
  { hex: '3863',                 value: -100 },
  { hex: 'f93e00',               value: 1.5 },
  { hex: 'f90001',               value: 2 ** -24 },
  { hex: 'fa7f7fffff',           value: (2 - 2 ** -23) * 2 ** 127 },
  { hex: 'fb3ff199999999999a',   value: 1.1 },
  { hex: 'f4',                   value: false },
  { hex: 'f6',                   value: null },
  { hex: '4401020304',           value: Uint8Array.of(1, 2, 3, 4) },
  { hex: '62c3bc',               value: 'ü' },
  { hex: '8301820203820405',     value: [1, [2, 3], [4, 5]] },
  { hex: 'a201020304',           value: new Map([[1, 2], [3, 4]]) },
];

for (const { hex, value } of examples) {
  test(`${hex} both ways (RFC 8949 appendix A)`, () => {
    assert.equal(hexOfBytes(encodeCbor(value)), hex);
    assert.deepEqual(decodeCbor(bytesOfHex(hex)), { kind: 'value', value });
  });
}

// biome-ignore format: one case per line
const refused = [
  { name: 'no bytes',                            hex: '',                     reason: 'notWellFormed' },
  { name: '23 in two bytes',                     hex: '1817',                 reason: 'notMinimal' },
  { name: '255 in three bytes',                  hex: '1900ff',               reason: 'notMinimal' },
  { name: '65535 in five bytes',                 hex: '1a0000ffff',           reason: 'notMinimal' },
  { name: '2^32 - 1 in nine bytes',              hex: '1b00000000ffffffff',   reason: 'notMinimal' },
  { name: 'a length of 1 in two bytes',          hex: '580100',               reason: 'notMinimal' },
  { name: '2^53',                                hex: '1b0020000000000000',   reason: 'integerTooLarge' },
  { name: '-2^53',                               hex: '3b001fffffffffffff',   reason: 'integerTooLarge' },
  { name: '-2^53 - 1',                           hex: '3b0020000000000000',   reason: 'integerTooLarge' },
  { name: 'reserved additional information 28',  hex: '1c',                   reason: 'notWellFormed' },
  { name: 'an array of indefinite length',       hex: '9f00ff',               reason: 'indefiniteLength' },
  { name: 'a map of indefinite length',          hex: 'bf0000ff',             reason: 'indefiniteLength' },
  { name: 'bytes of indefinite length',          hex: '5f4100ff',             reason: 'indefiniteLength' },
  { name: 'a break alone',                       hex: 'ff',                   reason: 'indefiniteLength' },
  { name: 'a tag',                               hex: 'c100',                 reason: 'tagInside' },
  { name: 'a tag inside an array',               hex: '81d90100a0',           reason: 'tagInside' },
  { name: 'undefined',                           hex: 'f7',                   reason: 'valueNotAllowed' },
  { name: 'a simple value of two bytes',         hex: 'f8ff',                 reason: 'valueNotAllowed' },
  { name: 'simple value 0',                      hex: 'e0',                   reason: 'valueNotAllowed' },
  { name: 'NaN',                                 hex: 'f97e00',               reason: 'valueNotAllowed' },
  { name: 'infinity',                            hex: 'f97c00',               reason: 'valueNotAllowed' },
  { name: '1.5 as a single',                     hex: 'fa3fc00000',           reason: 'floatNotShortest' },
  { name: '1.5 as a double',                     hex: 'fb3ff8000000000000',   reason: 'floatNotShortest' },
  { name: 'a subnormal half as a single',        hex: 'fa33800000',           reason: 'floatNotShortest' },
  { name: '1.0',                                 hex: 'f93c00',               reason: 'floatNotShortest' },
  { name: '-0.0',                                hex: 'f98000',               reason: 'floatNotShortest' },
  { name: '100000.0 as a single',                hex: 'fa47c35000',           reason: 'floatNotShortest' },
  { name: 'a key twice',                         hex: 'a201000100',           reason: 'duplicateKey' },
  { name: 'keys in the wrong order',             hex: 'a202000100',           reason: 'keysNotSorted' },
  { name: 'a negative key before a positive',    hex: 'a220000100',           reason: 'keysNotSorted' },
  { name: 'keys by length instead of bytes',     hex: 'a220001818' + '00',    reason: 'keysNotSorted' },
  { name: 'half of a UTF-8 character',           hex: '61c3',                 reason: 'textNotUtf8' },
  { name: 'a surrogate in UTF-8',                hex: '63eda080',             reason: 'textNotUtf8' },
  { name: 'text that ends early',                hex: '6261',                 reason: 'notWellFormed' },
  { name: 'an array of 2^32 - 1 items',          hex: '9affffffff00',         reason: 'notWellFormed' },
  { name: 'bytes of 2^53 - 1',                   hex: '5b001fffffffffffff00', reason: 'notWellFormed' },
  { name: 'something behind it',                 hex: '0000',                 reason: 'trailingBytes' },
  { name: 'nine levels of arrays',               hex: `${'81'.repeat(9)}00`,  reason: 'tooDeep' },
  { name: 'nine levels of maps',                 hex: `${'a100'.repeat(9)}00`, reason: 'tooDeep' },
  { name: 'a hundred thousand levels',           hex: '81'.repeat(100_000),   reason: 'tooDeep' },
] as const;

for (const { name, hex, reason } of refused) {
  test(`refused: ${name}`, () => {
    const decoded = decodeCbor(bytesOfHex(hex));
    assert.deepEqual([decoded.kind, 'reason' in decoded && decoded.reason], ['refused', reason]);
  });
}

test('eight levels are the last that pass', () => {
  assert.equal(decodeCbor(bytesOfHex(`${'81'.repeat(8)}00`)).kind, 'value');
});

test('a byte order mark, which decoders take away, is refused', () => {
  assert.equal(decodeCbor(bytesOfHex('64efbbbf78')).kind, 'refused');
  assert.equal(decodeCbor(bytesOfHex('6478efbbbf')).kind, 'value', 'but not behind other text');
});

const scalar = fc.oneof(
  fc.maxSafeInteger(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 })
    .map((x) => (Math.abs(x) > 9e15 ? 0.5 : x + 0)),
  fc
    .float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e9), max: Math.fround(1e9) })
    .map((x) => x + 0),
  fc.string({ unit: 'grapheme' }).map((text) => text.replace(/^\ufeff+/, '')),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
);
const { value: anyValue } = fc.letrec<{ value: WireValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(fc.integer({ min: -300, max: 70_000 }), tie('value')), {
        maxLength: 5,
        selector: ([key]) => key,
      })
      .map((pairs) => new Map(pairs)),
  ),
}));

test('what is encoded is strict, and comes back', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodeCbor(value);
      const decoded = decodeCbor(bytes);
      assert.deepEqual(decoded, { kind: 'value', value: sorted(value) });
    }),
  );
});

test('what is taken has no other spelling: encoded again, it is the same bytes', () => {
  fc.assert(
    fc.property(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, change) => {
      const bytes = Uint8Array.from(encodeCbor(value));
      bytes[place % bytes.length] ^= change;
      const decoded = decodeCbor(bytes);
      // A change may have made a map or a list the key of a map: our encoder writes no such thing.
      if (decoded.kind !== 'value' || hasCompoundKey(decoded.value)) return;
      // Only values of WireValue come out of strict bytes; keys may be of any of those types.
      assert.equal(hexOfBytes(encodeCbor(decoded.value as WireValue)), hexOfBytes(bytes));
    }),
    { numRuns: 1000 },
  );
});

function hasCompoundKey(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasCompoundKey);
  if (!(value instanceof Map)) return false;
  return [...value].some(
    ([key, part]) => (typeof key === 'object' && key !== null) || hasCompoundKey(part),
  );
}

test('any bytes and every prefix: an answer, never a throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeCbor(bytes);
      decodeLenient(bytes);
    }),
  );
  const whole = encodeCbor(
    new Map<number, WireValue>([
      [1, 'text'],
      [2, [1.5, null, Uint8Array.of(1)]],
    ]),
  );
  for (let length = 0; length < whole.length; length++) {
    assert.equal(decodeCbor(whole.subarray(0, length)).kind, 'refused');
  }
});

/** Maps come back in the order of their encoded keys. */
function sorted(value: WireValue): WireValue {
  if (value instanceof Uint8Array) return value;
  if (value instanceof Map) {
    const order = (key: number): number => (key < 0 ? 2 ** 40 - key : key);
    const pairs = [...value].sort(([a], [b]) => order(a) - order(b));
    return new Map(pairs.map(([key, part]) => [key, sorted(part)]));
  }
  return Array.isArray(value) ? value.map(sorted) : value;
}

test('every subnormal binary16 is written as one, also deep inside, and is read back', () => {
  for (let mantissa = 1; mantissa < 0x400; mantissa++) {
    for (const sign of [1, -1]) {
      const value = sign * mantissa * 2 ** -24;
      const list = [1, value, new Map([[3, [value, 'after']]])];
      assert.deepEqual(decodeCbor(encodeCbor(list)), { kind: 'value', value: list });
      assert.equal(encodeCbor(value).length, 3, `${value}`);
    }
  }
});
