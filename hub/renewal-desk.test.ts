/** Certificates over the link at the hub: once for a request, never to whom they don't belong. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { SeededRandom } from '../agent/platform/random.ts';
import {
  derOfCertificateRequest,
  makeCertificateRequest,
} from '../protocols/uplink/enrolment-certificate.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { editAgentFile, readAgentFile, writeAgentFile } from './agent-registry.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { parseHubConfig } from './config.ts';
import { CERTIFICATES_VALID_MAX, RenewalDesk } from './renewal-desk.ts';

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'hub-renewal-'));
after(() => rmSync(folder, { recursive: true }));
const clock = new ManualClock();
const random = new SeededRandom(5);
const agent = sampleSigner('renewing agent');
let made = 0;

/** A hub of its own in each test; `days`: how long its certificates hold. */
function open(days = 90, withAuthority = true) {
  const own = join(folder, String(++made));
  const keys = join(own, 'keys');
  const agents = join(own, 'agents');
  mkdirSync(agents, { recursive: true });
  const text = `broker: { url: "mqtts://b:1" }
keys: ${keys}
agents: ${agents}
certificateDays: ${days}
`;
  const parsed = parseHubConfig(text);
  assert.ok(parsed.kind === 'config');
  const authority = withAuthority ? CertificateAuthority.open(keys, clock, random) : undefined;
  writeAgentFile(agents, {
    agentId: agent.signerId,
    keyNumber: 1,
    algorithm: 'Ed25519',
    publicKeyHex: Buffer.from(agent.publicKey).toString('hex'),
    revoked: false,
    furtherKeys: [],
  });
  const desk = new RenewalDesk(parsed.config, clock, random, silentLog);
  return { desk, authority, agents };
}

function newRequest(commonName = agent.signerId) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = derOfCertificateRequest(makeCertificateRequest(commonName, privateKey));
  return { request, publicKey: createPublicKey(privateKey) };
}

test('a certificate for the new key, of this authority, as long as the configuration says', () => {
  const { desk, authority, agents } = open(90);
  const { request, publicKey } = newRequest();
  const certificate = new X509Certificate(desk.answer(agent.signerId, request) ?? '');
  assert.ok(certificate.publicKey.equals(publicKey));
  assert.equal(certificate.subject, `CN=${agent.signerId}`);
  assert.ok(certificate.verify(createPublicKey(authority?.certificate ?? '')));
  const days = (new Date(certificate.validTo).getTime() - clock.wallMs()) / DAY_MS;
  assert.ok(Math.abs(days - 90) < 0.01, String(days));
  const { certificates } = readAgentFile(agents, agent.signerId);
  assert.deepEqual(
    certificates?.map(({ serialHex }) => serialHex),
    [certificate.serialNumber.toLowerCase()],
    'a revocation can name it',
  );
});

test('the same request gets the same certificate, from another worker too', () => {
  const { desk, agents } = open();
  const { request } = newRequest();
  const first = desk.answer(agent.signerId, request);
  assert.deepEqual(desk.answer(agent.signerId, request), first);
  assert.equal(readAgentFile(agents, agent.signerId).certificates?.length, 1);
});

test('nothing for a revoked or unknown agent, a name of another, or bytes that are none', () => {
  const { desk, agents } = open();
  const { signerId } = agent;
  const stranger = sampleSigner('stranger').signerId;
  assert.equal(desk.answer(stranger, newRequest(stranger).request), undefined);
  assert.equal(desk.answer(signerId, newRequest(stranger).request), undefined);
  assert.equal(desk.answer(signerId, Uint8Array.of(0x30, 0x03, 1)), undefined);
  editAgentFile(agents, signerId, (facts) => ({ ...facts, revoked: true }));
  assert.equal(desk.answer(signerId, newRequest().request), undefined);
});

test('an agent that asks again and again gets no more than a revocation can name', () => {
  const { desk } = open();
  const { signerId } = agent;
  for (let count = 0; count < CERTIFICATES_VALID_MAX; count++) {
    assert.ok(desk.answer(signerId, newRequest().request) !== undefined, String(count));
  }
  assert.equal(desk.answer(signerId, newRequest().request), undefined);
  clock.step(91 * DAY_MS);
  assert.ok(desk.answer(signerId, newRequest().request) !== undefined, 'when the others are over');
});

test('a hub without an authority gives none, and makes none', () => {
  const { desk } = open(90, false);
  assert.equal(desk.answer(agent.signerId, newRequest().request), undefined);
});
