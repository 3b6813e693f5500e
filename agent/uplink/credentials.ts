/**
 * Who this agent is and whom it believes: the files of `uplink.credentials`.
 *
 *    agent-key.pem      PKCS #8, mode 0600; Ed25519, made on first start, or a P-256 key of an own
 *                       making (ES256); signs every message
 *    agent.json         {agentId, keyNumber, algorithm, publicKeyHex}: what a hub needs to enrol it
 *    receipt-key.json   {hubId, keyNumber, algorithm, publicKeyHex}: from the hub; signs receipts
 *    advisory-key.json  the same for advisories; without it none is believed
 *    ca.pem client-cert.pem client-key.pem   for mqtts:// (the certificate's CN is the agentId)
 *    ca.crl             where it is there, what ca.pem has withdrawn: no such broker is believed
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentIdOf, isAgentId } from '../../protocols/uplink/agent-id.ts';
import type { KeyLookup } from '../../protocols/uplink/open.ts';
import {
  keyObjectSigner,
  rawPublicKey,
  type Signer,
  type VerificationKey,
  verificationKey,
} from '../../protocols/uplink/signature.ts';
import { diskFullRemedy, writeWhole } from '../platform/durable-file.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { credentialPath } from '../platform/service-credentials.ts';

export const AGENT_KEY_FILE = 'agent-key.pem';
export const AGENT_FACTS_FILE = 'agent.json';
export const RECEIPT_KEY_FILE = 'receipt-key.json';
export const ADVISORY_KEY_FILE = 'advisory-key.json';
export const TLS_FILES = {
  authority: 'ca.pem',
  certificate: 'client-cert.pem',
  key: 'client-key.pem',
} as const;

/** Not needed for mqtts://; enforced where it is there. */
const REVOCATION_LIST_FILE = 'ca.crl';

const FIRST_KEY_NUMBER = 1;
const HEX = /^(?:[0-9a-f]{2})+$/;

export interface AgentIdentity {
  readonly agentId: string;
  readonly signer: Signer;
}

/** PEM texts for mutual TLS. */
export interface TlsCredentials {
  readonly authority: Uint8Array;
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
  /** Revocation list of the authority, PEM. */
  readonly revocationList?: Uint8Array;
}

/** Opens the agent's key in `folder`, or makes it on first start. Throws OperatorFault. */
export function openAgentIdentity(folder: string): AgentIdentity {
  const path = credentialPath(folder, AGENT_KEY_FILE);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!existsSync(path)) {
      const { privateKey } = generateKeyPairSync('ed25519');
      writeWhole(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })), 0o600);
    }
    const privateKey = createPrivateKey(readFileSync(path));
    const identity = identityOf(privateKey, readFacts(folder));
    writeFacts(folder, identity);
    return identity;
  } catch (cause) {
    throw new OperatorFault({
      code: 'UPLINK_AGENT_KEY_UNUSABLE',
      problem: `The agent's key "${path}" can't be read or made (${messageOf(cause)}).`,
      remedy:
        diskFullRemedy(cause) ??
        'Let the agent own the folder of uplink.credentials; a new key is a new agent.',
      cause,
    });
  }
}

/** The hub's receipt key, by which messages may be deleted. Throws OperatorFault. */
export function loadReceiptKey(folder: string): KeyLookup {
  const path = join(folder, RECEIPT_KEY_FILE);
  let facts: unknown;
  try {
    facts = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw receiptKeyFault(path, messageOf(cause), cause);
  }
  const { hubId, keyNumber, key } = receiptKeyOf(facts) ?? {};
  if (key === undefined)
    throw receiptKeyFault(path, 'it is not the file a hub gives out', undefined);
  return (keyId) => (keyId.signerId === hubId && keyId.keyNumber === keyNumber ? key : undefined);
}

/** The hub's advisory key; undefined where this agent was enrolled without one. */
export function loadAdvisoryKey(folder: string): KeyLookup | undefined {
  const path = join(folder, ADVISORY_KEY_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const { hubId, keyNumber, key } = receiptKeyOf(JSON.parse(readFileSync(path, 'utf8'))) ?? {};
    if (key === undefined) throw new Error('it is not the file a hub gives out');
    return (keyId) => (keyId.signerId === hubId && keyId.keyNumber === keyNumber ? key : undefined);
  } catch (cause) {
    throw new OperatorFault({
      code: 'UPLINK_ADVISORY_KEY_UNUSABLE',
      problem: `The hub's advisory key "${path}" can't be used (${messageOf(cause)}).`,
      remedy: 'Copy advisory-key.json from the hub again, or remove it: no advisory is shown then.',
      cause,
    });
  }
}

/** The files for mutual TLS. Throws OperatorFault that names the first missing one. */
export function loadTlsCredentials(folder: string): TlsCredentials {
  const read = (file: string): Uint8Array => {
    const path = credentialPath(folder, file);
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new OperatorFault({
        code: 'UPLINK_TLS_FILE_MISSING',
        problem: `"${path}" can't be read (${messageOf(cause)}), and mqtts:// needs it.`,
        remedy: 'Enrol this agent at the hub and put the files it returns into uplink.credentials.',
        cause,
      });
    }
  };
  const hasList = existsSync(credentialPath(folder, REVOCATION_LIST_FILE));
  return {
    authority: read(TLS_FILES.authority),
    certificate: read(TLS_FILES.certificate),
    key: read(TLS_FILES.key),
    ...(hasList && { revocationList: read(REVOCATION_LIST_FILE) }),
  };
}

/** After a rotation the facts say which agent this key belongs to, and its number. */
function identityOf(privateKey: KeyObject, facts: AgentFacts | undefined): AgentIdentity {
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  const own = { agentId: agentIdOf(publicKey), keyNumber: FIRST_KEY_NUMBER };
  const isKnown = facts?.publicKeyHex === Buffer.from(publicKey).toString('hex');
  if (facts !== undefined && !isKnown && facts.keyNumber > FIRST_KEY_NUMBER) {
    throw new Error(`${AGENT_FACTS_FILE} is about another key`);
  }
  const { agentId, keyNumber } = facts !== undefined && isKnown ? facts : own;
  if (keyNumber === FIRST_KEY_NUMBER && agentId !== own.agentId) {
    throw new Error(`${AGENT_FACTS_FILE} names another agent`);
  }
  return { agentId, signer: keyObjectSigner({ signerId: agentId, keyNumber }, privateKey) };
}

interface AgentFacts {
  readonly agentId: string;
  readonly keyNumber: number;
  readonly publicKeyHex: string;
}

/** Undefined where there are none yet; throws for a file that isn't ours. */
function readFacts(folder: string): AgentFacts | undefined {
  const path = join(folder, AGENT_FACTS_FILE);
  if (!existsSync(path)) return undefined;
  const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (typeof facts === 'object' && facts !== null && 'agentId' in facts) {
    const { agentId } = facts;
    const keyNumber = 'keyNumber' in facts ? facts.keyNumber : FIRST_KEY_NUMBER;
    const publicKeyHex = 'publicKeyHex' in facts ? facts.publicKeyHex : '';
    const isNumber = typeof keyNumber === 'number' && Number.isSafeInteger(keyNumber);
    if (typeof agentId === 'string' && isAgentId(agentId) && isNumber && keyNumber >= 1) {
      return { agentId, keyNumber, publicKeyHex: String(publicKeyHex) };
    }
  }
  throw new Error(`${AGENT_FACTS_FILE} is not what this agent has written`);
}

/** Written once; the hub's registry reads the same shape. */
function writeFacts(folder: string, { agentId, signer }: AgentIdentity): void {
  const path = join(folder, AGENT_FACTS_FILE);
  if (existsSync(path)) return;
  const facts = {
    agentId,
    keyNumber: signer.keyNumber,
    algorithm: signer.algorithm,
    publicKeyHex: Buffer.from(signer.publicKey).toString('hex'),
  };
  writeWhole(path, `${JSON.stringify(facts, undefined, 2)}\n`, 0o644);
}

function receiptKeyOf(
  facts: unknown,
): { hubId: string; keyNumber: number; key: VerificationKey | undefined } | undefined {
  if (typeof facts !== 'object' || facts === null) return undefined;
  if (!('hubId' in facts && 'algorithm' in facts && 'publicKeyHex' in facts)) return undefined;
  const { hubId, algorithm, publicKeyHex } = facts;
  const keyNumber = 'keyNumber' in facts ? facts.keyNumber : FIRST_KEY_NUMBER;
  if (typeof hubId !== 'string' || !isAgentId(hubId)) return undefined;
  if (typeof keyNumber !== 'number' || !Number.isSafeInteger(keyNumber)) return undefined;
  if (algorithm !== 'Ed25519' && algorithm !== 'ES256') return undefined;
  if (typeof publicKeyHex !== 'string' || !HEX.test(publicKeyHex)) return undefined;
  return { hubId, keyNumber, key: verificationKey(algorithm, Buffer.from(publicKeyHex, 'hex')) };
}

function receiptKeyFault(path: string, reason: string, cause: unknown): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_RECEIPT_KEY_MISSING',
    problem: `The hub's receipt key "${path}" can't be used (${reason}).`,
    remedy: 'Copy receipt-key.json from the hub: without it no message could ever be deleted.',
    cause,
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
