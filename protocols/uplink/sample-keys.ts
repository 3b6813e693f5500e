/**
 * Keys of tests, vectors and measurements, each from a written-down seed. They are public: nothing
 * but a test may ever trust one.
 */
import { createECDH, createHash, createPrivateKey } from 'node:crypto';
import { bytesOfHex } from './address.ts';
import { agentIdOf } from './agent-id.ts';
import { keyObjectSigner, type Signer } from './signature.ts';

/** PKCS #8 up to the raw Ed25519 key (RFC 8410). */
const PKCS8_ED25519 = bytesOfHex('302e020100300506032b657004220420');

/** Key 1 of the agent or hub that `name` makes; its id is made from this key. */
export function sampleSigner(name: string): Signer {
  const key = Buffer.concat([PKCS8_ED25519, secretOf(name)]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  const unnamed = keyObjectSigner({ signerId: '', keyNumber: 1 }, privateKey);
  const signerId = agentIdOf(unnamed.publicKey);
  return keyObjectSigner({ signerId, keyNumber: 1 }, privateKey);
}

/** Key 2 of the same agent or hub, of ES256: as after a rotation into a TPM. */
export function sampleEs256Signer(name: string): Signer {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(secretOf(`${name} es256`));
  const point = ecdh.getPublicKey();
  const privateKey = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: ecdh.getPrivateKey('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
  return keyObjectSigner({ signerId: sampleSigner(name).signerId, keyNumber: 2 }, privateKey);
}

function secretOf(name: string): Buffer {
  return createHash('sha256').update(`fieldtap sample key: ${name}`).digest();
}
