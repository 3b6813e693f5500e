/** Keys and files of the agent: made once, owner only, and missing ones named with a remedy. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hexOfBytes } from '../../protocols/uplink/address.ts';
import { agentIdOf, isAgentId } from '../../protocols/uplink/agent-id.ts';
import { openAgentMessage, sealAgentMessage } from '../../protocols/uplink/open.ts';
import { sampleSummary } from '../../protocols/uplink/sample-messages.ts';
import { verificationKey } from '../../protocols/uplink/signature.ts';
import {
  loadAdvisoryKey,
  loadReceiptKey,
  loadTlsCredentials,
  openAgentIdentity,
} from './credentials.ts';
import { newSigner } from './test-kit.ts';

const root = mkdtempSync(join(tmpdir(), 'fieldtap-credentials-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('the agent key is made on first start, stays, and belongs to the owner alone', () => {
  const folder = join(root, 'a');
  const first = openAgentIdentity(folder);
  const second = openAgentIdentity(folder);
  assert.ok(isAgentId(first.agentId));
  assert.equal(second.agentId, first.agentId);
  assert.equal(statSync(join(folder, 'agent-key.pem')).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8')), {
    agentId: first.agentId,
    keyNumber: 1,
    algorithm: 'Ed25519',
    publicKeyHex: hexOfBytes(first.signer.publicKey),
  });
});

test('a spoilt key is a fault, never a silent new identity', () => {
  const folder = join(root, 'b');
  openAgentIdentity(folder);
  writeFileSync(join(folder, 'agent-key.pem'), 'no key');
  assert.throws(() => openAgentIdentity(folder), { code: 'UPLINK_AGENT_KEY_UNUSABLE' });
});

test('a P-256 key of an own making signs with ES256, under an id of its own', () => {
  const folder = join(root, 'es256');
  mkdirSync(folder);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(folder, 'agent-key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const { agentId, signer } = openAgentIdentity(folder);
  assert.deepEqual([signer.algorithm, signer.keyNumber], ['ES256', 1]);
  assert.equal(agentId, agentIdOf(signer.publicKey));
  const bytes = sealAgentMessage(signer, sampleSummary(agentId, 2));
  const key = verificationKey('ES256', signer.publicKey);
  assert.equal(openAgentMessage(bytes, () => key).kind, 'opened');
});

// biome-ignore format: one case per line
const changed = [
  { name: 'another agent',               facts: (known: object) => ({ ...known, agentId: newSigner().signerId }) },
  { name: 'a later key of another pair', facts: (known: object) => ({ ...known, keyNumber: 3, publicKeyHex: 'ab'.repeat(32) }) },
  { name: 'nothing that we wrote',       facts: () => ['x'] },
] as const;
for (const { name, facts } of changed) {
  test(`agent.json about ${name} is a fault, never a silent new identity`, () => {
    const folder = mkdtempSync(join(root, 'changed-'));
    openAgentIdentity(folder);
    const known = JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8'));
    writeFileSync(join(folder, 'agent.json'), JSON.stringify(facts(known)));
    assert.throws(() => openAgentIdentity(folder), { code: 'UPLINK_AGENT_KEY_UNUSABLE' });
  });
}

test('the advisory key: none is no fault, a spoilt one is', () => {
  const folder = mkdtempSync(join(root, 'advisory-'));
  assert.equal(loadAdvisoryKey(folder), undefined);
  writeFileSync(join(folder, 'advisory-key.json'), '{}');
  assert.throws(() => loadAdvisoryKey(folder), { code: 'UPLINK_ADVISORY_KEY_UNUSABLE' });
  const advisor = newSigner();
  const facts = { hubId: advisor.signerId, keyNumber: 1001, algorithm: 'Ed25519' };
  const publicKeyHex = hexOfBytes(advisor.publicKey);
  writeFileSync(join(folder, 'advisory-key.json'), JSON.stringify({ ...facts, publicKeyHex }));
  const keys = loadAdvisoryKey(folder);
  assert.ok(keys?.({ signerId: advisor.signerId, keyNumber: 1001 }) !== undefined);
  assert.equal(keys?.({ signerId: advisor.signerId, keyNumber: 1 }), undefined);
});

const hub = newSigner();
const right = {
  hubId: hub.signerId,
  keyNumber: 1,
  algorithm: 'Ed25519',
  publicKeyHex: hexOfBytes(hub.publicKey),
};

// biome-ignore format: one case per line
const receiptKeys = [
  { name: 'no file',          text: undefined },
  { name: 'no JSON',          text: 'x' },
  { name: 'a list',           text: '[]' },
  { name: 'a foreign hubId',  text: JSON.stringify({ ...right, hubId: 'hub' }) },
  { name: 'a short key',      text: JSON.stringify({ ...right, publicKeyHex: 'ab' }) },
  { name: 'an odd algorithm', text: JSON.stringify({ ...right, algorithm: 'RS256' }) },
];
for (const { name, text } of receiptKeys) {
  test(`a receipt key with ${name} is a fault`, () => {
    if (text !== undefined) writeFileSync(join(root, 'receipt-key.json'), text);
    assert.throws(() => loadReceiptKey(root), { code: 'UPLINK_RECEIPT_KEY_MISSING' });
  });
}

test('the receipt key verifies for its own hub and key number only', () => {
  writeFileSync(join(root, 'receipt-key.json'), JSON.stringify(right));
  const lookup = loadReceiptKey(root);
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(
    lookup({ signerId: hub.signerId, keyNumber: 1 })?.verify(bytes, hub.sign(bytes)),
    true,
  );
  assert.equal(lookup({ signerId: hub.signerId, keyNumber: 2 }), undefined);
  assert.equal(lookup({ signerId: newSigner().signerId, keyNumber: 1 }), undefined);
});

test('the first missing TLS file is named', () => {
  assert.throws(
    () => loadTlsCredentials(root),
    (error: Error) =>
      error.message.includes('ca.pem') &&
      'code' in error &&
      error.code === 'UPLINK_TLS_FILE_MISSING',
  );
  for (const file of ['ca.pem', 'client-cert.pem', 'client-key.pem'])
    writeFileSync(join(root, file), file);
  assert.equal(Buffer.from(loadTlsCredentials(root).key).toString(), 'client-key.pem');
});
