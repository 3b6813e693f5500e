/**
 * Certificates as OPC UA carries them: a ByteString with a chain, of which records keep the leaf's
 * thumbprint (docs/fields 2.3).
 */
import { certificateBytes, chainLength } from '../x509/certificate-chain.ts';
import type { ByteReader } from './byte-reader.ts';
import { hexText } from './scalars.ts';

export interface CertificateFacts {
  /** Of the leaf's DER, as lower-case hexadecimal. */
  readonly sha256Thumbprint: string;
  readonly certificateBytes: number;
  readonly chainLength: number;
}

const THUMBPRINT_BYTES_MAX = 64;

/** Null and empty are absent. */
export function certificate(reader: ByteReader): CertificateFacts | undefined {
  const length = reader.readLength();
  const at = reader.take(Math.max(length, 0));
  if (reader.isStopped || length <= 0) return undefined;
  const { bytes, digest } = reader;
  const leaf = certificateBytes(bytes, at, length);
  if (leaf === 0) reader.anomaly('certificateUnparseable', 'DER', `${length} bytes`);
  const hashed = leaf === 0 ? length : leaf;
  return {
    sha256Thumbprint: digest.sha256(bytes, at, hashed),
    certificateBytes: hashed,
    chainLength: chainLength(bytes, at, length),
  };
}

/** SHA-1 of the receiver's certificate, as the sender sent it. */
export function thumbprint(reader: ByteReader): string | undefined {
  const length = reader.readLength();
  const at = reader.take(Math.max(length, 0));
  if (reader.isStopped || length <= 0) return undefined;
  return hexText(reader.bytes, at, Math.min(length, THUMBPRINT_BYTES_MAX));
}
