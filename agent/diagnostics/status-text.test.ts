/** The status page: it fits one screen, counts in words, and hides no control character. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS } from './sample-status.ts';
import { statusText } from './status-text.ts';

const alert = {
  code: 'MODBUS_FUNCTION_ZERO',
  severity: 'high',
  title: 'Illegal function 0.',
  lastSeenUs: 1_790_000_000_000_000,
  occurrencesCount: 1,
};

test('the status fits one screen and hides no control character', () => {
  const siteName = 'North\u001b[2J\u202e';
  const text = statusText({ ...STATUS, siteName, alerts: [alert], alertsRaised: 1 });
  assert.ok(text.split('\n').length <= 24, 'fits 24 lines');
  assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
  assert.match(text, /MODBUS_FUNCTION_ZERO {2}Illegal function 0\./);
});

test('one is once, and more are counted', () => {
  const once = statusText({ ...STATUS, workerRestarts: 1, alerts: [alert] });
  assert.match(once, /restarted once/);
  assert.match(once, /, once\)/);
  assert.doesNotMatch(once, /1 times/);
  assert.match(statusText({ ...STATUS, workerRestarts: 2 }), /restarted 2 times/);
});

test('messages that the hub refused are told with its reason', () => {
  const uplink = STATUS.uplink && { ...STATUS.uplink, refusedMessages: 2 };
  const buffer = { ...STATUS.buffer, refusedReasons: ['revoked'] };
  assert.match(
    statusText({ ...STATUS, buffer, ...(uplink && { uplink }) }),
    /2 refused \(revoked\)/,
  );
  assert.match(statusText(STATUS), /0 refused$/m);
});

test('blocks of a tap that left unmerged are told, and nothing is when there are none', () => {
  const row = { table: 'tapBlocks', used: 0, max: 16, evicted: 3, refused: 0 };
  assert.match(statusText({ ...STATUS, tables: [row] }), /3 blocks of the tap left unmerged/);
  assert.doesNotMatch(statusText({ ...STATUS, tables: [{ ...row, evicted: 0 }] }), /unmerged/);
});
