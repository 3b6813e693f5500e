/** Doctor's judgement: each broken thing gives its own cause first, and hides what follows from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentStatus } from './agent-status.ts';
import { type Check, exitCodeOf, rootsOf } from './check.ts';
import { judge } from './doctor.ts';
import type { DoctorFacts, EnrolmentFacts, Heard, UplinkStep } from './doctor-facts.ts';
import { checksText } from './doctor-text.ts';
import { NOW_MS, STATUS, TRAFFIC } from './sample-status.ts';

const DAY_MS = 86_400_000;

const HEARD: Heard = {
  interfaceName: 'eth1',
  seconds: 3,
  frames: 900,
  bytes: 90_000,
  framesDropped: 0,
  framesCut: 0,
  framesDuplicate: 0,
  framesTagged: 0,
  vlanIds: [],
  routedCopies: 0,
  connections: 2,
  connectionsOneSided: 0,
  senders: 4,
  modbusRequests: 300,
  modbusResponses: 300,
  opcuaMessages: 20,
  opcuaTransactions: 10,
  opcuaEncrypted: 0,
  ports: [{ what: 'tcp 502', frames: 880 }],
};

const ETH1 = {
  name: 'eth1',
  isSetUp: true,
  isUp: true,
  isLoopback: false,
  addresses: [],
  framesSent: 0,
};

const AGENT_ID = 'abcdefghijklmnopqrstuvwxya';
const ENROLMENT: EnrolmentFacts = {
  folder: '/x/enrolment',
  hasAgentKey: true,
  missing: [],
  agentId: AGENT_ID,
  certificate: {
    commonName: AGENT_ID,
    notBeforeMs: NOW_MS - DAY_MS,
    notAfterMs: NOW_MS + 300 * DAY_MS,
  },
};
const CERTIFICATE = { commonName: AGENT_ID, notBeforeMs: 0, notAfterMs: NOW_MS + 300 * DAY_MS };

const HEALTHY: DoctorFacts = {
  configPath: '/etc/fieldtap/fieldtap.yaml',
  configFaults: [],
  wanted: {
    interfaces: [{ name: 'eth1', role: 'mirror' }],
    serialLines: [],
    bufferPath: '/x/b.db',
    quotaBytes: 2 ** 30,
    broker: 'mqtts://hub:8883',
    summaryIntervalMs: 60_000,
  },
  interfaces: [{ ...ETH1, name: 'lo', isLoopback: true, addresses: ['127.0.0.1'] }, ETH1],
  canCapture: true,
  status: STATUS,
  isSocketForbidden: false,
  heard: [HEARD],
  serial: [],
  clock: { wallMs: NOW_MS, programDateMs: Date.UTC(2026, 10, 1), isSynchronized: true, errorMs: 3 },
  disk: {
    folder: '/x',
    freeBytes: 10 * 2 ** 30,
    totalBytes: 20 * 2 ** 30,
    isWritable: true,
    syncMs: 4,
    setAside: [],
  },
  enrolment: ENROLMENT,
};

const silent = { ...STATUS.interfaces[0], linkUp: false, lastFrameAgeSeconds: 300 };
const { uplink: UPLINK, ...statusWithoutUplink } = STATUS;
if (UPLINK === undefined) throw new Error('the sample has an uplink');
const { status: _running, ...withoutAgent } = HEALTHY;
const offline = { ...STATUS, uplink: { ...UPLINK, isConnected: false } };

function withStatus(more: Partial<AgentStatus>, facts: Partial<DoctorFacts> = {}): DoctorFacts {
  return { ...HEALTHY, ...facts, status: { ...STATUS, ...more } };
}

function withHeard(more: Partial<Heard>, facts: Partial<DoctorFacts> = {}): DoctorFacts {
  return { ...HEALTHY, ...facts, heard: [{ ...HEARD, ...more }] };
}

function withBuffer(more: Partial<AgentStatus['buffer']>): DoctorFacts {
  return withStatus({ buffer: { ...STATUS.buffer, ...more } });
}

function withSteps(...steps: UplinkStep[]): DoctorFacts {
  return { ...withoutAgent, uplinkSteps: steps };
}

function failed(step: UplinkStep['step'], code?: string): UplinkStep {
  return { step, ok: false, detail: `${step} failed here`, tookMs: 12, ...(code && { code }) };
}

const quiet = {
  ...TRAFFIC,
  modbusRequests: 0,
  modbusResponses: 0,
  modbusExceptions: 0,
  modbusTransactions: 0,
  opcuaTransportMessages: 0,
  opcuaTransactions: 0,
};
const nothing = { modbusRequests: 0, modbusResponses: 0, opcuaMessages: 0, opcuaTransactions: 0 };
const tap = {
  interfaces: [
    { name: 'tapA0', role: 'tapA' },
    { name: 'tapB0', role: 'tapB' },
  ],
};
const tapPorts = ['tapA0', 'tapB0'].map((name) => ({ ...ETH1, name }));
const serialWanted = {
  ...HEALTHY.wanted,
  interfaces: [],
  serialLines: ['boilers'],
  bufferPath: '/x/b.db',
  quotaBytes: 2 ** 30,
};
const serialLine = {
  name: 'boilers',
  port: '/dev/ttyUSB0',
  exists: true,
  isReadable: true,
  available: [],
};
const line = {
  ...STATUS.interfaces[0],
  interfaceName: 'boilers',
  role: 'serial',
  bytesNotFramed: 0,
  bytesMissed: 0,
};

interface Case {
  readonly name: string;
  readonly facts: DoctorFacts;
  /** Roots, in the order they are told. */
  readonly faults?: readonly string[];
  readonly warnings?: readonly string[];
  /** Faults that a root explains. */
  readonly hidden?: readonly string[];
  readonly says?: RegExp;
}

// biome-ignore format: one case per line
const cases: readonly Case[] = [
  { name: 'healthy plant', facts: HEALTHY },
  { name: 'broken configuration', facts: { ...withoutAgent, wanted: undefined as never, configFaults: ['x:3: capture is wrong'] }, faults: ['configuration'], says: /x:3/ },
  { name: 'wrong interface name lists those there are', facts: { ...withoutAgent, heard: [], wanted: { ...HEALTHY.wanted, interfaces: [{ name: 'eth7', role: 'mirror' }], bufferPath: '/x/b.db', quotaBytes: 1 } as never }, faults: ['interface:eth7'], says: /lo, eth1/ },
  { name: 'interface switched off', facts: { ...withStatus({ interfaces: [silent] }), heard: [], interfaces: [{ ...ETH1, isSetUp: false, isUp: false }] }, faults: ['interface:eth1'], hidden: ['traffic:eth1'], says: /ip link set eth1 up/ },
  { name: 'cable pulled: one root, its silence hidden', facts: { ...withStatus({ interfaces: [silent] }), heard: [], interfaces: [{ ...ETH1, isUp: false }] }, faults: ['interface:eth1'], hidden: ['traffic:eth1'], says: /cable/ },
  { name: 'cable pulled on a fresh start: nothing else lights', facts: { ...withStatus({ interfaces: [silent], traffic: { ...quiet, frames: 0 } }), heard: [], interfaces: [{ ...ETH1, isUp: false }] }, faults: ['interface:eth1'], hidden: ['traffic:eth1'] },
  { name: 'SPAN off: link up, nothing comes', facts: { ...withStatus({ interfaces: [{ ...silent, linkUp: true }] }), heard: [{ ...HEARD, ...nothing, frames: 0, connections: 0 }] }, faults: ['traffic:eth1'], says: /SPAN/ },
  { name: 'no permission and no agent', facts: { ...withoutAgent, heard: [], canCapture: false }, faults: ['permission'], says: /setcap/ },
  { name: 'socket closed to this user', facts: { ...withoutAgent, isSocketForbidden: true }, warnings: ['agent'], says: /group fieldtap/ },
  { name: 'mirror of one direction', facts: withHeard({ connectionsOneSided: 2, modbusResponses: 0 }), faults: ['mirror:directions'], says: /both/ },
  { name: 'mirror of one direction, by the agent alone', facts: { ...withStatus({ recent: { seconds: 60, traffic: { ...TRAFFIC, modbusResponses: 0, modbusExceptions: 0 } } }), heard: [] }, faults: ['mirror:directions'], says: /what clients ask/ },
  { name: 'tap: each port brings one direction, and that is right', facts: { ...HEALTHY, wanted: { ...HEALTHY.wanted, ...tap } as never, interfaces: tapPorts, heard: tapPorts.map(({ name }, at) => ({ ...HEARD, interfaceName: name, connectionsOneSided: 2, modbusRequests: at === 0 ? 0 : 300, modbusResponses: at === 0 ? 300 : 0 })) } },
  { name: 'tap: one port is not connected', facts: { ...HEALTHY, wanted: { ...HEALTHY.wanted, ...tap } as never, interfaces: tapPorts, heard: tapPorts.map(({ name }, at) => ({ ...HEARD, interfaceName: name, frames: at === 0 ? 900 : 0 })) }, faults: ['traffic:tapB0'], hidden: ['mirror:directions'], says: /Port B/ },
  { name: 'doubled mirror', facts: withHeard({ framesDuplicate: 450 }), warnings: ['mirror:copies:eth1'], says: /twice/ },
  { name: 'frames cut by the switch', facts: withHeard({ framesCut: 300 }), faults: ['mirror:cut:eth1'], says: /truncat/ },
  { name: 'VLAN tags taken off', facts: withHeard({ routedCopies: 12 }), warnings: ['mirror:tags:eth1'], says: /VLAN/ },
  { name: 'kernel drops', facts: withStatus({ interfaces: [{ ...STATUS.interfaces[0], recent: { framesSeen: 5000, framesDropped: 500, framesTruncated: 0, framesDuplicate: 0 } }] }), faults: ['drops:eth1'], says: /ringMiB/ },
  { name: 'gaps on the wire without drops', facts: withStatus({ recent: { seconds: 60, traffic: { ...TRAFFIC, bytesMissed: 500_000, gaps: 40 } } }), warnings: ['mirror:holes'], says: /switch drops/ },
  { name: 'gaps because of kernel drops are the drops', facts: withStatus({ recent: { seconds: 60, traffic: { ...TRAFFIC, bytesMissed: 500_000, gaps: 40 } }, interfaces: [{ ...STATUS.interfaces[0], recent: { framesSeen: 5000, framesDropped: 500, framesTruncated: 0, framesDuplicate: 0 } }] }), faults: ['drops:eth1'] },
  { name: 'no plant protocol, and what instead', facts: { ...withStatus({ traffic: quiet }), heard: [{ ...HEARD, ...nothing, ports: [{ what: 'tcp 443', frames: 500 }, { what: 'ARP', frames: 3 }] }] }, faults: ['protocols'], says: /tcp 443, ARP/ },
  { name: 'only encrypted OPC UA', facts: { ...withStatus({ traffic: { ...quiet, opcuaTransportMessages: 90, opcuaEncryptedMessages: 80 } }), heard: [] }, warnings: ['protocols:encrypted'], says: /encrypted/ },
  { name: 'the capture port has an address', facts: { ...HEALTHY, interfaces: [{ ...ETH1, addresses: ['10.0.0.9'] }] }, faults: ['silence:eth1'], says: /10\.0\.0\.9|ip addr flush/ },
  { name: 'something sends on the capture port', facts: { ...HEALTHY, interfaces: [{ ...ETH1, framesSent: 12 }] }, warnings: ['silence:eth1'], says: /tcpdump/ },
  { name: 'worker down', facts: withStatus({ isCapturing: false, captureFault: { code: 'X', problem: 'The ring was refused.' } }), faults: ['agent'], says: /ring was refused/ },
  { name: 'worker restarted once', facts: withStatus({ workerRestarts: 1 }), warnings: ['agent'], says: /again once/ },
  { name: 'serial alone needs no permission to capture', facts: { ...withoutAgent, canCapture: false, wanted: serialWanted, heard: [], serial: [serialLine], interfaces: [] } as DoctorFacts, warnings: ['agent'] },
  { name: 'serial adapter pulled out', facts: { ...withStatus({ interfaces: [{ ...line, bytesSeen: 0 }] }), wanted: serialWanted, heard: [], serial: [{ ...serialLine, exists: false, available: ['/dev/ttyUSB1'] }] } as DoctorFacts, faults: ['serial:boilers'], hidden: ['traffic:boilers'], says: /ttyUSB1/ },
  { name: 'serial line silent', facts: { ...withStatus({ interfaces: [{ ...line, bytesSeen: 0 }] }), wanted: serialWanted, heard: [], serial: [serialLine] } as DoctorFacts, faults: ['traffic:boilers'], says: /receive pair/ },
  { name: 'serial line at a wrong rate', facts: { ...withStatus({ interfaces: [{ ...line, bytesSeen: 1000, bytesNotFramed: 990 }] }), wanted: serialWanted, heard: [], serial: [serialLine] } as DoctorFacts, faults: ['traffic:boilers'], says: /baudRate/ },
  { name: 'serial bytes lost by the driver', facts: { ...withStatus({ interfaces: [{ ...line, bytesMissed: 4 }] }), wanted: serialWanted, heard: [], serial: [serialLine] } as DoctorFacts, warnings: ['traffic:boilers'] },
  { name: 'clock before the build hides an expired certificate', facts: { ...HEALTHY, clock: { ...HEALTHY.clock, wallMs: 0 }, status: statusWithoutUplink, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notBeforeMs: NOW_MS } } }, faults: ['clock'], hidden: ['certificate'], says: /before the date of this program/ },
  { name: 'clock off by the hub', facts: withBuffer({ lastReceipt: { appliedMs: NOW_MS - 1000, hubTimeMs: NOW_MS + 7_200_000 } }), faults: ['clock'], says: /2 h behind/ },
  { name: 'clock stepped', facts: withStatus({ startedAtMs: NOW_MS - 3_600_000 + 90_000 }), warnings: ['clock'], says: /was set while/ },
  { name: 'clock without a source', facts: { ...HEALTHY, clock: { ...HEALTHY.clock, isSynchronized: false } }, warnings: ['clock'], says: /NTP/ },
  { name: 'disk full, by the agent', facts: withBuffer({ fault: { code: 'BUFFER_DISK_FULL', problem: 'The disk is full.', remedy: 'free' } }), faults: ['buffer'] },
  { name: 'disk full, as seen from here: the buffer is its consequence', facts: { ...withBuffer({ fault: { code: 'BUFFER_DISK_FULL', problem: 'The disk is full.', remedy: 'free' } }), disk: { ...HEALTHY.disk, freeBytes: 0 } as never }, faults: ['disk'], hidden: ['buffer'] },
  { name: 'disk smaller than the quota', facts: { ...HEALTHY, disk: { ...HEALTHY.disk, freeBytes: 100 * 2 ** 20 } as never }, warnings: ['disk'], says: /quotaMiB/ },
  { name: 'disk slow', facts: { ...HEALTHY, disk: { ...HEALTHY.disk, syncMs: 900 } as never }, warnings: ['disk:speed'] },
  { name: 'disk worn by its own word', facts: { ...HEALTHY, disk: { ...HEALTHY.disk, lifeUsedPercent: 100 } as never }, faults: ['disk:wear'] },
  { name: 'too much written a day', facts: withBuffer({ bytesWritten: 3 * 2 ** 30 }), warnings: ['disk:wear'], says: /MiB written a day|flash/ },
  { name: 'no folder for the buffer, no agent', facts: { ...withoutAgent, disk: { ...HEALTHY.disk, isWritable: false, error: 'no folder' } as never }, faults: ['disk'] },
  { name: 'a folder of another user says nothing about the agent', facts: { ...withoutAgent, isSocketForbidden: true, disk: { ...HEALTHY.disk, isWritable: false, isOfOther: true } as never }, warnings: ['agent'] },
  { name: 'a disk that is mounted read-only', facts: { ...withoutAgent, disk: { ...HEALTHY.disk, isWritable: false, error: 'EROFS' } as never }, faults: ['disk'], says: /dmesg/ },
  { name: 'no configuration', facts: { ...withoutAgent, wanted: undefined as never, configFaults: ['not there'], isConfigUnreadable: true }, faults: ['configuration'], says: /fieldtap setup/ },
  { name: 'buffer set aside', facts: { ...HEALTHY, disk: { ...HEALTHY.disk, setAside: ['/x/b.db.quarantined-1'] } as never }, warnings: ['buffer'], says: /quarantined-1/ },
  { name: 'epoch changed', facts: withBuffer({ epoch: 2, epochReason: 'restored', epochBeganMs: NOW_MS - DAY_MS }), warnings: ['buffer'], says: /older image/ },
  { name: 'quota reached', facts: withBuffer({ databaseBytes: 2 ** 30 }), warnings: ['quota'], says: /export/ },
  { name: 'days until full', facts: withBuffer({ databaseBytes: 2 ** 29, outboxBytes: 2 ** 29, oldestPendingMs: NOW_MS - DAY_MS }), warnings: ['quota'], says: /about 1 days|days until full/ },
  { name: 'not enrolled', facts: { ...HEALTHY, status: offline, enrolment: { ...ENROLMENT, missing: ['receipt-key.json'] } }, faults: ['enrolment'], says: /enroll/ },
  { name: 'certificate of another agent', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, commonName: 'other' } } }, faults: ['certificate'], says: /mixed up/ },
  { name: 'certificate expired', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notAfterMs: NOW_MS - 3 * DAY_MS } } }, faults: ['certificate'] },
  { name: 'certificate ends soon', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notAfterMs: NOW_MS + 3 * DAY_MS } } }, warnings: ['certificate'] },
  { name: 'certificate ends today', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notAfterMs: NOW_MS + 0.5 * DAY_MS } } }, faults: ['certificate'] },
  { name: 'a certificate of three days, two of them left', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + 2 * DAY_MS } } } },
  { name: 'certificate expired since yesterday', facts: { ...HEALTHY, enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notAfterMs: NOW_MS - DAY_MS - 1000 } } }, faults: ['certificate'], says: /expired a day ago/ },
  { name: 'connected, and its messages are refused', facts: withStatus({ uplink: { ...UPLINK, fault: { code: 'UPLINK_PUBLISH_REFUSED', problem: 'The broker refused a message.', remedy: 'x' } } }), faults: ['uplink:permission'], says: /access list/ },
  { name: 'an expired certificate and a broker that is gone are two', facts: { ...withSteps(failed('tcp')), enrolment: { ...ENROLMENT, certificate: { ...CERTIFICATE, notAfterMs: NOW_MS - 3 * DAY_MS } } }, faults: ['certificate', 'uplink:tcp'], warnings: ['agent'] },
  { name: 'uplink: revoked certificate', facts: withSteps(failed('tls', 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED')), faults: ['uplink:tls'], warnings: ['agent'], says: /good standing/ },
  { name: 'uplink: name', facts: withSteps(failed('name')), faults: ['uplink:name'], warnings: ['agent'], says: /name server/ },
  { name: 'uplink: TCP', facts: withSteps({ step: 'name', ok: true, detail: '', tookMs: 1 }, failed('tcp', 'ECONNREFUSED')), faults: ['uplink:tcp'], warnings: ['agent'], says: /firewall/ },
  { name: 'uplink: TLS', facts: withSteps(failed('tls', 'SELF_SIGNED_CERT_IN_CHAIN')), faults: ['uplink:tls'], warnings: ['agent'], says: /ca\.pem/ },
  { name: 'uplink: MQTT', facts: withSteps(failed('mqtt', '0x87')), faults: ['uplink:mqtt'], warnings: ['agent'], says: /revoked/ },
  { name: 'uplink: permission', facts: withSteps(failed('permission', '0x87')), faults: ['uplink:permission'], warnings: ['agent'], says: /access list/ },
  { name: 'late summaries are explained by the broken step', facts: { ...HEALTHY, status: { ...offline, uplink: { ...UPLINK, isConnected: false, receiptAgeSeconds: 9000, outboxMessages: 40 } }, uplinkSteps: [failed('tcp')] }, faults: ['uplink:tcp'], hidden: ['receipt'] },
  { name: 'hub silent behind a good broker', facts: withStatus({ uplink: { ...UPLINK, receiptAgeSeconds: 9000, outboxMessages: 40 } }), faults: ['receipt'], says: /hub runs/ },
  { name: 'an idle link is not late', facts: withStatus({ uplink: { ...UPLINK, receiptAgeSeconds: 9000, outboxMessages: 0 } }) },
  { name: 'key revoked', facts: withStatus({ uplink: { ...UPLINK, refusedMessages: 2 }, buffer: { ...STATUS.buffer, refusedReasons: ['revoked'] } }), faults: ['revoked'], says: /factory-reset --keep-buffer.*enroll --replaces/ },
  { name: "key revoked, and the agent's own word of it", facts: withStatus({ uplink: { ...UPLINK, refusedMessages: 2, fault: { code: 'UPLINK_KEY_REVOKED', problem: 'p', remedy: 'r' } }, buffer: { ...STATUS.buffer, refusedReasons: ['revoked'] } }), faults: ['revoked'] },
  { name: 'messages of a former key', facts: withStatus({ uplink: { ...UPLINK, refusedMessages: 91 }, buffer: { ...STATUS.buffer, refusedReasons: ['foreignAgent'] } }), warnings: ['refused'], says: /a former key has signed them\. Nothing has to be done/ },
  { name: 'key revoked at the hub and at the broker: one fault', facts: { ...withSteps(failed('tls', 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED')), buffer: { ...STATUS.buffer, refusedReasons: ['revoked'] } }, faults: ['revoked'], hidden: ['uplink:tls'], warnings: ['agent'] },
  { name: 'version skew', facts: withStatus({ uplink: { ...UPLINK, refusedMessages: 2 }, buffer: { ...STATUS.buffer, refusedReasons: ['kindUnknown'] } }), faults: ['refused'], says: /older than the agent/ },
  { name: 'two independent faults show as two', facts: { ...HEALTHY, interfaces: [{ ...ETH1, isUp: false }], heard: [], status: { ...offline, interfaces: [silent] }, uplinkSteps: [failed('name')] }, faults: ['interface:eth1', 'uplink:name'], hidden: ['traffic:eth1'] },
  { name: 'a full disk and a one-sided mirror are two', facts: withHeard({ connectionsOneSided: 2 }, { disk: { ...HEALTHY.disk, freeBytes: 0 } as never }), faults: ['mirror:directions', 'disk'] },
];

for (const { name, facts, faults = [], warnings = [], hidden = [], says } of cases) {
  test(name, () => {
    const checks = judge(facts);
    const namesOf = (wanted: (check: Check) => boolean): string[] =>
      checks.filter(wanted).map((check) => check.name);
    const isShown = ({ explainedBy }: Check): boolean => explainedBy === undefined;
    assert.deepEqual(
      rootsOf(checks).map((check) => check.name),
      faults,
      checksText(checks),
    );
    assert.deepEqual(
      namesOf((check) => check.verdict === 'warning' && isShown(check)),
      warnings,
    );
    assert.deepEqual(
      namesOf((check) => check.verdict === 'fault' && !isShown(check)),
      hidden,
    );
    assert.equal(exitCodeOf(checks), faults.length > 0 ? 1 : 0);
    const bad = checks.filter(({ verdict }) => verdict === 'fault' || verdict === 'warning');
    for (const check of bad)
      assert.ok(check.cause && check.remedy, `${check.name} says what to do`);
    if (says)
      assert.match(
        bad.map((check) => `${check.figure} ${check.cause} ${check.remedy}`).join('\n'),
        says,
      );
  });
}

test('the page hides no control character and ends with the verdict', () => {
  const cause = 'evil\u001b[2J\u202e';
  const text = checksText([{ name: 'x', verdict: 'fault', figure: cause, cause, remedy: cause }]);
  assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
  assert.match(text, /One fault: x\.\n$/);
  assert.match(checksText(judge(HEALTHY)), /All good\.\n$/);
});
