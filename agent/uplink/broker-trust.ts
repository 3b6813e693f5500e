/**
 * The broker's certificate when this gateway's clock can't be right: OpenSSL would call every
 * certificate of today not valid yet. Then the chain is checked here, with the lowest possible time
 * in place of the clock: the name, the issuers up to our own authority, and that none had expired.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Certificates from the broker to the authority. */
const CHAIN_MAX = 5;
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Why the peer isn't trusted; undefined when it is. `lowestMs`: now is at least that. */
export function distrust(
  socket: TLSSocket,
  host: string,
  authority: Uint8Array,
  lowestMs: number,
): string | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return 'the broker showed no certificate';
  return distrustOfChain(leaf, host, authority, lowestMs);
}

/** The same for a certificate; those up to the authority hang on `issuerCertificate`. */
export function distrustOfChain(
  leaf: X509Certificate,
  host: string,
  authority: Uint8Array,
  lowestMs: number,
): string | undefined {
  const isNamed = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host);
  if (isNamed === undefined) return `the certificate is not for ${host}`;
  const uses: readonly string[] | undefined = leaf.keyUsage;
  if (uses !== undefined && !uses.includes(SERVER_AUTHENTICATION)) {
    return 'the certificate is not for a server';
  }
  const roots = certificatesOf(authority);
  let current = leaf;
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    if (Date.parse(current.validTo) < lowestMs) return 'a certificate of the chain has expired';
    const root = roots.find((each) => isIssuedBy(current, each));
    if (root !== undefined) {
      return Date.parse(root.validTo) < lowestMs ? 'the authority has expired' : undefined;
    }
    const issuer = current.issuerCertificate;
    if (issuer === undefined || issuer.fingerprint256 === current.fingerprint256) break;
    if (!isIssuedBy(current, issuer)) break;
    current = issuer;
  }
  return 'the certificate does not lead to ca.pem';
}

function isIssuedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function certificatesOf(authority: Uint8Array): X509Certificate[] {
  const texts = new TextDecoder().decode(authority).match(PEM) ?? [];
  return texts.map((text) => new X509Certificate(text));
}
