/** Whom the hub believes when a request comes: each refusal by its sentence. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '../agent/platform/clock.ts';
import { SeededRandom } from '../agent/platform/random.ts';
import {
  type EnrolmentRequest,
  openEnrolmentBundle,
  openEnrolmentRequest,
  proofOfCode,
  sealEnrolmentRequest,
} from '../protocols/uplink/enrolment.ts';
import { makeCertificateRequest } from '../protocols/uplink/enrolment-certificate.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { editAgentFile, readAgentFile } from './agent-registry.ts';
import { parseHubConfig } from './config.ts';
import { Enrolment, type EnrolOptions } from './enrol-agent.ts';
import { readSites } from './enrolment-codes.ts';

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'hub-enrol-'));
after(() => rmSync(folder, { recursive: true }));
const clock = new ManualClock();
const agents = join(folder, 'agents');
const codeRandom = new SeededRandom(9);
const enrolment = open();
const OPTIONS: EnrolOptions = { broker: 'mqtts://hub.example:8883', mayReplace: false };
const north = sampleSigner('north');
const south = sampleSigner('south');

function open(): Enrolment {
  const text = `broker: { url: "mqtts://b:1" }\nkeys: ${join(folder, 'keys')}\nagents: ${agents}\n`;
  const parsed = parseHubConfig(text);
  assert.ok(parsed.kind === 'config');
  return new Enrolment(parsed.config, clock, new SeededRandom(7));
}

const tlsKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function request(signer: Signer, more: Partial<EnrolmentRequest> = {}): string {
  const { signerId, keyNumber, algorithm, publicKey } = signer;
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  return sealEnrolmentRequest(signer, {
    key: { signerId, keyNumber, algorithm, publicKeyHex },
    siteName: 'North',
    certificateRequest: makeCertificateRequest(signerId, tlsKey),
    requestedAtMs: 1,
    ...more,
  });
}

function proof(signer: Signer, code: string): string {
  const opened = openEnrolmentRequest(request(signer));
  assert.ok(opened.kind === 'request');
  return proofOfCode(code, opened.request.key);
}

function code(siteName: string): string {
  const csv = enrolment.codes.add([{ siteName }], clock.wallMs() + DAY_MS, codeRandom);
  return csv.trim().split(',').at(-1) ?? '';
}

const good = request(north);
// biome-ignore format: one case per line
const refusals = [
  { name: 'no JSON',                     text: 'no',                                                              told: /no enrolment request/ },
  { name: 'a flipped digit of the site', text: good.replace('North', 'Nortj'),                                    told: /signature is not by the key/ },
  { name: 'no code, nobody vouches',     text: good,                                                              told: /carries no one-time code/ },
  { name: 'another agent is vouched for', text: good, options: { trustAgentId: south.signerId },                  told: /carries no one-time code/ },
  { name: 'an unknown code',             text: request(north, { codeProof: proof(north, 'abcde') }),              told: /unknown here or has expired/ },
  { name: "a certificate request for another name", text: request(north, { certificateRequest: makeCertificateRequest(south.signerId, tlsKey) }), told: /not one for its agentId/ },
  { name: 'it replaces nobody',          text: request(north, { replaces: south.signerId }), options: { trustAgentId: north.signerId }, told: /not enrolled here/ },
] as const;

for (const { name, text, told, ...rest } of refusals) {
  test(`refused: ${name}`, () => {
    const options = { ...OPTIONS, ...('options' in rest ? rest.options : {}) };
    assert.throws(() => enrolment.enrol(text, options), told);
    assert.throws(() => readAgentFile(agents, north.signerId), 'nobody is registered');
  });
}

test('a code enrols its site once, under the name of the list', () => {
  const codeProof = proof(north, code('Waterworks'));
  const enrolled = enrolment.enrol(request(north, { codeProof }), OPTIONS);
  assert.deepEqual([enrolled.how, enrolled.siteName], ['code', 'Waterworks']);
  const opened = openEnrolmentBundle(enrolled.bundle);
  assert.ok(opened.kind === 'bundle');
  const { certificate, authority, advisoryKeys } = opened.bundle;
  const [leaf, root] = [new X509Certificate(certificate), new X509Certificate(authority)];
  assert.ok(leaf.checkIssued(root) && leaf.subject === `CN=${north.signerId}`);
  assert.equal(advisoryKeys.length, 1);
  for (const secret of ['receipt-key.pem', 'advisory-key.pem', 'ca-key.pem']) {
    assert.equal(statSync(join(folder, 'keys', secret)).mode & 0o777, 0o600, secret);
  }
});

test('a used code is worth nothing to another key, an expired one to nobody', () => {
  const used = code('Twice');
  enrolment.enrol(
    request(sampleSigner('a'), { codeProof: proof(sampleSigner('a'), used) }),
    OPTIONS,
  );
  const again = request(sampleSigner('b'), { codeProof: proof(sampleSigner('b'), used) });
  assert.throws(() => enrolment.enrol(again, OPTIONS), /used by another gateway/);
  const late = request(sampleSigner('c'), { codeProof: proof(sampleSigner('c'), code('Late')) });
  clock.advance(2 * DAY_MS);
  assert.throws(() => open().enrol(late, OPTIONS), /unknown here or has expired/);
});

test('an enrolled agent renews by its key alone, a revoked one does not', () => {
  assert.equal(enrolment.enrol(request(north), OPTIONS).how, 'renewal');
  assert.equal(readAgentFile(agents, north.signerId).certificates?.length, 2);
  editAgentFile(agents, north.signerId, (facts) => ({ ...facts, revoked: true }));
  assert.throws(() => enrolment.enrol(request(north), OPTIONS), /revoked/);
  editAgentFile(agents, north.signerId, (facts) => ({ ...facts, revoked: false }));
});

test('a replacement revokes the old gateway, and only with the word of the operator', () => {
  const text = request(south, { replaces: north.signerId });
  const options = { ...OPTIONS, trustAgentId: south.signerId };
  assert.throws(() => enrolment.enrol(text, options), /--replace/);
  enrolment.enrol(text, { ...options, mayReplace: true });
  assert.equal(readAgentFile(agents, north.signerId).revoked, true);
  assert.equal(readAgentFile(agents, south.signerId).replaces, north.signerId);
});

// biome-ignore format: one case per line
const lists = [
  { name: 'another header',  text: 'name\nA\n',                          told: /:1: its first line/ },
  { name: 'an empty name',   text: 'siteName,sector\n,water\n',          told: /:2: a site needs a name/ },
  { name: 'a bad sector',    text: 'siteName,sector\nA,water\nB,W T\n',  told: /:3: "W T" is no sector/ },
] as const;

for (const { name, text, told } of lists) {
  test(`a list of sites with ${name} is refused by its line`, () => {
    const path = join(folder, 'sites.csv');
    writeFileSync(path, text);
    assert.throws(() => readSites(path), told);
  });
}

test('a list of sites with quotes, commas and a byte order mark is read', () => {
  const path = join(folder, 'sites.csv');
  writeFileSync(path, '\uFEFFsiteName,sector\r\n"North, ""old""",water\r\nSouth\r\n');
  assert.deepEqual(readSites(path), [
    { siteName: 'North, "old"', sector: 'water' },
    { siteName: 'South' },
  ]);
});
