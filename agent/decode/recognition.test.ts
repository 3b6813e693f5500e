/**
 * Which flows are recognised, by whose bytes, and who is the client: one situation a line, with the
 * fake protocol of test-traffic.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { A, c, decode, elsewhere, OPEN, Q, s } from './test-decoder.ts';
import type { FakeAnalyzer, FrameFields } from './test-traffic.ts';

// biome-ignore format: one case per line
const recognitions: { name: string; frames: FrameFields[]; modbus: string[]; opcua?: string[] }[] = [
  { name: 'on its port a request alone is enough',            frames: [...OPEN, c(1001, Q)], modbus: ['q1..|'] },
  { name: 'other bytes on that port are left alone',          frames: [...OPEN, c(1001, 'GET / HTTP/1.1'), s(5001, 'HTTP/1.1 200')], modbus: [] },
  { name: 'on that port a later segment may begin it',        frames: [...OPEN, c(1001, 'GET / HTTP/1.1'), c(1015, Q), s(5001, A)], modbus: ['q1..|a1..'] },
  { name: 'a beginning in single bytes',                      frames: [...OPEN, c(1001, 'q'), c(1002, '1'), c(1003, '.'), c(1004, '.'), c(1005, 'q2..')], modbus: ['q1..q2..|'] },
  { name: 'elsewhere a request alone proves nothing',         frames: [...OPEN, c(1001, Q)].map(elsewhere), modbus: [] },
  { name: 'elsewhere its answer does',                        frames: [...OPEN, c(1001, Q), s(5001, A)].map(elsewhere), modbus: ['q1..|a1..'] },
  { name: 'an answer to something else does not',             frames: [...OPEN, c(1001, Q), s(5001, 'a7..')].map(elsewhere), modbus: [] },
  { name: 'joined between question and answer',               frames: [s(5001, 'a7..'), c(1001, Q), s(5005, A), c(1005, 'q2..')].map(elsewhere), modbus: ['q1..q2..|a1..'] },
  { name: 'several requests wait for the first answer',       frames: [...OPEN, c(1001, Q), c(1005, 'q2..'), c(1009, 'q3..'), s(5001, 'a1..a2..')].map(elsewhere), modbus: ['q1..q2..q3..|a1..a2..'] },
  { name: 'a hole between them forgets what waited',          frames: [...OPEN, c(1001, Q), c(1009, 'q3..'), s(5001, '', 1013), s(5001, 'a3..', 1013)].map(elsewhere), modbus: ['q3..|a3..'] },
  { name: 'OPC UA on any port',                               frames: [...OPEN, c(1001, 'HELO'), s(5001, 'ACKN')].map(elsewhere), modbus: [], opcua: ['HELO|ACKN'] },
  { name: 'OPC UA on the port of the other protocol',         frames: [...OPEN, c(1001, 'HE'), c(1003, 'LO'), s(5001, 'ACKN')], modbus: [], opcua: ['HELO|ACKN'] },
  { name: 'what one side said before the other was known',    frames: [...OPEN, s(5001, 'AC'), c(1001, 'HELO'), s(5003, 'KN')].map(elsewhere), modbus: [], opcua: ['HELO|ACKN'] },
];

for (const { name, frames, modbus, opcua } of recognitions) {
  test(name, () => {
    const run = decode(frames);
    const text = (analyzer: FakeAnalyzer) =>
      analyzer.flows.map((flow) => `${flow.client}|${flow.server}`);
    assert.deepEqual(text(run.modbus), modbus);
    assert.deepEqual(text(run.opcua), opcua ?? []);
    assert.equal(run.counters.reassemblyBytesUsed, 0);
  });
}

test('off the configured ports a flow is looked at for a bounded number of segments', () => {
  const frames = [
    ...OPEN,
    ...Array.from({ length: 32 }, (_, index) => c(1001 + index * 4, 'XXXX')),
  ];
  const late = [c(1129, 'HELO'), s(5001, 'ACKN')];
  assert.equal(
    decode([...frames, ...late].map(elsewhere), { recognitionTriesMax: 32 }).opcua.flows[0].client,
    '',
  );
  assert.equal(
    decode([...frames, ...late].map(elsewhere), { recognitionTriesMax: 33 }).opcua.flows[0].client,
    'HELO',
  );
});

// biome-ignore format: one case per line
const roles: { name: string; frames: FrameFields[]; client: number; source: string; confidence: number; originator: string }[] = [
  { name: 'by the SYN',                          frames: [...OPEN, s(5001, A), c(1001, Q)], client: 5, source: 'syn', confidence: 1, originator: 'client' },
  { name: 'by the SYN-ACK',                      frames: [OPEN[1], s(5001, A)], client: 5, source: 'syn', confidence: 1, originator: 'client' },
  { name: 'by the configured port, not the smaller', frames: [c(1001, Q)].map((frame) => ({ ...frame, from: { host: 5, port: 80 } })), client: 5, source: 'port', confidence: 0.8, originator: 'unknown' },
  { name: 'by the hello before the port',        frames: [{ ...s(5001, 'HELO'), from: { host: 9, port: 4840 } }], client: 9, source: 'hello', confidence: 0.95, originator: 'unknown' },
  { name: 'by the shape of the question',        frames: [c(1001, Q), s(5001, A)].map(elsewhere), client: 5, source: 'pduShape', confidence: 0.6, originator: 'unknown' },
  { name: 'by the shape of the other side\'s',   frames: [c(1001, Q), s(5001, A)].map(elsewhere).map((frame) => ({ ...frame })), client: 5, source: 'pduShape', confidence: 0.6, originator: 'unknown' },
  { name: 'reverse hello: the server opens',     frames: [...OPEN, c(1001, 'RHEL'), s(5001, 'HELO')].map(elsewhere), client: 9, source: 'hello', confidence: 0.95, originator: 'server' },
];

for (const { name, frames, client, source, confidence, originator } of roles) {
  test(`client and server ${name}`, () => {
    const run = decode(frames);
    const { flow } = [...run.modbus.flows, ...run.opcua.flows][0];
    assert.equal(flow.client.ipAddress, `10.0.0.${client}`);
    assert.deepEqual(
      [flow.roleSource, flow.roleConfidence, flow.originator],
      [source, confidence, originator],
    );
  });
}

test('the facts of a flow: addresses, MACs, VLANs of ring and frame, interface, times', () => {
  const tags = { vlanTags: [0x2014, 30], ringVlan: 0xa00a };
  const frames = [...OPEN, c(1001, Q, 5001), s(5001, A, 1005), c(1005, 'q2..', 5005)];
  const { modbus } = decode(frames.map((frame) => ({ ...frame, ...tags })));
  const { flow } = modbus.flows[0];
  assert.deepEqual(flow.vlanIds, [10, 20, 30]);
  assert.equal(flow.client.macAddress, '02:00:00:00:00:05');
  assert.equal(flow.server.macAddress, '02:00:00:00:00:09');
  assert.deepEqual([...flow.server.ipBytes], [10, 0, 0, 9]);
  assert.deepEqual([flow.client.port, flow.server.port], [40_001, 502]);
  assert.equal(flow.interfaceIndex, 3);
  assert.equal(flow.startTimeUs, 1_790_000_000_000_000);
  assert.equal(flow.lastSeenUs, 1_790_000_000_000_005);
  assert.deepEqual([flow.clientSegmentsCount, flow.serverSegmentsCount], [2, 1]);
});

test('IPv6 addresses, and none of them left when the flows are gone', () => {
  const frames = [...OPEN, c(1001, Q), s(5001, A)].map((frame) => ({ ...frame, isIpv6: true }));
  const { flow } = decode(frames).modbus.flows[0];
  assert.equal(flow.client.ipAddress, 'fd00::5');
  assert.equal(flow.server.ipAddress, 'fd00::9');
  assert.equal(flow.server.ipBytes.length, 16);
});
