/**
 * Every step of the way to the hub, broken on the bench: doctor names that step, with its time, and
 * nothing that follows from it. One plant for all of them: without the agent each case has its own
 * configuration; with it, what only the agent or the hub knows.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../bench-process.ts';
import { virtualTest } from '../plant/bench-test.ts';
import { CertificateAuthority } from '../plant/pki.ts';
import type { Sensor, SensorStart } from '../plant/sensor.ts';
import { MIRROR_INTERFACE, type VirtualPlant } from '../plant/virtual-plant.ts';
import {
  clockFrom,
  DOCTOR_PROGRAMS,
  type DoctorRun,
  doctor,
  type Expected,
  inTurn,
  poll,
  tells,
} from './doctor-bench.ts';
import { startOlderHub } from './older-hub.ts';

interface Case extends Expected {
  readonly name: string;
  readonly run?: DoctorRun;
  /** A copy of the enrolment that this case may spoil. */
  readonly spoil?: (credentials: string) => void | Promise<void>;
  readonly broker?: string;
  readonly interfaceName?: string;
}

/** Without an agent its absence is told too, unless it follows from the cause. */
const ALONE = ['agent'] as const;

/** A configuration whose enrolment and buffer are copies of the sensor's. */
async function copyOf(
  plant: VirtualPlant,
  sensor: Sensor,
  name: string,
  { broker = plant.uplink.broker, interfaceName = MIRROR_INTERFACE, spoil }: Case,
): Promise<string> {
  const folder = join(plant.folder, name.replaceAll(/\W+/g, '-'));
  const credentials = join(folder, 'enrolment');
  mkdirSync(folder);
  cpSync(join(plant.folder, 'enrolment'), credentials, { recursive: true });
  cpSync(sensor.databasePath, join(folder, 'buffer.db'));
  await spoil?.(credentials);
  const path = join(folder, 'fieldtap.yaml');
  writeFileSync(
    path,
    `site: { name: Bench, sector: water }
capture: { interfaces: [{ name: ${interfaceName}, role: mirror }] }
buffer: { path: buffer.db, quotaMiB: 64 }
uplink: { broker: "${broker}", credentials: enrolment, summaryIntervalMs: 1000 }
diagnostics: { socket: agent.sock }
`,
  );
  return path;
}

/** So that each has files of its own. */
let spoilt = 0;

/** The certificates of an enrolment, made anew. */
async function certificate(
  credentials: string,
  authority: CertificateAuthority,
  commonName: string,
  daysLeft?: number,
): Promise<void> {
  const name = `spoilt-${spoilt++}`;
  const pair = await authority.issue(name, commonName, daysLeft === undefined ? {} : { daysLeft });
  cpSync(pair.certificate, join(credentials, 'client-cert.pem'));
  cpSync(pair.key, join(credentials, 'client-key.pem'));
}

async function aloneCases(plant: VirtualPlant, agentId: string): Promise<readonly Case[]> {
  const { authority } = plant.uplink;
  const stranger = await CertificateAuthority.make(join(plant.folder, 'stranger'), true);
  const expired = (credentials: string): Promise<void> =>
    certificate(credentials, authority, agentId, -3);
  const notEnrolled = (credentials: string): void =>
    writeFileSync(join(credentials, 'receipt-key.json'), '{"hubId":1}');
  // biome-ignore format: one case per line
  return [
    { name: 'all steps work', warnings: ALONE },
    { name: 'the name of the broker', broker: 'mqtts://nowhere.invalid:8883', faults: ['uplink:name'], warnings: ALONE, says: /failed after \d+ ms.*name server/ },
    { name: 'nobody at its port', broker: 'mqtts://10.88.0.1:8999', faults: ['uplink:tcp'], warnings: ALONE, says: /failed after \d+ ms; name worked.*ECONNREFUSED.*firewall/ },
    { name: 'an authority of somebody else', spoil: (to) => cpSync(stranger.certificate, join(to, 'ca.pem')), faults: ['uplink:tls'], warnings: ALONE, says: /name, tcp worked.*ca\.pem/ },
    { name: 'a certificate of another agent', spoil: (to) => certificate(to, authority, 'aaaaabbbbbcccccdddddeeeeef'), faults: ['certificate'], warnings: ALONE, says: /mixed up/ },
    { name: 'an expired certificate', spoil: expired, faults: ['certificate'], warnings: ALONE, says: /expired 3 days ago/ },
    { name: 'a certificate that ends in ten days', spoil: (to) => certificate(to, authority, agentId, 10), warnings: [...ALONE, 'certificate'] },
    { name: 'not enrolled', spoil: notEnrolled, faults: ['enrolment'], says: /receipt/ },
    { name: 'a clock of 1970', run: { clock: '@1970-01-01 00:01:00' }, faults: ['clock'], warnings: ALONE, says: /before the date of this program.*battery/ },
    { name: 'a clock decades ahead', run: { clock: '+30y' }, faults: ['clock'], warnings: ALONE, says: /decades after/ },
    { name: 'nothing keeps the clock', run: { hasNoTimeService: true }, warnings: [...ALONE, 'clock'] },
    { name: 'an expired certificate and no such interface', spoil: expired, interfaceName: 'eth77', faults: ['interface:eth77', 'certificate'], says: /mirror0/ },
    { name: 'an expired certificate and a broker that is gone', broker: 'mqtts://10.88.0.1:8999', spoil: expired, faults: ['certificate', 'uplink:tcp'], warnings: ALONE },
    { name: 'a broker that is gone and no permission', broker: 'mqtts://10.88.0.1:8999', run: { before: NO_CAPTURE }, faults: ['permission', 'uplink:tcp'] },
    { name: 'a clock of 1970 and nobody at the port', broker: 'mqtts://10.88.0.1:8999', run: { clock: '@1970-01-01 00:01:00' }, faults: ['clock', 'uplink:tcp'], warnings: ALONE },
  ];
}

const NO_CAPTURE = ['setpriv', '--inh-caps=-net_raw', '--bounding-set=-net_raw'] as const;

/** What a session of the agent's name is kept for, is still there after doctor knocked. */
async function keepsTheSession(
  plant: VirtualPlant,
  sensor: Sensor,
  agentId: string,
): Promise<void> {
  const { host, authority } = plant.uplink;
  const topic = `ft/v1/${agentId}/dn/c`;
  const as = (name: string): string[] => [
    ...['-h', '10.88.0.1', '-p', '8883', '-V', 'mqttv5', '-q', '1', '-t', topic],
    ...[
      '--cafile',
      authority.certificate,
      '--cert',
      join(authority.certificate, '..', `${name}.crt`),
    ],
    ...['--key', join(authority.certificate, '..', `${name}.key`)],
  ];
  const kept = ['mosquitto_sub', ...as(`agent-${agentId}`), '-i', agentId, '-c', '-x', '3600'];
  await host.run(...kept, '-E');
  await host.run('mosquitto_pub', ...as('hub'), '-m', 'kept for the agent');
  const { faults } = await doctor(plant.sensorHost, sensor.configPath);
  assert.deepEqual(faults, []);
  assert.equal((await host.run(...kept, '-C', '1', '-W', '10')).trim(), 'kept for the agent');
  // So that nothing waits for anybody any more.
  await host.run(...kept.slice(0, -2), '-x', '0', '-E');
}

/** The broker takes connections and refuses what comes over them. */
async function refusals(context: TestContext, plant: VirtualPlant, sensor: Sensor): Promise<void> {
  const { sensorHost: host, uplink, folder } = plant;
  const config = sensor.configPath;
  const nobody = 'allow_anonymous false';
  await uplink.restartBroker((lines) => lines.replace('use_identity_as_username true', nobody));
  tells(context, 'the broker knows no names', await doctor(host, config), {
    faults: ['uplink:mqtt'],
    warnings: ALONE,
    says: /name, tcp, tls worked.*not authorized \(0x87\)/,
  });
  const rules = join(folder, 'dynamic-security.json');
  writeFileSync(rules, JSON.stringify({ defaultACLAccess: { subscribe: false } }));
  const plugin = `plugin ${PLUGIN}\nplugin_opt_config_file ${rules}`;
  await uplink.restartBroker((lines) => lines.replace(/acl_file .*/, plugin));
  tells(context, 'the broker forbids the receipts', await doctor(host, config), {
    faults: ['uplink:permission'],
    warnings: ALONE,
    says: /mqtt worked.*access list/,
  });
  const readOnly = join(folder, 'hub', 'read-only-access-list');
  writeFileSync(readOnly, 'user hub\ntopic readwrite #\n\npattern read ft/v1/%u/dn/#\n', {
    mode: 0o600,
  });
  await uplink.restartBroker((lines) => lines.replace(/acl_file .*/, `acl_file ${readOnly}`));
  await sensor.start();
  const refused = 'UPLINK_PUBLISH_REFUSED';
  await sensor.until((status) => status.uplink?.fault?.code === refused, 'the refusal');
  tells(context, 'the broker forbids the messages', await doctor(host, config), {
    faults: ['uplink:permission'],
    says: /access list/,
  });
  await sensor.stop();
  await uplink.restartBroker((lines) => lines);
}

const PLUGIN = `/usr/lib/${
  process.arch === 'arm64' ? 'aarch64' : 'x86_64'
}-linux-gnu/mosquitto_dynamic_security.so`;

async function connected(sensor: Sensor, start: SensorStart = {}): Promise<void> {
  await sensor.start(start);
  await sensor.until(
    ({ uplink, traffic }) => (uplink?.receiptsApplied ?? 0) > 0 && traffic.modbusTransactions > 0,
    'traffic and a receipt',
  );
}

/** What only the hub can tell: its time, its receipts, and what it refuses. */
async function hubsWord(context: TestContext, plant: VirtualPlant, sensor: Sensor): Promise<void> {
  const { sensorHost: host, uplink } = plant;
  const config = sensor.configPath;
  await connected(sensor);
  tells(context, 'healthy, with the agent', await doctor(host, config, { seconds: 1 }), {});
  await uplink.killHub();
  await sensor.until((status) => (status.uplink?.outboxMessages ?? 0) > 0, 'a backlog');
  await sensor.stop();
  tells(context, 'no hub for half an hour', await doctor(host, config, { clock: '+30min' }), {
    faults: ['receipt'],
    warnings: ALONE,
    says: /last 1\d{3} s ago, \d+ messages waiting.*Ask whether the hub runs/,
  });
  await uplink.startHub();
  await clocks(context, plant, sensor);
  await refusedByTheHub(context, plant, sensor);
}

/** The clock is set while the agent runs: by half a minute, then by hours. */
async function clocks(context: TestContext, plant: VirtualPlant, sensor: Sensor): Promise<void> {
  const { sensorHost: host } = plant;
  const config = sensor.configPath;
  const clock = clockFrom(join(plant.folder, 'clock'));
  clock.set('+0');
  await connected(sensor, { env: clock.env });
  clock.set('+30');
  tells(context, 'the clock was stepped', await doctor(host, config, { env: clock.env }), {
    warnings: ['clock'],
    says: /stepped by 3\d s/,
  });
  clock.set('+7200');
  const off = await eventually(async () => {
    const found = await doctor(host, config, { env: clock.env });
    return found.faults.length > 0 ? found : undefined;
  }, 'the difference to be seen');
  tells(context, "the clock is off by the hub's", off, { faults: ['clock'], says: /2 h ahead of/ });
  await plant.mirrorPort.set('down');
  tells(
    context,
    'a clock that is off and a cable',
    await doctor(host, config, { env: clock.env }),
    {
      faults: [`interface:${MIRROR_INTERFACE}`, 'clock'],
    },
  );
  await plant.mirrorPort.set('up');
  await sensor.stop();
}

/** An older hub knows fewer kinds of messages; then the key is revoked. */
async function refusedByTheHub(
  context: TestContext,
  plant: VirtualPlant,
  sensor: Sensor,
): Promise<void> {
  const { sensorHost: host, uplink } = plant;
  const config = sensor.configPath;
  const isRefused = ({ uplink: state }: { uplink?: { refusedMessages: number } }): boolean =>
    (state?.refusedMessages ?? 0) > 0;
  await uplink.killHub();
  const older = await startOlderHub(uplink, plant.folder);
  plant.endWith(() => older.stop());
  await sensor.start();
  await sensor.until(isRefused, 'a refusal by the older hub');
  const skew = { faults: ['refused'], says: /kindUnknown.*older than the agent/ };
  tells(context, 'an older hub', await doctor(host, config), skew);
  await sensor.stop();
  tells(context, 'an older hub and no agent', await doctor(host, config), {
    ...skew,
    warnings: ALONE,
  });
  await older.stop();
  await uplink.startHub();
  await revoked(context, plant, sensor);
}

/** By the hub's list at the broker, and by the hub's own signed word where the broker lets it in. */
async function revoked(context: TestContext, plant: VirtualPlant, sensor: Sensor): Promise<void> {
  const { sensorHost: host, uplink } = plant;
  const config = sensor.configPath;
  const certificate = join(plant.folder, 'enrolment', 'client-cert.pem');
  const list = await uplink.authority.revoke({ certificate, key: '' });
  await uplink.restartBroker((lines) => `${lines}crlfile ${list}\n`);
  tells(context, 'a revoked key', await doctor(host, config), {
    faults: ['uplink:tls', 'refused'],
    warnings: ALONE,
    says: /has been revoked.*Ask at the hub why/,
  });
  await host.run('ip', 'addr', 'add', '10.77.0.99/24', 'dev', MIRROR_INTERFACE);
  tells(context, 'a revoked key and an address on the port', await doctor(host, config), {
    faults: [`silence:${MIRROR_INTERFACE}`, 'uplink:tls', 'refused'],
    warnings: ALONE,
  });
  await host.run('ip', 'addr', 'flush', 'dev', MIRROR_INTERFACE);
  await uplink.restartBroker((lines) => lines);
  await uplink.revokeAtTheHub(commonNameIn(certificate));
  await sensor.start();
  await sensor.until(
    ({ uplink: state }) => state?.fault?.code === 'UPLINK_KEY_REVOKED',
    "the hub's signed word",
  );
  const word = {
    faults: ['revoked'],
    says: /has revoked this agent's key.*factory-reset --keep-buffer.*enroll --replaces/,
  };
  tells(context, 'a key that the hub has revoked', await doctor(host, config), word);
  await sensor.stop();
  await uplink.restartBroker((lines) => `${lines}crlfile ${list}\n`);
  tells(context, 'revoked at the hub and at the broker', await doctor(host, config), {
    ...word,
    warnings: ALONE,
  });
}

function commonNameIn(certificate: string): string {
  const { subject } = new X509Certificate(readFileSync(certificate));
  return subject.replace(/^CN=/, '');
}

/** Registers the test of the way to the hub. */
export function uplinkTests(): void {
  virtualTest(
    {
      places: ['plc', 'hmi'],
      uplink: true,
      longCertificates: true,
      onlyVirtual: 'break each step of the way to the hub',
      programs: [...DOCTOR_PROGRAMS, 'mosquitto_sub', 'mosquitto_pub'],
    },
    'the way to the hub: each step that fails, and two faults at once',
    async (context, plant) => {
      const sensor = await plant.enrolledSensor(1000);
      await poll(plant);
      await sensor.start();
      const { agentId = '' } = await sensor.until(
        ({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0,
        'a receipt',
      );
      await sensor.stop();
      await inTurn(await aloneCases(plant, agentId), async (each) => {
        const config = await copyOf(plant, sensor, each.name, each);
        tells(context, each.name, await doctor(plant.sensorHost, config, each.run), each);
      });
      await keepsTheSession(plant, sensor, agentId);
      await refusals(context, plant, sensor);
      await hubsWord(context, plant, sensor);
    },
  );
}
