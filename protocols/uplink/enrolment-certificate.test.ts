/** Requests and certificates of our own making, judged by node:crypto and by openssl. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { testNeeding } from '../../hil-tests/needs.ts';
import {
  makeCertificate,
  makeCertificateRequest,
  makeRevocationList,
  readCertificateRequest,
} from './enrolment-certificate.ts';
import { derOfPem, derTime, pemOf, readDer, readDerList } from './enrolment-der.ts';

const NOW_MS = Date.UTC(2026, 10, 25);
const DAY_MS = 86_400_000;
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authority = newKey();
const agent = newKey();
const serial = (byte: number) => new Uint8Array(16).fill(byte);
const during = { fromMs: NOW_MS - DAY_MS, toMs: NOW_MS + DAY_MS };
const root = makeCertificate(
  {
    commonName: 'Test authority',
    publicKey: authority.publicKey,
    use: 'authority',
    serial: serial(1),
    ...during,
  },
  'Test authority',
  authority.privateKey,
);
const leaf = makeCertificate(
  {
    commonName: 'agent',
    publicKey: agent.publicKey,
    use: 'client',
    serial: serial(0xff),
    ...during,
  },
  'Test authority',
  authority.privateKey,
);

test('node:crypto reads the certificates and their chain', () => {
  const [above, below] = [new X509Certificate(root), new X509Certificate(leaf)];
  assert.equal(below.subject, 'CN=agent');
  assert.equal(above.ca, true);
  assert.equal(below.ca, false);
  assert.ok(below.checkIssued(above) && below.verify(above.publicKey));
  assert.ok(!below.verify(agent.publicKey));
  assert.deepEqual(below.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(new Date(below.validTo).getTime(), during.toMs);
});

test('a request is read back, and only by the key that signed it', () => {
  const request = makeCertificateRequest('agent', agent.privateKey);
  const read = readCertificateRequest(request);
  assert.equal(read?.commonName, 'agent');
  assert.ok(read?.publicKey.equals(agent.publicKey));
  const der = derOfPem('CERTIFICATE REQUEST', request);
  assert.ok(der);
  for (let at = 0; at < der.byteLength; at++) {
    const changed: Uint8Array = Uint8Array.from(der);
    changed[at] ^= 1;
    assert.equal(readCertificateRequest(pemOf('CERTIFICATE REQUEST', changed)), undefined);
  }
});

test('times change their form in 2050', () => {
  assert.equal(derTime(Date.UTC(2049, 11, 31))[0], 0x17);
  assert.equal(derTime(Date.UTC(2050, 0, 1))[0], 0x18);
});

test('any bytes: no throw, nothing read past the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const element = readDer(bytes, 0);
      assert.ok(element === undefined || element.end <= bytes.byteLength);
      readDerList(bytes);
      readCertificateRequest(pemOf('CERTIFICATE REQUEST', bytes));
    }),
  );
});

testNeeding(
  [{ kind: 'package', program: 'openssl' }],
  'openssl verifies requests, chains, purposes and the revocation list',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
    const path = (name: string): string => join(folder, name);
    const openssl = (...words: string[]): string =>
      execFileSync('openssl', words, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    writeFileSync(path('ca.pem'), root);
    writeFileSync(path('leaf.pem'), leaf);
    writeFileSync(path('request.pem'), makeCertificateRequest('agent', agent.privateKey));
    openssl('req', '-in', 'request.pem', '-verify', '-noout');
    const at = ['-attime', String(NOW_MS / 1000), '-x509_strict'];
    openssl('verify', ...at, '-CAfile', 'ca.pem', '-purpose', 'sslclient', 'leaf.pem');
    const asServer = ['-CAfile', 'ca.pem', '-purpose', 'sslserver', 'leaf.pem'];
    assert.throws(() => openssl('verify', ...at, ...asServer));
    const { serialNumber } = new X509Certificate(leaf);
    const list = (...serials: string[]): void => {
      const revoked = serials.map((serialHex) => ({ serialHex, revokedAtMs: NOW_MS }));
      const key = authority.privateKey;
      const until = NOW_MS + DAY_MS;
      const crl = makeRevocationList('Test authority', key, revoked, NOW_MS - 1000, until);
      writeFileSync(path('crl.pem'), crl);
    };
    const checked = ['-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'ca.pem', 'leaf.pem'];
    const time = ['-attime', String(NOW_MS / 1000)];
    list();
    openssl('verify', ...time, ...checked);
    list(serialNumber);
    assert.throws(() => openssl('verify', ...time, ...checked), /revoked/);
    rmSync(folder, { recursive: true });
  },
);
