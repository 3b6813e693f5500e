/**
 * Signatures of the uplink: Ed25519 (RFC 8032), and ES256 (ECDSA on P-256 with SHA-256, r||s) for
 * keys that live in a TPM. Keys travel raw: 32 bytes, or the 65-byte uncompressed point.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOfHex, hexOfBytes } from './address.ts';

export type Algorithm = 'Ed25519' | 'ES256';

/** COSE algorithm identifiers (RFC 9053 sections 2.1 and 2.2): EdDSA and ES256. */
export const COSE_ALGORITHM = { Ed25519: -8, ES256: -7 } as const;
/** Both kinds of signature are 64 bytes. */
export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = { Ed25519: 32, ES256: 65 } as const;

/** SubjectPublicKeyInfo (RFC 8410, RFC 5480) up to the raw key. */
const SPKI_PREFIX = {
  Ed25519: bytesOfHex('302a300506032b6570032100'),
  ES256: bytesOfHex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
} as const;

/** Order of P-256 (SEC 2 section 2.4.2), and half of it rounded down. */
const P256_ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const P256_HALF_ORDER = bytesOfHex(
  '7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8',
);

/** Who signs: an agent or a hub, with one of its keys. */
export interface KeyId {
  /** agentId, or the hub's id made the same way. */
  readonly signerId: string;
  /** 1 for the first key; rises with each rotation. */
  readonly keyNumber: number;
}

export interface Signer extends KeyId {
  readonly algorithm: Algorithm;
  /** Raw. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

export interface VerificationKey {
  readonly algorithm: Algorithm;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** A signer over a private key held by node:crypto. */
export function keyObjectSigner(keyId: KeyId, privateKey: KeyObject): Signer {
  const algorithm = algorithmOf(privateKey);
  return {
    signerId: keyId.signerId,
    keyNumber: keyId.keyNumber,
    algorithm,
    publicKey: rawPublicKey(createPublicKey(privateKey)),
    sign: (bytes) =>
      algorithm === 'Ed25519'
        ? sign(null, bytes, privateKey)
        : withLowS(sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  };
}

/**
 * ECDSA takes s and n - s alike, and anyone could turn one into the other: the same message with
 * another hash, which would look like a fork. Only s <= n/2 is ours.
 */
export function isCanonicalSignature(algorithm: Algorithm, signature: Uint8Array): boolean {
  if (algorithm === 'Ed25519') return true;
  for (let index = 0; index < P256_HALF_ORDER.byteLength; index++) {
    const difference = signature[32 + index] - P256_HALF_ORDER[index];
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Undefined for bytes that are no key of this algorithm. */
export function verificationKey(
  algorithm: Algorithm,
  publicKey: Uint8Array,
): VerificationKey | undefined {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES[algorithm]) return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki(algorithm, publicKey), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
  return {
    algorithm,
    verify: (bytes, signature) =>
      algorithm === 'Ed25519'
        ? verify(null, bytes, key, signature)
        : verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature),
  };
}

/** The raw form of a public key: the tail of its SubjectPublicKeyInfo. */
export function rawPublicKey(publicKey: KeyObject): Uint8Array {
  const algorithm = algorithmOf(publicKey);
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return Uint8Array.from(der.subarray(-PUBLIC_KEY_BYTES[algorithm]));
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new RangeError(`keys of type ${key.asymmetricKeyType} don't sign here`);
}

function spki(algorithm: Algorithm, publicKey: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.concat([SPKI_PREFIX[algorithm], publicKey]);
}

/** `signature`: r||s; the same signature with the smaller of s and n - s. */
function withLowS(signature: Uint8Array): Uint8Array {
  if (isCanonicalSignature('ES256', signature)) return signature;
  const order = BigInt(`0x${P256_ORDER}`);
  const low = order - BigInt(`0x${hexOfBytes(signature.subarray(32))}`);
  const canonical = Uint8Array.from(signature);
  canonical.set(bytesOfHex(low.toString(16).padStart(64, '0')), 32);
  return canonical;
}
