/** The list of fields covers its bytes whatever its user does, and clipping keeps the cover. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  clipFields,
  coverFault,
  type ExplainedField,
  FieldList,
  HEX_BYTES_MAX,
  hexOfField,
  markAnomalies,
  VALUE_CHARACTERS_MAX,
} from './explain.ts';

const BYTES = Uint8Array.from({ length: 32 }, (_, index) => index);

function field(name: string, offset: number, length: number, children?: ExplainedField[]) {
  return { name, offset, length, value: '', ...(children && { children }) };
}

// biome-ignore format: one case per line
const covers = [
  { name: 'exact',            fields: [field('a', 0, 2), field('b', 2, 2)],              fault: undefined },
  { name: 'a gap',            fields: [field('a', 0, 1), field('b', 2, 2)],              fault: 'b begins at 2, not at 1' },
  { name: 'an overlap',       fields: [field('a', 0, 3), field('b', 2, 2)],              fault: 'b begins at 2, not at 3' },
  { name: 'an empty field',   fields: [field('a', 0, 0), field('b', 0, 4)],              fault: 'a has 0 bytes' },
  { name: 'a short end',      fields: [field('a', 0, 3)],                                fault: 'the fields end at 3, not at 4' },
  { name: 'a gap in a group', fields: [field('a', 0, 4, [field('c', 1, 3)])],            fault: 'a: c begins at 1, not at 0' },
  { name: 'no field at all',  fields: [],                                                fault: 'the fields end at 0, not at 4' },
] as const;

for (const { name, fields, fault } of covers) {
  test(`cover: ${name}`, () => assert.equal(coverFault(fields, 0, 4), fault));
}

test('a field behind the end is cut and says so; without a byte it is left out', () => {
  const list = new FieldList(BYTES, 0, 3);
  assert.equal(list.number('a', 2), 1);
  assert.equal(list.number('b', 2), -1);
  list.number('c', 1);
  const notes = list.finish().map(({ name, length, note }) => ({ name, length, note }));
  assert.deepEqual(notes, [
    { name: 'a', length: 2, note: undefined },
    { name: 'b', length: 1, note: '1 of 2 bytes are here' },
  ]);
});

test('what a group leaves over is notDecoded', () => {
  const list = new FieldList(BYTES, 0, 4);
  list.group('g', 3, '', (inner) => inner.add('a', 1, ''));
  const [group, rest] = list.finish();
  assert.deepEqual(
    group.children?.map(({ name }) => name),
    ['a', 'notDecoded'],
  );
  assert.equal(rest.name, 'notDecoded');
});

test('hexadecimal: sixteen bytes at most, secrets as stars, none for a group', () => {
  const list = new FieldList(BYTES, 0, 32);
  list.secret('s', 3, 'password');
  list.rest('r');
  const [secret, rest] = list.finish();
  assert.equal(secret.value, '(password, 3 bytes, not shown)');
  assert.equal(hexOfField(secret, BYTES), '** ** **');
  assert.equal(hexOfField(rest, BYTES).split(' ').length, HEX_BYTES_MAX + 1);
  assert.equal(hexOfField(list.asField('g', ''), BYTES), '');
});

test('an anomaly stands at the innermost field of its offset, or at the last one', () => {
  const fields = [field('a', 0, 2), field('g', 2, 2, [field('b', 2, 1), field('c', 3, 1)])];
  const at = (offsetBytes: number) => {
    const anomaly = { name: 'n', field: 'f', offsetBytes, expected: '1', actual: '2' };
    return JSON.stringify(markAnomalies(fields, [anomaly], 0));
  };
  assert.match(at(0), /"a"[^}]*n: expected 1, found 2/);
  assert.match(at(2), /"b"[^}]*n: expected 1, found 2/);
  assert.match(at(9), /"c"[^}]*n: expected 1, found 2/);
});

test('a long value is cut', () => {
  const list = new FieldList(BYTES, 0, 1);
  list.add('a', 1, 'x'.repeat(VALUE_CHARACTERS_MAX + 1));
  assert.equal(list.finish()[0].value.length, VALUE_CHARACTERS_MAX);
});

test('any use of the list covers it, and any part of it too', () => {
  const steps = fc.array(fc.tuple(fc.nat(4), fc.integer({ min: -3, max: 12 })), { maxLength: 12 });
  fc.assert(
    fc.property(steps, fc.nat(31), fc.nat(40), fc.nat(40), (uses, start, from, to) => {
      const list = new FieldList(BYTES, start, 32);
      for (const [kind, length] of uses) {
        if (kind === 0) list.add('a', length, 'v');
        else if (kind === 1) list.number('n', length);
        else if (kind === 2) list.secret('s', length, 's');
        else if (kind === 3) list.group('g', length, '', (inner) => inner.add('i', length - 1, ''));
        else list.append([field('p', list.position + length, 2)]);
      }
      const fields = list.finish();
      assert.equal(coverFault(fields, start, 32), undefined);
      const first = Math.max(start, Math.min(from, to, 32));
      const last = Math.max(first, Math.min(32, Math.max(from, to)));
      const part = clipFields(fields, first, last, 100);
      assert.equal(coverFault(part, first + 100, last + 100), undefined);
    }),
  );
});
