/**
 * The hub asks a site for the frames behind an alert: the agent answers on stream 3, the hub stores
 * what came, writes it as a pcap file and exports it, and anyone can check it.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Ended, eventually, fieldtap, startDevice, startHub } from '../bench-process.ts';
import { BenchSite } from '../bench-site.ts';
import { testNeeding } from '../needs.ts';

let site: BenchSite | undefined;
after(() => site?.close());

/** pcap: magic number for microseconds in our byte order, then 20 bytes of header. */
const PCAP_MAGIC = 0xa1b2c3d4;
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_HEADER_BYTES = 16;
/** What the stranger does. Its frames hide nothing, so all of them are evidence. */
const CASE = 'MODBUS_FUNCTION_ZERO';
/** Of one request. */
const DETECTIONS_MAX = 16;

const needs = [{ kind: 'privilege', capability: 'netRaw' }] as const;

testNeeding(needs, 'evidence is asked for, sent, stored, written, exported, verified', async () => {
  const capture = 'interfaces: [{ name: lo, role: host }]';
  site = await BenchSite.enrolled({ sharing: 'full', capture });
  const { hubConfig, directory } = site;
  const agent = site.startAgent();
  await site.until(({ isCapturing }) => isCapturing, 'the capture');
  const server = site.keep(startDevice('modbus-server.ts', ['--port', '502']));
  const { port } = await server.ready();
  site.keep(startDevice('modbus-client.ts', ['--port', String(port), '--role', 'stranger']));
  const hub = (...words: string[]): Promise<Ended> =>
    startHub([...words, '--config', hubConfig, '--json']).ended();

  const alerts = await eventually(async () => {
    const { stdout } = await hub('alerts');
    const found = facts(stdout).filter(({ framesSha256 }) => framesSha256 !== undefined);
    return found.some(({ code }) => code === CASE) ? found : undefined;
  }, `the alert ${CASE} at the hub`);
  const { agentId } = alerts[0];
  const hashes = new Map(alerts.map((each) => [each.detectionId, each.framesSha256]));

  const out = join(directory, 'frames');
  const detectionIds = [...hashes.keys()].slice(0, DETECTIONS_MAX);
  const asked = ['request', '--agent', String(agentId), '--detection', ...detectionIds.map(String)];
  const answered = await hub(...asked, '--out', out);
  const answers = facts(answered.stdout);
  assert.equal(answers.length, detectionIds.length, answered.stderr);
  const withFrames = answers.filter(({ kind }) => kind === 'frames');
  assert.ok(withFrames.length > 0, answered.stdout);
  assert.equal(answered.exitCode, withFrames.length === answers.length ? 0 : 1);
  // The hash under the alert's signature is over the frames; of a masked case also over more.
  const proven = withFrames.filter(({ detectionId, bytes, file }) => {
    const pcap = readFileSync(String(file));
    assert.equal(pcap.byteLength, bytes);
    const digest = createHash('sha256');
    for (const frame of framesOf(pcap)) digest.update(frame);
    return digest.digest('hex') === hashes.get(detectionId);
  });
  assert.ok(proven.length > 0, answered.stdout);

  // What the agent has not is said to be gone, and by whom nobody is, nothing is asked.
  const unknown = await hub('request', '--agent', String(agentId), '--detection', '00'.repeat(8));
  assert.equal(unknown.exitCode, 1, unknown.stderr);
  assert.equal(JSON.parse(unknown.stdout).absence, 'gone');
  const nobody = await hub('request', '--agent', 'nobody', '--detection', '00'.repeat(8));
  assert.match(nobody.stderr, /\[HUB_AGENT_NOT_ENROLLED\]/);
  const wrong = await hub('request', '--agent', String(agentId), '--detection', 'everything');
  assert.match(wrong.stderr, /\[HUB_REQUEST_INVALID\]/);

  // Stored like any message: in the export, under the agent's signature.
  const archive = join(directory, 'all.ftar');
  assert.equal((await hub('export', archive)).exitCode, 0);
  const verified = await fieldtap(['verify', archive, '--json']);
  assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
  const { streams } = await hub('status').then(({ stdout }) => JSON.parse(stdout));
  const stored = streams.find(
    (stream: { agentId: string; stream: number }) =>
      stream.agentId === agentId && stream.stream === 3,
  );
  assert.ok(stored.stored >= 3, 'the beginning of the epoch and both answers');
  assert.deepEqual(stored.missing, []);

  // An agent that isn't there: told, with what to do next.
  agent.signal('SIGTERM');
  await agent.ended();
  const silent = await hub(...asked, '--wait', '1');
  assert.equal(silent.exitCode, 1);
  assert.match(silent.stderr, /\[HUB_REQUEST_UNANSWERED\]/);
});

function facts(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function framesOf(pcap: Buffer): Buffer[] {
  assert.equal(pcap.readUInt32LE(0), PCAP_MAGIC);
  const frames: Buffer[] = [];
  for (let at = PCAP_HEADER_BYTES; at < pcap.byteLength; ) {
    const start = at + PCAP_RECORD_HEADER_BYTES;
    at = start + pcap.readUInt32LE(at + 8);
    frames.push(pcap.subarray(start, at));
  }
  return frames;
}
