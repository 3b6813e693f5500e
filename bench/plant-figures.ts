/**
 * What the gateway gives up for the plant's traffic: frames a second without a drop, CPU at a busy
 * site's rate, the time from exec to the first captured frame, memory idle and under a flood of
 * flows. The whole agent (the built one, if HIL_BINARY names it) at one end of a virtual cable, a
 * sender at the other; the two want a core each, so the figures need a machine with nothing else to
 * do.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { NamespaceHost } from '../hil-tests/plant/host.ts';
import { Sensor } from '../hil-tests/plant/sensor.ts';
import { ipIn, VirtualNetwork } from '../hil-tests/plant/virtual-network.ts';
import { listenOnly } from '../hil-tests/plant/virtual-switch.ts';
import { flood } from '../hil-tests/scenarios/flood.ts';
import { generateModbus } from './generate-modbus.ts';
import { canCapture, cpuMs } from './idle.ts';
import { median, residentBytes } from './measure.ts';
import { hasProgram } from './replay.ts';
import { RunningAgent } from './running-agent.ts';
import { type BenchContext, type BenchSection, type Figure, MEGABYTE } from './section.ts';
import { arrivalCommand, senderCommand } from './sender.ts';

const PACKETS_FILE = 200_000;
const SECONDS = 10;
/** Tried from the top until one comes without a drop; 0 is as fast as the sender can. */
const RATES = [0, 1_488_000, 1_200_000, 1_000_000, 800_000, 600_000, 400_000];
/** For `as fast as it can`: about 10 s of 1.4 million a second. */
const PACKETS_UNPACED = 14_000_000;
const TRANSACTIONS_PER_SECOND = 5000;
const WARM_SECONDS = 20;
/** The sender sleeps between batches of 64, which are the precision: 16 ms. */
const START_RATE = 4000;
const START_SECONDS = 8;
const START_ROUNDS = 10;
/** The sender itself takes a while to start. */
const START_DELAY_MS = 1500;
const FLOWS = 100_000;
/** Of eight frames of the flood, six open a flow. */
const FLOOD_FRAMES = Math.ceil((FLOWS * 8) / 6);
const SETTLE_MS = 5000;
/** What only the start needed has been given back (agent/platform/trim-memory.ts). */
const IDLE_MS = 15_000;
/** Counts are told once a second. */
const DRAIN_MS = 2500;
const SENDER_PORT = 'eth0';
const SENSOR_PORT = 'mirror0';

interface Cable {
  readonly sender: NamespaceHost;
  readonly sensor: NamespaceHost;
  /** Modbus requests and responses. */
  readonly file: string;
  /** The sender's program. */
  readonly command: readonly string[];
  /** What makes frames arrive at the sensor's end, where there is something faster. */
  readonly arrival: readonly string[] | undefined;
}

export const plantFiguresSection: BenchSection = {
  name: 'plant-figures',
  title: 'live capture over a virtual cable: rate, CPU, start, memory',
  async run(context) {
    if (!canCapture() || process.getuid?.() !== 0) {
      return { kind: 'skipped', reason: 'making a network namespace needs root' };
    }
    const missing = ['ip', 'ethtool'].find((program) => !hasProgram(program));
    if (missing !== undefined) return { kind: 'skipped', reason: `no program ${missing}` };
    const network = await VirtualNetwork.make();
    try {
      const sender = await network.addHost('sender');
      const sensor = await network.addHost('sensor');
      const ends = [
        { namespace: sender.namespace, port: SENDER_PORT },
        { namespace: sensor.namespace, port: SENSOR_PORT },
      ] as const;
      await network.addCable(...ends);
      for (const end of ends) await listenOnly(end);
      const file = join(context.folder, 'plant.pcap');
      generateModbus(file, PACKETS_FILE, 1);
      const [command, arrival] = [senderCommand(context), arrivalCommand(context)];
      const cable = { sender, sensor, file, command, arrival };
      const figures = [
        ...(await measureMemory(context, cable)),
        ...(await measureStart(context, cable)),
        ...(await measureSite(context, cable)),
        ...(await measureRate(context, cable)),
      ];
      await ipIn(sender.namespace, 'link', 'set', SENDER_PORT, 'down');
      return { kind: 'figures', figures };
    } finally {
      await network.remove();
    }
  },
};

async function measureMemory(context: BenchContext, cable: Cable): Promise<Figure[]> {
  const agent = await startAgent(context, cable);
  try {
    await setTimeout(IDLE_MS);
    const idle = residentBytes(agent.processId) / MEGABYTE;
    let peak = idle;
    const watch = setInterval(() => {
      peak = Math.max(peak, residentBytes(agent.processId) / MEGABYTE);
    }, 50);
    const { sent } = await flood(cable.sender, { frames: FLOOD_FRAMES, rate: 0 });
    await setTimeout(SETTLE_MS);
    clearInterval(watch);
    context.say(`a flood of ${sent} frames`);
    return [
      { name: 'memory idle on a mirror', value: idle, unit: 'MB', goal: 'goal <= 112' },
      { name: 'memory, most under 100,000 flows', value: peak, unit: 'MB', goal: 'goal <= 128' },
    ];
  } finally {
    await agent.stop();
  }
}

/**
 * The sender sends at a fixed rate all the while: of what it sent, what the agent didn't see came
 * before its first frame, which gives the time without asking the agent when that was.
 */
async function measureStart(context: BenchContext, cable: Cable): Promise<Figure[]> {
  const times: number[] = [];
  for (let round = 0; round < START_ROUNDS; round++) {
    const sending = flood(cable.sender, { frames: START_RATE * START_SECONDS, rate: START_RATE });
    await setTimeout(START_DELAY_MS);
    // Asked over its socket: a process for each question would take the core it starts on.
    const sensor = sensorOf(context, cable, round);
    const execMs = performance.now();
    await sensor.start();
    try {
      const { sent, seconds, endedMs } = await sending;
      await setTimeout(DRAIN_MS);
      const [{ framesSeen, framesDropped }] = (await sensor.status()).interfaces;
      const missed = sent - framesSeen - framesDropped;
      const firstSentMs = endedMs - 1000 * seconds;
      times.push(firstSentMs + (1000 * missed * seconds) / sent - execMs);
    } finally {
      await sensor.stop();
    }
  }
  const value = median(times);
  context.say(`first frame after ${times.map(Math.round).join(', ')} ms`);
  return [{ name: 'exec to the first captured frame', value, unit: 'ms', goal: 'goal <= 700' }];
}

async function measureSite(context: BenchContext, cable: Cable): Promise<Figure[]> {
  const agent = await startAgent(context, cable);
  try {
    await setTimeout(SETTLE_MS);
    const rate = 2 * TRANSACTIONS_PER_SECOND;
    // An agent runs for months: what its engine spends on compiling in the first seconds is apart.
    const cold = cpuMs(agent.processId);
    const first = await send(cable, rate * WARM_SECONDS, rate);
    const before = cpuMs(agent.processId);
    const { seconds } = await send(cable, rate * SECONDS, rate);
    const used = cpuMs(agent.processId) - before;
    const name = 'CPU at 5,000 Modbus transactions/s, share of a core';
    const goal = 'goal <= 4';
    return [
      { name, value: used / (10 * seconds), unit: '%', goal },
      {
        name: `the same in the first ${WARM_SECONDS} s of traffic`,
        value: (before - cold) / (10 * first.seconds),
        unit: '%',
      },
    ];
  } finally {
    await agent.stop();
  }
}

async function measureRate(context: BenchContext, cable: Cable): Promise<Figure[]> {
  const agent = await startAgent(context, cable);
  try {
    for (const rate of RATES) {
      const before = await countsOf(agent);
      const packets = rate === 0 ? PACKETS_UNPACED : rate * SECONDS;
      const { seconds } = await (cable.arrival === undefined ? send : arrive)(cable, packets, rate);
      await setTimeout(DRAIN_MS);
      const after = await countsOf(agent);
      const lost = packets - (after.framesSeen - before.framesSeen);
      const dropped = after.framesDropped - before.framesDropped;
      const value = packets / seconds;
      context.say(
        `${Math.round(value)} frames/s for ${seconds.toFixed(1)} s: lost ${lost} (${dropped} told)`,
      );
      if (lost > 0) continue;
      const name = `without a drop for ${seconds.toFixed(1)} s`;
      return [{ name, value, unit: 'frames/s', goal: 'goal >= 1,000,000' }];
    }
    return [{ name: 'without a drop', value: 0, unit: 'frames/s', goal: 'goal >= 1,000,000' }];
  } finally {
    await agent.stop();
  }
}

/** From the far end of the cable. */
function send({ sender, file, command }: Cable, packets: number, rate: number): Promise<Sent> {
  return run(sender.words([...command, file, SENDER_PORT, String(packets), String(rate)]));
}

/** At the sensor's end. */
function arrive(cable: Cable, packets: number, rate: number): Promise<Sent> {
  const { sensor, file, arrival = [] } = cable;
  return run(sensor.words([...arrival, file, SENSOR_PORT, String(packets), String(rate)]));
}

interface Sent {
  readonly seconds: number;
}

function run([program, ...rest]: readonly string[]): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let seconds = Number.NaN;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const told: unknown = JSON.parse(text);
      if (typeof told !== 'object' || told === null || !('seconds' in told)) return;
      seconds = Number(told.seconds);
    });
    child.once('error', reject);
    child.once('close', () => {
      if (Number.isNaN(seconds)) reject(new Error('the sender failed'));
      else resolve({ seconds });
    });
  });
}

/** With the keys of the agent that ran before: it loads its uplink, as on a site. */
function sensorOf(context: BenchContext, { sensor }: Cable, round: number): Sensor {
  return new Sensor({
    host: sensor,
    folder: join(context.folder, `start-${round}`),
    interfaces: [{ name: SENSOR_PORT, role: 'mirror' }],
    uplink: {
      broker: 'mqtt://127.0.0.1:9',
      credentials: join(context.folder, `agent-${SENSOR_PORT}`, 'enrolment'),
      summaryIntervalMs: 60_000,
    },
  });
}

function startAgent(context: BenchContext, { sensor }: Cable): Promise<RunningAgent> {
  return RunningAgent.start(context, SENSOR_PORT, 'mirror', sensor.words([]));
}

async function countsOf(
  agent: RunningAgent,
): Promise<{ readonly framesSeen: number; readonly framesDropped: number }> {
  const counts = await agent.counts();
  if (counts === undefined) throw new Error('the agent does not answer');
  return counts;
}
