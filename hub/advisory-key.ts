/**
 * The key that signs advisories: another one than the receipt key, because a person uses it and it
 * may lie on another machine. It carries the hub's id; its number tells it from the receipt key.
 */
import { join } from 'node:path';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { keyObjectSigner, type Signer } from '../protocols/uplink/signature.ts';
import { publicFacts } from './receipt-key.ts';
import { writeOnce } from './shared-file.ts';
import { openPrivateKey } from './signing-key.ts';

const ADVISORY_KEY_FILE = 'advisory-key.pem';
/** `{hubId, keyNumber, algorithm, publicKeyHex}`: what an agent needs to believe advisories. */
export const ADVISORY_PUBLIC_FILE = 'advisory-key.json';
/** Receipt keys count from 1; these from here. */
export const FIRST_ADVISORY_KEY_NUMBER = 1001;

/** `hubId`: of the receipt key in the same folder. Throws OperatorFault. */
export function openAdvisorySigner(folder: string, hubId: string): Signer {
  try {
    const privateKey = openPrivateKey(join(folder, ADVISORY_KEY_FILE), 'ed25519');
    const keyId = { signerId: hubId, keyNumber: FIRST_ADVISORY_KEY_NUMBER };
    const signer = keyObjectSigner(keyId, privateKey);
    writeOnce(join(folder, ADVISORY_PUBLIC_FILE), publicFacts(signer), 0o644);
    return signer;
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_ADVISORY_KEY_UNUSABLE',
      problem: `The advisory key in "${folder}" can't be read or made (${
        cause instanceof Error ? cause.message : String(cause)
      }).`,
      remedy: 'Let the hub own this folder, or restore the key: agents trust no other one.',
      cause,
    });
  }
}
