/**
 * The program whose power is cut: `node power-writer.ts PATH [appends]`. It records and signs, and
 * says each thing that is on the disk on its standard output, with the moment at which it knew
 * (CLOCK_MONOTONIC, nanoseconds).
 */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { SystemClock } from '../../agent/platform/clock.ts';
import { SystemRandom } from '../../agent/platform/random.ts';
import { SiteBuffer } from '../site-buffer.ts';
import { detection, fullSigner, report, shown, text } from '../test-kit.ts';

/** Also for whoever looks at what a cut has left. */
export function openAsAgent(path: string): SiteBuffer {
  const clock = new SystemClock();
  const buffer = SiteBuffer.open({ path, quotaMiB: 16, clock, random: new SystemRandom() });
  const begun = buffer.signAs(fullSigner);
  if (begun.kind === 'fault') throw begun.fault;
  return buffer;
}

/** Summaries, cases with frames, observations, and reads, which raise the mark. */
function write(path: string, appends: number): void {
  const buffer = openAsAgent(path);
  writeSync(1, 'ready\n');
  for (let count = 0; count < appends; count++) {
    if (count % 5 === 0) {
      const detectionId = count.toString(16).padStart(16, '0');
      const evidence = { records: [], frames: [new Uint8Array(500).fill(count)] };
      const raised = detection({ detectionId, evidence });
      const done = buffer.recordReport(report(40, [{ change: 'raised', detection: raised }]));
      if (done.kind === 'fault') throw done.fault;
      say(`case ${detectionId}`);
    }
    const padding = 'x'.repeat(700);
    const result = buffer.append(2, (position) => text({ ...shown(position), padding }));
    if (result.kind === 'fault') throw result.fault;
    say(`message ${result.epoch} ${result.stream} ${result.sequence}`);
    if (count % 3 === 0) {
      assert.equal(buffer.read(result.id).kind, 'message');
      say(`published ${result.epoch} ${result.sequence}`);
    }
  }
  buffer.close();
}

function say(what: string): void {
  writeSync(1, `${what} @${process.hrtime.bigint()}\n`);
}

if (process.argv[1] === import.meta.filename) {
  const [path, appends] = process.argv.slice(2);
  write(path, Number(appends));
}
