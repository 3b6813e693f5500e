/** Waits between attempts: never below a second, never above five minutes, spread over the range. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../platform/random.ts';
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, Backoff } from './backoff.ts';

const always = (fraction: number): Backoff =>
  new Backoff({ fraction: () => fraction, bytes: () => new Uint8Array() });

// biome-ignore format: one case per line
const cases = [
  { name: 'no jitter at all waits the minimum each time',  fraction: 0,     waits: [1000, 1000, 1000, 1000] },
  { name: 'full jitter doubles up to five minutes',        fraction: 0.999, waits: [1999, 3997, 7993, 15985, 31969, 63937, 127873, 255745, 299701, 299701] },
];
for (const { name, fraction, waits } of cases) {
  test(name, () => {
    const backoff = always(fraction);
    assert.deepEqual(
      waits.map(() => Math.round(backoff.nextMs())),
      waits,
    );
    backoff.reset();
    assert.equal(Math.round(backoff.nextMs()), waits[0]);
  });
}

test('a thousand gateways spread over the whole range', () => {
  const waits = Array.from({ length: 1000 }, (_, seed) => {
    const backoff = new Backoff(new SeededRandom(seed));
    for (let attempt = 0; attempt < 8; attempt++) backoff.nextMs();
    return backoff.nextMs();
  });
  assert.ok(Math.min(...waits) >= BACKOFF_MIN_MS && Math.max(...waits) <= BACKOFF_MAX_MS);
  const bySecond = Map.groupBy(waits, (wait) => Math.floor(wait / 1000));
  const busiestSecond = Math.max(...[...bySecond.values()].map((group) => group.length));
  assert.ok(busiestSecond <= 15, `${busiestSecond} of 1000 in one second`);
});
