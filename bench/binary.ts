/**
 * The built program against its sources on a gateway's terms: memory of the whole process, and of
 * its control group with the unit's limit of 160 MB, idle, under a plant's load and for a minute
 * under a flood of flows; the time from exec to the first answer that it captures. HIL_BINARY names
 * the program; without it the sources are measured.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { NamespaceHost } from '../hil-tests/plant/host.ts';
import { MemoryLimit } from '../hil-tests/plant/memory-limit.ts';
import { Sensor } from '../hil-tests/plant/sensor.ts';
import { VirtualNetwork } from '../hil-tests/plant/virtual-network.ts';
import { listenOnly } from '../hil-tests/plant/virtual-switch.ts';
import { flood } from '../hil-tests/scenarios/flood.ts';
import { forgetProgramPages } from './fresh-pages.ts';
import { canCapture } from './idle.ts';
import { residentBytes } from './measure.ts';
import { hasProgram } from './replay.ts';
import { type BenchContext, type BenchSection, type Figure, MEGABYTE } from './section.ts';

/** MemoryMax of packaging/debian/fieldtap.service. */
const LIMIT_BYTES = 160 * 2 ** 20;
const SETTLE_MS = 10_000;
const LOOK_MS = 100;
/** A busy site: 5,000 transactions a second are twice as many frames. */
const LOAD_RATE = 10_000;
const LOAD_SECONDS = 10;
/** Of eight frames of the flood six open a flow: more than 100,000 flows in a minute. */
const FLOOD_RATE = 10_000;
const FLOOD_SECONDS = 60;
const SENDER_PORT = 'eth0';
const SENSOR_PORT = 'mirror0';

export const binarySection: BenchSection = {
  name: 'binary',
  title: 'memory within 160 MB: idle, load, flood (HIL_BINARY, or the sources)',
  async run(context) {
    if (!canCapture() || process.getuid?.() !== 0) {
      return { kind: 'skipped', reason: 'making a network namespace needs root' };
    }
    if (!hasProgram('ip')) return { kind: 'skipped', reason: 'no program ip' };
    const network = await VirtualNetwork.make();
    const limit = MemoryLimit.make();
    try {
      const sender = await network.addHost('sender');
      const host = await network.addHost('sensor');
      const ends = [
        { namespace: sender.namespace, port: SENDER_PORT },
        { namespace: host.namespace, port: SENSOR_PORT },
      ] as const;
      await network.addCable(...ends);
      for (const end of ends) await listenOnly(end);
      await limit.set(LIMIT_BYTES);
      return { kind: 'figures', figures: await measureAll(context, host, sender, limit) };
    } finally {
      limit.remove();
      await network.remove();
    }
  },
};

async function measureAll(
  context: BenchContext,
  host: NamespaceHost,
  sender: NamespaceHost,
  limit: MemoryLimit,
): Promise<Figure[]> {
  const folder = join(context.folder, 'binary');
  mkdirSync(folder, { recursive: true });
  const interfaces = [{ name: SENSOR_PORT, role: 'mirror' }] as const;
  const sensor = new Sensor({ host, folder, interfaces });
  forgetProgramPages();
  const startMs = await sensor.start({ before: limit.words });
  const { pid } = sensor.process;
  limit.take(pid);
  const megabytes = (): number => residentBytes(pid) / MEGABYTE;
  try {
    await setTimeout(SETTLE_MS);
    const idle = megabytes();
    const idleGroup = limit.usedBytes() / MEGABYTE;
    const load = { frames: LOAD_RATE * LOAD_SECONDS, rate: LOAD_RATE };
    const loaded = await peakDuring(megabytes, flood(sender, load));
    const storm = { frames: FLOOD_RATE * FLOOD_SECONDS, rate: FLOOD_RATE };
    const flooded = await peakDuring(megabytes, flood(sender, storm));
    const { isCapturing, workerRestarts } = await sensor.status();
    const survived = isCapturing && workerRestarts === 0 && !sensor.process.hasEnded;
    return [
      { name: 'exec to captures, as asked from outside', value: startMs, unit: 'ms' },
      { name: 'memory idle', value: idle, unit: 'MB', goal: 'goal <= 112' },
      { name: `memory idle, ${limit.kind}`, value: idleGroup, unit: 'MB' },
      { name: 'memory, most under load', value: loaded, unit: 'MB', goal: 'goal <= 128' },
      { name: 'memory, most under the flood', value: flooded, unit: 'MB', goal: 'goal <= 128' },
      { name: 'flood survived within 160 MB (1 = yes)', value: survived ? 1 : 0, unit: '' },
    ];
  } finally {
    await sensor.stop();
  }
}

async function peakDuring(megabytes: () => number, work: Promise<unknown>): Promise<number> {
  let peak = megabytes();
  const watch = setInterval(() => {
    peak = Math.max(peak, megabytes());
  }, LOOK_MS);
  try {
    await work;
    return peak;
  } finally {
    clearInterval(watch);
  }
}
