/** What leaves the site: folding of intervals, the sharing levels, the size limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, report } from '../../buffer/test-kit.ts';
import type { Sharing } from '../../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../../protocols/uplink/open.ts';
import { ManualClock } from '../platform/clock.ts';
import { SiteDigest } from '../platform/digest.ts';
import { alertContent } from './alerts.ts';
import { MessageSealer } from './message-sealer.ts';
import { SharingPolicy } from './sharing.ts';
import { SiteTime } from './site-time.ts';
import { splitSummary } from './split-summary.ts';
import { SummaryFold } from './summarize.ts';
import { conversation, newSigner } from './test-kit.ts';

const digest = new SiteDigest(new Uint8Array(16).fill(7));
const policy = (level: Sharing): SharingPolicy => new SharingPolicy(level, digest);
const context = {
  siteName: 'Waterworks North',
  sector: 'water',
  programVersion: '0.1.0',
  health: {
    uptimeSeconds: 1,
    residentBytes: 2,
    outboxMessages: 3,
    outboxBytes: 4,
    databaseBytes: 5,
  },
};
const coverage = {
  interfaceName: 'eth1',
  framesSeen: 10,
  framesDropped: 1,
  framesTruncated: 0,
  bytesSeen: 100,
  linkUp: true,
  coveredMs: 900,
  intervalMs: 1000,
};
const table = { table: 'flows', used: 3, max: 8192, evicted: 2, refused: 1 };

function folded(reports: number, level: Sharing): ReturnType<SummaryFold['content']> {
  const fold = new SummaryFold();
  for (let index = 0; index < reports; index++) {
    fold.add({
      ...report(2),
      fromUs: index * 1e6,
      toUs: (index + 1) * 1e6,
      coverage: [{ ...coverage, linkUp: index === 0 }],
      tables: [{ ...table, used: index }],
      conversations: [conversation(1), { ...conversation(1), unitId: 18 }],
      conversationsFolded: 4,
      observationsFolded: 3,
      detections: [{ change: 'raised', detection: detection({ occurrencesCount: index + 1 }) }],
      traffic: { ...report(0).traffic, frames: 5 },
    });
  }
  return fold.content(policy(level), context);
}

test('intervals fold into one account of the whole time', () => {
  const content = folded(3, 'standard');
  assert.deepEqual([content?.fromUs, content?.toUs, content?.traffic.frames], [0, 3e6, 15]);
  assert.deepEqual(content?.coverage, [
    {
      ...coverage,
      framesSeen: 30,
      framesDropped: 3,
      bytesSeen: 300,
      linkUp: false,
      coveredMs: 2700,
      intervalMs: 3000,
    },
  ]);
  assert.deepEqual(content?.health.tables, [{ ...table, used: 2, evicted: 6, refused: 3 }]);
  assert.deepEqual(
    [content?.observationsCount, content?.health.observationsFolded, content?.conversationsFolded],
    [6, 9, 4],
  );
  assert.deepEqual(
    content?.detections.map(({ occurrencesCount }) => occurrencesCount),
    [3],
  );
  assert.deepEqual(
    content?.conversations.map(({ unitId, requests, functionCodes }) => [
      unitId,
      requests,
      functionCodes?.[0].requests,
    ]),
    [
      [17, 2997, 2997],
      [18, 2997, 2997],
    ],
  );
  assert.deepEqual(content?.conversations[0].rttUs, { p50: 100, p95: 200, max: 300 });
});

test('an empty fold has nothing to say, also after a clear', () => {
  const fold = new SummaryFold();
  assert.equal(fold.content(policy('full'), context), undefined);
  fold.add(report(1));
  fold.clear();
  assert.deepEqual([fold.isEmpty, fold.content(policy('full'), context)], [true, undefined]);
});

test('the busiest 500 conversations are listed, the rest is counted', () => {
  const fold = new SummaryFold();
  const all = Array.from({ length: 700 }, (_, index) => conversation(699 - index));
  fold.add({ ...report(0), conversations: all });
  const content = fold.content(policy('standard'), context);
  assert.deepEqual(
    [
      content?.conversations.length,
      content?.conversationsFolded,
      content?.conversations[0].requests,
    ],
    [500, 200, 1000],
  );
});

test('at minimal no address, unit id or name of the site leaves; one address has one pseudonym', () => {
  const content = folded(2, 'minimal');
  const text = JSON.stringify(content);
  for (const secret of ['10.0.0.1', '10.9.0.1', 'unitId', 'Waterworks'])
    assert.ok(!text.includes(secret), secret);
  assert.equal(content?.conversations.length, 1, 'units behind one gateway are one line');
  assert.equal(content?.conversations[0].requests, 4 * 999);
  assert.match(content?.conversations[0].serverIpAddress ?? '', /^[0-9a-f]{16}$/);
  assert.equal(content?.conversations[0].serverIpAddress, policy('minimal').address('10.9.0.1'));
  assert.equal(folded(1, 'standard')?.siteName, 'Waterworks North');
});

const spoken = detection({
  client: '10.0.0.5',
  server: 'fe80::1',
  unitId: 17,
  title: 'New device is writing to fe80::1 unit 17',
  explanation:
    '10.0.0.5 (00:1b:44:11:3a:b7, 00-1B-44-11-3A-B8) wrote "Pump 1" on opc.tcp://plc7.example:4840/x at 2001:db8::7:1.',
  remedy: 'Find 10.0.0.5, and 192.168.1.77 behind ::ffff:10.1.1.1.',
});

test('at minimal an alert says what happened, without saying where in clear', () => {
  const alert = alertContent({ change: 'raised', detection: spoken }, policy('minimal'));
  const text = JSON.stringify(alert);
  // biome-ignore format: a list
  const secrets = ['10.0.0.5', 'fe80', '00:1b', '00-1B', 'Pump', 'plc7', '2001', '192.168', '10.1.1', '17', 'unitId'];
  for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  assert.equal(alert.title, `New device is writing to ${alert.server} unit (not shared)`);
  assert.ok(alert.explanation.startsWith(`${alert.client} (`));
});

test('at standard an alert is told as it was seen', () => {
  const alert = alertContent({ change: 'repeated', detection: spoken }, policy('standard'));
  assert.deepEqual(
    [alert.client, alert.unitId, alert.title, alert.explanation],
    [spoken.client, 17, spoken.title, spoken.explanation],
  );
  assert.equal(alert.framesSha256, undefined);
  const withHash = { ...spoken, evidence: { records: [], framesSha256: 'ab'.repeat(32) } };
  assert.equal(
    alertContent({ change: 'raised', detection: withHash }, policy('full')).framesSha256
      ?.byteLength,
    32,
  );
});

test('50 conversations and 5 detections are a message of about two kilobytes', () => {
  const signer = newSigner();
  const fold = new SummaryFold();
  const detections = Array.from({ length: 5 }, (_, index) => ({
    change: 'raised' as const,
    detection: detection({ detectionId: `000000000000000${index}` }),
  }));
  fold.add({
    ...report(0),
    coverage: [coverage],
    conversations: Array.from({ length: 50 }, (_, index) => conversation(index)),
    detections,
  });
  const content = fold.content(policy('minimal'), context);
  assert.ok(content !== undefined);
  const message = sealAgentMessage(signer, {
    ...content,
    agentId: signer.signerId,
    epoch: 1,
    stream: 2,
    sequence: 2,
    previousSha256: new Uint8Array(32),
    signedAtMs: 1,
    clockSource: 'none',
  });
  assert.ok(message.byteLength < 2800, `${message.byteLength} bytes`);
});

const noisy = Array.from({ length: 500 }, (_, index) => ({
  ...conversation(index),
  functionCodes: Array.from({ length: 30 }, (_, code) => {
    const requests = Math.floor(Math.abs(Math.sin(index * 131 + code)) * 1e9);
    return { functionCode: code, requests, responses: requests >> 3, exceptions: requests >> 9 };
  }),
}));

// biome-ignore format: one case per line
const limits = [
  { name: 'a fast link',        bytesMax: 48 * 1024, conversations: noisy },
  { name: '9,600 bit/s',        bytesMax: 2048,      conversations: noisy.slice(0, 60) },
  { name: 'the slowest link',   bytesMax: 1024,      conversations: noisy.slice(0, 8) },
];
for (const { name, bytesMax, conversations } of limits) {
  test(`${name}: a summary that would be too long goes in parts, and nothing is folded`, () => {
    const fold = new SummaryFold();
    const raised = Array.from({ length: 9 }, (_, index) => ({
      change: 'raised' as const,
      detection: detection({ detectionId: `000000000000000${index}` }),
    }));
    fold.add({ ...report(0), conversations, coverage: [coverage], detections: raised });
    const time = new SiteTime(new ManualClock(), () => ({ source: 'none' }));
    const sealer = new MessageSealer(newSigner(), policy('minimal'), time);
    const content = fold.content(policy('minimal'), context);
    assert.ok(content !== undefined);
    const parts = splitSummary(content, bytesMax, (part) => sealer.bytesOf(part));
    assert.ok(parts.length > 1, `${parts.length} parts`);
    assert.ok(parts.every((part) => sealer.bytesOf(part) <= bytesMax));
    assert.deepEqual(
      parts.map(({ part }) => part),
      parts.map((_, index) => ({ number: index + 1, of: parts.length })),
    );
    const again = parts.flatMap((part) => part.conversations);
    assert.deepEqual(again, content.conversations);
    assert.equal(parts.flatMap((part) => part.detections).length, 9);
    assert.equal(
      parts.reduce((sum, { traffic }) => sum + traffic.frames, 0),
      content.traffic.frames,
    );
    assert.deepEqual(
      parts.map((part) => part.coverage.length),
      parts.map((_, index) => (index === 0 ? 1 : 0)),
    );
  });
}

test('what is estimated is what is signed, to some bytes', () => {
  const signer = newSigner();
  const time = new SiteTime(new ManualClock(), () => ({ source: 'none' }));
  const sealer = new MessageSealer(signer, policy('minimal'), time);
  const content = folded(3, 'minimal');
  assert.ok(content !== undefined);
  const bytes = sealer.summary(
    {
      agentId: signer.signerId,
      epoch: 1,
      stream: 2,
      sequence: 2,
      previousSha256: new Uint8Array(32).map((_, index) => index * 37),
    },
    content,
  );
  const estimated = sealer.bytesOf(content);
  assert.ok(Math.abs(bytes.byteLength - estimated) < 40, `${bytes.byteLength}, ${estimated}`);
});

test('times without sight are told: link down, worker restart, a process that stood still', () => {
  const fold = new SummaryFold();
  const at = (fromUs: number, reportNumber: number, over: object = {}): void =>
    fold.add({
      ...report(0),
      reportNumber,
      fromUs: fromUs * 1e6,
      toUs: (fromUs + 1) * 1e6,
      coverage: [{ ...coverage, coveredMs: 1000, ...over }],
    });
  at(0, 1);
  at(1, 2, { coveredMs: 400, linkUp: false });
  at(2, 3, { coveredMs: 0, linkUp: false });
  at(3, 4);
  at(7, 5);
  at(9, 1);
  const content = fold.content(policy('full'), context);
  assert.deepEqual(content?.blind, [
    { interfaceName: 'eth1', fromUs: 1.4e6, toUs: 3e6, cause: 'linkDown' },
    { fromUs: 4e6, toUs: 7e6, cause: 'suspended' },
    { fromUs: 8e6, toUs: 9e6, cause: 'workerRestart' },
  ]);
  fold.clear();
  at(10, 2);
  assert.equal(fold.content(policy('full'), context)?.blind, undefined);
});

test('what only some sources count is summed where it is there', () => {
  const fold = new SummaryFold();
  const more = { framesDuplicate: 4, bytesNotFramed: 3, bytesMissed: 2 };
  fold.add({ ...report(0), coverage: [coverage, { ...coverage, interfaceName: 'eth2' }] });
  fold.add({ ...report(0), coverage: [{ ...coverage, ...more }] });
  fold.add({ ...report(0), coverage: [{ ...coverage, ...more }] });
  const rows = fold.content(policy('full'), context)?.coverage;
  assert.deepEqual(
    rows?.map(({ framesDuplicate, bytesNotFramed, bytesMissed }) => [
      framesDuplicate,
      bytesNotFramed,
      bytesMissed,
    ]),
    [
      [8, 6, 4],
      [undefined, undefined, undefined],
    ],
  );
});
