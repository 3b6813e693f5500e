/** A serial line as the kernel gives it: settings, faults, bytes with stamps, unplugged and back. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { testNeeding } from '../../hil-tests/needs.ts';
import { type FrameBlock, LINKTYPE_SERIAL_BYTES } from '../../protocols/frame-block.ts';
import { SystemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { FrameHistory } from './frame-history.ts';
import { packTermios, type SerialSettings, whatDiffers } from './serial-settings.ts';
import { SerialSource } from './serial-source.ts';

const SOCAT = [{ kind: 'package', program: 'socat' }] as const;
const LINE: SerialSettings = { baudRate: 9600, parity: 'even', stopBits: 1, dataBits: 8 };

// biome-ignore format: one case per line
const settings = [
  { name: '8E1', line: LINE, control: 0o010000 | 0o000200 | 0o004000 | 0o000060 | 0o000400, input: 0o20 },
  { name: '8N2', line: { ...LINE, parity: 'none', stopBits: 2 }, control: 0o010000 | 0o000200 | 0o004000 | 0o000060 | 0o000100, input: 0 },
  { name: '7O1', line: { ...LINE, parity: 'odd', dataBits: 7 }, control: 0o010000 | 0o000200 | 0o004000 | 0o000040 | 0o001400, input: 0o20 },
] as const;

for (const { name, line, control, input } of settings) {
  test(`termios of ${name}, at an unusual rate: raw, no flow control, no hang-up on close`, () => {
    const view = new DataView(packTermios({ ...line, baudRate: 12_345 }).buffer);
    const words = [0, 4, 8, 12, 36, 40].map((offset) => view.getUint32(offset, true));
    assert.deepEqual(words, [input, 0, control, 0, 12_345, 12_345]);
    const hangUpOnClose = 0o002000;
    const flowControl = 0x8000_0000;
    assert.equal(words[2] & (hangUpOnClose | flowControl), 0);
  });
}

test('what the driver made of the settings is compared, but for what pseudo-terminals lack', () => {
  const other = packTermios({ ...LINE, parity: 'none' });
  assert.equal(whatDiffers(LINE, packTermios(LINE), false), undefined);
  assert.match(whatDiffers(LINE, other, false) ?? '', /parity/);
  assert.equal(whatDiffers(LINE, other, true), undefined);
  assert.match(whatDiffers(LINE, packTermios({ ...LINE, baudRate: 38_400 }), true) ?? '', /38400/);
});

// biome-ignore format: one case per line
const faults = [
  { name: 'a port that is not there', port: '/dev/serial/by-id/usb-nobody', code: 'CAPTURE_SERIAL_MISSING', says: /by-id/ },
  { name: 'a file that is no port',   port: '/dev/null',                    code: 'CAPTURE_SERIAL_SETTINGS', says: /ENOTTY/ },
] as const;

for (const { name, port, code, says } of faults) {
  test(`refused: ${name}`, () => {
    const source = sourceOf(port);
    assert.throws(() => source.start({ block: () => {} }), { code, message: says });
    source.stop();
  });
}

testNeeding(
  SOCAT,
  'bytes come with stamps and lie in the history; nothing is sent',
  async (context) => {
    const wire = await Wire.make();
    const history = new FrameHistory(64 * 1024);
    const blocks: Seen[] = [];
    const source = sourceOf(wire.path, history);
    context.after(() => release(source, wire));
    const beforeUs = Date.now() * 1000;
    source.start({ block: (block) => blocks.push(seenOf(block, history)) });
    assert.match(wire.settings(), /speed 9600 baud/);
    for (const piece of ['0103', '0000000a', 'c5cd']) wire.send(piece);
    await until(() => bytesOf(blocks).length === 16);
    assert.equal(bytesOf(blocks), '01030000000ac5cd');
    assert.match(wire.settings(), /-hupcl .*clocal -crtscts/);
    for (const block of blocks) {
      assert.equal(block.linkType, LINKTYPE_SERIAL_BYTES);
      assert.equal(block.evidence, block.hex);
      assert.ok(block.timeUs >= beforeUs - 1000 && block.timeUs <= (Date.now() + 1) * 1000);
    }
    const { bytesSeen, bytesMissed, linkUp, framesSeen } = source.statistics();
    assert.deepEqual([bytesSeen, bytesMissed, linkUp, framesSeen], [8, 0, true, 0]);
    source.stop();
    assert.match(wire.settings(), /speed 9600 baud/);
    assert.equal(wire.sentBytes, 0);
  },
);

testNeeding(
  SOCAT,
  'an adapter that is unplugged and plugged in again is heard again',
  async (context) => {
    const wire = await Wire.make();
    const blocks: Seen[] = [];
    const states: string[] = [];
    const source = sourceOf(wire.path, undefined, states);
    context.after(() => release(source, wire));
    source.start({ block: (block) => blocks.push(seenOf(block)) });
    await wire.unplug();
    await until(() => states.length === 2);
    assert.equal(source.statistics().linkUp, false);
    await wire.plugIn();
    await until(() => states.length === 3);
    wire.send('0102');
    await until(() => bytesOf(blocks) === '0102');
    assert.deepEqual(states, ['up', 'missing CAPTURE_SERIAL_MISSING', 'up']);
    assert.equal(wire.sentBytes, 0);
  },
);

async function release(source: SerialSource, wire: Wire): Promise<void> {
  source.stop();
  await wire.remove();
}

interface Seen {
  readonly hex: string;
  readonly evidence: string | undefined;
  readonly timeUs: number;
  readonly linkType: number;
}

function sourceOf(port: string, history?: FrameHistory, states: string[] = []): SerialSource {
  const options = {
    ...LINE,
    lineName: 'boiler',
    port,
    interfaceIndex: 0,
    onState: ({ state, fault }: { state: string; fault?: { code: string } }) => {
      states.push([state, fault?.code].filter(Boolean).join(' '));
    },
  };
  return new SerialSource(options, new SystemClock(), silentLog, history);
}

function seenOf(
  { bytes, index, linkType, historyAddress }: FrameBlock,
  history?: FrameHistory,
): Seen {
  const [offset, length, , seconds, nanoseconds] = index;
  const copy = historyAddress < 0 ? undefined : history?.copy(historyAddress + offset, length);
  return {
    hex: Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'),
    evidence: copy && Buffer.from(copy).toString('hex'),
    timeUs: seconds * 1e6 + nanoseconds / 1000,
    linkType,
  };
}

function bytesOf(blocks: readonly Seen[]): string {
  return blocks.map(({ hex }) => hex).join('');
}

/** A pseudo-terminal in the part of the adapter, with the bus at its other end. */
class Wire {
  readonly folder = mkdtempSync(join(tmpdir(), 'ft-serial-'));
  readonly path = join(this.folder, 'adapter');
  sentBytes = 0;
  #socat: ChildProcess | undefined;

  static async make(): Promise<Wire> {
    const wire = new Wire();
    await wire.plugIn();
    return wire;
  }

  async plugIn(): Promise<void> {
    const socat = spawn('socat', [`PTY,link=${this.path},raw,echo=0`, 'STDIO'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    socat.stdout.on('data', (bytes: Buffer) => {
      this.sentBytes += bytes.length;
    });
    this.#socat = socat;
    await until(() => existsSync(this.path));
  }

  async unplug(): Promise<void> {
    const socat = this.#socat;
    if (socat === undefined) return;
    this.#socat = undefined;
    const ended = new Promise((resolve) => socat.once('close', resolve));
    socat.kill('SIGTERM');
    await ended;
  }

  send(hex: string): void {
    this.#socat?.stdin?.write(Buffer.from(hex, 'hex'));
  }

  settings(): string {
    return execFileSync('stty', ['-F', this.path, '-a'], { encoding: 'utf8' });
  }

  async remove(): Promise<void> {
    await this.unplug();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function until(holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`waited in vain for ${holds}`);
    await delay(5);
  }
}
