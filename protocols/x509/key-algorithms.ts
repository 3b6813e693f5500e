/**
 * Algorithms of keys and signatures by object identifier (RFC 3279, RFC 4055, RFC 5758, RFC 8410,
 * RFC 5639), and how many bits a key has.
 */
import {
  type DerReader,
  INTEGER,
  OBJECT_IDENTIFIER,
  objectIdentifier,
  SEQUENCE,
} from './der-reader.ts';

export const KEY_ALGORITHM_NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'rsa',
  '1.2.840.113549.1.1.10': 'rsaPss',
  '1.2.840.10040.4.1': 'dsa',
  '1.2.840.10045.2.1': 'ec',
  '1.3.101.110': 'x25519',
  '1.3.101.111': 'x448',
  '1.3.101.112': 'ed25519',
  '1.3.101.113': 'ed448',
};

export const SIGNATURE_ALGORITHM_NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.4': 'md5WithRsaEncryption',
  '1.2.840.113549.1.1.5': 'sha1WithRsaEncryption',
  '1.2.840.113549.1.1.10': 'rsassaPss',
  '1.2.840.113549.1.1.11': 'sha256WithRsaEncryption',
  '1.2.840.113549.1.1.12': 'sha384WithRsaEncryption',
  '1.2.840.113549.1.1.13': 'sha512WithRsaEncryption',
  '1.2.840.113549.1.1.14': 'sha224WithRsaEncryption',
  '1.2.840.10045.4.1': 'ecdsaWithSha1',
  '1.2.840.10045.4.3.1': 'ecdsaWithSha224',
  '1.2.840.10045.4.3.2': 'ecdsaWithSha256',
  '1.2.840.10045.4.3.3': 'ecdsaWithSha384',
  '1.2.840.10045.4.3.4': 'ecdsaWithSha512',
  '1.3.101.112': 'ed25519',
  '1.3.101.113': 'ed448',
};

/** Bits of the field of a named curve. */
const CURVE_BITS: Readonly<Record<string, number>> = {
  '1.2.840.10045.3.1.7': 256,
  '1.3.132.0.10': 256,
  '1.3.132.0.34': 384,
  '1.3.132.0.35': 521,
  '1.3.36.3.3.2.8.1.1.7': 256,
  '1.3.36.3.3.2.8.1.1.11': 384,
  '1.3.36.3.3.2.8.1.1.13': 512,
};

const FIXED_BITS: Readonly<Record<string, number>> = {
  x25519: 256,
  x448: 448,
  ed25519: 256,
  ed448: 456,
};

/** `parameters` stands behind the algorithm's identifier; `key` inside the BIT STRING. */
export function keyBits(
  keyAlgorithm: string,
  parameters: DerReader,
  key: DerReader,
): number | undefined {
  if (keyAlgorithm === 'rsa' || keyAlgorithm === 'rsaPss') {
    // The number of unused bits comes first.
    key.position++;
    const { offset, end } = key.inside(key.read(SEQUENCE)).read(INTEGER);
    return integerBits(key.bytes, offset, end);
  }
  if (keyAlgorithm === 'ec') {
    const curve = parameters.readIf(OBJECT_IDENTIFIER);
    return curve && CURVE_BITS[objectIdentifier(parameters.bytes, curve)];
  }
  return FIXED_BITS[keyAlgorithm];
}

function integerBits(bytes: Uint8Array, offset: number, end: number): number {
  let at = offset;
  while (at < end && bytes[at] === 0) at++;
  return at === end ? 0 : (end - at) * 8 - Math.clz32(bytes[at]) + 24;
}
