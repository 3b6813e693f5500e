/**
 * Certificates against node:crypto's own reader, field by field; then what must hold for any bytes:
 * no throw, no read past the end, no time spent on lies.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cpuMsOf } from '../../hil-tests/machine-load.ts';
import { certificateBytes, chainLength } from './certificate-chain.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import * as made from './made-certificates.ts';

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}

function factsOf(base64: string): CertificateFacts {
  const bytes = bytesOf(base64);
  return certificateFacts(bytes, 0, bytes.length);
}

const all = new Map(Object.entries(made));

/** What node:crypto says, in our words. */
function oracle(base64: string): object {
  const certificate = new X509Certificate(bytesOf(base64));
  const name = (text: string) => text.replaceAll('\n', ', ');
  const alternatives = (certificate.subjectAltName ?? '').split(', ');
  const of = (kind: string) => {
    return alternatives.filter((one) => one.startsWith(kind)).map((one) => one.slice(kind.length));
  };
  return {
    subject: name(certificate.subject),
    issuer: name(certificate.issuer),
    serialNumber: certificate.serialNumber.toLowerCase().replace(/^0+/, ''),
    notBefore: new Date(certificate.validFrom).getTime(),
    notAfter: new Date(certificate.validTo).getTime(),
    selfSigned: certificate.issuer === certificate.subject,
    applicationUri: of('URI:')[0],
    dnsNames: of('DNS:'),
    ipAddresses: of('IP Address:').map((text) => plainIpv6(text)),
    keyAlgorithm: certificate.publicKey.asymmetricKeyType,
    modulusLength: certificate.publicKey.asymmetricKeyDetails?.modulusLength,
  };
}

/** node:crypto writes all eight groups, in capitals. */
function plainIpv6(text: string): string {
  return text.includes(':') ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}

for (const [name, base64] of all) {
  test(`${name}: as node:crypto reads it`, () => {
    const facts = factsOf(base64);
    const algorithm = facts.keyAlgorithm === 'rsaPss' ? 'rsa-pss' : facts.keyAlgorithm;
    assert.deepEqual(
      {
        subject: facts.subject,
        issuer: facts.issuer,
        serialNumber: facts.serialNumber,
        notBefore: new Date(facts.notBefore ?? '').getTime(),
        notAfter: new Date(facts.notAfter ?? '').getTime(),
        selfSigned: facts.selfSigned,
        applicationUri: facts.applicationUri,
        dnsNames: facts.dnsNames ?? [],
        ipAddresses: facts.ipAddresses ?? [],
        keyAlgorithm: algorithm,
        modulusLength: algorithm?.startsWith('rsa') ? facts.keyBits : undefined,
      },
      oracle(base64),
    );
    assert.equal(facts.parseError, undefined);
  });
}

// biome-ignore format: one certificate a line
const told: readonly { name: string; facts: Partial<CertificateFacts> }[] = [
  { name: 'RSA_CERTIFICATE', facts: { signatureAlgorithm: 'sha256WithRsaEncryption', keyBits: 2048, keyUsage: ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment', 'keyCertSign'] } },
  { name: 'EC_CERTIFICATE', facts: { signatureAlgorithm: 'ecdsaWithSha256', keyBits: 256, keyUsage: ['digitalSignature', 'keyAgreement', 'encipherOnly'] } },
  { name: 'EC384_CERTIFICATE', facts: { signatureAlgorithm: 'ecdsaWithSha384', keyBits: 384 } },
  { name: 'BRAINPOOL_CERTIFICATE', facts: { signatureAlgorithm: 'ecdsaWithSha256', keyBits: 256 } },
  { name: 'ED25519_CERTIFICATE', facts: { signatureAlgorithm: 'ed25519', keyBits: 256 } },
  { name: 'SHA1_CERTIFICATE', facts: { signatureAlgorithm: 'sha1WithRsaEncryption', keyBits: 1024 } },
  { name: 'LEAF_CERTIFICATE', facts: { signatureAlgorithm: 'sha512WithRsaEncryption', keyBits: 1024, selfSigned: false, applicationUri: 'urn:leaf' } },
  { name: 'PSS_CERTIFICATE', facts: { signatureAlgorithm: 'rsassaPss', keyBits: 1024 } },
];

test('algorithms, key sizes and uses', () => {
  assert.equal(told.length, all.size);
  for (const { name, facts } of told) {
    const found = factsOf(all.get(name) ?? '');
    for (const [field, value] of Object.entries(facts)) {
      assert.deepEqual(new Map(Object.entries(found)).get(field), value, `${name} ${field}`);
    }
  }
});

test('a chain: the leaf first, its issuer behind it', () => {
  const leaf = bytesOf(made.LEAF_CERTIFICATE);
  const chain = Uint8Array.from([...leaf, ...bytesOf(made.RSA_CERTIFICATE), 0, 0]);
  assert.equal(certificateBytes(chain, 0, chain.length), leaf.length);
  assert.equal(chainLength(chain, 0, chain.length), 2);
  assert.equal(
    certificateFacts(chain, 0, leaf.length).subject,
    factsOf(made.LEAF_CERTIFICATE).subject,
  );
});

test('every prefix: the facts before the cut stay, and the cut is named', () => {
  for (const base64 of all.values()) {
    const bytes = bytesOf(base64);
    const whole = new Map(Object.entries(factsOf(base64)));
    for (let length = 0; length < bytes.length; length++) {
      const { parseError, ...facts } = certificateFacts(bytes.slice(0, length), 0, length);
      assert.match(parseError ?? '', /at byte \d+$/);
      for (const [field, value] of Object.entries(facts)) {
        assert.deepEqual(value, whole.get(field), field);
      }
    }
  }
});

test('a length inside that lies: the fields before it are told', () => {
  const bytes = bytesOf(made.RSA_CERTIFICATE);
  // The subject's tag and length stand behind two UTCTimes of 15 bytes each.
  const validity = bytes.findIndex((byte, at) => byte === 0x30 && bytes[at + 1] === 30);
  const lying = bytes.with(validity + 2 + 30 + 1, 0x7f);
  const { issuer, parseError, subject } = certificateFacts(lying, 0, lying.length);
  assert.equal(issuer, factsOf(made.RSA_CERTIFICATE).issuer);
  assert.equal(subject, undefined);
  assert.match(parseError ?? '', /at byte/);
});

test('any bytes: no throw, no read past the end', () => {
  const certificates = [...all.values()].map(bytesOf);
  const change = fc.tuple(fc.nat(2000), fc.nat(255));
  const mutant = fc
    .tuple(fc.constantFrom(...certificates), fc.array(change, { minLength: 1, maxLength: 5 }))
    .map(([bytes, changes]) => {
      return changes.reduce((made, [at, byte]) => made.with(at % made.length, byte), bytes);
    });
  fc.assert(
    fc.property(fc.oneof(mutant, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      const block = new Uint8Array(bytes.length + 64).fill(0x30);
      block.set(bytes, 32);
      const facts = certificateFacts(block, 32, bytes.length);
      const alone = certificateFacts(bytes, 0, bytes.length);
      assert.deepEqual(facts, alone, 'what stands around it is not read');
      chainLength(block, 32, bytes.length);
    }),
    { numRuns: 3000 },
  );
});

test('64 KiB of nested or of empty elements take a moment', () => {
  const nested = new Uint8Array(65_536).fill(0x30);
  const empty = new Uint8Array(65_536).map((_, index) => (index % 2 === 0 ? 0x30 : 0));
  const head = [0x30, 0x83, 0, 0xff, 0xf0, 0x30, 0x83, 0, 0xff, 0xe0, 2, 1, 1];
  for (const bytes of [nested, empty]) {
    bytes.set(head);
    const tookMs = cpuMsOf(() => {
      assert.notEqual(certificateFacts(bytes, 0, bytes.length).parseError, undefined);
    });
    assert.ok(tookMs < 100, `${tookMs} ms`);
  }
});
