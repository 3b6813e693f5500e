/**
 * The one command that sends: it asks real devices and gets answers, every refusal refuses, what was
 * shown is what was sent, and the sensing process sends nothing while it happens.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  BenchProcess,
  eventually,
  fieldtap,
  ROOT,
  startDevice,
  startFieldtap,
} from '../bench-process.ts';
import { testNeeding } from '../needs.ts';
import { virtualTest } from '../plant/bench-test.ts';
import { fieldtapWords } from '../plant/program.ts';
import { MIRROR_INTERFACE } from '../plant/virtual-plant.ts';

interface Site {
  readonly folder: string;
  readonly config: string;
}

function site(context: TestContext, capture: string, allowed = true): Site {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-probe-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: Bench }
capture: ${capture}
buffer: { path: state/buffer.db, quotaMiB: 64 }
diagnostics: { socket: agent.sock }
probe: { allowed: ${allowed} }
`,
  );
  return { folder, config };
}

const ELSEWHERE = '{ interfaces: [{ name: eth9, role: mirror }] }';

/** A Modbus device that notes every byte it gets and answers device identification. */
async function device(context: TestContext): Promise<{ port: number; heard: () => string }> {
  const pieces: Buffer[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      pieces.push(bytes);
      const { length } = bytes;
      if (bytes[7] === 0x2b && length === 11) {
        const pdu = Buffer.from('2b0e0101000001000454657374', 'hex');
        const head = Buffer.from([bytes[0], bytes[1], 0, 0, 0, pdu.length + 1, bytes[6]]);
        socket.write(Buffer.concat([head, pdu]));
      } else if (bytes[7] === 0x11) {
        const pdu = Buffer.from([0x11, 3, 7, 0xff, 0x41]);
        const head = Buffer.from([bytes[0], bytes[1], 0, 0, 0, pdu.length + 1, bytes[6]]);
        socket.write(Buffer.concat([head, pdu]));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  context.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, heard: () => Buffer.concat(pieces).toString('hex') };
}

test('modbus: what was shown is what was sent, and nothing else; the answers are facts', async (context) => {
  const { config, folder } = site(context, ELSEWHERE);
  const { port, heard } = await device(context);
  const words = ['probe', 'modbus', `127.0.0.1:${port}`, '--unit', '3', '--config', config];
  const ended = await fieldtap([...words, '--yes', '--json']);
  assert.equal(ended.exitCode, 0, ended.stderr);
  const shown = [...ended.stderr.matchAll(/^ {2}([0-9a-f]+) {2}/gm)].map((match) => match[1]);
  assert.deepEqual(shown, ['000100000005032b0e0100', '0002000000020311']);
  assert.equal(heard(), shown.join(''));
  const result = JSON.parse(ended.stdout);
  assert.equal(result.source, 'probe');
  assert.equal(result.facts.vendorName, 'Test');
  assert.equal(result.facts.serverId, '7');
  const log = readFileSync(join(folder, 'state', 'probe.ndjson'), 'utf8');
  assert.equal(JSON.parse(log).facts.vendorName, 'Test');
});

test('modbus: named registers of a real device; reading what it has not is told as its refusal', async (context) => {
  const { config } = site(context, ELSEWHERE);
  const plc = startDevice('modbus-server.ts', ['--port', '0']);
  context.after(() => plc.stop());
  const { port } = await plc.ready();
  const words = ['probe', 'modbus', `127.0.0.1:${port}`, '--config', config, '--yes', '--json'];
  const reads = ['--read', 'holdingRegister:0:3', 'holdingRegister:900:1', '--timeout', '1000'];
  const ended = await fieldtap([...words, ...reads]);
  assert.equal(ended.exitCode, 0, ended.stderr);
  const { facts, unanswered } = JSON.parse(ended.stdout);
  assert.equal(facts['read 3 holdingRegister from 0 (3)'], '0 0 0');
  const missing = unanswered.map(({ question }: { question: string }) => question);
  assert.ok(missing.includes('read 1 holdingRegister from 900 (3)'), missing.join());
});

test('opcua: endpoints and policies, and BuildInfo only with a session', async (context) => {
  const { config, folder } = site(context, ELSEWHERE);
  const server = startDevice('opcua-server.ts', []);
  context.after(() => server.stop());
  const { port } = await server.ready();
  const words = ['probe', 'opcua', `127.0.0.1:${port}`, '--config', config, '--yes', '--json'];
  const plain = await fieldtap(words);
  assert.equal(plain.exitCode, 0, plain.stderr);
  const { facts, sent } = JSON.parse(plain.stdout);
  assert.match(facts.endpoint1, /^opc\.tcp:.* None None$/);
  assert.equal(facts.softwareVersion, undefined);
  assert.match(Buffer.from(sent[0], 'hex').toString('latin1'), /^HELF/);
  assert.match(facts.server1, /^urn:/);
  assert.match(facts.applicationUri, /^urn:/);
  assert.match(facts.certificateSha256, /^[0-9a-f]{64}$/);
  assert.ok(existsSync(join(folder, 'state', 'probe')), 'its own certificate store');
  assert.deepEqual(servicesOf(sent), [
    'OpenSecureChannel',
    'GetEndpoints',
    'FindServers',
    'CloseSecureChannel',
  ]);
  const asked = JSON.parse((await fieldtap([...words, '--session'])).stdout);
  assert.ok(asked.facts.softwareVersion !== undefined, JSON.stringify(asked.facts));
  const services = servicesOf(asked.sent);
  assert.ok(services.includes('CreateSession') && services.includes('Read'), services.join());
  assert.ok(!services.includes('Write') && !services.includes('Call'), services.join());
});

/** Requests by their binary encoding id (OPC 10000-6, annex A), each once, as they were sent. */
const SERVICES = new Map([
  [446, 'OpenSecureChannel'],
  [452, 'CloseSecureChannel'],
  [422, 'FindServers'],
  [428, 'GetEndpoints'],
  [461, 'CreateSession'],
  [467, 'ActivateSession'],
  [473, 'CloseSession'],
  [631, 'Read'],
  [673, 'Write'],
  [712, 'Call'],
]);
const OPN_HEAD_BYTES = 12;
const MSG_HEAD_BYTES = 24;
const SEQUENCE_BYTES = 8;

function servicesOf(sent: readonly string[]): string[] {
  const services = sent.flatMap((hex) => {
    const bytes = Buffer.from(hex, 'hex');
    const type = bytes.subarray(0, 3).toString('latin1');
    if (type === 'HEL') return [];
    let at = MSG_HEAD_BYTES;
    if (type === 'OPN') {
      // Policy URI, then two certificates that are absent (length -1).
      at = OPN_HEAD_BYTES + 4 + bytes.readInt32LE(OPN_HEAD_BYTES) + 8 + SEQUENCE_BYTES;
    }
    // A NodeId of four bytes: encoding 1, namespace, identifier.
    const id = bytes.readUInt16LE(at + 2);
    return [SERVICES.get(id) ?? `encoding ${id}`];
  });
  return [...new Set(services)];
}

// biome-ignore format: one refusal per line
const refusals = [
  { name: 'off unless allowed',                capture: ELSEWHERE, allowed: false, target: '127.0.0.1:1', yes: true, code: 'PROBE_NOT_ALLOWED' },
  { name: 'the way leaves by a capture port',  capture: '{ interfaces: [{ name: lo, role: mirror }] }', target: '127.0.0.1:1', yes: true, code: 'PROBE_ROUTE_BY_CAPTURE' },
  { name: 'a name that does not resolve',      capture: ELSEWHERE, target: 'no-such-host.invalid', yes: true, code: 'PROBE_TARGET_UNKNOWN' },
  { name: 'no target',                         capture: ELSEWHERE, target: 'x:y:z', yes: true, code: 'PROBE_TARGET_UNCLEAR' },
  { name: 'a port that nobody serves',         capture: ELSEWHERE, target: '127.0.0.1:1', yes: true, code: 'PROBE_TARGET_UNREACHABLE' },
  { name: 'a tapped serial line',              capture: '{ serial: [{ port: /dev/null, baudRate: 9600 }] }', target: '/dev/null', yes: true, code: 'PROBE_LINE_TAPPED' },
  { name: 'registers that are none',           capture: ELSEWHERE, target: '127.0.0.1:1', yes: true, words: ['--read', 'write:1'], code: 'PROBE_READ_UNCLEAR' },
] as const;

for (const { name, capture, target, code, ...more } of refusals) {
  test(`refused: ${name}`, async (context) => {
    const { config } = site(context, capture, !('allowed' in more));
    const words = 'words' in more ? more.words : [];
    const ended = await fieldtap([
      'probe',
      'modbus',
      target,
      '--config',
      config,
      '--yes',
      ...words,
    ]);
    assert.equal(ended.exitCode, 1);
    assert.ok(ended.stderr.includes(`[${code}]`), ended.stderr);
    assert.doesNotMatch(ended.stderr, /Error:|connect E|getaddrinfo/, 'no words of a library');
  });
}

test('without a confirmation nothing is sent', async (context) => {
  const { config } = site(context, ELSEWHERE);
  const { port, heard } = await device(context);
  const probe = startFieldtap(['probe', 'modbus', `127.0.0.1:${port}`, '--config', config]);
  probe.hangUp();
  const ended = await probe.ended();
  assert.equal(ended.exitCode, 2);
  assert.match(ended.stderr, /nothing was sent/);
  assert.equal(heard(), '');
});

testNeeding(
  [{ kind: 'package', program: 'script' }],
  'on a terminal it asks: only a yes sends',
  async (context) => {
    const { config } = site(context, ELSEWHERE);
    const { port, heard } = await device(context);
    const answer = async (text: string): Promise<number> => {
      const probe = fieldtapWords('probe', 'modbus', `127.0.0.1:${port}`, '--config', config);
      const line = probe.map((word) => `'${word}'`).join(' ');
      const terminal = new BenchProcess(['script', '-qec', line, '/dev/null'], {
        env: { TERM: 'xterm', SHELL: '/bin/sh' },
      });
      context.after(() => terminal.stop());
      const isAsked = ({ stdout }: BenchProcess): true | undefined =>
        /Send this\? \[y\/N\]/.test(stdout) ? true : undefined;
      await terminal.until(isAsked, 'the question');
      terminal.tell(text);
      return (await terminal.ended()).exitCode;
    };
    assert.deepEqual([await answer(''), heard()], [2, '']);
    assert.deepEqual([await answer('no'), heard()], [2, '']);
    assert.deepEqual([await answer('y'), heard()], [0, '000100000005012b0e01000002000000020111']);
  },
);

test('bytes that are not in the plan are not sent, and end it', async (context) => {
  const { port, heard } = await device(context);
  const sender = new BenchProcess([process.execPath, join(ROOT, 'agent/probe/modbus-sender.ts')]);
  const plan = {
    protocol: 'modbus',
    carrier: 'tcp',
    host: '127.0.0.1',
    port,
    unitId: 3,
    questions: [{ kind: 'serverId' }],
    // As if a library wanted to write a register where a question was shown.
    frames: ['000100000006030600010001'],
    timeoutMs: 1000,
  };
  sender.feedBytes(Buffer.from(JSON.stringify(plan)));
  const { exitCode } = await sender.ended();
  assert.equal(exitCode, 1);
  const [said] = sender.facts();
  assert.deepEqual([said.kind, said.code], ['failed', 'PROBE_BYTES_NOT_PLANNED']);
  assert.equal(heard(), '');
});

test('a sender that is killed is told as ended early', async (context) => {
  const { config } = site(context, ELSEWHERE);
  const silent = createServer((socket) => void socket.on('error', () => {}));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
  context.after(() => silent.close());
  const address = silent.address();
  const target = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const words = ['probe', 'modbus', target, '--config', config, '--yes', '--timeout', '20000'];
  const probe = startFieldtap(words);
  await probe.until(({ stderr }) => (/sending/.test(stderr) ? true : undefined), 'sending');
  const children = readFileSync(`/proc/${probe.pid}/task/${probe.pid}/children`, 'utf8').trim();
  for (const pid of children.split(' ')) process.kill(Number(pid), 'SIGKILL');
  const { exitCode, stderr } = await probe.ended();
  assert.equal(exitCode, 1);
  assert.match(stderr, /\[PROBE_ENDED_EARLY\]/);
});

test('nothing is sent that could not be noted', async (context) => {
  const { config, folder } = site(context, ELSEWHERE);
  writeFileSync(join(folder, 'state'), 'a file in place of the folder');
  const { port, heard } = await device(context);
  const words = ['probe', 'modbus', `127.0.0.1:${port}`, '--config', config, '--yes'];
  const ended = await fieldtap(words);
  assert.equal(ended.exitCode, 1);
  assert.match(ended.stderr, /nothing was sent.*\[PROBE_NOT_NOTED\]/);
  assert.equal(heard(), '');
});

testNeeding(
  [{ kind: 'package', program: 'strace' }],
  'the sensing process sends nothing while the probe asks; the probe is noted by it',
  async (context) => {
    const capture = join(import.meta.dirname, '../captures/bench.pcap');
    const { config, folder } = site(context, `{ file: ${capture} }`);
    const trace = join(folder, 'trace');
    const calls = 'trace=sendto,sendmsg,sendmmsg,connect,socket,bind';
    const agent = startFieldtap(['run', '--config', config], {
      // -D: the agent is our child, so that its end is not strace's alone.
      before: ['strace', '-D', '-f', '-o', trace, '-e', calls],
    });
    context.after(() => agent.stop());
    await eventually(() => existsSync(join(folder, 'agent.sock')) || undefined, 'the agent');
    await eventually(async () => {
      const { stdout } = await fieldtap(['status', '--json', '--config', config]);
      return stdout.includes('"isCapturing":true') || undefined;
    }, 'the agent to capture');
    const tail = startFieldtap([
      'tail',
      '--json',
      '--kind',
      'probe',
      '--lines',
      '1',
      '--config',
      config,
    ]);
    context.after(() => tail.stop());
    await eventually(() => readFileSync(trace, 'utf8').length > 0 || undefined, 'the trace');
    const { port } = await device(context);
    const observed = eventually(async () => {
      const words = ['probe', 'modbus', `127.0.0.1:${port}`, '--config', config, '--yes'];
      assert.equal((await fieldtap(words)).exitCode, 0);
      return tail.stdout.includes('"kind":"probe"') || undefined;
    }, 'the observation of the probe');
    await observed;
    assert.match(tail.stdout, /"source":"probe"/);
    const text = readFileSync(trace, 'utf8');
    const toNetwork = text
      .split('\n')
      .filter(
        (line) => /AF_INET|AF_PACKET/.test(line) && !/socket\(AF_INET6?.*SOCK_DGRAM/.test(line),
      );
    assert.deepEqual(toNetwork, [], 'no socket of the network, none connected, nothing sent');
  },
);

virtualTest(
  { places: ['plc'], onlyVirtual: 'give the capture port a route' },
  'a device behind the capture port is out of reach, even when a route leads there',
  async (context, plant) => {
    const { config } = site(
      context,
      `{ interfaces: [{ name: ${MIRROR_INTERFACE}, role: mirror }] }`,
    );
    const { sensorHost } = plant;
    const away = ['probe', 'modbus', '192.0.2.1', '--config', config, '--yes'];
    const lost = await sensorHost.start(sensorHost.fieldtapWords(away)).ended();
    assert.match(lost.stderr, /No route of this gateway leads to 192\.0\.2\.1.*\[PROBE_NO_ROUTE\]/);
    await sensorHost.run('ip', 'route', 'add', '10.77.0.0/24', 'dev', MIRROR_INTERFACE);
    const before = await plant.mirrorPort.counters();
    const target = plant.place('plc').ipAddress;
    const words = ['probe', 'modbus', target, '--config', config, '--yes'];
    const ended = await sensorHost.start(sensorHost.fieldtapWords(words)).ended();
    assert.equal(ended.exitCode, 1);
    assert.match(ended.stderr, /PROBE_ROUTE_BY_CAPTURE/);
    const after = await plant.mirrorPort.counters();
    assert.equal(after.framesReceived, before.framesReceived, 'nothing left the port');
  },
);
