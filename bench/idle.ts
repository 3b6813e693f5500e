/**
 * Memory and CPU of `fieldtap run` that has nothing to do: the loopback interface, no broker that
 * answers. What a gateway gives up for good by having us on it.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { residentBytes } from './measure.ts';
import { RunningAgent } from './running-agent.ts';
import { type BenchSection, MEGABYTE } from './section.ts';

const SETTLE_MS = 15_000;
const WATCH_MS = 10_000;
/** USER_HZ, in which /proc counts CPU time; 100 on every Linux that we support. */
const TICK_MS = 10;

export const idleSection: BenchSection = {
  name: 'idle',
  title: 'memory and CPU of an idle agent',
  async run(context) {
    if (!canCapture()) return { kind: 'skipped', reason: 'capturing needs CAP_NET_RAW (or root)' };
    const agent = await RunningAgent.start(context, 'lo', 'host');
    try {
      context.say(`letting it settle for ${SETTLE_MS / 1000} s`);
      await setTimeout(SETTLE_MS);
      const before = cpuMs(agent.processId);
      await setTimeout(WATCH_MS);
      const used = cpuMs(agent.processId) - before;
      const memory = residentBytes(agent.processId) / MEGABYTE;
      return {
        kind: 'figures',
        figures: [
          { name: 'memory of an idle agent', value: memory, unit: 'MB', goal: 'goal <= 112' },
          { name: 'share of one core', value: (100 * used) / WATCH_MS, unit: '%' },
        ],
      };
    } finally {
      await agent.stop();
    }
  },
};

/** CAP_NET_RAW is bit 13 of the effective set (capabilities(7)). */
export function canCapture(): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(status)?.[1] ?? '0'}`);
  return (effective & (1n << 13n)) !== 0n;
}

/** User and kernel time of a process and all its threads (proc(5): fields 14 and 15 of stat). */
export function cpuMs(processId: number): number {
  const stat = readFileSync(`/proc/${processId}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}
