/** Doctor's judgement: each broken thing gives its own cause first, and hides what follows from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentStatus } from './agent-status.ts';
import { type DoctorFacts, exitCodeOf, judge } from './doctor.ts';
import { statusText } from './status-text.ts';

const STATUS: AgentStatus = {
  programVersion: '0.1.0',
  agentId: 'abcdefghijklmnopqrstuvwxyz',
  siteName: 'Waterworks North',
  sharing: 'minimal',
  uptimeSeconds: 3600,
  residentBytes: 100 * 2 ** 20,
  isCapturing: true,
  workerRestarts: 0,
  interfaces: [
    {
      interfaceName: 'eth1',
      role: 'mirror',
      linkUp: true,
      framesSeen: 100_000,
      framesDropped: 0,
      framesTruncated: 0,
      bytesSeen: 8_000_000,
      lastFrameAgeSeconds: 1,
    },
  ],
  traffic: {
    frames: 100_000,
    bytes: 8_000_000,
    bytesMissed: 0,
    gaps: 0,
    modbusRequests: 400,
    modbusResponses: 400,
    modbusExceptions: 1,
    modbusTransactions: 400,
    modbusMalformed: 0,
    opcuaTransportMessages: 10,
    opcuaTransactions: 5,
    opcuaMalformed: 0,
    opcuaEncryptedMessages: 0,
  },
  observations: 12,
  observationsFolded: 0,
  alertsRaised: 0,
  alerts: [],
  tables: [],
  buffer: { path: '/x/b.db', databaseBytes: 2 ** 20, quotaBytes: 2 ** 30, observationsStored: 12 },
  uplink: {
    broker: 'mqtts://hub:8883',
    isConnected: true,
    outboxMessages: 0,
    outboxBytes: 0,
    summariesSigned: 5,
    alertsSigned: 0,
    receiptsApplied: 5,
    refusedMessages: 0,
    reconnects: 0,
    receiptAgeSeconds: 20,
  },
};

const HEALTHY: DoctorFacts = {
  configPath: '/etc/fieldtap/fieldtap.yaml',
  configFaults: [],
  wanted: {
    interfaces: ['eth1'],
    bufferPath: '/x/b.db',
    quotaBytes: 2 ** 30,
    broker: 'mqtts://hub:8883',
  },
  available: [
    { name: 'lo', isUp: true },
    { name: 'eth1', isUp: true },
  ],
  canCapture: true,
  status: STATUS,
  disk: { freeBytes: 10 * 2 ** 30, isWritable: true },
};

const silent = { ...STATUS.interfaces[0], linkUp: false, lastFrameAgeSeconds: 300 };
const { uplink: _connected, ...statusWithoutUplink } = STATUS;
const { status: _running, ...healthyWithoutAgent } = HEALTHY;

// biome-ignore format: one case per line
const cases: readonly { name: string; facts: DoctorFacts; faults: string[]; hidden?: string[]; says?: RegExp }[] = [
  { name: 'healthy plant', facts: HEALTHY, faults: [] },
  { name: 'broken configuration', facts: { configPath: 'x', configFaults: ['line 3'], available: [], canCapture: true }, faults: ['configuration'] },
  { name: 'wrong interface name lists those there are', facts: { ...healthyWithoutAgent, wanted: { interfaces: ['eth7'], bufferPath: '/x/b.db', quotaBytes: 1 } }, faults: ['interface:eth7'], says: /lo, eth1/ },
  { name: 'cable pulled: one root, its silence hidden', facts: { ...HEALTHY, available: [{ name: 'eth1', isUp: false }], status: { ...STATUS, interfaces: [silent] } }, faults: ['interface:eth1'], hidden: ['traffic:eth1'] },
  { name: 'SPAN off: link up, nothing comes', facts: { ...HEALTHY, status: { ...STATUS, interfaces: [{ ...silent, linkUp: true }] } }, faults: ['traffic:eth1'], says: /SPAN/ },
  { name: 'no permission and no agent', facts: { ...healthyWithoutAgent, canCapture: false }, faults: ['permission'], says: /setcap/ },
  { name: 'kernel drops', facts: { ...HEALTHY, status: { ...STATUS, interfaces: [{ ...STATUS.interfaces[0], framesDropped: 5000 }] } }, faults: ['drops:eth1'], says: /ringMiB/ },
  { name: 'worker down', facts: { ...HEALTHY, status: { ...STATUS, isCapturing: false } }, faults: ['agent'] },
  { name: 'disk full', facts: { ...HEALTHY, status: { ...STATUS, buffer: { ...STATUS.buffer, fault: { code: 'BUFFER_DISK_FULL', problem: 'full', remedy: 'free' } } } }, faults: ['buffer'] },
  { name: 'no folder for the buffer, no agent', facts: { ...healthyWithoutAgent, disk: { freeBytes: 0, isWritable: false, error: 'no folder' } }, faults: ['buffer'] },
  { name: 'broker dead, found from here', facts: { ...HEALTHY, status: statusWithoutUplink, uplinkSteps: [{ step: 'tcp', ok: false, detail: 'refused', tookMs: 3 }] }, faults: ['uplink'], says: /firewall/ },
  { name: 'two independent faults show as two', facts: { ...HEALTHY, available: [{ name: 'eth1', isUp: false }], status: { ...statusWithoutUplink, interfaces: [silent] }, uplinkSteps: [{ step: 'name', ok: false, detail: 'no name', tookMs: 3 }] }, faults: ['interface:eth1', 'uplink'], hidden: ['traffic:eth1'] },
];

for (const { name, facts, faults, hidden, says } of cases) {
  test(name, () => {
    const checks = judge(facts);
    const roots = checks.filter((check) => check.verdict === 'fault' && !check.explainedBy);
    assert.deepEqual(
      roots.map((check) => check.name),
      faults,
    );
    const explained = checks.filter(
      (check) => check.explainedBy !== undefined && check.verdict === 'fault',
    );
    assert.deepEqual(
      explained.map((check) => check.name),
      hidden ?? [],
    );
    assert.equal(exitCodeOf(checks), faults.length > 0 ? 1 : 0);
    for (const root of roots) assert.ok(root.cause && root.remedy, `${root.name} says what to do`);
    if (says) assert.match(roots.map((root) => `${root.cause} ${root.remedy}`).join('\n'), says);
  });
}

test('the status fits one screen and hides no control character', () => {
  const text = statusText({
    ...STATUS,
    siteName: 'North\u001b[2J\u202e',
    alerts: [
      {
        code: 'MODBUS_FUNCTION_ZERO',
        severity: 'high',
        title: 'Illegal function 0.',
        lastSeenUs: 1_790_000_000_000_000,
        occurrencesCount: 2,
      },
    ],
    alertsRaised: 1,
  });
  assert.ok(text.split('\n').length <= 24, 'fits 24 lines');
  assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
  assert.match(text, /MODBUS_FUNCTION_ZERO {2}Illegal function 0\./);
});
