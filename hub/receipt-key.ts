/**
 * The key that signs receipts: made on first start, readable by the hub's user alone. Beside it lie
 * its public halves: PEM for people, JSON for enrolment.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { agentIdOf } from '../protocols/uplink/agent-id.ts';
import { keyObjectSigner, rawPublicKey, type Signer } from '../protocols/uplink/signature.ts';
import { writeOnce } from './shared-file.ts';
import { openPrivateKey } from './signing-key.ts';

const PRIVATE_FILE = 'receipt-key.pem';
const PUBLIC_PEM_FILE = 'receipt-key.pub.pem';
/** `{hubId, keyNumber, algorithm, publicKeyHex}`: what an agent needs to trust this hub. */
export const RECEIPT_KEY_FILE = 'receipt-key.json';

const FIRST_KEY_NUMBER = 1;

/** Opens or makes the key in `folder`. The hub's id is made like an agentId, from this key. */
export function openReceiptSigner(folder: string): Signer {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const privateKey = openPrivateKey(join(folder, PRIVATE_FILE), 'ed25519');
    const publicKey = createPublicKey(privateKey);
    const raw = rawPublicKey(publicKey);
    const signer = keyObjectSigner(
      { signerId: agentIdOf(raw), keyNumber: FIRST_KEY_NUMBER },
      privateKey,
    );
    writePublicHalves(folder, publicKey, signer);
    return signer;
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_RECEIPT_KEY_UNUSABLE',
      problem: `The receipt key in "${folder}" can't be read or made (${messageOf(cause)}).`,
      remedy: 'Let the hub own this folder, or restore the key: agents trust no other one.',
      cause,
    });
  }
}

function writePublicHalves(folder: string, publicKey: KeyObject, signer: Signer): void {
  const pem = String(publicKey.export({ format: 'pem', type: 'spki' }));
  writeOnce(join(folder, PUBLIC_PEM_FILE), pem, 0o644);
  writeOnce(join(folder, RECEIPT_KEY_FILE), publicFacts(signer), 0o644);
}

/** A key's public half as agents are given it: `{hubId, keyNumber, algorithm, publicKeyHex}`. */
export function publicFacts({ signerId: hubId, keyNumber, algorithm, publicKey }: Signer): string {
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const facts = { hubId, keyNumber, algorithm, publicKeyHex };
  return `${JSON.stringify(facts, undefined, 2)}\n`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
