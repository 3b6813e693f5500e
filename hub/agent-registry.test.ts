/** Enrolment by files: what enrols, what doesn't, and that a change counts within a second. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { sampleEs256Signer, sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { AgentRegistry } from './agent-registry.ts';
import { openReceiptSigner } from './receipt-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-registry-'));
after(() => rmSync(folder, { recursive: true }));

const agent = sampleSigner('agent');
const tpm = sampleEs256Signer('agent');
const other = sampleSigner('other agent');
const agentId = agent.signerId;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const good = { agentId, algorithm: 'Ed25519', publicKeyHex: hex(agent.publicKey) };

function registry(): { registry: AgentRegistry; clock: ManualClock; faults: string[] } {
  const clock = new ManualClock();
  const faults: string[] = [];
  const log = { ...silentLog, error: (_: unknown, message: string) => void faults.push(message) };
  return { registry: new AgentRegistry(folder, clock, log), clock, faults };
}

function write(content: unknown): void {
  writeFileSync(
    join(folder, `${agentId}.json`),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
}

// biome-ignore format: one case per line
const files = [
  { name: 'a good file',                      content: good,                                                      key1: 'known' },
  { name: 'all that is optional',             content: { ...good, siteName: 'North', sector: 'water', keyNumber: 1 }, key1: 'known' },
  { name: 'a revoked agent',                  content: { ...good, revoked: true },                                key1: 'revoked' },
  { name: 'another key number',               content: { ...good, keyNumber: 3 },                                 key1: 'unknown' },
  { name: 'another agent\'s key',             content: { ...good, publicKeyHex: hex(other.publicKey) },           key1: 'unknown' },
  { name: 'another agent\'s id inside',       content: { ...good, agentId: other.signerId },                      key1: 'unknown' },
  { name: 'an unknown key of the file',       content: { ...good, admin: true },                                  key1: 'unknown' },
  { name: 'half a file',                      content: '{"agentId":',                                             key1: 'unknown' },
  { name: 'a public key that is none',        content: { ...good, algorithm: 'ES256' },                           key1: 'unknown' },
] as const;

for (const { name, content, key1 } of files) {
  test(`${name}: key 1 is ${key1}`, () => {
    write(content);
    const bench = registry();
    assert.equal(bench.registry.lookup({ signerId: agentId, keyNumber: 1 }).kind, key1);
    assert.equal(
      bench.registry.isEnrolled(agentId),
      key1 === 'known' || name === 'another key number',
    );
  });
}

test('keys after a rotation stand beside the first, each with its own word', () => {
  const furtherKeys = [{ keyNumber: 2, algorithm: 'ES256', publicKeyHex: hex(tpm.publicKey) }];
  write({ ...good, furtherKeys });
  const bench = registry();
  const found = bench.registry.lookup({ signerId: agentId, keyNumber: 2 });
  assert.ok(found.kind === 'known' && found.key.algorithm === 'ES256');
});

test('nobody is enrolled by a name that is a path', () => {
  write(good);
  const bench = registry();
  assert.equal(bench.registry.lookup({ signerId: `../${agentId}`, keyNumber: 1 }).kind, 'unknown');
  assert.ok(!bench.registry.isEnrolled('../../etc/passwd'));
});

test('a change counts after a second, and a broken file speaks once', () => {
  write('{');
  const bench = registry();
  for (let turn = 0; turn < 5; turn++) {
    bench.registry.isEnrolled(agentId);
    bench.clock.advance(1100);
  }
  assert.equal(bench.faults.length, 1);
  write(good);
  assert.ok(bench.registry.isEnrolled(agentId));
  rmSync(join(folder, `${agentId}.json`));
  assert.ok(bench.registry.isEnrolled(agentId), 'not looked at again within the second');
  bench.clock.advance(1100);
  assert.ok(!bench.registry.isEnrolled(agentId));
});

test('the receipt key is made once, for its owner alone', () => {
  const keys = join(folder, 'keys');
  const first = openReceiptSigner(keys);
  const second = openReceiptSigner(keys);
  assert.equal(hex(second.publicKey), hex(first.publicKey));
  assert.equal(statSync(join(keys, 'receipt-key.pem')).mode & 0o777, 0o600);
  writeFileSync(join(keys, 'receipt-key.pem'), 'not a key');
  assert.throws(() => openReceiptSigner(keys), OperatorFault);
});
