// The short way of an ordinary poll counts what the long way counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listConversations } from './conversation-report.ts';
import { ConversationTable } from './conversation-table.ts';
import { BEGIN_US, madeEnd, madeFlow, madeModbus } from './made-traffic.ts';

const poll = fc.record({
  kind: fc.constant('poll' as const),
  flowNumber: fc.nat(40),
  unitId: fc.nat(2),
  functionCode: fc.integer({ min: 1, max: 4 }),
  rttUs: fc.oneof(fc.integer({ min: -1, max: 5000 }), fc.integer({ min: -1, max: 2 ** 31 })),
  isAnswered: fc.boolean(),
});
const endOfInterval = fc.record({ kind: fc.constant('end' as const) });

test('any polls through the short way are counted as through the long way', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(poll, poll, poll, endOfInterval), { maxLength: 120 }),
      (steps) => {
        const short = new ConversationTable();
        const long = new ConversationTable();
        for (const [index, step] of steps.entries()) {
          if (step.kind === 'end') {
            assert.deepEqual(listed(short, 'interval'), listed(long, 'interval'));
            short.endInterval();
            long.endInterval();
            continue;
          }
          const transaction = transactionOf(step, index);
          if (short.again(transaction) < 0) short.modbus(transaction);
          long.modbus(transaction);
        }
        assert.deepEqual(listed(short, 'total'), listed(long, 'total'));
      },
    ),
  );
});

test('an entry that another conversation takes over gives what waits to its own', () => {
  // Some of so many conversations share an entry.
  const short = new ConversationTable();
  const long = new ConversationTable();
  for (let round = 0; round < 3; round++) {
    for (let flowNumber = 0; flowNumber < 6000; flowNumber++) {
      const transaction = transactionOf(
        { flowNumber, unitId: 1, functionCode: 3, rttUs: 300 + round, isAnswered: true },
        round,
      );
      if (short.again(transaction) < 0) short.modbus(transaction);
      long.modbus(transaction);
    }
  }
  assert.deepEqual(listed(short, 'interval'), listed(long, 'interval'));
});

interface PollFacts {
  readonly flowNumber: number;
  readonly unitId: number;
  readonly functionCode: number;
  readonly rttUs: number;
  readonly isAnswered: boolean;
}

function transactionOf(facts: PollFacts, second: number) {
  const { flowNumber, unitId, functionCode, rttUs, isAnswered } = facts;
  const server = madeEnd(`10.1.${flowNumber >> 8}.${flowNumber & 255}`, 502);
  const code = `0${functionCode}`;
  const requestTimeUs = BEGIN_US + second * 1000;
  return madeModbus(`${code}00000001`, isAnswered ? `${code}020007` : '', {
    flow: madeFlow({ flowNumber, slot: flowNumber, server }),
    unitId,
    requestTimeUs,
    ...(isAnswered && { responseTimeUs: requestTimeUs + Math.max(0, rttUs), rttUs }),
  });
}

function listed(table: ConversationTable, scope: 'interval' | 'total') {
  return listConversations(table, scope, []);
}
