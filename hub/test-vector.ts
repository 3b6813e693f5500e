/**
 * The shape of hub/test-vectors/*.json, and the receiver that they are held against: signature and
 * encoding by the vector's own key and topic, rules with the memory of one file, in its order.
 */
import type { AgentMessage, HubMessage } from '../protocols/uplink/messages.ts';
import {
  type OpenedHubMessage,
  openAdvisory,
  openAgentMessage,
  openReceipt,
  openRenewedCertificate,
  openRequest,
} from '../protocols/uplink/open.ts';
import type { Layer, Refusal } from '../protocols/uplink/refusal.ts';
import { type Algorithm, verificationKey } from '../protocols/uplink/signature.ts';
import { parseTopic } from '../protocols/uplink/topics.ts';

/** One element of a file's array. */
export interface TestVector {
  readonly name: string;
  /** The canonical topic that went into external_aad. */
  readonly topic: string;
  /** As the broker delivered it, where that differs. */
  readonly deliveredTopic?: string;
  readonly algorithm: Algorithm;
  /** Ed25519: 32 bytes. ES256: the 65-byte uncompressed point. */
  readonly publicKeyHex: string;
  readonly messageHex: string;
  readonly valid: boolean;
  /** Where an invalid one must be refused, and why. */
  readonly layer?: Layer;
  readonly reason?: string;
  /** The decoded message with its text names; byte strings as lower-case hex. */
  readonly payload?: unknown;
}

export type Verdict =
  | { readonly valid: true; readonly message: AgentMessage | HubMessage }
  | { readonly valid: false; readonly layer: Layer; readonly reason: string };

/** Sequences seen so far, as a hub would know them: `agentId/epoch/stream/sequence` and hash. */
export type SeenSequences = Map<string, string>;

export function judge(vector: TestVector, seen: SeenSequences): Verdict {
  const bytes = Buffer.from(vector.messageHex, 'hex');
  const raw = Buffer.from(vector.publicKeyHex, 'hex');
  const key = verificationKey(vector.algorithm, raw);
  const topic = parseTopic(vector.topic);
  const delivered = vector.deliveredTopic ?? vector.topic;
  if (topic?.kind === 'receipt') {
    const opened = openReceipt(bytes, () => key, topic.agentId, delivered);
    return opened.kind === 'opened' ? { valid: true, message: opened.receipt } : refused(opened);
  }
  if (topic?.kind === 'request') {
    return verdictOf(openRequest(bytes, () => key, topic.agentId, delivered));
  }
  if (topic?.kind === 'certificate') {
    return verdictOf(openRenewedCertificate(bytes, () => key, topic.agentId, delivered));
  }
  if (topic?.kind === 'advisory') {
    return verdictOf(openAdvisory(bytes, () => key, topic.sector, delivered));
  }
  const opened = openAgentMessage(
    bytes,
    () => key,
    delivered,
    () => [vector.topic],
  );
  if (opened.kind === 'refused') return refused(opened);
  const { agentId, epoch, stream, sequence, previousSha256 } = opened.message;
  const place = `${agentId}/${epoch}/${stream}`;
  const sha256 = Buffer.from(opened.sha256).toString('hex');
  const known = seen.get(`${place}/${sequence}`);
  const predecessor = seen.get(`${place}/${sequence - 1}`);
  const isBroken =
    predecessor !== undefined && predecessor !== Buffer.from(previousSha256).toString('hex');
  if ((known !== undefined && known !== sha256) || isBroken) {
    return { valid: false, layer: 'rule', reason: 'forked' };
  }
  seen.set(`${place}/${sequence}`, sha256);
  return { valid: true, message: opened.message };
}

/** A message as JSON: byte strings as lower-case hex. */
export function jsonOf(message: AgentMessage | HubMessage): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ),
  );
}

function verdictOf(opened: OpenedHubMessage<HubMessage> | Refusal): Verdict {
  return opened.kind === 'opened' ? { valid: true, message: opened.message } : refused(opened);
}

function refused({ layer, reason }: { layer: Layer; reason: string }): Verdict {
  return { valid: false, layer, reason };
}
