/**
 * `summaryDelta`: a summary for expensive links (stream 2). What changes is told as a difference
 * from a whole summary that the hub has receipted; it verifies and decodes without that summary,
 * and `applySummaryDelta` makes the whole one again.
 */
import type { ConversationCounts } from '../interval-report.ts';
import { IDENTITY_FIELDS, KEY_KIND, KIND_SUMMARY_DELTA, sha256 } from './identity.ts';
import type { KnownConversation, Summary, SummaryDelta } from './messages.ts';
import { columns, field, map, optional, row, type Shape } from './shape.ts';
import { constant, difference, list, sinceBaseUs, uint } from './shape-types.ts';
import { CONTENT_FIELDS, CONVERSATIONS_MAX, FUNCTION_CODES_MAX, SERVICES_MAX } from './summary.ts';

type FunctionCodeDifference = NonNullable<KnownConversation['functionCodes']>[number];

const known = columns<KnownConversation>(CONVERSATIONS_MAX, {
  row: field(0, uint(CONVERSATIONS_MAX - 1)),
  requests: field(1, difference),
  responses: field(2, difference),
  exceptions: field(3, difference),
  unmatchedRequests: field(4, difference),
  writes: field(5, difference),
  anomalies: field(6, difference),
  rttUs: optional(
    7,
    row<NonNullable<KnownConversation['rttUs']>>({
      p50: field(0, difference),
      p95: field(1, difference),
      max: field(2, difference),
    }),
  ),
  functionCodes: optional(
    8,
    list(
      FUNCTION_CODES_MAX,
      row<FunctionCodeDifference>({
        requests: field(0, difference),
        responses: field(1, difference),
        exceptions: field(2, difference),
      }),
    ),
  ),
  services: optional(9, list(SERVICES_MAX, difference)),
  bytesMissed: field(10, difference),
  firstSeenUs: field(11, sinceBaseUs),
  lastSeenUs: field(12, sinceBaseUs),
});

export const summaryDeltaShape: Shape<SummaryDelta> = map<SummaryDelta>({
  kind: field(KEY_KIND, constant(KIND_SUMMARY_DELTA, 'summaryDelta')),
  ...IDENTITY_FIELDS,
  ...CONTENT_FIELDS,
  baseSequence: field(40, uint(Number.MAX_SAFE_INTEGER, 1)),
  baseSha256: field(41, sha256),
  known: field(42, known),
});

/**
 * The whole summary behind a delta. `base`: the summary of the same epoch with `baseSequence`, held
 * against `baseSha256` by the caller. Undefined when the delta doesn't fit it.
 */
export function applySummaryDelta(base: Summary, delta: SummaryDelta): Summary | undefined {
  const { kind: _, baseSequence, baseSha256: __, known: rows, ...rest } = delta;
  if (base.epoch !== delta.epoch || base.sequence !== baseSequence) return undefined;
  const conversations: ConversationCounts[] = [];
  for (const each of rows) {
    const before = base.conversations[each.row];
    const after = before && conversationAfter(before, each);
    if (after === undefined) return undefined;
    conversations.push(after);
  }
  return { ...rest, kind: 'summary', conversations: [...conversations, ...rest.conversations] };
}

/**
 * `after` told from `before`, which is `row` of the base; undefined when it has to be told whole:
 * another conversation, or other function codes or services in it.
 */
export function knownConversation(
  row: number,
  before: ConversationCounts,
  after: ConversationCounts,
): KnownConversation | undefined {
  const isSame =
    before.roleConfidence === after.roleConfidence &&
    (before.rttUs === undefined) === (after.rttUs === undefined) &&
    namesOf(before) === namesOf(after);
  if (!isSame) return undefined;
  const { functionCodes, services } = after;
  return {
    row,
    ...countsFrom(before, after, -1),
    ...(before.rttUs && after.rttUs && { rttUs: rttFrom(before.rttUs, after.rttUs, -1) }),
    ...(functionCodes && {
      functionCodes: functionCodes.map((each, index) => {
        const was = before.functionCodes?.[index] ?? each;
        return {
          requests: each.requests - was.requests,
          responses: each.responses - was.responses,
          exceptions: each.exceptions - was.exceptions,
        };
      }),
    }),
    ...(services && {
      services: services.map(({ count }, index) => count - (before.services?.[index]?.count ?? 0)),
    }),
    firstSeenUs: after.firstSeenUs,
    lastSeenUs: after.lastSeenUs,
  };
}

function conversationAfter(
  before: ConversationCounts,
  each: KnownConversation,
): ConversationCounts | undefined {
  const { functionCodes, services, rttUs, firstSeenUs, lastSeenUs } = each;
  const fits =
    (before.functionCodes?.length ?? -1) === (functionCodes?.length ?? -1) &&
    (before.services?.length ?? -1) === (services?.length ?? -1) &&
    (before.rttUs === undefined) === (rttUs === undefined);
  if (!fits) return undefined;
  return {
    ...before,
    ...countsFrom(before, each, 1),
    ...(before.rttUs && rttUs && { rttUs: rttFrom(before.rttUs, rttUs, 1) }),
    ...(before.functionCodes && {
      functionCodes: before.functionCodes.map((was, index) => ({
        functionCode: was.functionCode,
        requests: was.requests + (functionCodes?.[index]?.requests ?? 0),
        responses: was.responses + (functionCodes?.[index]?.responses ?? 0),
        exceptions: was.exceptions + (functionCodes?.[index]?.exceptions ?? 0),
      })),
    }),
    ...(before.services && {
      services: before.services.map(({ service, count }, index) => ({
        service,
        count: count + (services?.[index] ?? 0),
      })),
    }),
    firstSeenUs,
    lastSeenUs,
  };
}

type Counts = Pick<
  KnownConversation,
  | 'requests'
  | 'responses'
  | 'exceptions'
  | 'unmatchedRequests'
  | 'writes'
  | 'anomalies'
  | 'bytesMissed'
>;

/** `sign` 1: before and the difference; -1: the difference that leads from before to `other`. */
function countsFrom(before: Counts, other: Counts, sign: 1 | -1): Counts {
  return {
    requests: other.requests + sign * before.requests,
    responses: other.responses + sign * before.responses,
    exceptions: other.exceptions + sign * before.exceptions,
    unmatchedRequests: other.unmatchedRequests + sign * before.unmatchedRequests,
    writes: other.writes + sign * before.writes,
    anomalies: other.anomalies + sign * before.anomalies,
    bytesMissed: other.bytesMissed + sign * before.bytesMissed,
  };
}

type Rtt = NonNullable<ConversationCounts['rttUs']>;

function rttFrom(before: Rtt, other: Rtt, sign: 1 | -1): Rtt {
  return {
    p50: other.p50 + sign * before.p50,
    p95: other.p95 + sign * before.p95,
    max: other.max + sign * before.max,
  };
}

/** What a known row leaves out: who talks with whom, and in which order its lists stand. */
function namesOf(conversation: ConversationCounts): string {
  const { protocol, transport, clientIpAddress, serverIpAddress, serverPort } = conversation;
  const codes = conversation.functionCodes?.map(({ functionCode }) => functionCode);
  const services = conversation.services?.map(({ service }) => service);
  return JSON.stringify([
    protocol,
    transport,
    clientIpAddress,
    serverIpAddress,
    serverPort,
    conversation.unitId ?? null,
    codes ?? null,
    services ?? null,
  ]);
}
