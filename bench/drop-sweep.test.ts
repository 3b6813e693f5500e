// A sample of the drop sweep over the whole corpus (all of it: `npm run long -- drop-sweep`), and
// one side of each capture alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import { sweepCapture } from './drop-sweep.ts';
import { sweepCorpus } from './drop-sweep-corpus.ts';
import { holdFrames } from './held-frames.ts';

const NEEDS = [{ kind: 'corpus' }] as const;
const DROPS = 20_000;
const SEED = 20_261_125;
/** Of all drops, so many may cost one message more than those of the dropped frame. */
const BEYOND_SHARE_MAX = 0.001;

testNeeding(
  NEEDS,
  'drop sweep: 20,000 drops cost no more than the dropped frame, and are told',
  () => {
    const report = sweepCorpus(corpusFolder ?? '', { dropsMax: DROPS, seed: SEED });
    assert.ok(report.dropsCount > DROPS * 0.95, `${report.dropsCount} drops`);
    assert.ok(report.beyondMax <= 1, report.beyond.join('\n'));
    assert.ok(
      report.beyond.length <= report.dropsCount * BEYOND_SHARE_MAX,
      report.beyond.join('\n'),
    );
    assert.equal(report.unexplainedCount, 0, report.beyond.join('\n'));
    assert.deepEqual(report.untold, []);
    assert.deepEqual(report.invented, []);
    assert.ok(report.told.bytesMissed > DROPS / 4, 'the sweep really loses messages');
  },
);

testNeeding(NEEDS, 'drop sweep: it sees a loss and names how it is told', () => {
  const path = 'ntop__nDPI/tests/cfgs/default/pcap/modbus.pcap';
  const file = readFileSync(join(corpusFolder ?? '', 'captures', path));
  const swept = sweepCapture(holdFrames(file));
  const outcomes = swept.frameNumbers.slice(5, 11).map((frame) => swept.drop(frame));
  assert.deepEqual(
    outcomes.map(({ told, ownMissing, beyond }) => [told, ownMissing.length, beyond.length]),
    outcomes.map(() => ['bytesMissed', 1, 0]),
  );
});
