/** A hundred thousand agents at one worker: every table keeps its limit and counts what left it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricsText } from '../agent/platform/metrics.ts';
import { BIRTHS_REMEMBERED_MAX, BirthLimit } from './birth-limit.ts';
import { OpenHoles, STREAMS_MAX } from './open-holes.ts';
import { RECEIPTS_WAITING_MAX, ReceiptQueue } from './receipt-queue.ts';
import { type TableUse, tableMetrics } from './table-use.ts';
import { receiptWithHole } from './testing/receipt-with-hole.ts';

const AGENTS = 100_000;
const bytes = new Uint8Array(200);

const queue = new ReceiptQueue();
const holes = new OpenHoles();
const births = new BirthLimit();

// biome-ignore format: one case per line
const cases: readonly { name: string; max: number; put: (agentId: string) => void; use: () => TableUse }[] = [
  { name: 'receipts waiting while the broker is away', max: RECEIPTS_WAITING_MAX, put: (name) => queue.put({ name, topic: name, bytes, isRetained: true }), use: () => queue.use },
  { name: 'streams with a hole',                       max: STREAMS_MAX,           put: (name) => { holes.due(receiptWithHole(name), 0); },                 use: () => holes.use },
  { name: 'births in one second',                      max: BIRTHS_REMEMBERED_MAX, put: (name) => { births.isDue(name, 0); },                               use: () => births.use },
];

for (const { name, max, put, use } of cases) {
  test(`${name}: ${max} at most, the others are counted`, () => {
    for (let agent = 0; agent < AGENTS; agent++) put(`agent ${agent}`);
    const { used, evicted, max: told } = use();
    assert.deepEqual([used, told, evicted], [max, max, AGENTS - max]);
  });
}

test('the latest receipts are the ones that stay', () => {
  const sent: string[] = [];
  queue.linkUp(({ name }) => sent.push(name), 1);
  assert.deepEqual(sent, ['agent 50000']);
});

test('one born within the second is not born again, and one of a second ago is', () => {
  const limit = new BirthLimit();
  assert.deepEqual(
    [0, 999, 1000, 1500].map((nowMs) => limit.isDue('agent', nowMs)),
    [true, false, true, false],
  );
});

test('the metrics name each table with its use and its limit', async () => {
  const text = await metricsText(tableMetrics([holes.use]));
  assert.match(text, /^fieldtap_hub_tableUsed\{table="openHoles"\} 10000$/m);
  assert.match(text, /^fieldtap_hub_tableEvicted\{table="openHoles"\} 90000$/m);
});
