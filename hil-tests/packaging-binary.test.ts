/**
 * The built programs on their own: from an empty folder without an environment, without privileges
 * but one, several at once, where no folder may execute, and for the other architecture. Each is
 * run as a utility would run it; nothing of the checkout is in its reach.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BenchProcess, type Ended, eventually, ROOT } from './bench-process.ts';
import { BENCH_CAPTURE, BenchSite } from './bench-site.ts';
import { type Need, testNeeding } from './needs.ts';
import { arm64Words, built } from './packaging-dist.ts';

const AGENT_BYTES_MAX = 125e6;
const AGENTS_AT_ONCE = 6;
const STRIP: Need = { kind: 'package', program: 'aarch64-linux-gnu-strip' };
const QEMU: Need = { kind: 'package', program: 'qemu-aarch64-static' };
const ROOT_NEED: Need = { kind: 'privilege', capability: 'root' };
/** As the unit runs it: nobody, with nothing but the right to listen. */
const ONLY_NET_RAW = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all,+net_raw',
  '--ambient-caps=-all,+net_raw',
  '--bounding-set=-all,+net_raw',
];

const folder = mkdtempSync(join(tmpdir(), 'ft-binary-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

const agent = (): string => built('fieldtap-linux-x64');

testNeeding([STRIP], 'four executables, none larger than a slow line carries in a night', () => {
  for (const program of ['fieldtap', 'fieldtap-hub']) {
    for (const architecture of ['x64', 'arm64']) {
      const { size } = statSync(built(`${program}-linux-${architecture}`));
      assert.ok(size <= AGENT_BYTES_MAX, `${program} for ${architecture} has ${size} bytes`);
    }
  }
});

testNeeding(
  [STRIP],
  'without environment, from an empty folder: it answers and analyses',
  async () => {
    const empty = emptyFolder('empty');
    const version = await run(['env', '-i', agent(), '--version'], empty);
    assert.equal(version.stdout.trim(), manifestVersion());
    const words = ['replay', BENCH_CAPTURE, '--summary', 'json'];
    const [fromBinary, fromSources] = await Promise.all([
      run(['env', '-i', agent(), ...words], empty),
      run([process.execPath, join(ROOT, 'agent/main.ts'), ...words], empty),
    ]);
    assert.equal(fromBinary.exitCode, 0, fromBinary.stderr);
    assert.equal(fromBinary.stdout, fromSources.stdout);
    const hub = await run(['env', '-i', built('fieldtap-hub-linux-x64'), '--version'], empty);
    assert.equal(hub.stdout.trim(), manifestVersion());
    assert.deepEqual(readdirSync(empty), [], 'it left something behind');
  },
);

testNeeding([STRIP], 'the environment changes nothing of how Node runs', async () => {
  const empty = emptyFolder('environment');
  writeFileSync(join(empty, 'evil.cjs'), 'console.log("EVIL")');
  const env = { NODE_OPTIONS: `--require ${join(empty, 'evil.cjs')}`, NODE_PATH: empty };
  const version = await run([agent(), '--version'], empty, env);
  assert.equal(version.stdout.trim(), manifestVersion());
  const inspect = await run([agent(), '--inspect-brk=127.0.0.1:0'], empty);
  assert.equal(inspect.exitCode, 2, 'an argument for Node is a wrong use of the program');
});

testNeeding([STRIP], 'every part that runs in a process of its own starts', async () => {
  const programs = readFileSync(join(ROOT, 'packaging/programs.ts'), 'utf8');
  const parts = [...programs.matchAll(/'((?:agent|buffer)\/[a-z0-9/-]+\.ts)'/g)].map(
    ([, path]) => path,
  );
  const inProcesses = parts.filter(
    (path) => !/command-line|capture-worker|settings-thread/.test(path),
  );
  assert.ok(inProcesses.length >= 3, parts.join(' '));
  for (const part of inProcesses) {
    const process = new BenchProcess([agent(), `--fieldtap-part=${part}`], { cwd: folder });
    process.hangUp();
    const { stderr } = await process.ended();
    // Without a task each ends in its own way; none for want of its code or an addon.
    assert.doesNotMatch(
      stderr,
      /Cannot (find|redefine)|is no part|can't be loaded|isn't a constructor/,
      part,
    );
  }
  const foreign = await run([agent(), '--fieldtap-part=native/koffi'], folder);
  assert.notEqual(foreign.exitCode, 0);
});

testNeeding([STRIP], 'a signal opens no inspector', async () => {
  const site = await startSite('inspector', []);
  site.process.signal('SIGUSR1');
  const again = await statusOf(site.socketPath);
  assert.equal(again?.exitCode, 0);
  assert.doesNotMatch(site.process.stderr, /Debugger listening/);
  await site.process.stop();
});

testNeeding([STRIP], 'the demo says that it needs a checkout', async () => {
  const demo = await run([agent(), 'demo'], emptyFolder('demo'));
  assert.equal(demo.exitCode, 1);
  assert.match(demo.stderr, /needs a source checkout.*\[DEMO_NEEDS_CHECKOUT\]/);
});

testNeeding(
  [STRIP, ROOT_NEED],
  'nobody with CAP_NET_RAW only: it captures and records',
  async () => {
    const site = await startSite('nobody', ONLY_NET_RAW, 'interfaces: [{ name: lo, role: host }]');
    const status = await statusOf(site.socketPath);
    assert.match(status?.stdout ?? '', /"isCapturing":true/);
    const [line] = execFileSync('grep', ['CapEff', `/proc/${site.process.pid}/status`], {
      encoding: 'utf8',
    }).split('\n');
    assert.match(line, /0000000000002000$/, 'it has more rights than listening');
    await site.process.stop();
    assert.ok(statSync(join(site.directory, 'buffer.db')).size > 0);
  },
);

testNeeding(
  [STRIP],
  'six at once load the same addons, and leave nothing in the temporary folder',
  async () => {
    const temporary = emptyFolder('temporary');
    const sites = await Promise.all(
      Array.from({ length: AGENTS_AT_ONCE }, (_, at) =>
        startSite(`six${at}`, [], undefined, { TMPDIR: temporary }),
      ),
    );
    assert.deepEqual(readdirSync(temporary), []);
    const ended = await Promise.all(
      sites.map(async ({ process }) => {
        process.signal('SIGTERM');
        return process.ended();
      }),
    );
    assert.deepEqual(
      ended.map(({ exitCode }) => exitCode),
      Array(AGENTS_AT_ONCE).fill(0),
    );
  },
);

/** In a mount namespace of its own, every folder that can be written refuses to execute. */
const NOEXEC = `set -e
mount --make-rprivate /
mkdir -p "$1/state" && mount -t tmpfs -o noexec,nosuid tmpfs "$1/state"
mount -t tmpfs -o noexec,nosuid tmpfs /dev/shm
cp "$1/fieldtap.yaml" "$1/state/"
mount --bind -o ro "$1/package" "$1/package" && mount -o remount,bind,ro "$1/package"
mount -t tmpfs -o noexec,nosuid tmpfs /tmp 2>/dev/null || true
`;

testNeeding(
  [STRIP, ROOT_NEED],
  'where no writable folder may execute: a sentence, or the copies of the package',
  async () => {
    // Not below /tmp, which the test mounts over.
    const place = mkdtempSync('/var/tmp/ft-noexec-');
    try {
      const alone = join(place, 'package/alone');
      const bin = join(place, 'package/usr/bin');
      const native = join(place, 'package/usr/lib/fieldtap/native');
      for (const each of [alone, bin, native]) mkdirSync(each, { recursive: true });
      for (const each of [alone, bin]) execFileSync('cp', [agent(), join(each, 'fieldtap')]);
      const addons = [
        'better-sqlite3/prebuilds/linux-x64.node',
        '@koromix/koffi-linux-x64/linux_x64/koffi.node',
      ];
      execFileSync('cp', [
        join(ROOT, 'node_modules', addons[0]),
        join(native, 'better_sqlite3.node'),
      ]);
      execFileSync('cp', [join(ROOT, 'node_modules', addons[1]), join(native, 'koffi.node')]);
      execFileSync('cp', [BENCH_CAPTURE, join(place, 'package/bench.pcap')]);
      writeFileSync(
        join(place, 'fieldtap.yaml'),
        configText(`file: ${join(place, 'package/bench.pcap')}`),
      );
      const words = (program: string): string[] => [
        'unshare',
        '-m',
        'sh',
        '-c',
        `${NOEXEC}cd "$1/state" && exec timeout -s TERM 20 env -i "$2" run --config "$1/state/fieldtap.yaml"`,
        'sh',
        place,
        join(program, 'fieldtap'),
      ];
      const refused = await run(words(alone), place);
      assert.equal(refused.exitCode, 1, refused.stderr);
      assert.match(
        refused.stderr,
        /native part "better_sqlite3" can't be loaded: every folder tried forbids it\. Install the Debian package/,
      );
      const installed = new BenchProcess(words(bin), { cwd: place });
      await installed.until(
        ({ stderr }) => (stderr.includes('"event":"started"') ? true : undefined),
        'capture',
      );
      await installed.stop();
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);

testNeeding(
  [STRIP, QEMU],
  'arm64 under an emulator: version, replay, buffer, sign, receipts of the hub',
  async () => {
    const empty = emptyFolder('arm64');
    const words = arm64Words('fieldtap-linux-arm64');
    const version = await run([...words, '--version'], empty);
    assert.equal(version.stdout.trim(), manifestVersion());
    const replay = ['replay', BENCH_CAPTURE, '--summary', 'json'];
    const [onArm64, onThis] = await Promise.all([
      run([...words, ...replay], empty),
      run([agent(), ...replay], empty),
    ]);
    assert.equal(onArm64.stdout, onThis.stdout);
    process.env.HIL_BINARY = words.join(' ');
    process.env.HIL_HUB_BINARY = built('fieldtap-hub-linux-x64');
    const site = await BenchSite.enrolled();
    try {
      const process = site.startAgent();
      await site.until(
        ({ uplink, observations }) => (uplink?.receiptsApplied ?? 0) > 0 && observations > 0,
        'a receipt for what the emulated agent buffered and signed',
      );
      process.signal('SIGTERM');
      const { exitCode } = await process.ended();
      assert.equal(exitCode, 0);
    } finally {
      delete process.env.HIL_BINARY;
      delete process.env.HIL_HUB_BINARY;
      await site.close();
    }
  },
);

test('the executables name no folder of the machine that built them', {
  skip: process.env.FIELDTAP_TESTS === 'fast',
}, () => {
  const found = execFileSync(
    'sh',
    ['-c', 'strings -n 8 "$1" | grep -cF "$2" || true', 'sh', agent(), ROOT],
    { encoding: 'utf8' },
  );
  assert.equal(found.trim(), '0');
});

interface StartedSite {
  readonly directory: string;
  readonly socketPath: string;
  readonly process: BenchProcess;
}

/** An agent that captures; by default the recorded plant. */
async function startSite(
  name: string,
  before: readonly string[],
  capture = `file: ${BENCH_CAPTURE}`,
  env: Readonly<Record<string, string>> = {},
): Promise<StartedSite> {
  const directory = emptyFolder(name);
  let program = agent();
  if (before.length > 0) {
    // Another user may not be able to read the checkout.
    program = join(directory, 'fieldtap');
    execFileSync('cp', [agent(), program]);
    execFileSync('chown', ['65534:65534', directory]);
  }
  const config = join(directory, 'fieldtap.yaml');
  writeFileSync(config, configText(capture));
  const words = [
    ...before,
    'env',
    '-i',
    ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
  ];
  const process = new BenchProcess([...words, program, 'run', '--config', config], {
    cwd: directory,
  });
  const socketPath = join(directory, 'agent.sock');
  await eventually(async () => {
    if (process.hasEnded) throw new Error(process.stderr);
    return (await statusOf(socketPath))?.stdout.includes('"isCapturing":true') ? true : undefined;
  }, 'the agent to capture');
  return { directory, socketPath, process };
}

function configText(capture: string): string {
  return `site: { name: Bench }
capture: { ${capture} }
buffer: { path: buffer.db, quotaMiB: 16 }
diagnostics: { socket: agent.sock }
`;
}

async function statusOf(socketPath: string): Promise<Ended | undefined> {
  const answer = await run([agent(), 'status', '--json', '--socket', socketPath], folder);
  return answer.exitCode === 0 ? answer : undefined;
}

function run(
  words: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new BenchProcess(words, { cwd, env }).ended();
}

function emptyFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function manifestVersion(): string {
  return execFileSync(process.execPath, ['-p', 'require("./package.json").version'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
}
