/** What no single field can say: kind against stream, beginnings of epochs, order of times. */
import { ADVISORY_ID, SECTOR } from './advisory.ts';
import { isRotationProven } from './key-rotation.ts';
import {
  type Advisory,
  type AgentMessage,
  type HubRequest,
  type KeyRotation,
  type Receipt,
  STREAM_ALERTS,
  STREAM_EVIDENCE,
  STREAM_SUMMARIES,
  type Stream,
  type Summary,
  type SummaryDelta,
} from './messages.ts';
import { type Refusal, refusal } from './refusal.ts';
import { PUBLIC_KEY_BYTES } from './signature.ts';

/** Undefined for a message that keeps all rules. */
export function brokenRule(message: AgentMessage): Refusal | undefined {
  const isFirst = message.sequence === 1;
  if (isFirst !== (message.kind === 'epochBegins')) {
    return refusal('rule', 'epochNotBegun', 'sequence 1 and epochBegins belong together');
  }
  if (isFirst && message.previousSha256.some((byte) => byte !== 0)) {
    return refusal('rule', 'epochNotBegun', 'previousSha256 of sequence 1 is 32 zero bytes');
  }
  const stream = streamOf(message);
  if (stream !== undefined && message.stream !== stream) {
    return refusal('rule', 'streamMismatch', 'stream');
  }
  return brokenContent(message);
}

/** Where a kind belongs; undefined for one that every stream has. */
function streamOf(message: AgentMessage): Stream | undefined {
  switch (message.kind) {
    case 'epochBegins':
    case 'tombstone':
      return undefined;
    case 'summary':
    case 'summaryDelta':
      return STREAM_SUMMARIES;
    case 'alert':
    case 'statement':
    case 'advisoryAnswer':
    case 'keyRotation':
    case 'renewalRequest':
      return STREAM_ALERTS;
    case 'evidence':
      return STREAM_EVIDENCE;
    default:
      return message satisfies never;
  }
}

function brokenContent(message: AgentMessage): Refusal | undefined {
  switch (message.kind) {
    case 'epochBegins':
    case 'renewalRequest':
      return undefined;
    case 'alert':
      return message.lastSeenUs < message.firstSeenUs ? timeReversed('lastSeenUs') : undefined;
    case 'summary':
    case 'summaryDelta':
      return brokenSummary(message);
    case 'tombstone': {
      const { from, to, messages } = message;
      return to < from || messages > to - from + 1 ? limit('to') : undefined;
    }
    case 'statement': {
      const { fromUs = 0, toUs = fromUs, from = 0, to = from } = message;
      // A clock may well step back: there, from and to are what it said before and after.
      if (message.code !== 'clockStepped' && toUs < fromUs) return timeReversed('toUs');
      return to < from ? limit('to') : undefined;
    }
    case 'advisoryAnswer':
      return ADVISORY_ID.test(message.advisoryId) ? undefined : limit('advisoryId');
    case 'keyRotation':
      return brokenRotation(message);
    case 'evidence':
      return message.part.number > message.part.of ? limit('part') : undefined;
    default:
      return message satisfies never;
  }
}

function brokenSummary(message: Summary | SummaryDelta): Refusal | undefined {
  if (message.toUs < message.fromUs) return timeReversed('toUs');
  if (message.part !== undefined && message.part.number > message.part.of) return limit('part');
  if (message.blind?.some(({ fromUs, toUs }) => toUs < fromUs)) return timeReversed('blind');
  if (message.kind === 'summary') return undefined;
  return message.baseSequence < message.sequence ? undefined : limit('baseSequence');
}

function brokenRotation(message: KeyRotation): Refusal | undefined {
  if (message.newPublicKey.byteLength !== PUBLIC_KEY_BYTES[message.newAlgorithm]) {
    return limit('newPublicKey');
  }
  if (isRotationProven(message)) return undefined;
  return refusal('rule', 'newKeyUnproven', 'newSignature');
}

/** Ranges rise, don't touch, and lie above the cumulative one. */
export function brokenReceiptRule(receipt: Receipt): Refusal | undefined {
  let above = receipt.cumulative + 1;
  for (const range of receipt.have) {
    if (range.from <= above || range.to < range.from) return limit('have');
    above = range.to + 1;
  }
  const isNone = receipt.cumulativeSha256.every((byte) => byte === 0);
  return receipt.cumulative === 0 && !isNone ? limit('cumulativeSha256') : undefined;
}

export function brokenRequestRule(request: HubRequest): Refusal | undefined {
  return request.resend.some(({ from, to }) => to < from) ? limit('resend') : undefined;
}

export function brokenAdvisoryRule(advisory: Advisory): Refusal | undefined {
  if (!ADVISORY_ID.test(advisory.advisoryId)) return limit('advisoryId');
  if (!SECTOR.test(advisory.sector)) return limit('sector');
  return advisory.expiresMs <= advisory.issuedMs ? timeReversed('expiresMs') : undefined;
}

function timeReversed(field: string): Refusal {
  return refusal('rule', 'timeReversed', field);
}

function limit(field: string): Refusal {
  return refusal('rule', 'fieldLimit', field);
}
