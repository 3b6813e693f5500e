/**
 * The whole `replay --summary json`, a process each time: CPU a packet at the margin (2,000,000
 * packets minus 1,000, so that the start of the program cancels out) and peak memory, against
 * tshark on the same traffic in the same minute. A wrong count makes the run worthless: it throws.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { generateModbus, type ModbusTruth } from './generate-modbus.ts';
import { type Measured, measure, median } from './measure.ts';
import { type BenchContext, type BenchSection, type Figure, MEGABYTE } from './section.ts';

const PACKETS = 2_000_000;
const PACKETS_SMALL = 1_000;
/** tshark is too slow for more; the margin over 1,000 packets is what counts. */
const PACKETS_TSHARK = 200_000;
const ROUNDS = 5;
const ROUNDS_TSHARK = 3;
const SEED = 1;
/** The cheapest way to have tshark dissect every packet: no output, but a filter that needs it. */
const TSHARK_OPTIONS = ['-n', '-q', '-z', 'io,stat,0,modbus', '-r'];

export const replaySection: BenchSection = {
  name: 'replay',
  title: 'CPU a packet and peak memory of replay --summary json, against tshark',
  async run(context) {
    const ours = await measureOurs(context);
    const figures: Figure[] = [
      { name: 'CPU a packet, replay', value: ours.nanoseconds, unit: 'ns', goal: 'goal <= 150' },
      {
        name: 'peak memory, replay of 2,000,000 packets',
        value: ours.peakBytes / MEGABYTE,
        unit: 'MB',
        goal: 'goal <= 128',
      },
    ];
    if (!hasProgram('tshark')) {
      context.say('tshark is not installed: no ratio');
      return { kind: 'figures', figures };
    }
    const theirs = await measureTshark(context);
    figures.unshift(
      {
        name: 'CPU a packet, tshark / replay',
        value: theirs.nanoseconds / ours.nanoseconds,
        unit: 'x',
        goal: 'goal >= 30',
      },
      {
        name: 'peak memory, tshark (200,000 packets) / replay (2,000,000)',
        value: theirs.peakBytes / ours.peakBytes,
        unit: 'x',
      },
    );
    figures.push({ name: 'CPU a packet, tshark', value: theirs.nanoseconds, unit: 'ns' });
    return { kind: 'figures', figures };
  },
};

interface Margin {
  readonly nanoseconds: number;
  readonly peakBytes: number;
}

async function measureOurs(context: BenchContext): Promise<Margin> {
  const large = join(context.folder, 'large.pcap');
  const small = join(context.folder, 'small.pcap');
  context.say(`generating ${PACKETS.toLocaleString('en')} packets`);
  const truth = generateModbus(large, PACKETS, SEED);
  const truthSmall = generateModbus(small, PACKETS_SMALL, SEED);
  const [program, main] = context.fieldtap;
  const replay = async (path: string, expected: ModbusTruth): Promise<Measured> => {
    const run = await measure(program, [main, 'replay', path, '--summary', 'json']);
    assertTruth(run, expected);
    return run;
  };
  await replay(small, truthSmall);
  return margin(context, 'replay', ROUNDS, PACKETS, {
    large: () => replay(large, truth),
    small: () => replay(small, truthSmall),
  });
}

async function measureTshark(context: BenchContext): Promise<Margin> {
  const large = join(context.folder, 'tshark.pcap');
  const small = join(context.folder, 'small.pcap');
  generateModbus(large, PACKETS_TSHARK, SEED);
  return margin(context, 'tshark', ROUNDS_TSHARK, PACKETS_TSHARK, {
    large: () => measure('tshark', [...TSHARK_OPTIONS, large]),
    small: () => measure('tshark', [...TSHARK_OPTIONS, small]),
  });
}

/** Large and small runs in turn, so that a noisy minute hits both. */
async function margin(
  context: BenchContext,
  name: string,
  rounds: number,
  packets: number,
  runs: { large: () => Promise<Measured>; small: () => Promise<Measured> },
): Promise<Margin> {
  const large: Measured[] = [];
  const small: Measured[] = [];
  for (let round = 1; round <= rounds; round++) {
    large.push(await runs.large());
    small.push(await runs.small());
    context.say(`${name} ${round}/${rounds}: ${large[round - 1].cpuMs.toFixed(0)} ms`);
  }
  const milliseconds =
    median(large.map(({ cpuMs }) => cpuMs)) - median(small.map(({ cpuMs }) => cpuMs));
  return {
    nanoseconds: (milliseconds * 1_000_000) / (packets - PACKETS_SMALL),
    peakBytes: Math.max(...large.map(({ peakBytes }) => peakBytes)),
  };
}

function assertTruth(run: Measured, truth: ModbusTruth): void {
  if (run.status !== 0) {
    throw new Error(`replay ended with ${run.status}: ${run.standardError}`);
  }
  const summary: unknown = JSON.parse(run.standardOutput);
  const wrong = differences(summary, {
    frames: truth.frames,
    modbus: {
      requests: truth.requests,
      responses: truth.responses,
      exceptions: truth.exceptions,
      unmatchedResponses: 0,
      malformed: 0,
      byFunctionCode: truth.byFunctionCode,
    },
  });
  if (wrong.length > 0) throw new Error(`replay miscounted: ${wrong.join('; ')}`);
}

/** Paths of `expected` whose number in `actual` is another one. */
function differences(actual: unknown, expected: object, path = ''): string[] {
  return Object.entries(expected).flatMap(([key, value]: [string, unknown]) => {
    const found =
      typeof actual === 'object' && actual !== null ? Reflect.get(actual, key) : undefined;
    if (typeof value === 'object' && value !== null)
      return differences(found, value, `${path}${key}.`);
    return found === value ? [] : [`${path}${key} is ${String(found)} instead of ${String(value)}`];
  });
}

export function hasProgram(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/sbin', '/sbin');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
