/**
 * X.509 as enrolment needs it: a certificate request (PKCS #10, RFC 2986) made by an agent, and the
 * certificates (RFC 5280) that a hub's authority makes. P-256 and ECDSA with SHA-256 throughout:
 * every TLS library speaks it, and TPMs hold such keys.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  type Der,
  derBitString,
  derBoolean,
  derExplicit,
  derImplicit,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derOfPem,
  derSequence,
  derSet,
  derText,
  derTime,
  pemOf,
  readDer,
  readDerList,
} from './enrolment-der.ts';

const LABEL_REQUEST = 'CERTIFICATE REQUEST';
const LABEL_CERTIFICATE = 'CERTIFICATE';
const REQUEST_BYTES_MAX = 4096;
const CN = '2.5.4.3';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const EXTENSION = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
} as const;
const USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
/** Key usage bits (RFC 5280 section 4.2.1.3) from the top: sign alone, or certificates and CRLs. */
const USAGE_SIGN = { bits: 0x80, unused: 7 };
const USAGE_AUTHORITY = { bits: 0x06, unused: 1 };
const VERSION_3 = Uint8Array.of(2);
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const SERIAL_BYTES = 16;
const KEY_IDENTIFIER_BYTES = 20;
/** The uncompressed point at the end of a P-256 SubjectPublicKeyInfo. */
const POINT_BYTES = 65;
/** subjectAltName: an address and a DNS name (RFC 5280 section 4.2.1.6). */
const ALT_DNS = 2;
const ALT_ADDRESS = 7;

/** `key`: a P-256 private key. The request is PEM. */
export function makeCertificateRequest(commonName: string, key: KeyObject): string {
  const info = derSequence(
    derInteger(Uint8Array.of(0)),
    nameOf(commonName),
    publicKeyOf(createPublicKey(key)),
    derExplicit(0),
  );
  return pemOf(LABEL_REQUEST, signed(info, key));
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
}

/** Reads hostile PEM; undefined unless it is a request that its own key has signed. */
export function readCertificateRequest(pem: string): CertificateRequest | undefined {
  const der = pem.length > REQUEST_BYTES_MAX ? undefined : derOfPem(LABEL_REQUEST, pem);
  return der && readCertificateRequestDer(der);
}

/** The DER of a request that `makeCertificateRequest` has made. */
export function derOfCertificateRequest(pem: string): Uint8Array {
  const der = derOfPem(LABEL_REQUEST, pem);
  if (der === undefined) throw new RangeError('no certificate request');
  return der;
}

/** As readCertificateRequest, for DER. */
export function readCertificateRequestDer(der: Uint8Array): CertificateRequest | undefined {
  const outer = der.byteLength > REQUEST_BYTES_MAX ? undefined : readDer(der, 0);
  if (outer?.tag !== SEQUENCE || outer.end !== der.byteLength) return undefined;
  const [info, algorithm, signature, ...more] = readDerList(outer.content) ?? [];
  if (info === undefined || algorithm === undefined || signature === undefined) return undefined;
  if (more.length > 0 || signature.tag !== BIT_STRING || signature.content[0] !== 0) {
    return undefined;
  }
  if (!Buffer.from(algorithm.whole).equals(ecdsaSha256())) return undefined;
  const [version, subject, key] = readDerList(info.content) ?? [];
  if (version?.tag !== INTEGER || subject === undefined || key === undefined) return undefined;
  const commonName = readCommonName(subject.content);
  if (commonName === undefined) return undefined;
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key.whole), format: 'der', type: 'spki' });
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined;
    const isSigned = verify('sha256', info.whole, publicKey, signature.content.subarray(1));
    return isSigned ? { commonName, publicKey } : undefined;
  } catch {
    return undefined;
  }
}

export interface CertificateFacts {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly use: 'authority' | 'server' | 'client';
  readonly fromMs: number;
  readonly toMs: number;
  /** Random. */
  readonly serial: Uint8Array;
  /** A server's DNS names and IPv4 addresses. */
  readonly names?: readonly string[];
}

/** `issuerName`, `issuerKey`: of the authority; of the certificate itself for an authority. PEM. */
export function makeCertificate(
  facts: CertificateFacts,
  issuerName: string,
  issuerKey: KeyObject,
): string {
  if (facts.serial.byteLength !== SERIAL_BYTES) throw new RangeError('serial of 16 bytes');
  // The top bit cleared keeps it positive and within 20 bytes (RFC 5280 section 4.1.2.2).
  const serial = Uint8Array.from(facts.serial);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  const tbs = derSequence(
    derExplicit(0, derInteger(VERSION_3)),
    derInteger(serial),
    ecdsaSha256(),
    nameOf(issuerName),
    derSequence(derTime(facts.fromMs), derTime(facts.toMs)),
    nameOf(facts.commonName),
    publicKeyOf(facts.publicKey),
    derExplicit(3, extensionsOf(facts, createPublicKey(issuerKey))),
  );
  return pemOf(LABEL_CERTIFICATE, signed(tbs, issuerKey));
}

/** A revocation list (RFC 5280 section 5) for a broker; serials as certificates have them. */
export function makeRevocationList(
  issuerName: string,
  issuerKey: KeyObject,
  revoked: readonly { readonly serialHex: string; readonly revokedAtMs: number }[],
  issuedAtMs: number,
  nextAtMs: number,
): string {
  const entries = revoked.map(({ serialHex, revokedAtMs }) =>
    derSequence(
      derInteger(Uint8Array.from(Buffer.from(serialHex.padStart(2, '0'), 'hex'))),
      derTime(revokedAtMs),
    ),
  );
  const list = derSequence(
    derInteger(Uint8Array.of(1)),
    ecdsaSha256(),
    nameOf(issuerName),
    derTime(issuedAtMs),
    derTime(nextAtMs),
    ...(entries.length > 0 ? [derSequence(...entries)] : []),
  );
  return pemOf('X509 CRL', signed(list, issuerKey));
}

function extensionsOf({ use, publicKey, names = [] }: CertificateFacts, issuerKey: KeyObject): Der {
  const isAuthority = use === 'authority';
  const constraints = isAuthority ? derSequence(derBoolean(true)) : derSequence();
  const { bits, unused } = isAuthority ? USAGE_AUTHORITY : USAGE_SIGN;
  const extensions = [
    extension(EXTENSION.basicConstraints, constraints, true),
    extension(EXTENSION.keyUsage, derBitString(Uint8Array.of(bits), unused), true),
    extension(EXTENSION.subjectKeyIdentifier, derOctetString(keyIdentifier(publicKey)), false),
    extension(
      EXTENSION.authorityKeyIdentifier,
      derSequence(derImplicit(0, keyIdentifier(issuerKey))),
      false,
    ),
  ];
  if (!isAuthority) {
    const purpose = derSequence(derObjectIdentifier(USAGE[use]));
    extensions.push(extension(EXTENSION.extendedKeyUsage, purpose, false));
  }
  if (names.length > 0) {
    const alternatives = derSequence(...names.map(alternativeName));
    extensions.push(extension(EXTENSION.subjectAltName, alternatives, false));
  }
  return derSequence(...extensions);
}

function alternativeName(name: string): Der {
  const octets = name.split('.').map(Number);
  const isAddress = octets.length === 4 && octets.every((octet) => octet >= 0 && octet <= 255);
  return isAddress
    ? derImplicit(ALT_ADDRESS, Uint8Array.from(octets))
    : derImplicit(ALT_DNS, new TextEncoder().encode(name));
}

/** RFC 7093 section 2, method 1. */
function keyIdentifier(key: KeyObject): Uint8Array {
  const point = publicKeyOf(key).subarray(-POINT_BYTES);
  const digest = createHash('sha256').update(point).digest();
  return Uint8Array.from(digest.subarray(0, KEY_IDENTIFIER_BYTES));
}

function extension(identifier: string, value: Der, isCritical: boolean): Der {
  const critical = isCritical ? [derBoolean(true)] : [];
  return derSequence(derObjectIdentifier(identifier), ...critical, derOctetString(value));
}

function signed(content: Der, key: KeyObject): Der {
  return derSequence(content, ecdsaSha256(), derBitString(sign('sha256', content, key)));
}

function ecdsaSha256(): Der {
  return derSequence(derObjectIdentifier(ECDSA_SHA256));
}

function nameOf(commonName: string): Der {
  return derSequence(derSet(derSequence(derObjectIdentifier(CN), derText(commonName))));
}

/** A name of exactly one CN. */
function readCommonName(content: Uint8Array): string | undefined {
  const [set, ...more] = readDerList(content) ?? [];
  if (set === undefined || more.length > 0) return undefined;
  const [pair] = readDerList(set.content) ?? [];
  const [identifier, text] = (pair && readDerList(pair.content)) ?? [];
  if (identifier === undefined || text === undefined) return undefined;
  if (!Buffer.from(identifier.whole).equals(derObjectIdentifier(CN))) return undefined;
  return new TextDecoder().decode(text.content);
}

function publicKeyOf(key: KeyObject): Der {
  return Uint8Array.from(key.export({ format: 'der', type: 'spki' }));
}
