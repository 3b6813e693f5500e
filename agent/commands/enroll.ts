/**
 * `fieldtap enroll`: writes a request for the hub, installs the bundle that comes back, or prepares
 * a new signing key. What is installed is checked first and replaces the old files one by one.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  ENROLMENT_BYTES_MAX,
  type EnrolmentBundle,
  openEnrolmentBundle,
  type PublicKeyFacts,
  proofOfCode,
  sealEnrolmentRequest,
} from '../../protocols/uplink/enrolment.ts';
import { makeCertificateRequest } from '../../protocols/uplink/enrolment-certificate.ts';
import type { Algorithm, Signer } from '../../protocols/uplink/signature.ts';
import { type Config, loadConfig } from '../config.ts';
import { finishKeyChange, prepareKeyChange } from '../key-change.ts';
import { SystemClock } from '../platform/clock.ts';
import { writeWhole } from '../platform/durable-file.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { NEXT_TLS_FILES } from '../uplink/client-certificate.ts';
import {
  ADVISORY_KEY_FILE,
  openAgentIdentity,
  RECEIPT_KEY_FILE,
  TLS_FILES,
} from '../uplink/credentials.ts';

const DAY_MS = 86_400_000;

export interface EnrollOptions {
  readonly config: string;
  readonly out?: string;
  readonly code?: string;
  readonly replaces?: string;
  readonly bundle?: string;
  readonly newHub: boolean;
  readonly rotate: boolean;
  readonly algorithm: Algorithm;
  readonly json: boolean;
}

export function enroll(options: EnrollOptions): void {
  const config = loadConfig(options.config);
  const folder = credentialsFolder(config, options.config);
  if (options.bundle !== undefined) installBundle(folder, options.bundle, config, options);
  else if (options.rotate) rotateKey(folder, options);
  else writeRequest(folder, config, options);
}

function writeRequest(folder: string, { site }: Config, options: EnrollOptions): void {
  finishKeyChange(folder);
  const { agentId, signer } = openAgentIdentity(folder);
  const key = factsOf(signer);
  const { code, replaces } = options;
  const request = sealEnrolmentRequest(signer, {
    key,
    siteName: site.name,
    ...(site.sector !== undefined && { sector: site.sector }),
    ...(replaces !== undefined && { replaces }),
    ...(code !== undefined && { codeProof: proofOfCode(code.trim().toLowerCase(), key) }),
    certificateRequest: makeCertificateRequest(agentId, openNextTlsKey(folder)),
    requestedAtMs: new SystemClock().wallMs(),
  });
  const out = options.out ?? `${agentId}.request.json`;
  writeOut(out, request);
  const steps =
    code === undefined
      ? `At the hub: fieldtap-hub enroll ${out} --agent ${agentId}`
      : `At the hub: fieldtap-hub enroll ${out}`;
  const then = `Then here: fieldtap enroll --bundle ${agentId}.bundle.json`;
  say(options, { agentId, request: out }, [`agentId ${agentId}`, `${out} written.`, steps, then]);
}

/** A request that is asked for twice is for the same key: either bundle fits. */
function openNextTlsKey(folder: string) {
  const path = join(folder, NEXT_TLS_FILES.key);
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeWhole(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })), 0o600);
  }
  return createPrivateKey(readFileSync(path));
}

function installBundle(
  folder: string,
  path: string,
  { uplink }: Config,
  options: EnrollOptions,
): void {
  const opened = openEnrolmentBundle(readBundle(path));
  if (opened.kind === 'refused') throw refused(path, opened.reason);
  const { bundle } = opened;
  const { agentId } = openAgentIdentity(folder);
  if (bundle.agentId !== agentId) {
    throw refused(path, `it is for the agent ${bundle.agentId}, and this one is ${agentId}`);
  }
  if (!options.newHub && isAnotherHub(folder, bundle.receiptKey)) {
    throw refused(
      path,
      `it is by the hub ${bundle.receiptKey.signerId}, and this agent trusts another one ` +
        '(--new-hub changes hubs)',
    );
  }
  const keyFile = matchingKey(folder, bundle.certificate);
  if (keyFile === undefined) {
    throw refused(path, 'its certificate is for another TLS key than the one made here');
  }
  install(folder, bundle, keyFile);
  const until = new X509Certificate(bundle.certificate).validTo;
  const days = Math.floor((new Date(until).getTime() - new SystemClock().wallMs()) / DAY_MS);
  const isSame = uplink?.broker === bundle.broker;
  const broker = isSame ? '' : `Set uplink.broker to ${bundle.broker}.`;
  const { signerId: hubId } = bundle.receiptKey;
  const facts = { agentId, hubId, broker: bundle.broker, certificateDays: days };
  say(options, facts, [
    `enrolled at the hub ${hubId}; the certificate holds for ${days} days.`,
    ...(broker === '' ? [] : [broker]),
    'Start the agent again; "fieldtap doctor" checks the way to the hub.',
  ]);
}

/** Key and certificate belong together: a power cut between them is mended by installing again. */
function install(folder: string, bundle: EnrolmentBundle, keyFile: string): void {
  writeWhole(join(folder, TLS_FILES.authority), bundle.authority, 0o644);
  if (keyFile === NEXT_TLS_FILES.key) {
    renameSync(join(folder, NEXT_TLS_FILES.key), join(folder, TLS_FILES.key));
  }
  writeWhole(join(folder, TLS_FILES.certificate), bundle.certificate, 0o644);
  writeWhole(join(folder, RECEIPT_KEY_FILE), hubKeyText(bundle.receiptKey), 0o644);
  const [advisoryKey] = bundle.advisoryKeys;
  if (advisoryKey !== undefined) {
    writeWhole(join(folder, ADVISORY_KEY_FILE), hubKeyText(advisoryKey), 0o644);
  }
}

function matchingKey(folder: string, certificate: string): string | undefined {
  try {
    const { publicKey } = new X509Certificate(certificate);
    return [NEXT_TLS_FILES.key, TLS_FILES.key].find((file) => {
      const path = join(folder, file);
      return existsSync(path) && createPublicKey(readFileSync(path)).equals(publicKey);
    });
  } catch {
    return undefined;
  }
}

function isAnotherHub(folder: string, { signerId, publicKeyHex }: PublicKeyFacts): boolean {
  const path = join(folder, RECEIPT_KEY_FILE);
  if (!existsSync(path)) return false;
  const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (typeof facts !== 'object' || facts === null) return true;
  const isSameHub = 'hubId' in facts && facts.hubId === signerId;
  return !(isSameHub && 'publicKeyHex' in facts && facts.publicKeyHex === publicKeyHex);
}

function rotateKey(folder: string, options: EnrollOptions): void {
  const { agentId, signer } = openAgentIdentity(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  prepareKeyChange(folder, options.algorithm);
  const { keyNumber } = signer;
  say(options, { agentId, keyNumber, nextKeyNumber: keyNumber + 1 }, [
    `key ${keyNumber + 1} is prepared. The agent announces it when it starts again, ` +
      `signed by key ${keyNumber}; the hub needs no new enrolment.`,
  ]);
}

function credentialsFolder({ uplink }: Config, path: string): string {
  if (uplink !== undefined) return uplink.credentials;
  throw new OperatorFault({
    code: 'ENROLMENT_WITHOUT_UPLINK',
    problem: `The configuration "${path}" has no section "uplink", so there is nothing to enrol.`,
    remedy: 'Add uplink.broker as your hub gives it, then enrol.',
  });
}

function readBundle(path: string): string {
  try {
    if (statSync(path).size <= ENROLMENT_BYTES_MAX) return readFileSync(path, 'utf8');
    throw new Error('it is too large');
  } catch (cause) {
    throw new OperatorFault({
      code: 'ENROLMENT_BUNDLE_UNREADABLE',
      problem: `The bundle "${path}" can't be read.`,
      remedy: 'Give the file that "fieldtap-hub enroll" wrote for this agent.',
      cause,
    });
  }
}

function writeOut(path: string, text: string): void {
  try {
    writeWhole(path, text, 0o644);
  } catch (cause) {
    throw new OperatorFault({
      code: 'ENROLMENT_REQUEST_NOT_WRITTEN',
      problem: `The request "${path}" can't be written.`,
      remedy: 'Give a file with --out in a folder that this user may write.',
      cause,
    });
  }
}

function refused(path: string, reason: string): OperatorFault {
  return new OperatorFault({
    code: 'ENROLMENT_BUNDLE_REFUSED',
    problem: `The bundle "${path}" is not installed: ${reason}.`,
    remedy: 'Write a new request with "fieldtap enroll" and have the hub answer that one.',
  });
}

function hubKeyText({
  signerId: hubId,
  keyNumber,
  algorithm,
  publicKeyHex,
}: PublicKeyFacts): string {
  const facts = { hubId, keyNumber, algorithm, publicKeyHex };
  return `${JSON.stringify(facts, undefined, 2)}\n`;
}

function factsOf({ signerId, keyNumber, algorithm, publicKey }: Signer): PublicKeyFacts {
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  return { signerId, keyNumber, algorithm, publicKeyHex };
}

function say(options: EnrollOptions, facts: object, lines: readonly string[]): void {
  const text = options.json ? JSON.stringify(facts) : lines.map(escapeText).join('\n');
  process.stdout.write(`${text}\n`);
}
