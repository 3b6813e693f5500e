/** Conversations of many intervals folded into one line each; bounded, the busiest survive. */
import type {
  ConversationCounts,
  FunctionCodeCount,
  ServiceCount,
} from '../../protocols/interval-report.ts';
import type { SharingPolicy } from './sharing.ts';

/** Lines kept between two summaries; what comes beyond is counted. */
const CONVERSATIONS_MAX = 2048;

export interface SharedConversations {
  /** Busiest first. */
  readonly conversations: readonly ConversationCounts[];
  readonly conversationsFolded: number;
}

export class ConversationFold {
  readonly #byKey = new Map<string, ConversationCounts>();
  #foldedMax = 0;

  /** `folded`: conversations the report has counted but not listed. */
  add(conversations: readonly ConversationCounts[], folded: number): void {
    let foldedNow = folded;
    for (const conversation of conversations) {
      const key = keyOf(conversation);
      const known = this.#byKey.get(key);
      if (known !== undefined) this.#byKey.set(key, merged(known, conversation));
      else if (this.#byKey.size < CONVERSATIONS_MAX) this.#byKey.set(key, conversation);
      else foldedNow++;
    }
    // The same quiet ones are folded in each report: the greatest number is nearest to the truth.
    this.#foldedMax = Math.max(this.#foldedMax, foldedNow);
  }

  /** At most `conversationsMax` lines in the words of the sharing level. */
  shared(policy: SharingPolicy, conversationsMax: number): SharedConversations {
    const byKey = new Map<string, ConversationCounts>();
    for (const conversation of this.#byKey.values()) {
      const line = sharedLine(conversation, policy);
      const key = keyOf(line);
      const known = byKey.get(key);
      byKey.set(key, known === undefined ? line : merged(known, line));
    }
    const busiest = [...byKey.values()].sort((a, b) => messagesOf(b) - messagesOf(a));
    const kept = busiest.slice(0, conversationsMax);
    return {
      conversations: kept,
      conversationsFolded: this.#foldedMax + busiest.length - kept.length,
    };
  }
}

function sharedLine(conversation: ConversationCounts, policy: SharingPolicy): ConversationCounts {
  if (policy.sharesNames) return conversation;
  // Without the unit id, all units behind one gateway are one line.
  const { unitId: _, ...line } = conversation;
  return {
    ...line,
    clientIpAddress: policy.address(conversation.clientIpAddress),
    serverIpAddress: policy.address(conversation.serverIpAddress),
  };
}

function keyOf(conversation: ConversationCounts): string {
  const { protocol, transport, clientIpAddress, serverIpAddress, serverPort, unitId } =
    conversation;
  return `${protocol} ${transport} ${clientIpAddress} ${serverIpAddress} ${serverPort} ${unitId}`;
}

function messagesOf({ requests, responses, exceptions }: ConversationCounts): number {
  return requests + responses + exceptions;
}

function merged(a: ConversationCounts, b: ConversationCounts): ConversationCounts {
  const rttUs = mergedRtt(a, b);
  const functionCodes = mergedFunctionCodes(a.functionCodes, b.functionCodes);
  const services = mergedServices(a.services, b.services);
  return {
    ...a,
    requests: a.requests + b.requests,
    responses: a.responses + b.responses,
    exceptions: a.exceptions + b.exceptions,
    unmatchedRequests: a.unmatchedRequests + b.unmatchedRequests,
    writes: a.writes + b.writes,
    anomalies: a.anomalies + b.anomalies,
    ...(rttUs !== undefined && { rttUs }),
    ...(functionCodes !== undefined && { functionCodes }),
    ...(services !== undefined && { services }),
    bytesMissed: a.bytesMissed + b.bytesMissed,
    firstSeenUs: Math.min(a.firstSeenUs, b.firstSeenUs),
    lastSeenUs: Math.max(a.lastSeenUs, b.lastSeenUs),
    // Roles learned from one handshake hold for all of the conversation.
    roleConfidence: Math.max(a.roleConfidence, b.roleConfidence),
  };
}

/** p50 is the mean of the intervals' by their responses; p95 and max are the greatest: bounds. */
function mergedRtt(
  a: ConversationCounts,
  b: ConversationCounts,
): ConversationCounts['rttUs'] | undefined {
  if (a.rttUs === undefined) return b.rttUs;
  if (b.rttUs === undefined) return a.rttUs;
  const weightA = Math.max(1, a.responses);
  const weightB = Math.max(1, b.responses);
  const p50 = (a.rttUs.p50 * weightA + b.rttUs.p50 * weightB) / (weightA + weightB);
  return {
    p50: Math.round(p50),
    p95: Math.max(a.rttUs.p95, b.rttUs.p95),
    max: Math.max(a.rttUs.max, b.rttUs.max),
  };
}

/** Bounded by the 256 values a function code has. */
function mergedFunctionCodes(
  a: readonly FunctionCodeCount[] | undefined,
  b: readonly FunctionCodeCount[] | undefined,
): readonly FunctionCodeCount[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const byCode = new Map(a.map((entry) => [entry.functionCode, entry]));
  for (const entry of b) {
    const known = byCode.get(entry.functionCode);
    byCode.set(entry.functionCode, {
      functionCode: entry.functionCode,
      requests: entry.requests + (known?.requests ?? 0),
      responses: entry.responses + (known?.responses ?? 0),
      exceptions: entry.exceptions + (known?.exceptions ?? 0),
    });
  }
  return [...byCode.values()];
}

/** Bounded by the table of services that the decoder knows. */
function mergedServices(
  a: readonly ServiceCount[] | undefined,
  b: readonly ServiceCount[] | undefined,
): readonly ServiceCount[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const byName = new Map(a.map((entry) => [entry.service, entry.count]));
  for (const { service, count } of b) byName.set(service, count + (byName.get(service) ?? 0));
  return [...byName].map(([service, count]) => ({ service, count }));
}
