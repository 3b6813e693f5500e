// The short form of the fuzzer, on mutants of made traffic and of the corpus where there is one
// (ten million of them: `npm run long -- fuzz`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allTargets } from './fuzz/all-targets.ts';
import type { FuzzTarget } from './fuzz/fuzz-target.ts';
import { BLOCK_INPUTS, fuzz, INPUTS_PER_SEED, replayInput } from './fuzz/fuzzer.ts';
import { readSeeds } from './fuzz/seeds.ts';

const SECONDS = 20;
const SEEDS = 1_000_000;
/** Of the whole run where there is one (hil-tests/property-seed.ts). */
const SEED =
  1 + (Number(process.env.FIELDTAP_PROPERTY_SEED ?? Math.floor(Math.random() * SEEDS)) % SEEDS);

const seeds = readSeeds();
const targets = allTargets(seeds);

test('fuzz: no throw, no slow call, no growth, and the mutants get past the headers', (context) => {
  context.diagnostic(`seed ${SEED}: npm run fuzz -- --seed ${SEED}`);
  const report = fuzz(targets, { seed: SEED, seconds: SECONDS });
  context.diagnostic(`${report.inputs} inputs, ${report.accepted} past the header`);
  assert.deepEqual(report.failures, []);
  assert.ok(report.accepted >= report.inputs * 0.3, `${report.accepted} of ${report.inputs}`);
  for (const [name, { inputs, accepted }] of report.byTarget) {
    assert.ok(accepted > 0, `${name}: ${accepted} of ${inputs} past the header`);
  }
});

test('fuzz: a target that throws is a failure whose number replays it', () => {
  const broken: FuzzTarget = {
    name: 'broken',
    begin: () => {
      let word = 0;
      let inputs = 0;
      return {
        make: (random) => {
          word = random.word();
          inputs += 1;
        },
        run: () => {
          if (word % 97 === 0 && inputs > 1) throw new RangeError(`word ${word}`);
          return true;
        },
      };
    },
  };
  const { failures } = fuzz([broken], { seed: 3, inputs: 4 * BLOCK_INPUTS });
  assert.ok(failures.length > 0);
  for (const { number, problem } of failures) {
    assert.ok(number >= 3 * INPUTS_PER_SEED);
    assert.equal(replayInput([broken], number).problem?.split('\n')[0], problem.split('\n')[0]);
  }
});

test('fuzz: a call that is slow each time is a failure', () => {
  const slow: FuzzTarget = {
    name: 'slow',
    begin: () => {
      let inputs = 0;
      return {
        make: () => {
          inputs += 1;
        },
        run: () => {
          const endMs = performance.now() + (inputs === 1 ? 6 : 0);
          while (performance.now() < endMs);
          return true;
        },
      };
    },
  };
  const { failures } = fuzz([slow], { seed: 1, inputs: 1 });
  assert.equal(failures.length, 1);
  assert.match(failures[0].problem, /ms for one input, each time/);
});
