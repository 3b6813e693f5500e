/**
 * What an observation costs the flash of a gateway: bytes written to storage, as the kernel counts
 * them, for an agent's buffer under reports like those of a busy site, checkpoints included.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '../agent/platform/clock.ts';
import { SeededRandom, SystemRandom } from '../agent/platform/random.ts';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import { report } from '../buffer/test-kit.ts';
import { processBytesWritten } from '../buffer/wear-meter.ts';
import type { Observation } from '../protocols/interval-report.ts';
import type { BenchSection } from './section.ts';

const OBSERVATIONS = 50_000;
/** Reports of a second each: from a busy site to one where little happens. */
const SECONDS_MAX = 1800;
const RATES = [100, 20, 5, 1] as const;

export const wearSection: BenchSection = {
  name: 'wear',
  title: 'bytes written to the disk for each stored observation',
  run(context) {
    const folder = mkdtempSync(join(context.folder, 'wear-'));
    try {
      if (!isCounted(folder)) {
        const reason = 'the folder for temporary files is on no disk whose writes are counted';
        return Promise.resolve({ kind: 'skipped', reason });
      }
      const figures = RATES.map((rate) => ({
        name: `bytes written for an observation, ${rate} a second`,
        value: bytesPerObservation(join(folder, `${rate}.db`), rate),
        unit: 'bytes',
        ...(rate === RATES[0] && { goal: 'goal <= 100' }),
      }));
      return Promise.resolve({ kind: 'figures', figures });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function bytesPerObservation(path: string, rate: number): number {
  const clock = new ManualClock();
  const buffer = SiteBuffer.open({ path, quotaMiB: 64, clock, random: new SystemRandom() });
  const random = new SeededRandom(rate);
  const before = processBytesWritten();
  const total = Math.min(OBSERVATIONS, rate * SECONDS_MAX);
  for (let done = 0; done < total; done += rate) {
    const observations = Array.from({ length: rate }, () => observation(random, clock.wallMs()));
    clock.advance(1000);
    const recorded = buffer.recordReport({ ...report(0), observations });
    if (recorded.kind === 'fault') throw recorded.fault;
  }
  // The ballast is written once in the life of a gateway.
  const ballast = buffer.ballastBytes;
  buffer.close();
  return (processBytesWritten() - before - ballast) / total;
}

/** As Modbus writes of a plant come: few clients and servers, many addresses and values. */
function observation(random: SeededRandom, wallMs: number): Observation {
  const upTo = (count: number): number => Math.floor(random.fraction() * count);
  return {
    kind: 'write',
    timeUs: wallMs * 1000 + upTo(1_000_000),
    protocol: 'modbus',
    clientIpAddress: `10.0.0.${10 + upTo(4)}`,
    serverIpAddress: `10.0.1.${10 + upTo(20)}`,
    serverPort: 502,
    unitId: 1 + upTo(5),
    functionCode: 6,
    address: upTo(400),
    quantity: 1,
    details: { value: upTo(4096) },
  };
}

function isCounted(folder: string): boolean {
  const before = processBytesWritten();
  writeFileSync(join(folder, 'probe'), Buffer.alloc(1 << 20, 1), { flush: true });
  return processBytesWritten() - before >= 1 << 20;
}
