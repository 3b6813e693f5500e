/** What an archive's verifier finds: nothing in a sound one, and each fault under its own name. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { ArchiveReader, type ArchiveRecord, encodeArchiveRecord } from './archive.ts';
import { type ArchiveReport, ArchiveVerifier } from './archive-verifier.ts';
import { messageSha256 } from './cose.ts';
import { keyRotationContent } from './key-rotation.ts';
import type { AgentMessage, Receipt } from './messages.ts';
import { sealAgentMessage, sealReceipt } from './open.ts';
import { sampleEs256Signer, sampleSigner } from './sample-keys.ts';
import {
  sampleBytes,
  sampleEpochBegins,
  sampleIdentity,
  sampleSummary,
} from './sample-messages.ts';
import { keyObjectSigner, type Signer } from './signature.ts';

const agent = sampleSigner('agent');
const rotated = sampleEs256Signer('agent');
const hub = sampleSigner('hub');
const stranger = sampleSigner('stranger');
const { signerId: agentId } = agent;

/** Seals messages of one stream, each naming the one before it. */
function chained(messages: readonly AgentMessage[], signer: Signer = agent): Uint8Array[] {
  const sealed: Uint8Array[] = [];
  for (const message of messages) {
    const before = sealed.at(-1);
    const previousSha256 = before === undefined ? new Uint8Array(32) : messageSha256(before);
    sealed.push(sealAgentMessage(signer, { ...message, previousSha256 }));
  }
  return sealed;
}

const summaries = chained([
  sampleEpochBegins(agentId, 2),
  ...[2, 3, 4, 5, 6].map((sequence) => sampleSummary(agentId, sequence)),
]);
const message = (bytes: Uint8Array): ArchiveRecord => ({ kind: 'message', bytes });
const keyRecord = (role: 'agent' | 'receipt', signer: Signer): ArchiveRecord => ({
  kind: 'key',
  key: {
    role,
    signerId: signer.signerId,
    keyNumber: signer.keyNumber,
    algorithm: signer.algorithm,
    publicKeyHex: Buffer.from(signer.publicKey).toString('hex'),
  },
});
const keys = [keyRecord('agent', agent), keyRecord('receipt', hub)];

function verify(
  records: readonly ArchiveRecord[],
  change?: (file: Buffer) => Buffer,
): ArchiveReport {
  const file = Buffer.concat(records.map(encodeArchiveRecord));
  const reader = new ArchiveReader();
  const verifier = new ArchiveVerifier();
  for (const item of reader.push(change === undefined ? file : change(file))) verifier.take(item);
  for (const item of reader.end()) verifier.take(item);
  return verifier.report();
}

function receipt(cumulative: number, of: Uint8Array, signer = hub): ArchiveRecord {
  const facts: Receipt = {
    kind: 'receipt',
    agentId,
    epoch: sampleIdentity(agentId, 2, 1).epoch,
    stream: 2,
    cumulative,
    cumulativeSha256: messageSha256(of),
    have: [],
    refused: [],
    receiptSerial: 1,
    hubEpoch: 77,
    hubTimeMs: 1_790_000_000_000,
  };
  return { kind: 'receipt', bytes: sealReceipt(signer, facts) };
}

test('a sound archive: nothing is found, and the receipt is accounted', () => {
  const report = verify([...keys, ...summaries.map(message), receipt(5, summaries[4])]);
  assert.deepEqual(report.findings, []);
  assert.equal(report.isSound, true);
  const [{ messages, from, to, receiptedUpTo }] = report.streams;
  assert.deepEqual([messages, from, to, receiptedUpTo], [6, 1, 6, 5]);
});

const clone = sealAgentMessage(agent, { ...sampleSummary(agentId, 3), observationsCount: 99 });
const unlinked = { ...sampleSummary(agentId, 4), previousSha256: sampleBytes('elsewhere', 32) };
const [m1, m2, m3, , m5, m6] = summaries.map(message);
const buried = chained([
  sampleEpochBegins(agentId, 2),
  {
    kind: 'tombstone',
    ...sampleIdentity(agentId, 2, 2),
    epochOf: sampleIdentity(agentId, 2, 1).epoch,
    from: 3,
    to: 5,
    lastSha256: messageSha256(summaries[4]),
    messages: 3,
    bytes: 3000,
    reason: 'quota',
  },
]);
const torn = (file: Buffer): Buffer => file.subarray(0, file.byteLength - 5);
const flipped = (file: Buffer): Buffer => {
  file[file.byteLength - 200] ^= 1;
  return file;
};

// biome-ignore format: one case per line
const cases = [
  { name: 'a hole',                          records: [...keys, m1, m2, m5, m6],                      kinds: ['hole'] },
  { name: 'a hole that a tombstone tells',   records: [...keys, ...buried.map(message), m6],          kinds: ['tombstone'] },
  { name: 'a hole larger than its tombstone', records: [...keys, ...buried.map(message), message(sealAgentMessage(agent, sampleSummary(agentId, 7)))], kinds: ['hole', 'tombstone'] },
  { name: 'another predecessor than a tombstone says', records: [...keys, ...buried.map(message), message(sealAgentMessage(agent, sampleSummary(agentId, 6)))], kinds: ['fork', 'tombstone'] },
  { name: 'a clone under one sequence',      records: [...keys, m1, m2, m3, message(clone)],          kinds: ['fork'] },
  { name: 'another predecessor',             records: [...keys, m1, m2, m3, message(sealAgentMessage(agent, unlinked))], kinds: ['fork'] },
  { name: 'the same message twice',          records: [...keys, m1, m2, m2],                          kinds: [] },
  { name: 'in any order',                    records: [...keys, m3, m1, m2],                          kinds: [] },
  { name: 'no key at all',                   records: [m1],                                           kinds: ['unprovenKey'] },
  { name: "a stranger's message",            records: [...keys, message(sealAgentMessage(keyObjectAs(stranger), sampleSummary(agentId, 2)))], kinds: ['refused'] },
  { name: "a receipt by a stranger's key",   records: [...keys, m1, receipt(1, summaries[0], stranger)], kinds: ['refused'] },
  { name: 'a receipt for another message',   records: [...keys, m1, receipt(1, summaries[1])],        kinds: ['receiptDiffers'] },
  { name: 'a flipped bit',                   records: [...keys, m1, m2], change: flipped,             kinds: ['damaged'] },
  { name: 'a torn end',                      records: [...keys, m1, m2], change: torn,                kinds: ['cut'] },
] as const;

for (const { name, records, kinds, ...rest } of cases) {
  test(`found in an archive with ${name}: ${kinds.join(', ') || 'nothing'}`, () => {
    const report = verify(records, 'change' in rest ? rest.change : undefined);
    const found = new Set<string>(report.findings.map(({ kind }) => kind));
    assert.deepEqual([...found].sort(), [...kinds]);
    assert.equal(
      report.isSound,
      kinds.every((kind) => kind === 'tombstone'),
    );
  });
}

test('a rotated key is believed from its rotation on, and not before', () => {
  const rotation: AgentMessage = {
    kind: 'keyRotation',
    ...sampleIdentity(agentId, 1, 2),
    ...keyRotationContent(rotated),
  };
  const alerts = chained([sampleEpochBegins(agentId, 1), rotation]);
  const first = chained([sampleEpochBegins(agentId, 2)], rotated);
  assert.deepEqual(verify([...keys, ...alerts.map(message), message(first[0])]).findings, []);
  const early = verify([...keys, keyRecord('agent', rotated), message(first[0])]);
  assert.deepEqual(
    early.findings.map(({ kind }) => kind),
    ['unprovenKey'],
  );
});

/** Another's key under this agent's key id. */
function keyObjectAs(_: Signer): Signer {
  const { privateKey } = generateKeyPairSync('ed25519');
  return keyObjectSigner({ signerId: agentId, keyNumber: 1 }, privateKey);
}
