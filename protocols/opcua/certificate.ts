/**
 * Certificates as OPC UA carries them: a ByteString with a chain, of which records keep the leaf's
 * thumbprints and what it says about itself (docs/fields 2.3), never its bytes.
 */
import { certificateBytes, chainLength } from '../x509/certificate-chain.ts';
import { type CertificateFacts, certificateFacts } from '../x509/certificate-facts.ts';
import type { ByteReader } from './byte-reader.ts';
import { hexText } from './scalars.ts';

export interface SeenCertificate extends CertificateFacts {
  /** Of the leaf's DER, as lower-case hexadecimal. */
  readonly sha256Thumbprint: string;
  /** By which the two sides name a certificate to each other. */
  readonly sha1Thumbprint?: string;
  readonly certificateBytes: number;
  readonly chainLength: number;
  /** Is its URI the one of the ApplicationDescription beside it? */
  readonly uriMatchesApplication?: boolean;
}

const THUMBPRINT_BYTES_MAX = 64;

/** Null and empty are absent. */
export function certificate(reader: ByteReader): SeenCertificate | undefined {
  const length = reader.readLength();
  const at = reader.take(Math.max(length, 0));
  if (reader.isStopped || length <= 0) return undefined;
  const { bytes, digest } = reader;
  const leaf = certificateBytes(bytes, at, length);
  const hashed = leaf === 0 ? length : leaf;
  const facts = certificateFacts(bytes, at, hashed);
  const { parseError } = facts;
  if (parseError !== undefined) reader.anomaly('certificateUnparseable', 'DER', parseError);
  const sha1Thumbprint = digest.sha1?.(bytes, at, hashed);
  return {
    sha256Thumbprint: digest.sha256(bytes, at, hashed),
    ...(sha1Thumbprint !== undefined && { sha1Thumbprint }),
    certificateBytes: hashed,
    chainLength: chainLength(bytes, at, length),
    ...facts,
  };
}

/** The certificate with the answer whether its URI is that of its application. */
export function compared(
  seen: SeenCertificate,
  applicationUri: string | undefined,
): SeenCertificate {
  if (seen.applicationUri === undefined || applicationUri === undefined) return seen;
  return { ...seen, uriMatchesApplication: seen.applicationUri === applicationUri };
}

/** SHA-1 of the receiver's certificate, as the sender sent it. */
export function thumbprint(reader: ByteReader): string | undefined {
  const length = reader.readLength();
  const at = reader.take(Math.max(length, 0));
  if (reader.isStopped || length <= 0) return undefined;
  return hexText(reader.bytes, at, Math.min(length, THUMBPRINT_BYTES_MAX));
}
