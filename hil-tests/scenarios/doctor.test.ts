/**
 * Each cause of doctor made true on the bench: it comes first, what follows from it is hidden, two
 * faults are two, and a healthy plant has none. With and without the running agent.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../bench-process.ts';
import { virtualTest } from '../plant/bench-test.ts';
import type { Host } from '../plant/host.ts';
import type { Sensor } from '../plant/sensor.ts';
import { MIRROR_INTERFACE, type VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';
import { connectBurst } from './traffic.ts';

interface Check {
  readonly name: string;
  readonly verdict: string;
  readonly figure: string;
  readonly cause?: string;
  readonly remedy?: string;
  readonly explainedBy?: string;
}

interface Diagnosis {
  readonly exitCode: number;
  readonly roots: readonly string[];
  readonly warnings: readonly string[];
  readonly check: (name: string) => Check | undefined;
}

const LISTEN_SECONDS = '2';
/** A bench has no time service, a small disk, and certificates of some days. */
const OF_THE_BENCH = ['certificate', 'clock', 'disk', 'disk:speed', 'disk:wear'];

async function doctor(host: Host, config: string): Promise<Diagnosis> {
  const words = ['doctor', '--config', config, '--seconds', LISTEN_SECONDS, '--json'];
  const { stdout, stderr, exitCode } = await host.start(host.fieldtapWords(words)).ended();
  assert.ok(stdout.startsWith('{'), stderr);
  // The contract of doctor --json; a missing field fails a test.
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  const shown = (verdict: string): string[] =>
    checks
      .filter((check) => check.verdict === verdict && check.explainedBy === undefined)
      .map((check) => check.name)
      .filter((name) => !OF_THE_BENCH.includes(name));
  return {
    exitCode,
    roots: shown('fault'),
    warnings: shown('warning'),
    check: (name) => checks.find((check) => check.name === name),
  };
}

/** A poll that goes on for longer than anybody listens. */
async function poll(plant: VirtualPlant): Promise<void> {
  const server = await plant.modbusServer();
  const client = await connectBurst(plant, server, { transactions: 100_000, rate: 100 });
  client.tell('go');
}

async function writeConfig(sensor: Sensor, name: string): Promise<string> {
  const path = join(sensor.configPath, '..', `${name}.yaml`);
  await sensor.host.writeFile(
    path,
    `site: { name: Bench }
capture: { interfaces: [{ name: ${name}, role: mirror }] }
buffer: { path: none.db, quotaMiB: 64 }
diagnostics: { socket: none.sock }
`,
  );
  return path;
}

function tell(context: TestContext, name: string, diagnosis: Diagnosis, expected: string[]): void {
  assert.deepEqual(diagnosis.roots, expected, name);
  report(context, `doctor: ${name}`, diagnosis.roots.length, 'faults', '==', expected.length);
}

virtualTest(
  { places: ['plc', 'hmi'], uplink: true, onlyVirtual: 'cut every link there is' },
  'healthy, then a cable, a hub, both, an address, a broken configuration, no agent',
  async (context, plant) => {
    const sensor = await plant.enrolledSensor(1000);
    await sensor.start();
    await poll(plant);
    const { sensorHost: host } = plant;
    const config = sensor.configPath;
    await sensor.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0, 'a receipt');

    const healthy = await doctor(host, config);
    tell(context, 'healthy', healthy, []);
    assert.deepEqual(healthy.warnings, []);
    assert.equal(healthy.exitCode, 0);

    await plant.mirrorPort.set('down');
    const pulled = await eventually(async () => {
      const found = await doctor(host, config);
      return found.roots.length > 0 ? found : undefined;
    }, 'the pulled cable');
    tell(context, 'cable pulled', pulled, [`interface:${MIRROR_INTERFACE}`]);
    assert.equal(pulled.exitCode, 1);

    await plant.uplink.killBroker();
    await sensor.until(({ uplink }) => uplink?.isConnected === false, 'the broker to be missed');
    const both = await doctor(host, config);
    tell(context, 'two faults', both, [`interface:${MIRROR_INTERFACE}`, 'uplink:tcp']);

    await plant.mirrorPort.set('up');
    await plant.uplink.startBroker();
    await sensor.until(({ uplink }) => uplink?.isConnected === true, 'the broker again');
    await host.run('ip', 'addr', 'add', '10.77.0.99/24', 'dev', MIRROR_INTERFACE);
    const spoken = await doctor(host, config);
    tell(context, 'address on the port', spoken, [`silence:${MIRROR_INTERFACE}`]);
    await host.run('ip', 'addr', 'flush', 'dev', MIRROR_INTERFACE);

    await sensor.stop();
    const stopped = await doctor(host, config);
    tell(context, 'agent stopped', stopped, []);
    assert.ok(stopped.warnings.includes('agent'));
    assert.match(stopped.check('uplink:connection')?.figure ?? '', /name .*tcp .*tls .*mqtt/);

    await plant.uplink.killBroker();
    tell(context, 'broker dead, no agent', await doctor(host, config), ['uplink:tcp']);
    tell(context, 'no such interface', await doctor(host, await writeConfig(sensor, 'eth77')), [
      'interface:eth77',
    ]);
    const broken = join(config, '..', 'broken.yaml');
    await host.writeFile(broken, 'capture: { interfaces: [{ nam: x }] }\n');
    tell(context, 'broken configuration', await doctor(host, broken), ['configuration']);
  },
);

virtualTest(
  { places: ['plc', 'hmi'], mirror: 'oneSided', onlyVirtual: 'make a mirror of one direction' },
  'a mirror of one direction, seen by doctor alone',
  async (context, plant) => {
    await poll(plant);
    const config = await writeConfig(plant.sensor(), MIRROR_INTERFACE);
    const found = await doctor(plant.sensorHost, config);
    tell(context, 'one direction', found, ['mirror:directions']);
    assert.match(found.check('mirror:directions')?.remedy ?? '', /both/);
  },
);

virtualTest(
  { places: ['plc', 'hmi'], mirror: 'doubled', onlyVirtual: 'make a doubled mirror' },
  'a doubled mirror is a warning, and no fault',
  async (context, plant) => {
    await poll(plant);
    const config = await writeConfig(plant.sensor(), MIRROR_INTERFACE);
    const found = await doctor(plant.sensorHost, config);
    tell(context, 'doubled mirror', found, []);
    assert.ok(found.warnings.includes(`mirror:copies:${MIRROR_INTERFACE}`), found.warnings.join());
  },
);

virtualTest(
  { places: ['plc', 'hmi'], mirror: 'vlanTrunk', onlyVirtual: 'make a trunk' },
  'tags of a trunk are told, and setup proposes the port that hears the plant',
  async (context, plant) => {
    await poll(plant);
    const sensor = plant.sensor();
    const found = await doctor(plant.sensorHost, await writeConfig(sensor, MIRROR_INTERFACE));
    tell(context, 'trunk', found, []);
    assert.match(found.check(`mirror:tags:${MIRROR_INTERFACE}`)?.figure ?? '', /tagged, VLAN \d+/);

    const { sensorHost: host } = plant;
    const made = join(plant.folder, 'made', 'fieldtap.yaml');
    const state = join(plant.folder, 'made');
    const words = ['setup', '--config', made, '--seconds', LISTEN_SECONDS, '--state', state];
    const flags = ['--yes', '--name', 'North "1"'];
    const set = await host.start(host.fieldtapWords([...words, ...flags])).ended();
    assert.equal(set.exitCode, 0, set.stdout + set.stderr);
    assert.match(set.stdout, new RegExp(`${MIRROR_INTERFACE} brings the plant`));
    assert.match(
      await host.readFile(made),
      new RegExp(`name: "${MIRROR_INTERFACE}", role: mirror`),
    );
    const checked = await host.start(host.fieldtapWords(['check-config', made])).ended();
    assert.equal(checked.exitCode, 0, checked.stdout);
    const again = await host.start(host.fieldtapWords([...words, ...flags])).ended();
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /SETUP_CONFIG_EXISTS/);
  },
);

/** Lines back and forth on a port that is none of the plant's. */
const CHATTER = `
const net = require('node:net');
const [role, host] = process.argv.slice(1);
if (role === 'server') net.createServer((s) => s.on('error', () => {}).pipe(s)).listen(9000, host,
  () => console.log('{"ready":true}'));
else { const s = net.connect(9000, host); s.on('error', () => {});
  setInterval(() => s.write('hello'), 20); console.log('{"ready":true}'); }
`;

virtualTest(
  { places: ['plc', 'hmi'], onlyVirtual: 'talk on another port' },
  'no plant protocol: what was seen instead is named',
  async (context, plant) => {
    const { ipAddress } = plant.place('plc');
    for (const [place, role] of [
      ['plc', 'server'],
      ['hmi', 'client'],
    ] as const) {
      const words = [process.execPath, '-e', CHATTER, role, ipAddress];
      await plant.start(plant.place(place), words).ready();
    }
    const config = await writeConfig(plant.sensor(), MIRROR_INTERFACE);
    const found = await doctor(plant.sensorHost, config);
    tell(context, 'no plant protocol', found, ['protocols']);
    assert.match(found.check('protocols')?.cause ?? '', /tcp 9000/);
  },
);
