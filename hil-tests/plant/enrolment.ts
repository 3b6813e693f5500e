/**
 * Enrols the sensor at the bench's hub by hand, from the documents alone: an Ed25519 key, the
 * agentId that follows from it, the public half in the hub's folder of agents, and in the sensor's
 * folder the certificates and the hub's receipt key.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateAuthority } from './pki.ts';

const ED25519_KEY_BYTES = 32;
const AGENT_ID_BYTES = 16;
/** RFC 4648, lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

export interface Enrolled {
  readonly agentId: string;
  /** For `uplink.credentials`. */
  readonly credentials: string;
}

/** `agentsFolder` is the hub's; `receiptKey` the file that the hub made at its first start. */
export async function enrol(
  authority: CertificateAuthority,
  credentials: string,
  agentsFolder: string,
  receiptKey: string,
): Promise<Enrolled> {
  mkdirSync(credentials, { recursive: true, mode: 0o700 });
  mkdirSync(agentsFolder, { recursive: true });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-ED25519_KEY_BYTES);
  const agentId = agentIdOf(raw);
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(join(credentials, 'agent-key.pem'), pem, { mode: 0o600 });
  const facts = {
    agentId,
    keyNumber: 1,
    algorithm: 'Ed25519',
    publicKeyHex: raw.toString('hex'),
  };
  writeFileSync(join(agentsFolder, `${agentId}.json`), JSON.stringify(facts));
  const pair = await authority.issue(`agent-${agentId}`, agentId);
  copyFileSync(authority.certificate, join(credentials, 'ca.pem'));
  copyFileSync(pair.certificate, join(credentials, 'client-cert.pem'));
  copyFileSync(pair.key, join(credentials, 'client-key.pem'));
  copyFileSync(receiptKey, join(credentials, 'receipt-key.json'));
  return { agentId, credentials };
}

/** docs/wire-format.md: base32 of the first 16 bytes of SHA-256 of the first public key. */
function agentIdOf(publicKey: Uint8Array): string {
  const digest = createHash('sha256').update(publicKey).digest().subarray(0, AGENT_ID_BYTES);
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of digest) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + BASE32[(value << (5 - bits)) & 31];
}
