/**
 * The probe on a serial line and behind a serial device server (RTU over TCP), against libmodbus on
 * a bus of pseudo-terminals: what was shown is what is sent, and only when the line has been silent.
 * One test waits for the ten seconds of the command itself; a plan of the test's own is shorter.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BenchProcess, type Ended, eventually, fieldtap, ROOT } from '../bench-process.ts';
import { testNeeding } from '../needs.ts';
import { benchPath } from '../plant/command.ts';
import { compiledDevice } from '../plant/compiled-device.ts';
import { VirtualSerialBus } from '../plant/serial-bus.ts';
import { freePort } from '../tls-broker.ts';

const NEEDS = [
  { kind: 'package', program: 'socat' },
  { kind: 'package', program: 'gcc' },
] as const;
const BAUD_RATE = 9600;
const UNIT = 1;
const SILENT_MS = 400;
/** What `fieldtap probe` promises, and no flag changes. */
const COMMAND_SILENT_MS = 10_000;
const TIMEOUT_MS = 1500;
/** Server id, a read of two registers: unit, function, body, CRC (section 2.5.1). */
const FRAMES = ['0111c02c', '010300050002d40a'] as const;

interface Line {
  readonly folder: string;
  readonly config: string;
  readonly bus: VirtualSerialBus;
}

/** Until somebody takes connections there. */
async function listening(port: number): Promise<void> {
  await eventually(
    () =>
      new Promise<true | undefined>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.on('error', () => resolve(undefined));
      }),
    'the serial device server',
  );
}

async function line(
  context: TestContext,
  capture = '{ interfaces: [{ name: eth9, role: mirror }] }',
): Promise<Line> {
  const folder = mkdtempSync(join(tmpdir(), 'ft-probe-'));
  const bus = await VirtualSerialBus.make(folder, BAUD_RATE);
  const program = await compiledDevice('modbus-plc', folder);
  const words = [program, 'rtu', bus.path('server'), String(BAUD_RATE), String(UNIT)];
  const device = new BenchProcess(words);
  context.after(async () => {
    await device.stop();
    await bus.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await device.ready();
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: Line }
capture: ${capture.replace('TAP', bus.path('client'))}
buffer: { path: state/buffer.db, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
probe: { allowed: true }
`,
  );
  return { folder, config, bus };
}

/** The process that sends, with a plan as the command writes it. */
function send({ bus }: Line, silentMs = SILENT_MS): BenchProcess {
  const sender = new BenchProcess([process.execPath, join(ROOT, 'agent/probe/modbus-sender.ts')]);
  const plan = {
    protocol: 'modbus',
    carrier: 'serial',
    host: bus.path('client'),
    port: 0,
    unitId: UNIT,
    questions: [
      { kind: 'serverId' },
      { kind: 'read', object: 'holdingRegister', address: 5, quantity: 2 },
    ],
    frames: FRAMES,
    timeoutMs: TIMEOUT_MS,
    serial: { baudRate: BAUD_RATE, parity: 'none', silentMs },
  };
  sender.feedBytes(Buffer.from(JSON.stringify(plan)));
  return sender;
}

function probe({ config }: Line, target: string, ...words: readonly string[]): Promise<Ended> {
  const always = ['--config', config, '--timeout', String(TIMEOUT_MS), '--json'];
  return fieldtap(['probe', 'modbus', target, ...always, ...words]);
}

testNeeding(
  NEEDS,
  'a silent line: asked after its silence, by the bytes of the plan alone',
  async (context) => {
    const made = await line(context);
    const beganMs = performance.now();
    const sender = send(made);
    await sender.until((process) => process.facts().find(({ kind }) => kind === 'send'), 'sending');
    assert.ok(performance.now() - beganMs >= SILENT_MS, 'it listened first');
    const { stdout } = await sender.ended();
    const said = sender.facts();
    const sent = said.filter(({ kind }) => kind === 'send').map(({ hex }) => hex);
    assert.deepEqual(sent, FRAMES, stdout);
    assert.equal(made.bus.bytesSent('client'), Buffer.from(FRAMES.join(''), 'hex').length);
    const facts = said.filter(({ kind }) => kind === 'fact').map(({ name }) => name);
    assert.deepEqual(facts, [
      'serverId',
      'isRunning',
      'serverIdText',
      'read 2 holdingRegister from 5 (3)',
    ]);
    assert.equal(said.at(-1)?.kind, 'done');
  },
);

testNeeding(
  NEEDS,
  'a line that somebody speaks on is left alone, at the first byte',
  async (context) => {
    const made = await line(context);
    const speaking = setInterval(
      () => void made.bus.transmit(Uint8Array.of(0x01, 0x03), 'whole'),
      50,
    );
    try {
      const parity = ['--parity', 'none', '--yes'];
      const ended = await probe(made, made.bus.path('client'), ...parity);
      assert.equal(ended.exitCode, 1);
      assert.match(ended.stderr, /if nothing is heard on it for 10 s/);
      assert.match(ended.stderr, /the line is in use\..*\[PROBE_LINE_IN_USE\]/);
      assert.equal(made.bus.bytesSent('client'), 0);
    } finally {
      clearInterval(speaking);
    }
  },
);

testNeeding(
  NEEDS,
  'the command itself listens for ten seconds: then it asks; a byte in the ninth and it does not',
  async (context) => {
    const [silent, late] = await Promise.all([line(context), line(context)]);
    const words = ['--parity', 'none', '--unit', String(UNIT), '--yes'];
    const beganMs = performance.now();
    const speak = setTimeout(
      () => void late.bus.transmit(Uint8Array.of(0x01), 'whole'),
      COMMAND_SILENT_MS - 1000,
    );
    context.after(() => clearTimeout(speak));
    let firstByteMs: number | undefined;
    const watch = setInterval(() => {
      if (silent.bus.bytesSent('client') > 0) firstByteMs ??= performance.now() - beganMs;
    }, 20);
    context.after(() => clearInterval(watch));
    const [asked, refused] = await Promise.all([
      probe(silent, silent.bus.path('client'), ...words),
      probe(late, late.bus.path('client'), ...words),
    ]);
    assert.equal(asked.exitCode, 0, asked.stderr);
    assert.match(asked.stderr, /listening on \S+ for 10 s first/);
    const waitedMs = firstByteMs ?? 0;
    assert.ok(waitedMs >= COMMAND_SILENT_MS, `the first byte left after ${waitedMs} ms`);
    assert.match(refused.stderr, /after [6-9]\.\d s: the line is in use\..*\[PROBE_LINE_IN_USE\]/);
    assert.equal(late.bus.bytesSent('client'), 0);
  },
);

testNeeding(
  NEEDS,
  'a line that is tapped, and a port that is none, are refused',
  async (context) => {
    const tapped = await line(context, '{ serial: [{ port: TAP, baudRate: 9600 }] }');
    const refused = await probe(tapped, tapped.bus.path('client'), '--yes');
    assert.match(refused.stderr, /\[PROBE_LINE_TAPPED\]/);
    assert.equal(tapped.bus.bytesSent('client'), 0);
    const missing = await probe(tapped, join(tapped.folder, 'ttyUSB7'), '--yes');
    assert.equal(missing.exitCode, 1);
    assert.match(missing.stderr, /ttyUSB7.*\[PROBE_LINE_MISSING\]/s);
  },
);

testNeeding(
  NEEDS,
  'RTU over TCP: the device behind a serial device server answers',
  async (context) => {
    const made = await line(context);
    const port = await freePort();
    const listen = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
    const server = new BenchProcess(['socat', listen, `${made.bus.path('client')},raw,echo=0`], {
      env: { PATH: benchPath() },
    });
    context.after(() => server.stop());
    await listening(port);
    const words = ['--rtu', '--unit', String(UNIT), '--read', 'holdingRegister:5:2', '--yes'];
    const ended = await probe(made, `127.0.0.1:${port}`, ...words);
    assert.equal(ended.exitCode, 0, ended.stderr);
    const { sent, facts, unanswered } = JSON.parse(ended.stdout);
    const shown = [...ended.stderr.matchAll(/^ {2}([0-9a-f]+) {2}/gm)].map((match) => match[1]);
    assert.deepEqual(sent, shown);
    assert.deepEqual(sent.slice(1), FRAMES);
    assert.equal(facts['read 2 holdingRegister from 5 (3)'], '0 0');
    // libmodbus knows no device identification, and says so.
    assert.equal(unanswered[0]?.question, 'device identification (43/14)');
  },
);
