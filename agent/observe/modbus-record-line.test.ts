// The fast way of a record against the slow one, byte for byte: the slow way is the definition.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { BEGIN_US, madeFlow, madeModbus } from './made-traffic.ts';
import { isOrdinaryRecord } from './modbus-record-line.ts';
import { RECORD_PIECE_BYTES } from './record-bytes.ts';
import { RecordWriter } from './record-writer.ts';

const digest = { pseudonym: () => 'p', sha256: () => 's' };

function linesOf(transactions: readonly ModbusTransaction[], isFast: boolean): string {
  let text = '';
  const write = (lines: Uint8Array) => {
    assert.equal(lines[lines.length - 1], 0x0a, 'whole lines only');
    text += new TextDecoder().decode(lines);
  };
  const interfaces = [{ name: 'eth1' }];
  const writer = new RecordWriter({ interfaces, digest, sha1Base64: () => 'x', write, isFast });
  for (const transaction of transactions) writer.modbusTransaction(transaction);
  writer.flush();
  return text;
}

function hex(...bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function words(values: readonly number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 0xff]);
}

/** Bytes for so many bits, the rest of the last one zero. */
function bits(count: number, seed: number): number[] {
  const byteCount = (count + 7) >> 3;
  const all = Array.from({ length: byteCount }, (_, at) => (seed * (at + 3) * 37) & 0xff);
  if ((count & 7) !== 0) all[byteCount - 1] &= (1 << (count & 7)) - 1;
  return all;
}

const word = fc.integer({ min: 0, max: 0xffff });
const registers = (max: number) => fc.array(word, { minLength: 1, maxLength: max });

/** Request and response of every function that has a fast way. */
const exchanges: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 2), word, fc.integer({ min: 1, max: 2000 }), word)
    .map(([code, address, count, seed]) => {
      const coils = bits(count, seed);
      return [hex(code, ...words([address, count])), hex(code, coils.length, ...coils)] as const;
    }),
  fc.tuple(fc.constantFrom(3, 4), word, registers(125)).map(([code, address, values]) => {
    const { length } = values;
    const request = hex(code, ...words([address, length]));
    return [request, hex(code, 2 * length, ...words(values))] as const;
  }),
  fc.tuple(fc.constantFrom(5, 6), word, word).map(([code, address, value]) => {
    const echo = hex(code, ...words([address, value]));
    return [echo, echo] as const;
  }),
  fc.tuple(word, fc.integer({ min: 1, max: 1968 }), word).map(([address, count, seed]) => {
    const coils = bits(count, seed);
    const head = words([address, count]);
    return [hex(15, ...head, coils.length, ...coils), hex(15, ...head)] as const;
  }),
  fc.tuple(word, registers(123)).map(([address, values]) => {
    const head = words([address, values.length]);
    const request = hex(16, ...head, 2 * values.length, ...words(values));
    return [request, hex(16, ...head)] as const;
  }),
  fc.tuple(word, word, registers(121), registers(125)).map(([from, to, written, read]) => {
    const head = words([from, read.length, to, written.length]);
    const request = hex(23, ...head, 2 * written.length, ...words(written));
    return [request, hex(23, 2 * read.length, ...words(read))] as const;
  }),
  fc
    .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6), word, fc.integer({ min: 0, max: 255 }))
    .map(
      ([code, address, exception]) =>
        [hex(code, ...words([address, 1])), hex(code | 0x80, exception)] as const,
    ),
);

const flows = fc
  .record({
    gapsCount: fc.constantFrom(0, 0, 2),
    clientBytesMissed: fc.constantFrom(0, 0, 12),
    prp: fc.constantFrom(undefined, { lanId: 'A' as const, sequenceNumber: 7 }),
    vlanIds: fc.constantFrom([], [7, 100]),
    serverTtl: fc.constantFrom(undefined, 63),
    isOnOtherPort: fc.boolean(),
  })
  .map((over) => madeFlow(over));

const transactions = fc
  .tuple(
    exchanges,
    fc.record({
      flow: flows,
      transport: fc.constantFrom('tcp' as const, 'udp' as const),
      transactionId: word,
      unitId: fc.integer({ min: 0, max: 255 }),
      requestTimeUs: fc.constantFrom(0, 17, BEGIN_US, BEGIN_US + 1, BEGIN_US + 999_999),
      rttUs: fc.oneof(fc.integer({ min: -1, max: 5000 }), fc.integer({ min: -1, max: 2 ** 40 })),
      requestFrameNumber: fc.constantFrom(0, 1, 41, 2_000_000_000),
      responseFrameNumber: fc.constantFrom(0, 2, 42),
      retriesCount: fc.constantFrom(0, 0, 0, 1),
    }),
  )
  .map(([[request, response], over]) => {
    const responseTimeUs = over.requestTimeUs + Math.max(over.rttUs, 0);
    return madeModbus(request, response, { ...over, responseTimeUs });
  });

test('any ordinary exchange has the same line on both ways', () => {
  fc.assert(
    fc.property(fc.array(transactions, { minLength: 1, maxLength: 5 }), (list) => {
      assert.equal(linesOf(list, true), linesOf(list, false));
    }),
    { numRuns: 100 },
  );
});

test('of what the property above draws, a tenth at least takes the fast way', () => {
  const drawn = fc.sample(transactions, { numRuns: 200, seed: 7 });
  const fastCount = drawn.filter(isOrdinaryRecord).length;
  assert.ok(fastCount > drawn.length / 10, `${fastCount} of ${drawn.length} had a fast way`);
});

test('PDUs of any bytes have the same line on both ways', () => {
  const pdus = fc.uint8Array({ maxLength: 12 }).map((bytes) => hex(...bytes));
  const codes = fc.constantFrom(1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 90);
  fc.assert(
    fc.property(codes, pdus, pdus, (code, request, response) => {
      const all = [madeModbus(hex(code) + request, hex(code) + response)];
      assert.equal(linesOf(all, true), linesOf(all, false));
    }),
    { numRuns: 400 },
  );
});

test('pad bits that are not zero have the same line on both ways', () => {
  const coils = madeModbus(hex(1, 0, 0, 0, 3), hex(1, 1, 0xff));
  const write = madeModbus(hex(15, 0, 0, 0, 3, 1, 0xff), hex(15, 0, 0, 0, 3));
  for (const each of [coils, write]) {
    assert.match(linesOf([each], true), /"padBits":31/);
    assert.equal(linesOf([each], true), linesOf([each], false));
  }
});

test('lines that fill piece after piece come out whole and in order', () => {
  const largest = madeModbus(hex(1, 0, 0, 7, 208), hex(1, 250, ...bits(2000, 5)));
  const many = Array.from({ length: 100 }, () => largest);
  const text = linesOf(many, true);
  assert.ok(text.length > 4 * RECORD_PIECE_BYTES);
  assert.equal(text, linesOf(many, false));
});
