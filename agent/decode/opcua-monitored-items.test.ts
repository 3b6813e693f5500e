/**
 * The table of client handles against a plain Map: what it remembers, and whom it forgets.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MonitoredItemTable } from './opcua-monitored-items.ts';

test('handles belong to a subscription of a server', () => {
  const table = new MonitoredItemTable(8);
  const first = table.serverNumber('10.0.0.1 4840');
  const second = table.serverNumber('10.0.0.2 4840');
  assert.notEqual(first, second);
  table.server = first;
  table.learn(5, 77, 'ns=2;s=Level');
  assert.equal(table.nodeId(5, 77), 'ns=2;s=Level');
  assert.equal(table.nodeId(6, 77), undefined);
  table.server = second;
  assert.equal(table.nodeId(5, 77), undefined);
  assert.equal(table.serverNumber('10.0.0.1 4840'), first);
});

test('the item not used longest makes room, and is counted', () => {
  const table = new MonitoredItemTable(3);
  for (const handle of [1, 2, 3]) table.learn(1, handle, `i=${handle}`);
  table.nodeId(1, 1);
  table.learn(1, 4, 'i=4');
  const known = [1, 2, 3, 4].map((handle) => table.nodeId(1, handle));
  assert.deepEqual(known, ['i=1', undefined, 'i=3', 'i=4']);
  assert.deepEqual([table.itemsUsed, table.evictedCount], [3, 1]);
});

test('as a Map that forgets its oldest', () => {
  const step = fc.tuple(fc.boolean(), fc.nat(3), fc.nat(9));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new MonitoredItemTable(7);
      const model = new Map<string, string>();
      steps.forEach(([isLearned, subscriptionId, clientHandle], index) => {
        const key = `${subscriptionId} ${clientHandle}`;
        const known = model.get(key);
        assert.equal(table.nodeId(subscriptionId, clientHandle), known);
        if (!isLearned && known === undefined) return;
        model.delete(key);
        model.set(key, isLearned ? `i=${index}` : (known ?? ''));
        if (isLearned) table.learn(subscriptionId, clientHandle, `i=${index}`);
        const [oldest] = model.keys();
        if (model.size > 7) model.delete(oldest);
      });
    }),
    { numRuns: 200 },
  );
});
