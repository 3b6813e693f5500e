// Days left and hosts of a certificate (docs/fields 2.3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CERTIFICATES_MAX,
  CertificateSights,
  HOSTS_PER_CERTIFICATE_MAX,
} from './certificate-sights.ts';

const AT = Date.UTC(2026, 10, 25, 12) * 1000;
const certificate = { sha256Thumbprint: 'aa', notAfter: '2026-12-25T12:00:00Z' };

// biome-ignore format: one case per line
const cases = [
  { name: 'thirty days',                     notAfter: '2026-12-25T12:00:00Z', expect: 30 },
  { name: 'less than a day is 0',            notAfter: '2026-11-26T11:59:59Z', expect: 0 },
  { name: 'expired an hour ago is negative', notAfter: '2026-11-25T11:00:00Z', expect: -1 },
  { name: 'an end that is no time',          notAfter: 'never',                expect: undefined },
] as const;

for (const { name, notAfter, expect } of cases) {
  test(`days left: ${name}`, () => {
    const seen = new CertificateSights().seen({ ...certificate, notAfter }, '10.0.0.5', AT);
    assert.equal(seen.daysLeft, expect);
  });
}

test('a certificate on a second host names both; another one does not', () => {
  const sights = new CertificateSights();
  assert.deepEqual(sights.seen(certificate, '10.0.0.5', AT).seenOnHosts, ['10.0.0.5']);
  assert.deepEqual(sights.seen(certificate, '10.0.0.6', AT).seenOnHosts, ['10.0.0.5', '10.0.0.6']);
  const other = sights.seen({ sha256Thumbprint: 'bb' }, '10.0.0.7', AT);
  assert.deepEqual(other, { sha256Thumbprint: 'bb', seenOnHosts: ['10.0.0.7'] });
});

test('hosts of one certificate and certificates are bounded', () => {
  const sights = new CertificateSights();
  for (let host = 0; host < 100; host++) sights.seen(certificate, `10.0.0.${host}`, AT);
  assert.equal(sights.seen(certificate, 'x', AT).seenOnHosts.length, HOSTS_PER_CERTIFICATE_MAX);
  for (let number = 0; number < CERTIFICATES_MAX; number++) {
    sights.seen({ sha256Thumbprint: String(number) }, 'y', AT);
  }
  assert.deepEqual(sights.seen(certificate, 'z', AT).seenOnHosts, ['z']);
});
