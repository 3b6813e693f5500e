/**
 * `keyRotation`: the old key signs that a new one follows (stream 1), and the new key signs that it
 * is there. Messages behind it carry the new key number; the agentId stays.
 */
import { hexOfBytes } from './address.ts';
import { IDENTITY_FIELDS, KEY_KIND, KIND_KEY_ROTATION } from './identity.ts';
import type { KeyRotation } from './messages.ts';
import { field, map, type Shape } from './shape.ts';
import { blob, bytes, choice, constant, uint } from './shape-types.ts';
import {
  type Algorithm,
  isCanonicalSignature,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type Signer,
  verificationKey,
} from './signature.ts';

const KEY_NUMBER_MAX = 999_999_999;
const ALGORITHMS: readonly Algorithm[] = ['Ed25519', 'ES256'];

export const keyRotationShape: Shape<KeyRotation> = map<KeyRotation>({
  kind: field(KEY_KIND, constant(KIND_KEY_ROTATION, 'keyRotation')),
  ...IDENTITY_FIELDS,
  newKeyNumber: field(10, uint(KEY_NUMBER_MAX, 2)),
  newAlgorithm: field(11, choice(ALGORITHMS)),
  newPublicKey: field(12, blob(PUBLIC_KEY_BYTES.ES256)),
  newSignature: field(13, bytes(SIGNATURE_BYTES)),
});

/** What a rotation says, made by the new key; `newSigner` carries the agentId and its number. */
export function keyRotationContent(
  newSigner: Signer,
): Pick<KeyRotation, 'newKeyNumber' | 'newAlgorithm' | 'newPublicKey' | 'newSignature'> {
  const { signerId, keyNumber, algorithm, publicKey } = newSigner;
  const proof = rotationProof(signerId, keyNumber, algorithm, publicKey);
  return {
    newKeyNumber: keyNumber,
    newAlgorithm: algorithm,
    newPublicKey: publicKey,
    newSignature: Uint8Array.from(newSigner.sign(proof)),
  };
}

/** True when the new key has signed for itself. */
export function isRotationProven(rotation: KeyRotation): boolean {
  const { agentId, newKeyNumber, newAlgorithm, newPublicKey, newSignature } = rotation;
  const proof = rotationProof(agentId, newKeyNumber, newAlgorithm, newPublicKey);
  return (
    verificationKey(newAlgorithm, newPublicKey)?.verify(proof, newSignature) === true &&
    isCanonicalSignature(newAlgorithm, newSignature)
  );
}

/** What the new key signs, as UTF-8 (docs/wire-format.md, "Key rotation"). */
function rotationProof(
  agentId: string,
  keyNumber: number,
  algorithm: Algorithm,
  publicKey: Uint8Array,
): Uint8Array {
  const key = hexOfBytes(publicKey);
  return new TextEncoder().encode(`ft/v1 keyRotation ${agentId}/${keyNumber} ${algorithm} ${key}`);
}
