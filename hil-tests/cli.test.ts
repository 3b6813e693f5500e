/**
 * The command line as its users meet it, used rightly and wrongly: exit codes, one sentence that
 * says what is wrong and what to do, an example in every help.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Ended, fieldtap, startFieldtap, startHub } from './bench-process.ts';
import { BENCH_CAPTURE } from './bench-site.ts';
import { testNeeding } from './needs.ts';
import { mayCapture, withoutCapture } from './privilege.ts';

const directory = mkdtempSync(join(tmpdir(), 'ft-cli-'));
const inFolder = (name: string): string => join(directory, name);
const bench = readFileSync(BENCH_CAPTURE);

before(() => {
  writeFileSync(inFolder('cut.pcap'), bench);
  truncateSync(inFolder('cut.pcap'), 10_000);
  writeFileSync(inFolder('packed.pcap.gz'), gzipSync(bench));
  writeFileSync(inFolder('packed.pcap.xz'), Buffer.from('fd377a585a000004e6d6b446', 'hex'));
  writeFileSync(inFolder('garbage.pcap'), Buffer.alloc(3000, 'no capture at all'));
  writeFileSync(inFolder('empty.pcap'), '');
  mkdirSync(inFolder('folder'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

// biome-ignore format: one case per line
const misuses = [
  { words: [], says: /Usage: fieldtap/ },
  { words: ['nonsense'], says: /^fieldtap: error: unknown command 'nonsense'/ },
  { words: ['replay'], says: /^fieldtap: error: missing required argument 'file'/ },
  { words: ['run', '--bogus'], says: /^fieldtap: error: unknown option '--bogus'/ },
  { words: ['replay', 'x.pcap', '--records', 'xml'], says: /--records takes ndjson, not "xml"/ },
  { words: ['demo', '--seconds', '5'], says: /--seconds.*10 to 3600/ },
] as const;

for (const { words, says } of misuses) {
  test(`wrong use ends with 2 and says so: fieldtap ${words.join(' ')}`, async () => {
    const ended = await fieldtap(words);
    assert.equal(ended.exitCode, 2);
    assert.match(ended.stderr, says);
    assert.equal(ended.stdout, '');
  });
}

test('every command tells an example, and exits with 0', async () => {
  for (const [program, start] of [
    ['fieldtap', startFieldtap],
    ['fieldtap-hub', startHub],
  ] as const) {
    const { stdout } = await start(['--help']).ended();
    const commands = /Commands:\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? '';
    const names = [...commands.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1]);
    assert.ok(names.length >= 4, stdout);
    for (const name of names.filter((each) => each !== 'help')) {
      const help = await start([name, '--help']).ended();
      assert.equal(help.exitCode, 0, name);
      assert.match(help.stdout, new RegExp(`Examples?:\\n  .*${program} ${name}\\b`), name);
    }
  }
});

// biome-ignore format: one case per line
const unreadable = [
  { file: 'missing.pcap', says: /missing\.pcap" does not exist/ },
  { file: 'packed.pcap.xz', says: /packed\.pcap\.xz" is compressed with xz.*xz -dc/ },
  { file: 'garbage.pcap', says: /garbage\.pcap" is no pcap or pcapng capture/ },
  { file: 'empty.pcap', says: /empty\.pcap" is empty/ },
  { file: 'folder', says: /folder" is a folder/ },
] as const;

test('replay reads a capture packed with gzip as it reads the plain one', async () => {
  const packed = await fieldtap(['replay', inFolder('packed.pcap.gz'), '--summary', 'json']);
  const plain = await fieldtap(['replay', BENCH_CAPTURE, '--summary', 'json']);
  assert.equal(packed.exitCode, 0);
  assert.equal(JSON.parse(packed.stdout).frames, JSON.parse(plain.stdout).frames);
});

for (const { file, says } of unreadable) {
  test(`replay of what is no capture: ${file}`, async () => {
    const ended = await fieldtap(['replay', inFolder(file), '--records', 'ndjson']);
    assertOneSentence(ended, says);
    assert.equal(ended.stdout, '');
  });
}

test('replay of a capture that is cut off tells where, and prints what it read', async () => {
  const whole = await fieldtap(['replay', BENCH_CAPTURE, '--records', 'ndjson']);
  assert.equal(whole.exitCode, 0, whole.stderr);
  const cut = await fieldtap(['replay', inFolder('cut.pcap'), '--records', 'ndjson']);
  assertOneSentence(cut, /cut\.pcap" is damaged at byte \d+: frame \d+ is cut off/);
  const lines = cut.stdout.trimEnd().split('\n').length;
  assert.ok(lines > 10 && lines < whole.stdout.split('\n').length / 4, `${lines} records`);
});

test('what is no capture on standard input is said as plainly', async () => {
  const piped = startFieldtap(['replay', '-', '--summary', 'json']);
  piped.feedBytes(Buffer.alloc(3000, 'no capture at all'));
  assertOneSentence(await piped.ended(), /is no pcap or pcapng capture/);
});

test('a misspelt key is named with its line and what is known there', async () => {
  const config = inFolder('misspelt.yaml');
  writeFileSync(config, 'site: { name: Works }\ncapture:\n  interfases: [{ name: lo }]\n');
  const expected = /misspelt\.yaml:3: capture\.interfases .*known here: .*interfaces/;
  const checked = await fieldtap(['check-config', config]);
  assert.equal(checked.exitCode, 1);
  assert.match(checked.stdout, expected);
  const run = await fieldtap(['run', '--config', config]);
  assert.equal(run.exitCode, 1);
  assert.match(run.stderr, expected);
  assert.match(run.stderr, /\[CONFIG_INVALID\]$/m);
});

test('an interface that does not exist: the ones that do are listed', async () => {
  const config = configOf('wrong-name.yaml', 'capture: { interfaces: [{ name: eth77 }] }');
  const doctor = await doctorOf(config);
  assert.equal(doctor.first?.name, 'interface:eth77');
  assert.match(doctor.first?.remedy ?? '', /one of: .*\blo\b/);
  if (!mayCapture()) return;
  const says = /"eth77".* does not exist.*one of: .*\blo\b.*INTERFACE_MISSING/;
  assertOneSentence(await fieldtap(['run', '--config', config]), says);
  // An interface that is heard already must let go, or the agent would hang at its start.
  const two = configOf(
    'second-name.yaml',
    'capture: { interfaces: [{ name: lo, role: host }, { name: eth77 }] }',
  );
  const { exitCode, stderr } = await fieldtap(['run', '--config', two]);
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, says);
});

testNeeding(
  mayCapture() ? [{ kind: 'package', program: 'setpriv' }] : [],
  'without permission to capture: what to do about it',
  async () => {
    const config = configOf('permission.yaml', 'capture: { interfaces: [{ name: lo }] }');
    const options = { before: withoutCapture() };
    const ended = await fieldtap(['run', '--config', config], options);
    assertOneSentence(ended, /may not listen.*setcap cap_net_raw.*root.*PERMISSION/);
    const doctor = await doctorOf(config, withoutCapture());
    assert.equal(doctor.first?.name, 'permission');
    assert.match(doctor.first?.remedy ?? '', /root.*setcap/);
  },
);

test('doctor names the configuration first, and nothing that hangs on it', async () => {
  const doctor = await doctorOf(configOf('broken.yaml', 'capture: ['));
  assert.equal(doctor.first?.name, 'configuration');
  assert.equal(doctor.exitCode, 1);
  assert.equal(doctor.faults.length, 1);
});

test('doctor without an agent still tries the way to the broker', async () => {
  const config = configOf(
    'no-broker.yaml',
    'capture: { interfaces: [{ name: lo }] }\nuplink: { broker: "mqtt://127.0.0.1:1" }',
  );
  const { first, checks } = await doctorOf(config);
  // That it isn't enrolled is the root; what the way to the broker says is shown all the same.
  assert.equal(first?.name, 'enrolment');
  const uplink = checks.find(({ name }) => name === 'uplink:tcp');
  assert.equal(uplink?.verdict, 'fault');
  assert.match(uplink?.cause ?? '', /127\.0\.0\.1:1/);
});

test('status without an agent', async () => {
  const ended = await fieldtap(['status', '--socket', inFolder('nobody.sock')]);
  assertOneSentence(ended, /No agent answers on ".*nobody\.sock".*fieldtap run.*NOT_RUNNING/);
});

interface Check {
  readonly name: string;
  readonly verdict: string;
  readonly cause?: string;
  readonly remedy?: string;
  readonly explainedBy?: string;
}

/** The faults that doctor finds; first the one it names first. */
interface DoctorSaid {
  readonly exitCode: number;
  readonly checks: readonly Check[];
  /** Root causes only. */
  readonly faults: readonly Check[];
  readonly first: Check | undefined;
}

async function doctorOf(config: string, words: readonly string[] = []): Promise<DoctorSaid> {
  const options = { before: words };
  // It doesn't listen: what others say on this machine's loopback is none of these tests' business.
  const asked = ['doctor', '--config', config, '--seconds', '0', '--json'];
  const { exitCode, stdout } = await fieldtap(asked, options);
  const { checks }: { checks: readonly Check[] } = JSON.parse(stdout);
  const faults = checks.filter((check) => check.verdict === 'fault' && !check.explainedBy);
  return { exitCode, checks, first: faults[0], faults };
}

function configOf(name: string, text: string): string {
  const path = inFolder(name);
  const rest = 'buffer: { path: agent.db }\ndiagnostics: { socket: agent.sock }\n';
  writeFileSync(path, `site: { name: Works }\n${rest}${text}\n`);
  return path;
}

/** Exit 1, and one line on standard error, without a stack. */
function assertOneSentence({ exitCode, stderr }: Ended, says: RegExp): void {
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, says);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
}
