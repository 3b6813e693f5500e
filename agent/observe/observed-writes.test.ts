/** The cache of plain points counts exactly as the map behind it, and forgets with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Observation } from '../../protocols/interval-report.ts';
import { ObservationLog } from './observation-log.ts';
import { ObservedWrites } from './observed-writes.ts';

const POINT = 'coil  12';
const ADDRESS = 12;
const ROW = 3;

function observation(): Observation {
  return {
    kind: 'write',
    timeUs: 1,
    protocol: 'modbus',
    clientIpAddress: '10.0.0.1',
    serverIpAddress: '10.0.0.2',
    serverPort: 502,
  };
}

test('a point is known by row, kind and address, once it was told', () => {
  const log = new ObservationLog();
  const writes = new ObservedWrites(log);
  assert.equal(writes.again(ROW, true, ADDRESS), false);
  writes.remember(ROW, true, ADDRESS, POINT);
  assert.equal(writes.again(ROW, true, ADDRESS), false, 'nothing was told yet');
  writes.see(ROW, POINT, 'write', observation);
  writes.remember(ROW, true, ADDRESS, POINT);
  assert.equal(writes.again(ROW, true, ADDRESS), true);
  assert.equal(writes.again(ROW, false, ADDRESS), false, 'a register is no coil');
  assert.equal(writes.again(ROW + 1, true, ADDRESS), false, 'another conversation');
  assert.equal(writes.again(ROW, true, ADDRESS + 1), false, 'another address');
  assert.equal(writes.again(8191, false, 0xffff), false, 'the greatest key');
  assert.deepEqual(
    log.peek().map(({ details }) => details),
    [{ count: 2 }],
  );
});

test('with the interval ends what was told', () => {
  const log = new ObservationLog();
  const writes = new ObservedWrites(log);
  writes.see(ROW, POINT, 'write', observation);
  writes.remember(ROW, true, ADDRESS, POINT);
  log.take();
  writes.endInterval();
  assert.equal(writes.again(ROW, true, ADDRESS), false);
});

test('repeats of a write that found no room are folded too', () => {
  const log = new ObservationLog();
  log.repeat(-1, 'write');
  assert.equal(log.foldedTotal, 1);
  assert.equal(log.totals.write, 1);
});
