// The sensor's own blindness: each cause begins once, ends once, and proves itself by figures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceCoverage } from '../../protocols/interval-report.ts';
import { BEGIN_US, madeFlow } from './made-traffic.ts';
import { SensorHonesty } from './sensor-honesty.ts';

const SECOND_US = 1_000_000;
const HEALTHY: SourceCoverage = {
  interfaceName: 'eth1',
  framesSeen: 1000,
  framesDropped: 0,
  framesTruncated: 0,
  bytesSeen: 90_000,
  linkUp: true,
  coveredMs: 1000,
  intervalMs: 1000,
};

function sensor() {
  const honesty = new SensorHonesty();
  let second = 0;
  const run = (
    seconds: number,
    over: Partial<SourceCoverage> = {},
    stepUs = 0,
    each = () => {},
  ) => {
    const told: string[] = [];
    for (let count = 0; count < seconds; count++, second++) {
      each();
      const fromUs = BEGIN_US + second * SECOND_US + stepUs;
      const interval = {
        fromUs,
        toUs: fromUs + SECOND_US,
        coverage: [{ ...HEALTHY, ...over }],
      };
      for (const { kind, details } of honesty.observe(interval)) {
        told.push(`${kind} ${details?.state ?? details?.stepMs ?? details?.direction}`);
      }
    }
    return told;
  };
  return { honesty, run };
}

test('a healthy mirror tells nothing', () => {
  const { honesty, run } = sensor();
  assert.deepEqual(
    run(120, {}, 0, () => honesty.matched(0)),
    [],
  );
});

// biome-ignore format: one cause a line
const CAUSES = [
  { name: 'dropped frames',         over: { framesDropped: 5 },    told: 'framesDropped' },
  { name: 'a mirror that doubles',  over: { framesDuplicate: 500 }, told: 'mirrorDoubled' },
  { name: 'an interface unheard',   over: { coveredMs: 100 },      told: 'coverageLost' },
  { name: 'an interface in silence', over: { framesSeen: 0 },      told: 'noTraffic' },
] as const;

for (const { name, over, told } of CAUSES) {
  test(`${name}: begins once, ends once`, () => {
    const { run } = sensor();
    run(20);
    assert.deepEqual(run(60, over), [`${told} began`]);
    assert.deepEqual(run(60), [`${told} ended`]);
  });
}

for (const [direction, segments] of [
  ['clientOnly', { clientSegmentsCount: 40, serverSegmentsCount: 0 }],
  ['serverOnly', { clientSegmentsCount: 0, serverSegmentsCount: 40 }],
] as const) {
  test(`a mirror of one direction: ${direction}`, () => {
    const { honesty, run } = sensor();
    const flow = madeFlow(segments);
    const blind = () => {
      for (let count = 0; count < 5; count++) honesty.unmatched(flow);
    };
    assert.deepEqual(run(30, {}, 0, blind), ['mirrorOneSided began']);
    const both = () => {
      for (let count = 0; count < 5; count++) honesty.matched(0);
    };
    assert.deepEqual(run(30, {}, 0, both), ['mirrorOneSided ended']);
  });
}

test('one flow of which one side is missing, beside others that are whole, is no fault', () => {
  const { honesty, run } = sensor();
  const flow = madeFlow({ clientSegmentsCount: 40, serverSegmentsCount: 0 });
  const mixed = () => {
    for (let count = 0; count < 5; count++) honesty.unmatched(flow);
    honesty.matched(0);
  };
  assert.deepEqual(run(60, {}, 0, mixed), []);
});

test('requests that nobody answers are no fault of the mirror', () => {
  const { honesty, run } = sensor();
  const flow = madeFlow({ clientSegmentsCount: 40, serverSegmentsCount: 40 });
  const unanswered = () => {
    for (let count = 0; count < 5; count++) honesty.unmatched(flow);
  };
  assert.deepEqual(run(60, {}, 0, unanswered), []);
});

test('OPC UA that is only encrypted says so, until something can be read', () => {
  const { honesty, run } = sensor();
  const encrypted = () => {
    for (let count = 0; count < 5; count++) honesty.opcua(false);
  };
  assert.deepEqual(run(15, {}, 0, encrypted), ['onlyEncrypted began']);
  assert.deepEqual(
    run(15, {}, 0, () => honesty.opcua(true)),
    ['onlyEncrypted ended'],
  );
});

test('a link that goes down and comes back', () => {
  const { run } = sensor();
  run(5);
  assert.deepEqual(run(3, { linkUp: false }), ['interfaceState down']);
  assert.deepEqual(run(3), ['interfaceState up']);
});

test('a clock that was set is told with its step, and hides nothing else', () => {
  const { run } = sensor();
  run(5);
  assert.deepEqual(run(40, {}, 3600 * SECOND_US), ['clockStepped 3600000']);
  assert.deepEqual(run(40, {}, 0), ['clockStepped -3600000']);
});
