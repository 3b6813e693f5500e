/**
 * From delivered bytes to a batch entry: verify, decode, hold against the topic. Pure but for the
 * registry's files, so that it runs beside the storing thread or in it.
 */
import type { Statement } from '../protocols/uplink/messages.ts';
import { type OpenedAgentMessage, openAgentMessage } from '../protocols/uplink/open.ts';
import type { Refusal } from '../protocols/uplink/refusal.ts';
import type { KeyId, VerificationKey } from '../protocols/uplink/signature.ts';
import { parseTopic } from '../protocols/uplink/topics.ts';
import type { AgentRegistry } from './agent-registry.ts';
import type {
  DroppedRange,
  FindingEntry,
  MessageKey,
  RefusedMessageEntry,
  VerifiedMessage,
} from './store.ts';

export interface Delivered {
  /** As the broker delivered it; undefined from an archive, where what was signed counts. */
  readonly topic: string | undefined;
  readonly bytes: Uint8Array;
}

export type OpenedEntry = VerifiedMessage | RefusedMessageEntry | FindingEntry;

/** Never throws on bytes. */
export function openDelivered({ topic, bytes }: Delivered, registry: AgentRegistry): OpenedEntry {
  let revokedKey: KeyId | undefined;
  const keyOf = (keyId: KeyId): VerificationKey | undefined => {
    const found = registry.lookup(keyId);
    if (found.kind === 'revoked') revokedKey = keyId;
    return found.kind === 'unknown' ? undefined : found.key;
  };
  const opened = openAgentMessage(bytes, keyOf, topic);
  const isForged = opened.kind === 'refused' && opened.layer === 'signature';
  if (revokedKey !== undefined && !isForged) return revoked(opened, revokedKey, registry);
  if (opened.kind === 'opened') return verified(opened, bytes);
  return refused(opened, topic);
}

/**
 * Its own agent has signed it, by a key that was good once. The agent is told in a receipt, but
 * only where none of its keys is good: whoever stole a former key could otherwise have the hub
 * refuse what an agent in good standing is about to send.
 */
function revoked(
  opened: OpenedAgentMessage | Refusal,
  { signerId: agentId, keyNumber }: KeyId,
  registry: AgentRegistry,
): OpenedEntry {
  const place = opened.kind === 'opened' ? opened.message : opened.place;
  const told = { reason: 'revoked', agentId, detail: `rule: key ${keyNumber} is revoked` };
  if (place === undefined || registry.isEnrolled(agentId)) return { kind: 'finding', ...told };
  const { epoch, stream, sequence } = place;
  return { kind: 'refused', epoch, stream, sequence, ...told };
}

function refused(refusal: Refusal, topic: string | undefined): OpenedEntry {
  const { layer, reason, place } = refusal;
  const detail = `${layer}: ${refusal.detail}`;
  if (place !== undefined) return { kind: 'refused', ...place, reason, detail };
  const delivered = topic === undefined ? undefined : parseTopic(topic);
  const agentId = delivered?.kind === 'stream' ? delivered.agentId : '';
  return { kind: 'finding', reason, agentId, detail };
}

function verified({ message, sha256 }: OpenedAgentMessage, bytes: Uint8Array): VerifiedMessage {
  const { agentId, epoch, stream, sequence, previousSha256, signedAtMs, kind } = message;
  const key: MessageKey = { agentId, epoch, stream, sequence };
  return {
    kind: 'verified',
    ...key,
    messageKind: kind,
    sha256,
    previousSha256,
    signedAtMs,
    bytes,
    ...consequence(message),
  };
}

/** What a stored message changes beyond its own row. */
function consequence(
  message: OpenedAgentMessage['message'],
): Pick<VerifiedMessage, 'newKey' | 'tombstone' | 'certificateRequest'> {
  if (message.kind === 'keyRotation') {
    const { newKeyNumber: keyNumber, newAlgorithm: algorithm, newPublicKey } = message;
    return { newKey: { keyNumber, algorithm, publicKey: newPublicKey } };
  }
  if (message.kind === 'renewalRequest') {
    return { certificateRequest: message.certificateRequest };
  }
  if (message.kind === 'statement') {
    const lost = lostRange(message);
    return lost === undefined ? {} : { tombstone: lost };
  }
  if (message.kind !== 'tombstone') return {};
  const { epochOf, stream: streamOf, from, to, messages } = message;
  return { tombstone: { reason: 'tombstone', epochOf, streamOf, from, to, messages } };
}

/** Only where each of the range is gone; the agent tells many short ranges together. */
function lostRange(statement: Statement): DroppedRange | undefined {
  const { code, epochOf, streamOf, from, to, count } = statement;
  if (code !== 'hubLost' || epochOf === undefined || streamOf === undefined) return undefined;
  if (from === undefined || to === undefined || count !== to - from + 1) return undefined;
  return { reason: 'hubLost', epochOf, streamOf, from, to, messages: count };
}
