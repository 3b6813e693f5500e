/**
 * Messages to deterministic CBOR and back. Decoding answers with the message or with a refusal of
 * layer `encoding` or `rule`; it never throws on bytes.
 */
import { advisoryShape } from './advisory.ts';
import { advisoryAnswerShape } from './advisory-answer.ts';
import { alertShape } from './alert.ts';
import { decodeCbor, decodeLenient, encodeCbor, type WireValue } from './cbor.ts';
import { epochBeginsShape } from './epoch-begins.ts';
import { evidenceShape } from './evidence.ts';
import {
  identityShape,
  KEY_KIND,
  KIND_ADVISORY_ANSWER,
  KIND_ALERT,
  KIND_EPOCH_BEGINS,
  KIND_EVIDENCE,
  KIND_KEY_ROTATION,
  KIND_RENEWAL,
  KIND_STATEMENT,
  KIND_SUMMARY,
  KIND_SUMMARY_DELTA,
  KIND_TOMBSTONE,
} from './identity.ts';
import { keyRotationShape } from './key-rotation.ts';
import type {
  Advisory,
  AgentMessage,
  HubMessage,
  HubRequest,
  Receipt,
  RenewedCertificate,
} from './messages.ts';
import { receiptShape } from './receipt.ts';
import { type Refusal, refusal, type SignedPlace } from './refusal.ts';
import { renewalRequestShape, renewedCertificateShape } from './renewal.ts';
import { requestShape } from './request.ts';
import { brokenAdvisoryRule, brokenReceiptRule, brokenRequestRule, brokenRule } from './rules.ts';
import { decodeShape, encodeShape, type Shape, type ShapeResult } from './shape.ts';
import { statementShape } from './statement.ts';
import { summaryShape } from './summary.ts';
import { summaryDeltaShape } from './summary-delta.ts';
import { tombstoneShape } from './tombstone.ts';

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

/** As encodeAgentMessage, for what a hub signs. */
export function encodeHubMessage(message: HubMessage): Uint8Array {
  return encodeCbor(hubMessageToWire(message));
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encodeHubMessage(receipt);
}

/** A message of a hub after its signature was verified. */
export type DecodedHubMessage<T extends HubMessage> =
  | { readonly kind: 'message'; readonly message: T }
  | Refusal;
export type DecodedReceipt = DecodedHubMessage<Receipt>;

export function decodeReceipt(payload: Uint8Array): DecodedReceipt {
  return decodeHubMessage(payload, receiptShape, brokenReceiptRule);
}

export function decodeRequest(payload: Uint8Array): DecodedHubMessage<HubRequest> {
  return decodeHubMessage(payload, requestShape, brokenRequestRule);
}

export function decodeRenewedCertificate(
  payload: Uint8Array,
): DecodedHubMessage<RenewedCertificate> {
  return decodeHubMessage(payload, renewedCertificateShape, () => undefined);
}

export function decodeAdvisory(payload: Uint8Array): DecodedHubMessage<Advisory> {
  return decodeHubMessage(payload, advisoryShape, brokenAdvisoryRule);
}

function decodeHubMessage<T extends HubMessage>(
  payload: Uint8Array,
  shape: Shape<T>,
  broken: (message: T) => Refusal | undefined,
): DecodedHubMessage<T> {
  const decoded = decodeCbor(payload);
  if (decoded.kind === 'refused') return decoded;
  const result = decodeShape(shape, decoded.value);
  if (result.kind === 'fault') return refusal('rule', result.reason, result.field);
  return broken(result.value) ?? { kind: 'message', message: result.value };
}

function agentMessageToWire(message: AgentMessage): WireValue {
  switch (message.kind) {
    case 'epochBegins':
      return encodeShape(epochBeginsShape, message);
    case 'summary':
      return encodeShape(summaryShape, message);
    case 'summaryDelta':
      return encodeShape(summaryDeltaShape, message);
    case 'alert':
      return encodeShape(alertShape, message);
    case 'tombstone':
      return encodeShape(tombstoneShape, message);
    case 'statement':
      return encodeShape(statementShape, message);
    case 'advisoryAnswer':
      return encodeShape(advisoryAnswerShape, message);
    case 'keyRotation':
      return encodeShape(keyRotationShape, message);
    case 'evidence':
      return encodeShape(evidenceShape, message);
    case 'renewalRequest':
      return encodeShape(renewalRequestShape, message);
    default:
      return message satisfies never;
  }
}

function hubMessageToWire(message: HubMessage): WireValue {
  switch (message.kind) {
    case 'receipt':
      return encodeShape(receiptShape, message);
    case 'request':
      return encodeShape(requestShape, message);
    case 'advisory':
      return encodeShape(advisoryShape, message);
    case 'certificate':
      return encodeShape(renewedCertificateShape, message);
    default:
      return message satisfies never;
  }
}

const DECODERS: ReadonlyMap<unknown, (wire: unknown) => ShapeResult<AgentMessage>> = new Map([
  [KIND_EPOCH_BEGINS, decoderOf(epochBeginsShape)],
  [KIND_SUMMARY, decoderOf(summaryShape)],
  [KIND_ALERT, decoderOf(alertShape)],
  [KIND_TOMBSTONE, decoderOf(tombstoneShape)],
  [KIND_STATEMENT, decoderOf(statementShape)],
  [KIND_ADVISORY_ANSWER, decoderOf(advisoryAnswerShape)],
  [KIND_KEY_ROTATION, decoderOf(keyRotationShape)],
  [KIND_EVIDENCE, decoderOf(evidenceShape)],
  [KIND_SUMMARY_DELTA, decoderOf(summaryDeltaShape)],
  [KIND_RENEWAL, decoderOf(renewalRequestShape)],
]);

function decoderOf<T extends AgentMessage>(
  shape: Shape<T>,
): (wire: unknown) => ShapeResult<AgentMessage> {
  return (wire) => decodeShape(shape, wire);
}

function decodeByKind(wire: unknown): ShapeResult<AgentMessage> {
  const decode = wire instanceof Map ? DECODERS.get(wire.get(KEY_KIND)) : undefined;
  return decode?.(wire) ?? { kind: 'fault', reason: 'kindUnknown', field: 'kind' };
}

function withPlace(refused: Refusal, wire: unknown): Refusal {
  const identity = decodeShape(identityShape, wire);
  if (identity.kind === 'fault') return refused;
  const { agentId, epoch, stream, sequence } = identity.value;
  const place: SignedPlace = { agentId, epoch, stream, sequence };
  return { ...refused, place };
}
