/**
 * CPU a packet at the margin of other decoders and of ours, in turn and in one run: tshark,
 * ndpiReader and gopacket, where they are installed, against decode alone, the whole `replay` and
 * its records. Ratios are theirs/ours; the rounds of all stand side by side, so that a noisy minute
 * hits everybody.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { generateModbus } from './generate-modbus.ts';
import { measure, median } from './measure.ts';
import { hasProgram } from './replay.ts';
import type { BenchContext, BenchSection, Figure } from './section.ts';

const PACKETS = 2_000_000;
/** tshark is fifty times slower, so it gets less. */
const PACKETS_TSHARK = 100_000;
const PACKETS_SMALL = 1_000;
const ROUNDS = 3;
const SEED = 1;
/** Debian's golang-*-dev packages lie here. */
const GO_PATH = '/usr/share/gocode';
const GOPACKET = 'src/github.com/google/gopacket';
/** What a record of ours tells too; the cheapest way to have tshark write fields. */
// biome-ignore format: the fields in the order of the wire
const TSHARK_FIELDS = ['frame.time_epoch', 'ip.src', 'tcp.srcport', 'ip.dst', 'tcp.dstport',
  'mbtcp.trans_id', 'mbtcp.unit_id', 'modbus.func_code', 'modbus.reference_num', 'modbus.word_cnt',
  'modbus.bit_cnt', 'modbus.regval_uint16', 'modbus.bitval', 'modbus.exception_code'];

interface Runner {
  readonly name: string;
  readonly packets: number;
  /** The command without the capture file, which comes where `FILE` stands. */
  readonly words: readonly string[];
}

export const peersSection: BenchSection = {
  name: 'peers',
  title: 'CPU a packet of decode, replay and records, against tshark, ndpiReader and gopacket',
  async run(context) {
    const runners = [...ours(context), ...theirs(context)];
    for (const packets of [PACKETS, PACKETS_TSHARK, PACKETS_SMALL]) {
      generateModbus(fileOf(context, packets), packets, SEED);
    }
    // The first run compiles, ours and theirs; it doesn't count.
    for (const runner of runners) await cpuOf(context, runner, PACKETS_SMALL);
    const nanoseconds = new Map(runners.map(({ name }): [string, number[]] => [name, []]));
    for (let round = 1; round <= ROUNDS; round++) {
      for (const runner of runners) {
        const large = await cpuOf(context, runner, runner.packets);
        const small = await cpuOf(context, runner, PACKETS_SMALL);
        const value = ((large - small) * 1_000_000) / (runner.packets - PACKETS_SMALL);
        nanoseconds.get(runner.name)?.push(value);
      }
      context.say(`round ${round}/${ROUNDS}`);
    }
    const margin = (name: string): number | undefined => {
      const values = nanoseconds.get(name) ?? [];
      return values.length === 0 ? undefined : median(values);
    };
    return { kind: 'figures', figures: [...ratios(margin), ...margins(runners, margin)] };
  },
};

function ours({ fieldtap }: BenchContext): Runner[] {
  const [node] = fieldtap;
  const replay = [...fieldtap, 'replay', 'FILE'];
  const decode = [node, join(import.meta.dirname, 'peers/decode-alone.ts'), 'FILE'];
  return [
    { name: 'decode alone', packets: PACKETS, words: decode },
    { name: 'replay', packets: PACKETS, words: [...replay, '--summary', 'json'] },
    { name: 'records', packets: PACKETS, words: [...replay, '--records', 'ndjson'] },
  ];
}

function theirs(context: BenchContext): Runner[] {
  const found: Runner[] = [];
  if (hasProgram('tshark')) {
    const count = ['tshark', '-n', '-q', '-z', 'io,stat,0,modbus', '-r', 'FILE'];
    const options = TSHARK_FIELDS.flatMap((field) => ['-e', field]);
    const fields = ['tshark', '-n', '-r', 'FILE', '-Y', 'modbus', '-T', 'fields', ...options];
    found.push({ name: 'tshark', packets: PACKETS_TSHARK, words: count });
    found.push({ name: 'tshark fields', packets: PACKETS_TSHARK, words: fields });
  } else context.say('tshark is not installed: left out');
  if (hasProgram('ndpiReader')) {
    found.push({ name: 'ndpiReader', packets: PACKETS, words: ['ndpiReader', '-q', '-i', 'FILE'] });
  } else context.say('ndpiReader (libndpi-bin) is not installed: left out');
  const gopacket = builtGopacket(context);
  if (gopacket !== undefined) {
    found.push({ name: 'gopacket', packets: PACKETS, words: [gopacket, 'FILE'] });
  }
  return found;
}

/** Undefined where Go or the library is missing; no module is fetched. */
function builtGopacket({ folder, say }: BenchContext): string | undefined {
  if (!hasProgram('go') || !existsSync(join(GO_PATH, GOPACKET))) {
    say('gopacket (golang-github-google-gopacket-dev, golang-go) is not installed: left out');
    return undefined;
  }
  const program = join(folder, 'gopacket');
  execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'peers/gopacket.go')], {
    env: {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: GO_PATH,
      GOCACHE: join(folder, 'go-cache'),
      GOFLAGS: '',
    },
  });
  return program;
}

function fileOf({ folder }: BenchContext, packets: number): string {
  return join(folder, `peers-${packets}.pcap`);
}

/** Standard output goes nowhere: a reader of it would cost as well. */
async function cpuOf(context: BenchContext, runner: Runner, packets: number): Promise<number> {
  const file = fileOf(context, packets);
  const words = runner.words.map((word) => (word === 'FILE' ? file : word));
  const run = await measure('sh', ['-c', 'exec "$@" > /dev/null', 'sh', ...words]);
  if (run.status !== 0) throw new Error(`${runner.name} failed: ${run.standardError}`);
  return run.cpuMs;
}

// biome-ignore format: one ratio a line
const RATIOS = [
  { theirs: 'tshark', ours: 'decode alone', goal: 'goal >= 60' },
  { theirs: 'ndpiReader', ours: 'decode alone', goal: 'goal >= 2.0' },
  { theirs: 'gopacket', ours: 'decode alone', goal: 'goal >= 1.5' },
  { theirs: 'tshark', ours: 'replay', goal: 'goal >= 40' },
  { theirs: 'ndpiReader', ours: 'replay', goal: 'goal >= 1.3' },
  { theirs: 'gopacket', ours: 'replay', goal: 'goal >= 1.0' },
  { theirs: 'tshark fields', ours: 'records', goal: 'goal >= 30' },
] as const;

function ratios(margin: (name: string) => number | undefined): Figure[] {
  return RATIOS.flatMap(({ theirs: peer, ours: own, goal }): Figure[] => {
    const [above, below] = [margin(peer), margin(own)];
    if (above === undefined || below === undefined) return [];
    return [{ name: `CPU a packet, ${peer} / ${own}`, value: above / below, unit: 'x', goal }];
  });
}

function margins(
  runners: readonly Runner[],
  margin: (name: string) => number | undefined,
): Figure[] {
  return runners.map(({ name }) => ({
    name: `CPU a packet, ${name}`,
    value: margin(name) ?? 0,
    unit: 'ns',
  }));
}
