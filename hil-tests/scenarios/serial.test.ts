/**
 * A tapped serial line, the whole agent as a black box: frames that come whole, merged, byte by
 * byte, damaged and without an answer; every intact one is found, and nothing is ever sent.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchProcess, eventually } from '../bench-process.ts';
import { askAgent } from '../control-socket.ts';
import * as talk from '../devices/serial-talk.ts';
import { testNeeding } from '../needs.ts';
import { compiledDevice } from '../plant/compiled-device.ts';
import { fieldtapWords } from '../plant/program.ts';
import { type Pacing, VirtualSerialBus } from '../plant/serial-bus.ts';
import { report } from '../report.ts';

const SOCAT = { kind: 'package', program: 'socat' } as const;
const STRACE = { kind: 'package', program: 'strace' } as const;
/** Silence between two transmissions: more than 3.5 characters, less than a client's patience. */
const PAUSE_MS = 12;
/** The sensor gives up what is held after a second of silence, and reports each second. */
const SETTLED_MS = 60_000;
/** All that may be done to the port: settings, their readback, error counters; none moves a line. */
const IOCTLS = ['TCSETS2', 'TCGETS2', 'TIOCGICOUNT', 'FIONBIO'];

for (const [baudRate, pacing] of [
  [9600, 'wire'],
  [19_200, 'wire'],
  [115_200, 'whole'],
] as const) {
  testNeeding(
    [SOCAT],
    `serial, ${baudRate} bit/s, ${pacing}: every intact frame`,
    async (context) => {
      const spoken = talk.together(
        talk.polls(baudRate, 25),
        talk.merged(7, 6),
        talk.noisy(11, 12),
        talk.polls(13, 3),
        talk.unanswered(17, 4),
      );
      await withLine(baudRate, async (line) => {
        await line.speak(spoken, pacing);
        const framesSent = spoken.requests + spoken.responses;
        const { serial, traffic } = await line.settled(framesSent, spoken.strayBytes);
        const name = `serial ${baudRate} ${pacing}:`;
        report(
          context,
          `${name} frames of intact ones`,
          serial.framesSeen,
          'frames',
          '==',
          framesSent,
        );
        report(
          context,
          `${name} bytes heard`,
          serial.bytesSeen,
          'bytes',
          '==',
          talk.bytesOf(spoken),
        );
        report(
          context,
          `${name} bytes in no frame`,
          serial.bytesNotFramed,
          'bytes',
          '==',
          spoken.strayBytes,
        );
        report(
          context,
          `${name} requests`,
          traffic.modbusRequests,
          'requests',
          '==',
          spoken.requests,
        );
        report(
          context,
          `${name} responses`,
          traffic.modbusResponses,
          'responses',
          '==',
          spoken.responses,
        );
        report(
          context,
          `${name} bytes sent by the tap`,
          line.bus.bytesSent('tap'),
          'bytes',
          '==',
          0,
        );
      });
    },
  );
}

testNeeding(
  [SOCAT, { kind: 'package', program: 'mbpoll' }, { kind: 'package', program: 'gcc' }],
  'serial: mbpoll asks libmodbus, and is listened to',
  async (context) => {
    await withLine(9600, async (line) => {
      const program = await compiledDevice('modbus-plc', line.folder);
      const server = new BenchProcess([program, 'rtu', line.bus.path('server'), '9600', '1']);
      try {
        await server.ready();
        for (let poll = 0; poll < 4; poll++) await mbpoll(line.bus.path('client'), 1);
        // Nobody has this address; mbpoll says so by its exit status.
        await mbpoll(line.bus.path('client'), 9);
        const { traffic } = await line.settled(9, 0);
        report(context, 'serial, devices: requests', traffic.modbusRequests, 'requests', '==', 5);
        report(
          context,
          'serial, devices: responses',
          traffic.modbusResponses,
          'responses',
          '==',
          4,
        );
        report(
          context,
          'serial, devices: bytes sent by the tap',
          line.bus.bytesSent('tap'),
          'bytes',
          '==',
          0,
        );
      } finally {
        await server.stop();
      }
    });
  },
);

testNeeding(
  [SOCAT, STRACE],
  'serial: the port is only read, and no modem line is set',
  async (context) => {
    await withLine(
      115_200,
      async (line) => {
        const spoken = talk.polls(3, 10);
        await line.speak(spoken, 'whole');
        await line.settled(20, 0);
        await line.stop();
        const { opened, reads, others } = callsOf(readFileSync(line.tracePath, 'utf8'));
        report(context, 'serial, traced: times opened', opened, 'calls', '==', 1);
        report(context, 'serial, traced: reads', reads, 'calls', '>=', 1);
        assert.deepEqual(others, []);
        report(context, 'serial, traced: other calls', others.length, 'calls', '==', 0);
      },
      { isTraced: true },
    );
  },
);

test('the trace would show a write, another way to open, and a modem line that is set', () => {
  const { others } = callsOf(
    [
      '7 openat(AT_FDCWD, "/dev/pts/3", O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC) = 3',
      '7 openat(AT_FDCWD, "/dev/pts/3", O_RDWR|O_NOCTTY|O_NONBLOCK) = 3',
      '7 ioctl(3, TCSETS2, {c_iflag=0}) = 0',
      '7 ioctl(3, TIOCMBIS, [TIOCM_RTS]) = 0',
      '7 read(3, "", 4096) = -1 EAGAIN',
      '7 write(3, "x", 1) = 1',
    ].join('\n'),
  );
  assert.equal(others.length, 3);
});

interface LineStatus {
  readonly serial: {
    readonly framesSeen: number;
    readonly bytesSeen: number;
    readonly bytesNotFramed: number;
    readonly bytesMissed: number;
    readonly linkUp: boolean;
  };
  readonly traffic: { readonly modbusRequests: number; readonly modbusResponses: number };
}

interface Line {
  readonly bus: VirtualSerialBus;
  readonly folder: string;
  readonly tracePath: string;
  speak(spoken: talk.Talk, pacing: Pacing): Promise<void>;
  /** The status once these counts are reached, or the last one before patience ended. */
  settled(frames: number, strayBytes: number): Promise<LineStatus>;
  stop(): Promise<void>;
}

/** A bus with the agent at its tap, while `body` runs. */
async function withLine(
  baudRate: number,
  body: (line: Line) => Promise<void>,
  { isTraced = false } = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ft-line-'));
  const bus = await VirtualSerialBus.make(folder, baudRate);
  const tracePath = join(folder, 'trace');
  const configPath = join(folder, 'fieldtap.yaml');
  writeFileSync(configPath, configText(bus.path('tap'), baudRate));
  const traced = isTraced ? straceWords(bus.path('tap'), tracePath) : [];
  const agent = new BenchProcess([...traced, ...fieldtapWords('run', '--config', configPath)]);
  try {
    await eventually(
      async () => (await statusOf(agent, configPath))?.serial.linkUp || undefined,
      'the line',
    );
    await body({
      bus,
      folder,
      tracePath,
      speak: async ({ pieces }, pacing) => {
        for (const piece of pieces) {
          await bus.transmit(piece, pacing);
          await delay(PAUSE_MS);
        }
      },
      settled: (frames, strayBytes) => settled(agent, configPath, frames, strayBytes),
      stop: () => agent.stop(),
    });
  } finally {
    await agent.stop();
    await bus.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function settled(
  agent: BenchProcess,
  configPath: string,
  frames: number,
  strayBytes: number,
): Promise<LineStatus> {
  let last: LineStatus | undefined;
  const untilMs = performance.now() + SETTLED_MS;
  while (performance.now() < untilMs) {
    last = (await statusOf(agent, configPath)) ?? last;
    const { framesSeen = 0, bytesNotFramed = 0 } = last?.serial ?? {};
    if (framesSeen >= frames && bytesNotFramed >= strayBytes) break;
    await delay(200);
  }
  if (last === undefined) throw new Error(`no status: ${agent.stderr}`);
  return last;
}

async function statusOf(agent: BenchProcess, configPath: string): Promise<LineStatus | undefined> {
  if (agent.hasEnded) throw new Error(`the agent ended: ${agent.stderr}`);
  const text = await askAgent(join(dirname(configPath), 'agent.sock'), '/v1/status');
  if (text === undefined) return undefined;
  const { interfaces, traffic } = JSON.parse(text);
  return { serial: interfaces[0], traffic };
}

function configText(port: string, baudRate: number): string {
  return `site: { name: Line }
capture: { serial: [{ port: ${JSON.stringify(port)}, baudRate: ${baudRate}, parity: none, name: bus }] }
buffer: { path: buffer.db, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
`;
}

/**
 * System calls of all threads that touch the port, by whichever of its names. With -D the agent is
 * our own child, so that a signal reaches it.
 */
function straceWords(port: string, tracePath: string): string[] {
  const calls =
    'open,openat,ioctl,read,readv,pread64,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice';
  const paths = ['-P', port, '-P', realpathSync(port)];
  return ['strace', '-D', '-f', '-qq', '-o', tracePath, ...paths, '-e', `trace=${calls}`];
}

interface Calls {
  readonly opened: number;
  readonly reads: number;
  /** Whatever else was done to the port. */
  readonly others: readonly string[];
}

function callsOf(trace: string): Calls {
  const lines = trace.split('\n').filter((line) => /^\d+\s+\w+\(/.test(line));
  const isOpening = (line: string): boolean => /\s(open|openat)\(/.test(line);
  const isReading = (line: string): boolean => /\s(read|readv|pread64)\(/.test(line);
  const isAllowed = (line: string): boolean =>
    isReading(line) ||
    (isOpening(line) && /O_RDONLY\|O_NOCTTY\|O_NONBLOCK/.test(line)) ||
    IOCTLS.some((name) => line.includes(`, ${name},`));
  return {
    opened: lines.filter(isOpening).length,
    reads: lines.filter(isReading).length,
    others: lines.filter((line) => !isAllowed(line)),
  };
}

async function mbpoll(port: string, unitId: number): Promise<void> {
  const line = ['-m', 'rtu', '-b', '9600', '-P', 'none', '-o', '1.5'];
  const asked = ['-a', String(unitId), '-r', '1', '-c', '10', '-1'];
  await new BenchProcess(['mbpoll', ...line, ...asked, port]).ended();
}
