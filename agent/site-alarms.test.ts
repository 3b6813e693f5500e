/** What the agent tells the log servers of its site. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { detection } from '../buffer/test-kit.ts';
import { SystemClock } from './platform/clock.ts';
import { openAlarms } from './site-alarms.ts';

test('a detection and an advisory are a line each; without a server there is nothing', async () => {
  assert.equal(await openAlarms([], new SystemClock()), undefined);
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const lines: string[] = [];
  server.on('message', (bytes) => lines.push(bytes.toString()));
  const target = `udp://127.0.0.1:${server.address().port}`;
  const alarms = await openAlarms([{ target, format: 'rfc5424', facility: 16 }], new SystemClock());
  const found = detection({ client: '10.0.0.6', unitId: 3, severity: 'critical' });
  alarms?.detections([{ change: 'raised', detection: found }]);
  alarms?.advisory({
    advisoryId: 'FT-1',
    revision: 2,
    sector: 'water',
    tlp: 'amber',
    headline: 'Watch function code 90',
    advice: 'Look for it.',
    issuedMs: 1,
    expiresMs: 2,
    isExpired: false,
    applicability: 'seenHere',
  });
  for (let waitedMs = 0; lines.length < 2; waitedMs += 5) {
    assert.ok(waitedMs < 30_000, 'waited in vain');
    await sleep(5);
  }
  assert.match(lines[0], new RegExp(`^<130>1 .* code="${found.code}" .*client="10.0.0.6"`));
  assert.match(lines[0], /unitId="3"/);
  assert.match(lines[1], /^<131>1 .* advisory .*id="FT-1\/2".*Seen here: Watch function code 90/);
  assert.deepEqual(alarms?.status(), [{ target, sent: 2, dropped: 0 }]);
  alarms?.close();
  server.close();
});
