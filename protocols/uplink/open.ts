/**
 * The whole way of a message, both directions: `seal...` gives the bytes that travel, `open...`
 * verifies, decodes and holds what was signed against where it was delivered.
 */
import { decodeAgentMessage, decodeReceipt, encodeAgentMessage, encodeReceipt } from './codec.ts';
import { messageSha256, openMessage, signMessage } from './cose.ts';
import type { AgentMessage, Receipt } from './messages.ts';
import { type Refusal, refusal } from './refusal.ts';
import type { KeyId, Signer, VerificationKey } from './signature.ts';
import { endsWithTopic, parseTopic, receiptTopic, STREAMS, streamTopic } from './topics.ts';

export function sealAgentMessage(signer: Signer, message: AgentMessage): Uint8Array {
  const topic = streamTopic(message.agentId, message.stream);
  return signMessage(signer, topic, encodeAgentMessage(message));
}

export function sealReceipt(signer: Signer, receipt: Receipt): Uint8Array {
  return signMessage(signer, receiptTopic(receipt.agentId), encodeReceipt(receipt));
}

export interface OpenedAgentMessage {
  readonly kind: 'opened';
  readonly message: AgentMessage;
  readonly keyId: KeyId;
  /** SHA-256 of the signed bytes. */
  readonly sha256: Uint8Array;
  readonly topic: string;
}

export type KeyLookup = (keyId: KeyId) => VerificationKey | undefined;

/**
 * `deliveredTopic`: as the broker delivered it; absent for an archive. `topicsOf`: the canonical
 * topics that the signer may have signed for, by default those of its streams. Never throws.
 */
export function openAgentMessage(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  deliveredTopic?: string,
  topicsOf = streamTopicsOf(deliveredTopic),
): OpenedAgentMessage | Refusal {
  const opened = openMessage(bytes, keyLookup, topicsOf);
  if (opened.kind === 'refused') return opened;
  const decoded = decodeAgentMessage(opened.payload);
  const { keyId, topic } = opened;
  if (decoded.kind === 'refused') return withOwnPlace(decoded, keyId);
  const { message } = decoded;
  if (message.agentId !== keyId.signerId) {
    return refusal('rule', 'signerMismatch', `signed by ${keyId.signerId}`);
  }
  if (topic !== streamTopic(message.agentId, message.stream)) {
    return refusal('rule', 'streamMismatch', `signed for ${topic}`);
  }
  if (deliveredTopic !== undefined && !endsWithTopic(deliveredTopic, topic)) {
    return refusal('rule', 'topicMismatch', `signed for ${topic}`);
  }
  return { kind: 'opened', message, keyId, sha256: messageSha256(bytes), topic };
}

/** The delivered topic tells the likeliest stream; the others are tried only when it fails. */
function streamTopicsOf(deliveredTopic: string | undefined): (keyId: KeyId) => readonly string[] {
  const delivered = deliveredTopic === undefined ? undefined : parseTopic(deliveredTopic);
  const likely = delivered?.kind === 'stream' ? delivered.stream : undefined;
  const streams = STREAMS.toSorted((a, b) => Number(b === likely) - Number(a === likely));
  return ({ signerId }) => streams.map((stream) => streamTopic(signerId, stream));
}

/** What isn't the signer's own can't be said in its name. */
function withOwnPlace(refused: Refusal, keyId: KeyId): Refusal {
  if (refused.place === undefined || refused.place.agentId === keyId.signerId) return refused;
  return refusal(refused.layer, refused.reason, refused.detail);
}

export interface OpenedReceipt {
  readonly kind: 'opened';
  readonly receipt: Receipt;
  readonly keyId: KeyId;
}

/**
 * `agentId`: whose receipts are wanted; `keyLookup` knows the hub's receipt keys. Never throws.
 */
export function openReceipt(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  agentId: string,
  deliveredTopic?: string,
): OpenedReceipt | Refusal {
  const topic = receiptTopic(agentId);
  const opened = openMessage(bytes, keyLookup, () => [topic]);
  if (opened.kind === 'refused') return opened;
  const decoded = decodeReceipt(opened.payload);
  if (decoded.kind === 'refused') return decoded;
  if (decoded.message.agentId !== agentId) return refusal('rule', 'topicMismatch', 'agentId');
  if (deliveredTopic !== undefined && !endsWithTopic(deliveredTopic, topic)) {
    return refusal('rule', 'topicMismatch', `signed for ${topic}`);
  }
  return { kind: 'opened', receipt: decoded.message, keyId: opened.keyId };
}
