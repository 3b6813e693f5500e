/** Sums of the worker's reports: what adds up, what is of the moment, and what is bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  Detection,
  IntervalReport,
  Observation,
  SourceCoverage,
} from '../../protocols/interval-report.ts';
import { RunningTotals } from './running-totals.ts';

const TRAFFIC = {
  frames: 1,
  bytes: 2,
  bytesMissed: 3,
  gaps: 4,
  modbusRequests: 5,
  modbusResponses: 6,
  modbusExceptions: 7,
  modbusTransactions: 8,
  modbusMalformed: 9,
  opcuaTransportMessages: 10,
  opcuaTransactions: 11,
  opcuaMalformed: 12,
  opcuaEncryptedMessages: 13,
};

const WRITE: Observation = { kind: 'write', timeUs: 1 };

function detection(detectionId: string): Detection {
  return {
    detectionId,
    code: 'MADE',
    severity: 'low',
    title: 'Made',
    techniques: [],
    firstSeenUs: 1,
    lastSeenUs: 1,
    occurrencesCount: 1,
    evidence: { records: [] },
    explanation: '',
    remedy: '',
  };
}

function coverage(interfaceName: string, more: Partial<SourceCoverage> = {}): SourceCoverage {
  return {
    interfaceName,
    framesSeen: 10,
    framesDropped: 1,
    framesTruncated: 2,
    bytesSeen: 100,
    linkUp: true,
    coveredMs: 1000,
    intervalMs: 1000,
    ...more,
  };
}

function report(more: Partial<IntervalReport>): IntervalReport {
  return {
    reportNumber: 1,
    fromUs: 0,
    toUs: 1_000_000,
    coverage: [],
    traffic: TRAFFIC,
    conversations: [],
    conversationsFolded: 0,
    observations: [],
    observationsFolded: 0,
    detections: [],
    tables: [],
    ...more,
  };
}

test('every count of the traffic adds up', () => {
  const totals = new RunningTotals();
  for (let count = 0; count < 3; count++) totals.add(report({}));
  const tripled = Object.entries(TRAFFIC).map(([name, value]) => [name, value * 3]);
  assert.deepEqual(totals.traffic, Object.fromEntries(tripled));
});

test('observations and alerts are counted; a case that repeats is no new alert', () => {
  const totals = new RunningTotals();
  const raised = { change: 'raised', detection: detection('a') } as const;
  totals.add(report({ observations: [WRITE, WRITE], observationsFolded: 5, detections: [raised] }));
  const repeated = { change: 'repeated', detection: detection('a') } as const;
  totals.add(report({ observations: [WRITE], observationsFolded: 1, detections: [repeated] }));
  assert.equal(totals.observations, 3);
  assert.equal(totals.observationsFolded, 6);
  assert.equal(totals.alertsRaised, 1);
});

test('counts of an interface add up; its link and its last frame are of the moment', () => {
  const totals = new RunningTotals();
  totals.add(report({ coverage: [coverage('eth1'), coverage('eth2')], toUs: 1_000_000 }));
  const silent = { framesSeen: 0, framesDropped: 4, framesTruncated: 0, bytesSeen: 0 };
  const down = coverage('eth1', { ...silent, linkUp: false });
  totals.add(report({ coverage: [down, coverage('eth2')], toUs: 2_000_000 }));
  const { framesSeen, framesDropped, bytesSeen, linkUp, lastFrameUs } =
    totals.interfaces.get('eth1') ?? assert.fail('eth1 is not counted');
  assert.deepEqual(
    { framesSeen, framesDropped, bytesSeen, linkUp, lastFrameUs },
    { framesSeen: 10, framesDropped: 5, bytesSeen: 100, linkUp: false, lastFrameUs: 1_000_000 },
  );
  assert.equal(totals.interfaces.get('eth2')?.lastFrameUs, 2_000_000);
});

test('the tables are those of the newest report', () => {
  const totals = new RunningTotals();
  const table = { table: 'flows', used: 1, max: 8, evicted: 0, refused: 0 };
  totals.add(report({ tables: [table] }));
  totals.add(report({ tables: [{ ...table, used: 2 }] }));
  assert.deepEqual(totals.tables, [{ ...table, used: 2 }]);
});

test('the newest 20 detections are kept, newest last', () => {
  const totals = new RunningTotals();
  for (let count = 1; count <= 50; count++) {
    const raised = { change: 'raised', detection: detection(`case ${count}`) } as const;
    totals.add(report({ detections: [raised] }));
  }
  const ids = totals.detections.map((change) => change.detection.detectionId);
  assert.deepEqual([ids.length, ids[0], ids[19]], [20, 'case 31', 'case 50']);
  assert.equal(totals.alertsRaised, 50);
});
