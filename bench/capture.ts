/**
 * Live capture over a pair of virtual interfaces in a network namespace of its own: the whole agent
 * at one end, a sender at the other. Nothing reaches the machine's own network. On two cores the
 * sender takes one, so the figure is a floor.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { generateModbus } from './generate-modbus.ts';
import { canCapture, cpuMs } from './idle.ts';
import { measure } from './measure.ts';
import { hasProgram } from './replay.ts';
import { RunningAgent } from './running-agent.ts';
import type { BenchContext, BenchSection, Figure } from './section.ts';
import { senderCommand } from './sender.ts';

const PACKETS_FILE = 500_000;
const SECONDS = 5;
/** Packets a second; the last one is as fast as the sender can. */
const RATES = [100_000, 400_000, 0];
const PACKETS_UNPACED = 4_000_000;
const DRAIN_MS = 1500;

export const captureSection: BenchSection = {
  name: 'capture',
  title: 'live capture over a veth pair',
  async run(context) {
    if (!canCapture() || process.getuid?.() !== 0) {
      return { kind: 'skipped', reason: 'making a network namespace needs root' };
    }
    if (!hasProgram('ip')) return { kind: 'skipped', reason: 'the program ip is not installed' };
    const namespace = `fieldtap-bench-${process.pid}`;
    const inside = ['ip', 'netns', 'exec', namespace];
    ip('netns', 'add', namespace);
    try {
      // No neighbour discovery, so that every frame is one of ours.
      const ipv6 = '/proc/sys/net/ipv6/conf/default/disable_ipv6';
      ip('netns', 'exec', namespace, 'sh', '-c', `echo 1 > ${ipv6}`);
      ip('-n', namespace, 'link', 'add', 'plant', 'type', 'veth', 'peer', 'name', 'mirror');
      for (const name of ['lo', 'plant', 'mirror']) ip('-n', namespace, 'link', 'set', name, 'up');
      return { kind: 'figures', figures: await measureRates(context, inside) };
    } finally {
      ip('netns', 'del', namespace);
    }
  },
};

async function measureRates(context: BenchContext, inside: readonly string[]): Promise<Figure[]> {
  const file = join(context.folder, 'live.pcap');
  generateModbus(file, PACKETS_FILE, 1);
  const agent = await RunningAgent.start(context, 'mirror', 'mirror', inside);
  const figures: Figure[] = [];
  try {
    for (const rate of RATES)
      figures.push(...(await measureRate(context, agent, file, inside, rate)));
  } finally {
    await agent.stop();
  }
  return figures;
}

async function measureRate(
  context: BenchContext,
  agent: RunningAgent,
  file: string,
  inside: readonly string[],
  rate: number,
): Promise<Figure[]> {
  const before = (await agent.counts()) ?? { framesSeen: 0, framesDropped: 0 };
  const cpuBefore = cpuMs(agent.processId);
  const packets = rate === 0 ? PACKETS_UNPACED : rate * SECONDS;
  const words = [...senderCommand(context), file, 'plant', String(packets), String(rate)];
  const run = await measure(inside[0], [...inside.slice(1), ...words]);
  if (run.status !== 0) throw new Error(`the sender failed: ${run.standardError}`);
  const sent: unknown = JSON.parse(run.standardOutput);
  const seconds =
    typeof sent === 'object' && sent !== null && 'seconds' in sent ? Number(sent.seconds) : 0;
  await setTimeout(DRAIN_MS);
  const after = (await agent.counts()) ?? before;
  const cpu = cpuMs(agent.processId) - cpuBefore;
  const seen = after.framesSeen - before.framesSeen;
  const dropped = after.framesDropped - before.framesDropped;
  context.say(`sent ${packets}, seen ${seen}, dropped ${dropped}`);
  const name =
    rate === 0 ? 'as fast as the sender can' : `at ${rate.toLocaleString('en')} packets/s`;
  return [
    { name: `sent ${name}`, value: packets / seconds, unit: 'packets/s' },
    { name: `lost ${name}`, value: packets - seen, unit: 'packets' },
    {
      name: `CPU a packet of the agent ${name}`,
      value: (cpu * 1e6) / Math.max(1, seen),
      unit: 'ns',
    },
  ];
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}
