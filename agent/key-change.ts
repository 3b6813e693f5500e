/**
 * A new signing key for the same agent. It is made beside the old one, announced in the chain by
 * both at the next start, and only then takes the old one's place; a power cut at any moment leaves
 * an agent that goes on with one of the two.
 *
 *    agent-key.next.pem   prepared; on the disk until the change is whole
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Algorithm,
  keyObjectSigner,
  rawPublicKey,
  type Signer,
} from '../protocols/uplink/signature.ts';
import { writeWhole } from './platform/durable-file.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { AGENT_FACTS_FILE, AGENT_KEY_FILE } from './uplink/credentials.ts';

export const NEXT_KEY_FILE = 'agent-key.next.pem';

/** Makes the next key; an already prepared one stays. */
export function prepareKeyChange(folder: string, algorithm: Algorithm): void {
  const path = join(folder, NEXT_KEY_FILE);
  if (existsSync(path)) return;
  const { privateKey } =
    algorithm === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeWhole(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })), 0o600);
}

/** Before the identity is opened: completes a change that a power cut has interrupted. */
export function finishKeyChange(folder: string): void {
  const next = readNext(folder);
  if (next === undefined) return;
  const factsPath = join(folder, AGENT_FACTS_FILE);
  if (!existsSync(factsPath)) return;
  const facts: unknown = JSON.parse(readFileSync(factsPath, 'utf8'));
  const isAnnounced =
    typeof facts === 'object' &&
    facts !== null &&
    'publicKeyHex' in facts &&
    facts.publicKeyHex === publicHex(next);
  if (isAnnounced) renameSync(join(folder, NEXT_KEY_FILE), join(folder, AGENT_KEY_FILE));
}

/**
 * Announces a prepared key. `rotate` puts the announcement into the chain, durably, and signs with
 * the new key from then on; it answers whether it could.
 */
export function announceKeyChange(
  folder: string,
  current: Signer,
  rotate: (next: Signer) => boolean,
): Signer | undefined {
  const privateKey = readNext(folder);
  if (privateKey === undefined) return undefined;
  const { signerId, keyNumber } = current;
  const next = keyObjectSigner({ signerId, keyNumber: keyNumber + 1 }, privateKey);
  if (!rotate(next)) return undefined;
  const facts = {
    agentId: signerId,
    keyNumber: next.keyNumber,
    algorithm: next.algorithm,
    publicKeyHex: publicHex(privateKey),
  };
  // First the facts: from here on finishKeyChange takes the new key.
  writeWhole(join(folder, AGENT_FACTS_FILE), `${JSON.stringify(facts, undefined, 2)}\n`, 0o644);
  renameSync(join(folder, NEXT_KEY_FILE), join(folder, AGENT_KEY_FILE));
  return next;
}

function readNext(folder: string) {
  const path = join(folder, NEXT_KEY_FILE);
  if (!existsSync(path)) return undefined;
  try {
    return createPrivateKey(readFileSync(path));
  } catch (cause) {
    throw new OperatorFault({
      code: 'UPLINK_NEXT_KEY_UNUSABLE',
      problem: `The prepared key "${path}" can't be read.`,
      remedy: 'Remove it and prepare another one with "fieldtap enroll --rotate".',
      cause,
    });
  }
}

function publicHex(privateKey: ReturnType<typeof createPrivateKey>): string {
  return Buffer.from(rawPublicKey(createPublicKey(privateKey))).toString('hex');
}
