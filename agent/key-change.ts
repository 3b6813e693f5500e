/**
 * A new signing key for the same agent. It is made beside the old one, announced in the chain by
 * both at the next start, and only then takes the old one's place; a power cut at any moment leaves
 * an agent that goes on with one of the two.
 *
 *    agent-key.next.pem   prepared; on the disk until the change is whole
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Algorithm,
  keyObjectSigner,
  rawPublicKey,
  type Signer,
} from '../protocols/uplink/signature.ts';
import { writeWhole } from './platform/durable-file.ts';
import type { Log } from './platform/log.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { credentialPath } from './platform/service-credentials.ts';
import { AGENT_FACTS_FILE, AGENT_KEY_FILE } from './uplink/credentials.ts';

export const NEXT_KEY_FILE = 'agent-key.next.pem';
/** A signing key that is older when the certificate is renewed is renewed with it. */
const SIGNING_KEY_DAYS_MAX = 300;
const DAY_MS = 86_400_000;

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

/** The signing key of a running agent. */
export class KeyChange {
  readonly #folder: string;
  readonly #rotate: (next: Signer) => boolean;
  readonly #log: Log;
  #current: Signer;

  /** `rotate`: as announceKeyChange has it. */
  constructor(folder: string, current: Signer, rotate: (next: Signer) => boolean, log: Log) {
    this.#folder = folder;
    this.#current = current;
    this.#rotate = rotate;
    this.#log = log;
  }

  /** Takes a prepared key into use. Throws OperatorFault for one that can't be read. */
  announce(): void {
    const next = announceKeyChange(this.#folder, this.#current, this.#rotate);
    if (next === undefined) return;
    this.#current = next;
    this.#log.info({ event: 'keyRotated', keyNumber: next.keyNumber }, 'new key');
  }

  /** What fails stays prepared, and is announced at the next start. */
  renewWhenOld(nowMs: number): void {
    try {
      if (prepareWhenOld(this.#folder, this.#current, nowMs)) this.announce();
    } catch (error) {
      this.#log.warn({ event: 'keyNotRotated', cause: String(error) }, 'the signing key stays');
    }
  }
}

/**
 * Prepares the next signing key where the present one has been in use for long. One that the
 * service manager hands over stays: its owner renews it.
 */
function prepareWhenOld(folder: string, current: Signer, nowMs: number): boolean {
  const path = join(folder, AGENT_KEY_FILE);
  if (credentialPath(folder, AGENT_KEY_FILE) !== path || !existsSync(path)) return false;
  // A file keeps the time of its making through the rename that puts it into place.
  if (nowMs - statSync(path).mtimeMs < SIGNING_KEY_DAYS_MAX * DAY_MS) return false;
  prepareKeyChange(folder, current.algorithm);
  return true;
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
