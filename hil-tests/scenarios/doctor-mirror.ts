/**
 * Each cause that lies in the mirror, its port or the traffic, made true on the bench: doctor names
 * it first, hides what follows from it, and tells two faults as two. A healthy plant has none. One
 * plant with a switch whose mirror gets one fault after the other.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BenchProcess, eventually } from '../bench-process.ts';
import { virtualTest } from '../plant/bench-test.ts';
import { PYTHON, type Rewriting } from '../plant/mirror-rewriter.ts';
import { MIRROR_INTERFACE, type VirtualPlant } from '../plant/virtual-plant.ts';
import {
  DOCTOR_PROGRAMS,
  type DoctorRun,
  doctor,
  type Expected,
  inTurn,
  poll,
  tells,
} from './doctor-bench.ts';
import { burst } from './traffic.ts';

const ALONE = ['agent'] as const;
const LISTENING = { seconds: 1 } as const;
const of = (check: string): string => `${check}:${MIRROR_INTERFACE}`;

async function configFile(plant: VirtualPlant, name: string, more: Written = {}): Promise<string> {
  const { interfaces, buffer = 'none.db' } = more;
  const path = join(plant.folder, `${name}.yaml`);
  await plant.sensorHost.writeFile(
    path,
    `site: { name: Bench }
capture: { interfaces: [${interfaces ?? `{ name: ${MIRROR_INTERFACE}, role: mirror }`}] }
buffer: { path: ${buffer}, quotaMiB: 64 }
diagnostics: { socket: none.sock }
`,
  );
  return path;
}

interface Written {
  readonly interfaces?: string;
  readonly buffer?: string;
}

interface Case extends Expected {
  readonly name: string;
  /** What the switch does to the frames of its mirror. */
  readonly mirror?: Rewriting;
  readonly config?: Written;
  readonly run?: DoctorRun;
  /** Before doctor is asked, and after. */
  readonly spoil?: (plant: VirtualPlant) => Promise<unknown>;
  readonly mend?: (plant: VirtualPlant) => Promise<unknown>;
}

const ip = (plant: VirtualPlant, ...words: string[]): Promise<string> =>
  plant.sensorHost.run('ip', ...words);
const withAddress = (plant: VirtualPlant): Promise<string> =>
  ip(plant, 'addr', 'add', '10.77.0.99/24', 'dev', MIRROR_INTERFACE);
const withoutAddress = (plant: VirtualPlant): Promise<string> =>
  ip(plant, 'addr', 'flush', 'dev', MIRROR_INTERFACE);
const link = (state: 'up' | 'down') => (plant: VirtualPlant) =>
  ip(plant, 'link', 'set', MIRROR_INTERFACE, state);
const NO_CAPTURE = ['setpriv', '--inh-caps=-net_raw', '--bounding-set=-net_raw'];
/** Below a file, where no folder can be. */
const NOWHERE = { buffer: '/etc/passwd/none.db' };

// biome-ignore format: one case per line
const cases: readonly Case[] = [
  { name: 'a healthy mirror', mirror: 'pass', warnings: ALONE },
  { name: 'a mirror of one direction', mirror: 'halved', faults: ['mirror:directions'], warnings: ALONE, says: /one direction only: what clients ask.*"both"/ },
  { name: 'a mirror of one direction, and no folder for the buffer', config: NOWHERE, faults: ['mirror:directions', 'disk'] },
  { name: 'a doubled mirror', mirror: 'twice', warnings: [...ALONE, of('mirror:copies')] },
  { name: 'VLANs without their tags', mirror: 'untagged', warnings: [...ALONE, of('mirror:tags')] },
  { name: 'a mirror that truncates', mirror: 'cut', faults: [of('mirror:cut')], warnings: ALONE, says: /truncates its mirror.*snap length/ },
  { name: 'a mirror that truncates, and an address', spoil: withAddress, mend: withoutAddress, faults: [of('silence'), of('mirror:cut')], warnings: ALONE },
  { name: 'tags of a trunk', mirror: 'vlanTrunk', warnings: ALONE },
  { name: 'an address on the port', mirror: 'pass', spoil: withAddress, mend: withoutAddress, faults: [of('silence')], warnings: ALONE, says: /10\.77\.0\.99.*ip addr flush/ },
  { name: 'the port is switched off', run: {}, spoil: link('down'), mend: link('up'), faults: [of('interface')], says: /switched off.*ip link set mirror0 up/ },
  { name: 'the cable is pulled', run: {}, spoil: (plant) => plant.mirrorPort.set('down'), mend: (plant) => plant.mirrorPort.set('up'), faults: [of('interface')], says: /no link.*cable/ },
  { name: 'the port has sent', run: {}, spoil: sendFrame, warnings: [...ALONE, of('silence')] },
];

/** By their configuration or their user alone: beside each other. */
// biome-ignore format: one case per line
const casesOfTheirOwn: readonly Case[] = [
  { name: 'no such interface', run: {}, config: { interfaces: '{ name: eth77, role: mirror }' }, faults: ['interface:eth77'], says: /mirror0.*fieldtap setup/ },
  { name: 'no permission', run: { before: NO_CAPTURE }, faults: ['permission'], says: /CAP_NET_RAW.*setcap/ },
  { name: 'no permission, and no such interface', run: { before: NO_CAPTURE }, config: { interfaces: '{ name: eth77, role: mirror }' }, faults: ['permission', 'interface:eth77'] },
  { name: 'a broken configuration', run: {}, config: { interfaces: '{ nam: x }' }, faults: ['configuration'], says: /capture\.interfaces.*check-config/ },
];

/** Somebody else on the gateway sends on the port. */
function sendFrame(plant: VirtualPlant): Promise<string> {
  const program = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('${MIRROR_INTERFACE}', 0))
s.send(bytes(60))`;
  return plant.sensorHost.run(PYTHON, '-c', program);
}

/** Setup proposes the port that hears the plant, and never writes over a file. */
async function setup(plant: VirtualPlant): Promise<void> {
  const { sensorHost: host } = plant;
  const made = join(plant.folder, 'made', 'fieldtap.yaml');
  const words = [
    'setup',
    '--config',
    made,
    '--seconds',
    '2',
    '--state',
    join(plant.folder, 'made'),
  ];
  const flags = ['--yes', '--name', 'North "1"'];
  const set = await host.start(host.fieldtapWords([...words, ...flags])).ended();
  assert.equal(set.exitCode, 0, set.stdout + set.stderr);
  assert.match(set.stdout, new RegExp(`${MIRROR_INTERFACE} brings the plant`));
  assert.match(set.stdout, /The clock says \d{4}-.*, kept by /);
  assert.match(set.stdout, new RegExp(`^ok {5}traffic:${MIRROR_INTERFACE} `, 'm'));
  assert.match(await host.readFile(made), new RegExp(`name: "${MIRROR_INTERFACE}", role: mirror`));
  const anew = [...words, '--json', '--force', '--broker', 'mqtts://hub.example:8883'];
  const { stdout } = await host.start(host.fieldtapWords(anew)).ended();
  const { proposal, heard, checks } = JSON.parse(stdout);
  assert.deepEqual(proposal.names, [MIRROR_INTERFACE]);
  assert.ok(heard.length > 0 && checks.some(({ name }: { name: string }) => name === 'enrolment'));
  const checked = await host.start(host.fieldtapWords(['check-config', made])).ended();
  assert.equal(checked.exitCode, 0, checked.stdout);
  const again = await host.start(host.fieldtapWords([...words, ...flags])).ended();
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /SETUP_CONFIG_EXISTS/);
  const unknown = ['setup', '--config', join(plant.folder, 'n.yaml'), '--seconds', '0', '--yes'];
  const named = [...unknown, '--interface', 'eth77'];
  const unclear = await host.start(host.fieldtapWords(named)).ended();
  assert.match(unclear.stderr, /no interface "eth77".*one of .*mirror0.*SETUP_INTERFACE_UNCLEAR/);
  await setupOnATerminal(plant);
}

/** Question by question: an answer that can't be used is said so at once, and asked for again. */
async function setupOnATerminal({ sensorHost: host, folder }: VirtualPlant): Promise<void> {
  const made = join(folder, 'asked', 'fieldtap.yaml');
  const places = ['--config', made, '--state', join(folder, 'asked')];
  const words = host.fieldtapWords(['setup', '--seconds', '1', ...places]);
  const line = words.map((word) => `'${word}'`).join(' ');
  const terminal = host.start(['script', '-qec', line, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh' },
  });
  const dialogue = [
    [/Listen on \[mirror0\]: /, 'eth77'],
    [/no interface "eth77" on this gateway[\s\S]*Listen on/, ''],
    [/Name of the site/, 'South'],
    [/Sector/, 'Water!'],
    [/site\.sector is not accepted: must be lower-case[\s\S]*Sector/, 'water'],
    [/broker/, 'hub.example'],
    [/uplink\.broker is not accepted: must be mqtts:[\s\S]*broker/, ''],
  ] as const;
  for (const [question, answer] of dialogue) {
    await terminal.until(
      ({ stdout }) => (question.test(stdout) ? true : undefined),
      String(question),
    );
    terminal.tell(answer);
  }
  const { exitCode, stdout } = await terminal.ended();
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /listening on mirror0.* for 1 s\.\.\./);
  assert.match(await host.readFile(made), /name: "South", sector: "water"[\s\S]*name: "mirror0"/);
}

/** Frames that the switch lost are told from frames that this gateway's kernel had to drop. */
async function withTheAgent(context: TestContext, plant: VirtualPlant): Promise<void> {
  const { sensorHost: host } = plant;
  const server = { ipAddress: plant.place('plc').ipAddress, port: 502 };
  const sensor = plant.sensor();
  await sensor.start();
  await sensor.until(({ traffic }) => traffic.modbusTransactions > 0, 'traffic');
  const config = sensor.configPath;
  tells(context, 'healthy, with the agent', await doctor(host, config, LISTENING), {});
  await plant.switch.rewrite('lossy');
  const holes = await eventually(async () => {
    const found = await doctor(host, config);
    return found.warnings.includes('mirror:holes') ? found : undefined;
  }, 'holes');
  tells(context, 'gaps on the wire', holes, { warnings: ['mirror:holes'] });
  assert.match(holes.check('mirror:holes')?.cause ?? '', /the switch drops/);
  await plant.switch.rewrite('pass');
  sensor.process.signal('SIGSTOP');
  await burst(plant, server, { transactions: 25_000 });
  sensor.process.signal('SIGCONT');
  await sensor.until(({ interfaces }) => interfaces[0].framesDropped > 0, 'dropped frames');
  tells(context, 'a gateway that is too slow', await doctor(host, config), {
    faults: [of('drops')],
    says: /its kernel had to drop frames.*ringMiB/,
  });
  await sensor.stop();
}

/** Lines back and forth on a port that is none of the plant's. */
const CHATTER = `
const net = require('node:net');
const [role, host] = process.argv.slice(1);
if (role === 'server') net.createServer((s) => s.on('error', () => {}).pipe(s)).listen(9000, host,
  () => console.log('{"ready":true}'));
else { const s = net.connect(9000, host); s.on('error', () => {});
  setInterval(() => s.write('hello'), 20); console.log('{"ready":true}'); }
`;

async function otherTraffic(context: TestContext, plant: VirtualPlant): Promise<void> {
  const config = await configFile(plant, 'other-traffic');
  const { ipAddress } = plant.place('plc');
  const talking: BenchProcess[] = [];
  for (const [place, role] of [
    ['plc', 'server'],
    ['hmi', 'client'],
  ] as const) {
    const words = [process.execPath, '-e', CHATTER, role, ipAddress];
    const talker = plant.start(plant.place(place), words);
    await talker.ready();
    talking.push(talker);
  }
  tells(context, 'no plant protocol', await doctor(plant.sensorHost, config, LISTENING), {
    faults: ['protocols'],
    warnings: ALONE,
    says: /What came was: tcp 9000/,
  });
  await Promise.all(talking.map((each) => each.stop()));
  const server = plant.place('opcuaServer');
  const shared = ['--directory', join(plant.folder, 'opcua'), '--port', '4840'];
  const words = ['--host', server.ipAddress, ...shared, '--mode', 'SignAndEncrypt'];
  await plant.startDevice(server, 'opcua-server.ts', ...words);
  const reader = [...words, '--role', 'reader', '--interval-ms', '50'];
  await plant.startDevice(plant.place('opcuaClient'), 'opcua-client.ts', ...reader);
  tells(context, 'only encrypted OPC UA', await doctor(plant.sensorHost, config, { seconds: 2 }), {
    warnings: [...ALONE, 'protocols:encrypted'],
  });
}

/** Registers the tests of mirror, port and traffic. */
export function mirrorTests(): void {
  virtualTest(
    {
      places: ['plc', 'hmi'],
      mirror: 'vlanTrunk',
      onlyVirtual: 'spoil the mirror',
      programs: [...DOCTOR_PROGRAMS, 'script'],
    },
    'the mirror and its port: each fault of them, and two at once',
    async (context, plant) => {
      await poll(plant);
      await inTurn(casesOfTheirOwn, async ({ name, config, run = {}, ...expected }) => {
        const path = await configFile(plant, name.replaceAll(/\W+/g, '-'), config);
        tells(context, name, await doctor(plant.sensorHost, path, run), expected);
      });
      for (const { name, mirror, config, run = LISTENING, spoil, mend, ...expected } of cases) {
        if (mirror !== undefined) await plant.switch.rewrite(mirror);
        const path = await configFile(plant, name.replaceAll(/\W+/g, '-'), config);
        await spoil?.(plant);
        const found = await doctor(plant.sensorHost, path, run);
        tells(context, name, found, expected);
        await mend?.(plant);
        if (mirror === 'vlanTrunk') {
          assert.match(found.check(of('mirror:tags'))?.figure ?? '', /tagged, VLAN \d+/);
          await setup(plant);
        }
      }
    },
  );

  virtualTest(
    {
      places: ['plc', 'hmi', 'opcuaServer', 'opcuaClient'],
      mirror: 'vlanTrunk',
      onlyVirtual: 'spoil the mirror',
      programs: DOCTOR_PROGRAMS,
    },
    'the traffic: lost by the switch or by the gateway, of no plant, only encrypted',
    async (context, plant) => {
      await plant.switch.rewrite('pass');
      const polling = await poll(plant);
      await withTheAgent(context, plant);
      await polling.stop();
      await otherTraffic(context, plant);
    },
  );

  virtualTest(
    {
      places: ['plc', 'hmi'],
      tapAt: 'plc',
      onlyVirtual: 'open one port of a tap',
      programs: DOCTOR_PROGRAMS,
    },
    'a tap: both ports are good; one that brings nothing, and one whose cable is out',
    async (context, plant) => {
      await poll(plant);
      const config = await configFile(plant, 'tap', {
        interfaces: '{ name: tapA0, role: tapA }, { name: tapB0, role: tapB }',
      });
      const { sensorHost: host, switch: plantSwitch } = plant;
      const both = await doctor(host, config, LISTENING);
      tells(context, 'a tap', both, { warnings: ALONE });
      await plantSwitch.host.run('tc', 'filter', 'del', 'dev', 'plc', 'egress');
      tells(context, 'a tap with an open port', await doctor(host, config, LISTENING), {
        faults: ['traffic:tapB0'],
        warnings: ALONE,
        says: /Port B of the tap.*one direction.*monitor port B/,
      });
      await plantSwitch.host.run('ip', 'link', 'set', 'tapB', 'down');
      tells(context, 'a tap with a cable that is out', await doctor(host, config, LISTENING), {
        faults: ['interface:tapB0'],
      });
    },
  );
}
