/**
 * Makes captures/bench.pcap again: the demo's own plant, recorded on the loopback of a namespace of
 * its own, whose host is called `bench`, so that nothing of the machine it ran on is in it.
 * `node hil-tests/record-bench-capture.ts` as root; needs tcpdump, unshare, ip and hostname.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchProcess, startDevice } from './bench-process.ts';

const CAPTURE = join(import.meta.dirname, 'captures/bench.pcap');
const CAPTURE_BYTES_MAX = 400_000;
const MODBUS_PORT = '502';
const OPCUA_PORT = '4840';
const SECONDS = 23;
/** Slower polls than in the live demo: the file stays small, and still has 40 frames a second. */
const POLL_MS = '350';
const READ_MS = '300';
const IN_NAMESPACE = 'FIELDTAP_BENCH_NAMESPACE';

if (process.env[IN_NAMESPACE] === undefined) process.exitCode = recordInNamespace();
else await record();

function recordInNamespace(): number {
  const inside = `hostname bench && ip link set lo up && exec "$0" "$1"`;
  const words = ['--net', '--uts', 'sh', '-c', inside, process.execPath, import.meta.filename];
  const env = { ...process.env, [IN_NAMESPACE]: '1' };
  return spawnSync('unshare', words, { stdio: 'inherit', env }).status ?? 1;
}

async function record(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'fieldtap-record-'));
  const started: BenchProcess[] = [];
  const start = async (file: string, words: readonly string[]): Promise<void> => {
    const device = startDevice(file, words);
    started.push(device);
    await device.ready();
  };
  const modbus = ['--port', MODBUS_PORT];
  const opcua = ['--port', OPCUA_PORT, '--directory', directory];
  try {
    await start('modbus-server.ts', [...modbus, '--units', '1,2']);
    await start('opcua-server.ts', opcua);
    const tcpdump = await listen();
    const poll = ['--interval-ms', POLL_MS];
    // All at once: the strangers come early, so that a short demo sees them too.
    await Promise.all([
      start('modbus-client.ts', [...modbus, ...poll, '--role', 'hmi', '--units', '1,2']),
      start('modbus-client.ts', [...modbus, ...poll, '--role', 'historian', '--units', '1']),
      start('modbus-client.ts', [...modbus, '--role', 'stranger']),
      start('opcua-client.ts', [...opcua, '--interval-ms', READ_MS, '--role', 'hmi']),
      start('opcua-client.ts', [...opcua, '--role', 'stranger']),
    ]);
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    tcpdump.kill('SIGINT');
    await new Promise((resolve) => tcpdump.once('exit', resolve));
  } finally {
    await Promise.all(started.map((each) => each.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
  const { size } = statSync(CAPTURE);
  process.stdout.write(`${CAPTURE}: ${size} bytes\n`);
  if (size > CAPTURE_BYTES_MAX) throw new Error(`more than ${CAPTURE_BYTES_MAX} bytes`);
}

/** Resolves when tcpdump hears. */
function listen(): Promise<ReturnType<typeof spawn>> {
  const filter = `tcp port ${MODBUS_PORT} or tcp port ${OPCUA_PORT}`;
  const tcpdump = spawn('tcpdump', [
    '-Z',
    'root',
    '-i',
    'lo',
    '-s',
    '0',
    '-U',
    '-w',
    CAPTURE,
    filter,
  ]);
  return new Promise((resolve, reject) => {
    tcpdump.stderr.on('data', (text: Buffer) => {
      if (text.includes('listening on')) resolve(tcpdump);
    });
    tcpdump.once('exit', (code) => reject(new Error(`tcpdump ended with ${code}`)));
  });
}
