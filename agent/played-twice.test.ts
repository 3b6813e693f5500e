/** A capture that is played over and over is decoded in every round, not in the first alone. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PacedFileSource } from './capture/paced-file-source.ts';
import { Pipeline } from './pipeline.ts';
import { ManualClock } from './platform/clock.ts';
import { SiteDigest } from './platform/digest.ts';

const CAPTURE = join(import.meta.dirname, '../hil-tests/captures/bench.pcap');
/** The capture is shorter; with the pause behind it a round takes less. */
const ROUND_MS = 30_000;

test('the recorded plant brings as many transactions in every round', async () => {
  const clock = new ManualClock();
  const source = new PacedFileSource(CAPTURE, clock);
  const pipeline = new Pipeline({ interfaces: [], digest: new SiteDigest(new Uint8Array(32)) });
  await source.start(pipeline);
  const counts: number[][] = [];
  for (let second = 0; second < (3 * ROUND_MS) / 1000; second++) {
    clock.advance(1000);
    pipeline.advance(clock.wallMs() * 1000);
    const { modbusTransactions, opcuaTransactions } = pipeline.totals();
    counts.push([modbusTransactions, opcuaTransactions]);
  }
  const byRound = [1, 2, 3].map((round) => counts[(round * ROUND_MS) / 1000 - 1]);
  const [modbus, opcua] = byRound[0];
  assert.ok(modbus > 500 && opcua > 100, `${modbus} and ${opcua}`);
  for (const [index, [modbusNow, opcuaNow]] of byRound.entries()) {
    // A round begins while the last one's silence still counts as its time.
    assert.ok(modbusNow >= (index + 1) * modbus * 0.95, `${modbusNow} after round ${index + 1}`);
    assert.ok(opcuaNow >= (index + 1) * opcua * 0.95, `${opcuaNow} after round ${index + 1}`);
  }
});
