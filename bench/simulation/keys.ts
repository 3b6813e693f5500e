/** Keys of the simulation, from written-down seeds: the same in every run, trusted by nobody. */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { agentIdOf } from '../../protocols/uplink/agent-id.ts';
import { keyObjectSigner, type Signer } from '../../protocols/uplink/signature.ts';

/** PKCS #8 up to the raw Ed25519 key (RFC 8410). */
const PKCS8_ED25519 = '302e020100300506032b657004220420';

export interface SimulatedKey {
  readonly signer: Signer;
  readonly pem: string;
}

export const AGENT_KEY = keyOf('gateway');
export const HUB_KEY = keyOf('hub');
const ADVISORY_KEY = keyOf('advisories');
/** The only gateway there is. */
export const AGENT_ID = AGENT_KEY.signer.signerId;
/** What lies in the hub's folder of keys. */
export const HUB_KEY_FILES: readonly (readonly [name: string, pem: string])[] = [
  ['receipt-key.pem', HUB_KEY.pem],
  ['advisory-key.pem', ADVISORY_KEY.pem],
];

function keyOf(name: string): SimulatedKey {
  const secret = createHash('sha256').update(`fieldtap simulation: ${name}`).digest('hex');
  const key = Buffer.from(PKCS8_ED25519 + secret, 'hex');
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return { signer: signerOf(privateKey), pem: pemOf(privateKey) };
}

function signerOf(privateKey: KeyObject): Signer {
  const unnamed = keyObjectSigner({ signerId: '', keyNumber: 1 }, privateKey);
  return keyObjectSigner({ signerId: agentIdOf(unnamed.publicKey), keyNumber: 1 }, privateKey);
}

function pemOf(privateKey: KeyObject): string {
  return String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
}
