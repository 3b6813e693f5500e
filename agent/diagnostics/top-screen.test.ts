/** The live screen: whatever its size, it fits; and whatever a device is called, it stays text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LiveInterval } from './live-feed.ts';
import { liveInterval } from './live-line.ts';
import { alertLine, observationLine } from './observation-text.ts';
import { TRAFFIC } from './sample-status.ts';
import { TopModel } from './top-model.ts';
import { topScreen } from './top-screen.ts';

const ESCAPE = String.fromCharCode(27);
const COLOUR = new RegExp(`${ESCAPE}\\[[0-9]*m`, 'g');

function interval(at: number, more: Partial<LiveInterval['report']> = {}): LiveInterval {
  const report: LiveInterval['report'] = {
    reportNumber: at,
    fromUs: at * 1_000_000,
    toUs: (at + 1) * 1_000_000,
    coverage: [],
    traffic: { ...TRAFFIC, frames: 100, modbusTransactions: 40, opcuaTransactions: 0 },
    conversations: ['10.0.0.1', '10.0.0.2'].map((clientIpAddress, row) => ({
      protocol: 'modbus',
      transport: 'tcp',
      clientIpAddress,
      serverIpAddress: '10.0.0.9',
      serverPort: 502,
      unitId: 1,
      requests: 10 + row * 20,
      responses: 10,
      exceptions: 0,
      unmatchedRequests: 0,
      writes: row,
      anomalies: 0,
      bytesMissed: 0,
      firstSeenUs: 0,
      lastSeenUs: 0,
      roleConfidence: 1,
    })),
    conversationsFolded: 0,
    observations: [{ kind: 'write', timeUs: at * 1_000_000, clientIpAddress: '10.0.0.2' }],
    observationsFolded: 0,
    detections: [],
    ...more,
  };
  return { kind: 'interval', report, missedIntervals: 0 };
}

test('rates are of the last five seconds, the busiest first, losses since the view began', () => {
  const model = new TopModel();
  const coverage = {
    interfaceName: 'eth1',
    framesSeen: 1,
    framesDropped: 3,
    framesTruncated: 0,
    bytesSeen: 1,
    linkUp: false,
    coveredMs: 1,
    intervalMs: 1,
  };
  for (let at = 0; at < 8; at++) model.add(interval(at, { coverage: [coverage] }));
  const view = model.view();
  assert.equal(view.seconds, 5);
  assert.equal(view.framesPerSecond, 100);
  assert.equal(view.framesDropped, 24);
  assert.deepEqual(view.linksDown, ['eth1']);
  assert.deepEqual(
    view.rows.map(({ client, requestsPerSecond, writes }) => [client, requestsPerSecond, writes]),
    [
      ['10.0.0.2', 30, 5],
      ['10.0.0.1', 10, 0],
    ],
  );
});

test('writes are highlighted, and without colours there is no escape sequence at all', () => {
  const model = new TopModel();
  model.add(interval(1));
  const coloured = topScreen(model.view(), 'North', { columns: 100, rows: 24 }, true);
  const row = coloured.find((line) => line.includes('10.0.0.2'));
  assert.match(row ?? '', COLOUR);
  const plain = topScreen(model.view(), 'North', { columns: 100, rows: 24 }, false);
  assert.ok(!plain.join('').includes(ESCAPE));
  assert.deepEqual(
    coloured.map((line) => line.replaceAll(COLOUR, '')),
    plain,
  );
});

test('any size: no line longer than the screen is wide, no more lines than it is high', () => {
  const model = new TopModel();
  for (let at = 0; at < 30; at++) model.add(interval(at));
  const sizes = fc.record({
    columns: fc.integer({ min: 0, max: 300 }),
    rows: fc.integer({ min: 0, max: 100 }),
  });
  fc.assert(
    fc.property(sizes, fc.string(), (size, name) => {
      const lines = topScreen(model.view(), name, size, false);
      assert.ok(lines.length <= Math.max(1, size.rows));
      for (const line of lines) assert.ok(line.length <= Math.max(1, size.columns));
    }),
  );
});

test('a line from the wire stays one line of text', () => {
  const evil = `x${ESCAPE}[2J\u202e\n`;
  const write = observationLine({
    kind: 'write',
    timeUs: 1,
    nodeId: evil,
    details: { value: evil },
  });
  assert.ok(!/[\n\u202e]/.test(write) && !write.includes(ESCAPE));
  assert.match(observationLine({ kind: 'gap', timeUs: Number.NaN }), /^--:--/);
  const detection = {
    detectionId: 'a',
    code: 'MADE',
    severity: 'high',
    title: evil,
    techniques: [],
    firstSeenUs: 1,
    lastSeenUs: 1,
    occurrencesCount: 1,
    evidence: { records: [] },
    explanation: '',
    remedy: '',
  } as const;
  assert.ok(!alertLine({ change: 'raised', detection }).includes(ESCAPE));
});

test('what is no interval is none, whatever it is', () => {
  assert.ok(liveInterval(JSON.stringify(interval(1))) !== undefined);
  for (const line of [
    '',
    '{',
    '[]',
    'null',
    '{"kind":"interval"}',
    '{"kind":"interval","report":{}}',
  ]) {
    assert.equal(liveInterval(line), undefined, line);
  }
  fc.assert(
    fc.property(fc.json(), (line) => {
      liveInterval(line);
    }),
  );
});

// biome-ignore format: one case per line
const widths = [
  { columns: 80, ends: 'RTT ms', shows: ['CLIENT', 'SERVER', 'UNIT', 'REQ/S', 'WRITES', 'EXC', 'RTT ms'] },
  { columns: 60, ends: 'WRITES', shows: ['CLIENT', 'SERVER', 'REQ/S', 'WRITES'] },
];

for (const { columns, ends, shows } of widths) {
  test(`a terminal of ${columns} columns shows whole columns, and the writes`, () => {
    const model = new TopModel();
    model.add(interval(0));
    const head = topScreen(model.view(), 'North', { columns, rows: 24 }, false)[2];
    assert.ok(head.length <= columns && head.endsWith(ends), head);
    assert.deepEqual(head.trim().split(/\s{1,}(?!ms)/), shows);
  });
}
