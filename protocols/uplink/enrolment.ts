/**
 * The two files of an enrolment. A *request* says who an agent is and is signed by its own key; a
 * *bundle* is the hub's answer, signed by its receipt key. Both are JSON around the signed text, so
 * that a person can read what is carried on a stick (docs/wire-format.md, "Enrolment").
 */
import { createHmac } from 'node:crypto';
import { bytesOfHex, hexOfBytes } from './address.ts';
import { SECTOR } from './advisory.ts';
import { agentIdOf, isAgentId } from './agent-id.ts';
import { type Algorithm, type Signer, verificationKey } from './signature.ts';

const FORMAT_REQUEST = 'fieldtap enrolment request 1';
const FORMAT_BUNDLE = 'fieldtap enrolment bundle 1';
/** Either file; certificates of P-256 are some 700 bytes each. */
export const ENROLMENT_BYTES_MAX = 64 * 1024;
const SITE_NAME_CHARACTERS_MAX = 256;
const PEM_CHARACTERS_MAX = 16 * 1024;
const KEYS_MAX = 16;
const HEX = /^(?:[0-9a-f]{2})+$/;

/** A public key with its place: what receipts, advisories and messages are checked with. */
export interface PublicKeyFacts {
  readonly signerId: string;
  readonly keyNumber: number;
  readonly algorithm: Algorithm;
  /** Raw, lower-case hex. */
  readonly publicKeyHex: string;
}

export interface EnrolmentRequest {
  /** The key that signs messages, and has signed this request. */
  readonly key: PublicKeyFacts;
  readonly siteName: string;
  readonly sector?: string;
  /** agentId of the gateway whose place this one takes. */
  readonly replaces?: string;
  /** Shows that a one-time code is known without telling it (`proofOfCode`). */
  readonly codeProof?: string;
  /** PKCS #10, PEM; its CN is the agentId. */
  readonly certificateRequest: string;
  readonly requestedAtMs: number;
}

export interface EnrolmentBundle {
  readonly agentId: string;
  /** Where the agent connects to: mqtts://host:port. */
  readonly broker: string;
  readonly sector?: string;
  readonly receiptKey: PublicKeyFacts;
  readonly advisoryKeys: readonly PublicKeyFacts[];
  /** PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly issuedAtMs: number;
}

/** Why a file of an enrolment isn't accepted, as a sentence's end. */
export interface EnrolmentRefusal {
  readonly kind: 'refused';
  readonly reason: string;
}

/** `signer`: the agent's own. */
export function sealEnrolmentRequest(signer: Signer, request: EnrolmentRequest): string {
  return seal(FORMAT_REQUEST, signer, request);
}

/** `signer`: the hub's receipt key. */
export function sealEnrolmentBundle(signer: Signer, bundle: EnrolmentBundle): string {
  return seal(FORMAT_BUNDLE, signer, bundle);
}

/** Verified against the key that it names itself; who that is remains to be judged. */
export function openEnrolmentRequest(
  text: string,
): { readonly kind: 'request'; readonly request: EnrolmentRequest } | EnrolmentRefusal {
  const opened = open(FORMAT_REQUEST, text);
  if (opened === undefined) return refused('it is no enrolment request of fieldtap');
  const request = requestOf(opened.body);
  if (request === undefined) return refused('a field of it is missing or not as it should be');
  const { key } = request;
  if (!isSignedBy(key, opened)) return refused('its signature is not by the key that it names');
  const isFirst = key.keyNumber === 1 && key.algorithm === 'Ed25519';
  if (isFirst && agentIdOf(bytesOfHex(key.publicKeyHex)) !== key.signerId) {
    return refused('its agentId does not belong to its key');
  }
  return { kind: 'request', request };
}

/** Verified against the receipt key that it brings; whether that hub is ours is for the caller. */
export function openEnrolmentBundle(
  text: string,
): { readonly kind: 'bundle'; readonly bundle: EnrolmentBundle } | EnrolmentRefusal {
  const opened = open(FORMAT_BUNDLE, text);
  if (opened === undefined) return refused('it is no enrolment bundle of fieldtap');
  const bundle = bundleOf(opened.body);
  if (bundle === undefined) return refused('a field of it is missing or not as it should be');
  if (!isSignedBy(bundle.receiptKey, opened)) {
    return refused('its signature is not by the receipt key that it brings');
  }
  return { kind: 'bundle', bundle };
}

/** Binds a one-time code to the key that uses it: worth nothing to who reads it on the way. */
export function proofOfCode(code: string, key: PublicKeyFacts): string {
  return createHmac('sha256', code).update(`${key.signerId} ${key.publicKeyHex}`).digest('hex');
}

interface Opened {
  readonly body: ReadonlyMap<string, unknown>;
  readonly signedText: string;
  readonly signature: Uint8Array;
}

function seal(format: string, signer: Signer, content: object): string {
  const body = JSON.stringify(content);
  const signature = hexOfBytes(signer.sign(signedBytes(format, body)));
  return `${JSON.stringify({ format, body, signature }, undefined, 2)}\n`;
}

function open(format: string, text: string): Opened | undefined {
  if (text.length > ENROLMENT_BYTES_MAX) return undefined;
  try {
    const outer = fieldsOf(JSON.parse(text));
    const body = outer?.get('body');
    const signature = outer?.get('signature');
    if (outer?.get('format') !== format || typeof body !== 'string') return undefined;
    if (typeof signature !== 'string' || !HEX.test(signature)) return undefined;
    const fields = fieldsOf(JSON.parse(body));
    const signedText = `${format}\n${body}`;
    return fields && { body: fields, signedText, signature: bytesOfHex(signature) };
  } catch {
    return undefined;
  }
}

function signedBytes(format: string, body: string): Uint8Array {
  return new TextEncoder().encode(`${format}\n${body}`);
}

function isSignedBy(key: PublicKeyFacts, { signedText, signature }: Opened): boolean {
  const verifier = verificationKey(key.algorithm, bytesOfHex(key.publicKeyHex));
  return verifier?.verify(new TextEncoder().encode(signedText), signature) === true;
}

function requestOf(body: ReadonlyMap<string, unknown>): EnrolmentRequest | undefined {
  const key = keyOf(body.get('key'));
  const siteName = textOf(body, 'siteName', SITE_NAME_CHARACTERS_MAX);
  const certificateRequest = textOf(body, 'certificateRequest', PEM_CHARACTERS_MAX);
  const requestedAtMs = timeOf(body, 'requestedAtMs');
  const sector = body.get('sector');
  const replaces = body.get('replaces');
  const codeProof = body.get('codeProof');
  if (key === undefined || siteName === undefined || certificateRequest === undefined) {
    return undefined;
  }
  if (requestedAtMs === undefined || !isOptional(sector, (text) => SECTOR.test(text)))
    return undefined;
  if (!isOptional(replaces, isAgentId)) return undefined;
  if (!isOptional(codeProof, (text) => HEX.test(text) && text.length === 64)) return undefined;
  return {
    key,
    siteName,
    ...(sector !== undefined && { sector }),
    ...(replaces !== undefined && { replaces }),
    ...(codeProof !== undefined && { codeProof }),
    certificateRequest,
    requestedAtMs,
  };
}

function bundleOf(body: ReadonlyMap<string, unknown>): EnrolmentBundle | undefined {
  const agentId = textOf(body, 'agentId', SITE_NAME_CHARACTERS_MAX);
  const broker = textOf(body, 'broker', SITE_NAME_CHARACTERS_MAX);
  const receiptKey = keyOf(body.get('receiptKey'));
  const authority = textOf(body, 'authority', PEM_CHARACTERS_MAX);
  const certificate = textOf(body, 'certificate', PEM_CHARACTERS_MAX);
  const issuedAtMs = timeOf(body, 'issuedAtMs');
  const sector = body.get('sector');
  const listed = body.get('advisoryKeys');
  if (agentId === undefined || !isAgentId(agentId) || broker === undefined) return undefined;
  if (receiptKey === undefined || authority === undefined || certificate === undefined) {
    return undefined;
  }
  if (issuedAtMs === undefined || !isOptional(sector, (text) => SECTOR.test(text)))
    return undefined;
  if (!Array.isArray(listed) || listed.length > KEYS_MAX) return undefined;
  const advisoryKeys = listed.map(keyOf).filter((key) => key !== undefined);
  if (advisoryKeys.length !== listed.length) return undefined;
  return {
    agentId,
    broker,
    ...(sector !== undefined && { sector }),
    receiptKey,
    advisoryKeys,
    authority,
    certificate,
    issuedAtMs,
  };
}

function keyOf(value: unknown): PublicKeyFacts | undefined {
  const fields = fieldsOf(value);
  const signerId = fields?.get('signerId');
  const keyNumber = fields?.get('keyNumber');
  const algorithm = fields?.get('algorithm');
  const publicKeyHex = fields?.get('publicKeyHex');
  if (typeof signerId !== 'string' || !isAgentId(signerId)) return undefined;
  if (typeof keyNumber !== 'number' || !Number.isSafeInteger(keyNumber) || keyNumber < 1) {
    return undefined;
  }
  if (algorithm !== 'Ed25519' && algorithm !== 'ES256') return undefined;
  if (typeof publicKeyHex !== 'string' || !HEX.test(publicKeyHex)) return undefined;
  if (verificationKey(algorithm, bytesOfHex(publicKeyHex)) === undefined) return undefined;
  return { signerId, keyNumber, algorithm, publicKeyHex };
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value));
}

function textOf(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  charactersMax: number,
): string | undefined {
  const value = fields.get(name);
  const isGood = typeof value === 'string' && value.length > 0 && value.length <= charactersMax;
  return isGood ? value : undefined;
}

function timeOf(fields: ReadonlyMap<string, unknown>, name: string): number | undefined {
  const value = fields.get(name);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isOptional(
  value: unknown,
  isGood: (text: string) => boolean,
): value is string | undefined {
  return value === undefined || (typeof value === 'string' && isGood(value));
}

function refused(reason: string): EnrolmentRefusal {
  return { kind: 'refused', reason };
}
