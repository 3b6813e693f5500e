/** Keys and files of the agent: made once, owner only, and missing ones named with a remedy. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hexOfBytes } from '../../protocols/uplink/address.ts';
import { isAgentId } from '../../protocols/uplink/agent-id.ts';
import { loadReceiptKey, loadTlsCredentials, openAgentIdentity } from './credentials.ts';
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
