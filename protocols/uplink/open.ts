/**
 * The whole way of a message, both directions: `seal...` gives the bytes that travel, `open...`
 * verifies, decodes and holds what was signed against where it was delivered.
 */
import { ADVISORY_BYTES_MAX } from './advisory.ts';
import {
  type DecodedHubMessage,
  decodeAdvisory,
  decodeAgentMessage,
  decodeReceipt,
  decodeRenewedCertificate,
  decodeRequest,
  encodeAgentMessage,
  encodeHubMessage,
} from './codec.ts';
import { messageSha256, openMessage, signMessage } from './cose.ts';
import type {
  Advisory,
  AgentMessage,
  HubMessage,
  HubRequest,
  Receipt,
  RenewedCertificate,
} from './messages.ts';
import { STREAM_ALERTS, STREAM_EVIDENCE, STREAM_SUMMARIES, type Stream } from './messages.ts';
import { type Refusal, refusal } from './refusal.ts';
import type { KeyId, Signer, VerificationKey } from './signature.ts';
import {
  advisoryTopic,
  certificateTopic,
  endsWithTopic,
  parseTopic,
  receiptTopic,
  requestTopic,
  streamTopic,
} from './topics.ts';

export function sealAgentMessage(signer: Signer, message: AgentMessage): Uint8Array {
  const topic = streamTopic(message.agentId, message.stream);
  return signMessage(signer, topic, encodeAgentMessage(message));
}

export function sealReceipt(signer: Signer, receipt: Receipt): Uint8Array {
  return signMessage(signer, receiptTopic(receipt.agentId), encodeHubMessage(receipt));
}

/** `signer`: the hub's receipt key. */
export function sealRequest(signer: Signer, request: HubRequest): Uint8Array {
  return signMessage(signer, requestTopic(request.agentId), encodeHubMessage(request));
}

/** `signer`: the hub's receipt key. */
export function sealRenewedCertificate(signer: Signer, answer: RenewedCertificate): Uint8Array {
  return signMessage(signer, certificateTopic(answer.agentId), encodeHubMessage(answer));
}

/** `signer`: the advisory key. Throws RangeError for one that is longer than ADVISORY_BYTES_MAX. */
export function sealAdvisory(signer: Signer, advisory: Advisory): Uint8Array {
  const bytes = signMessage(signer, advisoryTopic(advisory.sector), encodeHubMessage(advisory));
  if (bytes.byteLength > ADVISORY_BYTES_MAX) {
    throw new RangeError(`an advisory of ${bytes.byteLength} bytes, over ${ADVISORY_BYTES_MAX}`);
  }
  return bytes;
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
  if (message.kind === 'keyRotation' && message.newKeyNumber <= keyId.keyNumber) {
    return refusal('rule', 'fieldLimit', 'newKeyNumber');
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
  const likely = delivered?.kind === 'stream' ? delivered.stream : STREAM_ALERTS;
  const streams = STREAMS_FROM[likely];
  return ({ signerId }) => streams.map((stream) => streamTopic(signerId, stream));
}

/** All streams, each of them first once. */
const STREAMS_FROM: Readonly<Record<Stream, readonly Stream[]>> = {
  [STREAM_ALERTS]: [STREAM_ALERTS, STREAM_SUMMARIES, STREAM_EVIDENCE],
  [STREAM_SUMMARIES]: [STREAM_SUMMARIES, STREAM_ALERTS, STREAM_EVIDENCE],
  [STREAM_EVIDENCE]: [STREAM_EVIDENCE, STREAM_ALERTS, STREAM_SUMMARIES],
};

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
  const opened = openHubMessage(bytes, keyLookup, topic, deliveredTopic, decodeReceipt);
  if (opened.kind === 'refused') return opened;
  const { message: receipt, keyId } = opened;
  if (receipt.agentId !== agentId) return refusal('rule', 'topicMismatch', 'agentId');
  return { kind: 'opened', receipt, keyId };
}

/** As openReceipt, for what the hub asks for: by the same keys. */
export function openRequest(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  agentId: string,
  deliveredTopic?: string,
): OpenedHubMessage<HubRequest> | Refusal {
  const topic = requestTopic(agentId);
  const opened = openHubMessage(bytes, keyLookup, topic, deliveredTopic, decodeRequest);
  if (opened.kind === 'opened' && opened.message.agentId !== agentId) {
    return refusal('rule', 'topicMismatch', 'agentId');
  }
  return opened;
}

/** As openReceipt, for a renewed certificate. Whose it is remains to be judged. */
export function openRenewedCertificate(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  agentId: string,
  deliveredTopic?: string,
): OpenedHubMessage<RenewedCertificate> | Refusal {
  const topic = certificateTopic(agentId);
  const decode = decodeRenewedCertificate;
  const opened = openHubMessage(bytes, keyLookup, topic, deliveredTopic, decode);
  if (opened.kind === 'opened' && opened.message.agentId !== agentId) {
    return refusal('rule', 'topicMismatch', 'agentId');
  }
  return opened;
}

/** `keyLookup` knows the advisory keys and no others; `sector`: whose advisory is wanted. */
export function openAdvisory(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  sector: string,
  deliveredTopic?: string,
): OpenedHubMessage<Advisory> | Refusal {
  if (bytes.byteLength > ADVISORY_BYTES_MAX) {
    return refusal('encoding', 'tooLarge', `${bytes.byteLength} bytes`);
  }
  const topic = advisoryTopic(sector);
  const opened = openHubMessage(bytes, keyLookup, topic, deliveredTopic, decodeAdvisory);
  if (opened.kind === 'opened' && opened.message.sector !== sector) {
    return refusal('rule', 'topicMismatch', 'sector');
  }
  return opened;
}

export interface OpenedHubMessage<T extends HubMessage> {
  readonly kind: 'opened';
  readonly message: T;
  readonly keyId: KeyId;
}

function openHubMessage<T extends HubMessage>(
  bytes: Uint8Array,
  keyLookup: KeyLookup,
  topic: string,
  deliveredTopic: string | undefined,
  decode: (payload: Uint8Array) => DecodedHubMessage<T>,
): OpenedHubMessage<T> | Refusal {
  const opened = openMessage(bytes, keyLookup, () => [topic]);
  if (opened.kind === 'refused') return opened;
  const decoded = decode(opened.payload);
  if (decoded.kind === 'refused') return decoded;
  if (deliveredTopic !== undefined && !endsWithTopic(deliveredTopic, topic)) {
    return refusal('rule', 'topicMismatch', `signed for ${topic}`);
  }
  return { kind: 'opened', message: decoded.message, keyId: opened.keyId };
}
