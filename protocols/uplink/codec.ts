/**
 * Messages to deterministic CBOR and back. Decoding answers with the message or with a refusal of
 * layer `encoding` or `rule`; it never throws on bytes.
 */
import { alertShape } from './alert.ts';
import { decodeCbor, decodeLenient, encodeCbor, type WireValue } from './cbor.ts';
import { epochBeginsShape } from './epoch-begins.ts';
import {
  identityShape,
  KEY_KIND,
  KIND_ALERT,
  KIND_EPOCH_BEGINS,
  KIND_SUMMARY,
} from './identity.ts';
import { type AgentMessage, type Receipt, STREAM_ALERTS, STREAM_SUMMARIES } from './messages.ts';
import { receiptShape } from './receipt.ts';
import { type Refusal, refusal, type SignedPlace } from './refusal.ts';
import { decodeShape, encodeShape, type ShapeResult } from './shape.ts';
import { summaryShape } from './summary.ts';

/** Throws RangeError for a message that breaks its own contract: a bug of ours. */
export function encodeAgentMessage(message: AgentMessage): Uint8Array {
  return encodeCbor(agentMessageToWire(message));
}

export type DecodedAgentMessage =
  | { readonly kind: 'message'; readonly message: AgentMessage }
  | Refusal;

/** `payload`: the inflated CBOR of a message whose signature was verified. */
export function decodeAgentMessage(payload: Uint8Array): DecodedAgentMessage {
  const decoded = decodeCbor(payload);
  if (decoded.kind === 'refused') return withPlace(decoded, decodeLenient(payload));
  const wire = decoded.value;
  const result = decodeByKind(wire);
  if (result.kind === 'fault') {
    return withPlace(refusal('rule', result.reason, result.field), wire);
  }
  const broken = brokenRule(result.value);
  if (broken !== undefined) return withPlace(broken, wire);
  return { kind: 'message', message: result.value };
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encodeCbor(encodeShape(receiptShape, receipt));
}

export type DecodedReceipt = { readonly kind: 'message'; readonly message: Receipt } | Refusal;

export function decodeReceipt(payload: Uint8Array): DecodedReceipt {
  const decoded = decodeCbor(payload);
  if (decoded.kind === 'refused') return decoded;
  const result = decodeShape(receiptShape, decoded.value);
  if (result.kind === 'fault') return refusal('rule', result.reason, result.field);
  const broken = brokenReceiptRule(result.value);
  return broken ?? { kind: 'message', message: result.value };
}

function agentMessageToWire(message: AgentMessage): WireValue {
  switch (message.kind) {
    case 'epochBegins':
      return encodeShape(epochBeginsShape, message);
    case 'summary':
      return encodeShape(summaryShape, message);
    case 'alert':
      return encodeShape(alertShape, message);
    default:
      return message satisfies never;
  }
}

function decodeByKind(wire: unknown): ShapeResult<AgentMessage> {
  switch (wire instanceof Map ? wire.get(KEY_KIND) : undefined) {
    case KIND_EPOCH_BEGINS:
      return decodeShape(epochBeginsShape, wire);
    case KIND_SUMMARY:
      return decodeShape(summaryShape, wire);
    case KIND_ALERT:
      return decodeShape(alertShape, wire);
    default:
      return { kind: 'fault', reason: 'kindUnknown', field: 'kind' };
  }
}

/** What no single field can say: kind against stream, beginning of an epoch, times in order. */
function brokenRule(message: AgentMessage): Refusal | undefined {
  const isFirst = message.sequence === 1;
  if (isFirst !== (message.kind === 'epochBegins')) {
    return refusal('rule', 'epochNotBegun', 'sequence 1 and epochBegins belong together');
  }
  if (isFirst && message.previousSha256.some((byte) => byte !== 0)) {
    return refusal('rule', 'epochNotBegun', 'previousSha256 of sequence 1 is 32 zero bytes');
  }
  if (message.kind === 'alert') {
    if (message.stream !== STREAM_ALERTS) return refusal('rule', 'streamMismatch', 'stream');
    if (message.lastSeenUs < message.firstSeenUs) return timeReversed('lastSeenUs');
  }
  if (message.kind === 'summary') {
    if (message.stream !== STREAM_SUMMARIES) return refusal('rule', 'streamMismatch', 'stream');
    if (message.toUs < message.fromUs) return timeReversed('toUs');
    if (message.part !== undefined && message.part.number > message.part.of) {
      return refusal('rule', 'fieldLimit', 'part');
    }
  }
  return undefined;
}

function timeReversed(field: string): Refusal {
  return refusal('rule', 'timeReversed', field);
}

/** Ranges rise, don't touch, and lie above the cumulative one. */
function brokenReceiptRule(receipt: Receipt): Refusal | undefined {
  let above = receipt.cumulative + 1;
  for (const range of receipt.have) {
    if (range.from <= above || range.to < range.from) return refusal('rule', 'fieldLimit', 'have');
    above = range.to + 1;
  }
  const isNone = receipt.cumulativeSha256.every((byte) => byte === 0);
  if (receipt.cumulative === 0 && !isNone) return refusal('rule', 'fieldLimit', 'cumulativeSha256');
  return undefined;
}

function withPlace(refused: Refusal, wire: unknown): Refusal {
  const identity = decodeShape(identityShape, wire);
  if (identity.kind === 'fault') return refused;
  const { agentId, epoch, stream, sequence } = identity.value;
  const place: SignedPlace = { agentId, epoch, stream, sequence };
  return { ...refused, place };
}
