/**
 * What can be wrong with a tapped serial line, made true on a bus of pseudo-terminals: doctor names
 * the adapter, the silence or the rate. A pseudo-terminal loses no bytes and has no counter of
 * them: that some were lost is strace's answer to the agent's question, in the driver's place.
 */
import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchProcess, eventually } from '../bench-process.ts';
import * as talk from '../devices/serial-talk.ts';
import { testNeeding } from '../needs.ts';
import { benchPath } from '../plant/command.ts';
import { fieldtapWords } from '../plant/program.ts';
import { VirtualSerialBus } from '../plant/serial-bus.ts';
import { SOMEBODY, WITHOUT_POWER } from '../privilege.ts';
import { type Diagnosis, doctor, HERE, tells } from './doctor-bench.ts';

const NEEDS = [
  { kind: 'privilege', capability: 'root' },
  { kind: 'package', program: 'socat' },
  { kind: 'package', program: 'strace' },
] as const;
const ALONE = ['agent'] as const;
const BAUD_RATE = 115_200;
/** Between two transmissions, as on a line with devices. */
const PAUSE_MS = 12;
const NOISE_BYTES = 96;
const POLLS = 40;

function configText(port: string, buffer = 'buffer.db'): string {
  return `site: { name: Line }
capture:
  serial: [{ port: ${JSON.stringify(port)}, baudRate: ${BAUD_RATE}, parity: none, name: bus }]
buffer: { path: ${buffer}, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
`;
}

const OVERRUNS = 7;
/** struct serial_icounter_struct of linux/serial.h: where `overrun` stands, and all before it. */
const COUNTER_OVERRUN = 28;
const COUNTERS_BYTES = 44;

/** From now on the terminal's driver says that it has lost bytes (TIOCGICOUNT). */
async function overrunsOf(agent: BenchProcess, port: string): Promise<BenchProcess> {
  const counters = Buffer.alloc(COUNTERS_BYTES);
  counters.writeUInt32LE(OVERRUNS, COUNTER_OVERRUN);
  const answer = `inject=ioctl:retval=0:poke_exit=@arg3=${counters.toString('hex')}`;
  const of = ['-f', '-p', String(agent.pid), '-P', realpathSync(port)];
  const strace = new BenchProcess(['strace', ...of, '-e', 'trace=ioctl', '-e', answer], {
    env: { PATH: benchPath() },
  });
  await strace.until(({ stderr }) => (/attached/.test(stderr) ? true : undefined), 'attaching');
  return strace;
}

/** Registers the test of a serial line. */
export function serialTests(): void {
  testNeeding(
    NEEDS,
    'a serial line: silent, at a wrong rate, good; pulled out, not ours',
    async (context) => {
      const folder = mkdtempSync(join(tmpdir(), 'ft-line-'));
      const bus = await VirtualSerialBus.make(folder, BAUD_RATE);
      const config = (name: string, text: string): string => {
        const path = join(folder, `${name}.yaml`);
        writeFileSync(path, text);
        return path;
      };
      const good = config('good', configText(bus.path('tap')));
      const agent = new BenchProcess(fieldtapWords('run', '--config', good));
      const until = (isSo: (found: Diagnosis) => boolean, what: string): Promise<Diagnosis> =>
        eventually(async () => {
          if (agent.hasEnded) throw new Error(agent.stderr);
          const found = await doctor(HERE, good);
          return isSo(found) ? found : undefined;
        }, what);
      const figureOf = (found: Diagnosis): string => found.check('traffic:bus')?.figure ?? '';
      try {
        const silent = await until(
          (found) => found.check('agent')?.verdict === 'good',
          'the agent',
        );
        tells(context, 'a silent line', silent, {
          faults: ['traffic:bus'],
          says: /no byte ever.*receive pair/,
        });
        await bus.transmit(new Uint8Array(NOISE_BYTES).fill(0xa5), 'whole');
        const noisy = await until(
          (found) => /^0 frames, \d\d+ /.test(figureOf(found)),
          'the noise',
        );
        tells(context, 'a line at a wrong rate', noisy, {
          faults: ['traffic:bus'],
          says: /\d+ bytes in no frame.*baudRate/,
        });
        for (const piece of talk.polls(7, POLLS).pieces) {
          await bus.transmit(piece, 'whole');
          await delay(PAUSE_MS);
        }
        const heard = await until((found) => found.faults.length === 0, 'its frames');
        tells(context, 'a good line', heard, {});
        const counter = await overrunsOf(agent, bus.path('tap'));
        const lost = await until((found) => found.warnings.includes('traffic:bus'), 'lost bytes');
        tells(context, 'bytes that the driver lost', lost, {
          warnings: ['traffic:bus'],
          says: new RegExp(` ${OVERRUNS} lost.*the driver lost bytes`),
        });
        await counter.stop();
        await agent.stop();

        const missing = config('missing', configText(join(folder, 'ttyUSB7')));
        tells(context, 'an adapter that is pulled out', await doctor(HERE, missing), {
          faults: ['serial:bus'],
          says: /not plugged in.*Plug it in/,
        });
        const both = config('both', configText(join(folder, 'ttyUSB7'), '/etc/passwd/b.db'));
        tells(context, 'an adapter that is pulled out, and no folder', await doctor(HERE, both), {
          faults: ['serial:bus', 'disk'],
        });
        chmodSync(realpathSync(bus.path('tap')), 0o600);
        chownSync(realpathSync(bus.path('tap')), SOMEBODY, SOMEBODY);
        const theirs = config('theirs', configText(bus.path('tap'), 'theirs.db'));
        tells(
          context,
          'an adapter of another group',
          await doctor(HERE, theirs, { before: WITHOUT_POWER }),
          {
            warnings: [...ALONE, 'serial:bus'],
          },
        );
      } finally {
        await agent.stop();
        await bus.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
}
