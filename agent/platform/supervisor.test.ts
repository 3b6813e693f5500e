/** The watchdog is fed while all parts work, and only then; told to a made-up service manager. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { type Part, Supervisor } from './supervisor.ts';

const WATCHDOG_MS = 30_000;
const SILENCE_MS = 45_000;

function supervised() {
  const clock = new ManualClock();
  const told: string[] = [];
  const notifier = {
    notify: (...lines: readonly string[]) => {
      told.push(...lines);
      return true;
    },
  };
  const supervisor = new Supervisor({ clock, log: silentLog, notifier, watchdogMs: WATCHDOG_MS });
  /** Lets time pass a second a step; these parts work in each. */
  const work = (seconds: number, parts: readonly Part[]): void => {
    for (let second = 0; second < seconds; second++) {
      for (const part of parts) supervisor.progress(part);
      clock.advance(1000);
    }
  };
  return { clock, told, supervisor, work };
}

const ALL = ['capture', 'buffer', 'uplink'] as const;

test('ready is told once, and the watchdog is fed three times in its time', () => {
  const { told, supervisor, work } = supervised();
  assert.deepEqual(told, []);
  supervisor.ready(ALL);
  assert.deepEqual(told, ['READY=1', 'STATUS=capturing']);
  work(WATCHDOG_MS / 1000, ALL);
  assert.deepEqual(told.slice(2), ['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
});

for (const stuck of ALL) {
  test(`the watchdog starves when ${stuck} makes no progress, and eats when it does again`, () => {
    const { told, supervisor, work } = supervised();
    supervisor.ready(ALL);
    const others = ALL.filter((part) => part !== stuck);
    work(SILENCE_MS / 1000 + 10, others);
    assert.deepEqual(supervisor.stuck(), [stuck]);
    assert.ok(told.includes(`STATUS=no progress: ${stuck}`), told.join(' '));
    told.length = 0;
    work(60, others);
    assert.deepEqual(told, [], 'it was fed although a part hangs');
    work(10, ALL);
    assert.deepEqual(told, ['WATCHDOG=1', 'STATUS=capturing']);
  });
}

test('a part that this configuration lacks is not waited for', () => {
  const { told, supervisor, work } = supervised();
  supervisor.ready(['capture', 'buffer']);
  work(120, ['capture', 'buffer']);
  assert.equal(told.filter((line) => line === 'WATCHDOG=1').length, 12);
});

test('a pause as long as a worker that is started again late is no reason to end', () => {
  const { supervisor, work } = supervised();
  supervisor.ready(ALL);
  work(31, ['uplink']);
  assert.deepEqual(supervisor.stuck(), []);
});

test('stopping is told and ends the feeding; without a watchdog nothing is fed', () => {
  const { told, supervisor, work } = supervised();
  supervisor.ready(ALL);
  supervisor.stopping();
  work(60, ALL);
  assert.deepEqual(told.slice(2), ['STOPPING=1', 'STATUS=stopping']);
  const { clock } = supervised();
  const alone = new Supervisor({ clock, log: silentLog });
  alone.ready(ALL);
  clock.advance(600_000);
  assert.deepEqual(alone.stuck(), [...ALL]);
});
