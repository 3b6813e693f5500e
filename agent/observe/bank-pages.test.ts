// Pages by number: whatever the order, what a plain map would hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BankPages, NO_PAGE } from './bank-pages.ts';

const NUMBERS = 2048;

test('any pages, taken out again or not, are found by their number', () => {
  const step = fc.tuple(fc.nat(NUMBERS - 1), fc.integer({ min: NO_PAGE, max: 8191 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pages = new BankPages(NUMBERS);
      const plain = new Map<number, number>();
      for (const [number, page] of steps) {
        pages.set(number, page);
        plain.set(number, page);
      }
      for (let number = -1; number <= NUMBERS; number++) {
        assert.equal(pages.at(number), plain.get(number) ?? NO_PAGE, `number ${number}`);
      }
    }),
  );
});
