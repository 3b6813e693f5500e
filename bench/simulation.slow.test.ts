// The short form of the simulation: 500 seeds in which nothing may be lost unnamed, and four
// planted bugs, each found within 500 seeds (the long form: `npm run long -- simulation`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLANT_NAMES } from './simulation/planted-bugs.ts';
import { runSeed } from './simulation/run-seed.ts';

const SEEDS_SHORT = 500;
/** Others by FIELDTAP_SEED; the long form runs the many. */
const FIRST = Number(process.env.FIELDTAP_SEED ?? 1);
const SEEDS = Number(process.env.FIELDTAP_SEEDS ?? SEEDS_SHORT);
const TIMEOUT_MS = 900_000;

test('nothing is lost unnamed, doubled or forked, whatever fails', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  const last = FIRST + SEEDS - 1;
  context.diagnostic(`seeds ${FIRST} to ${last}: npm run simulate -- --seed S replays one`);
  const failed: string[] = [];
  let promised = 0;
  const faults = new Map<string, number>();
  for (let seed = FIRST; seed <= last; seed++) {
    const result = await runSeed(seed);
    promised += result.promised;
    for (const [name, count] of Object.entries(result.faults)) {
      faults.set(name, (faults.get(name) ?? 0) + count);
    }
    for (const violation of result.violations) failed.push(`seed ${seed}: ${violation}`);
  }
  const told = [...faults].sort().map(([name, count]) => `${name} ${count}`);
  context.diagnostic(`${promised} messages promised; faults: ${told.join(', ')}`);
  assert.deepEqual(failed.slice(0, 20), []);
});

test('a seed runs the same way twice', async () => {
  for (const seed of [FIRST, FIRST + 1, FIRST + 2]) {
    const [one, other] = [await runSeed(seed), await runSeed(seed)];
    assert.deepEqual(other, one);
    assert.match(one.traceHash, /^[0-9a-f]{16}$/);
  }
});

for (const plant of PLANT_NAMES) {
  test(`the planted bug ${plant} is found`, { timeout: TIMEOUT_MS }, async (context) => {
    for (let seed = FIRST; seed < FIRST + SEEDS_SHORT; seed++) {
      const { violations } = await runSeed(seed, { plant });
      if (violations.length === 0) continue;
      const command = `npm run simulate -- --seed ${seed} --plant ${plant}`;
      context.diagnostic(`after ${seed - FIRST + 1} seeds: ${violations[0]} (${command})`);
      return;
    }
    assert.fail(`${SEEDS_SHORT} seeds from ${FIRST} did not find it`);
  });
}
