/**
 * Reads the conversation table out: the busiest conversations of an interval for the report, all of
 * them since start for a summary, and what the assets need to know of them.
 */
import {
  CONVERSATIONS_PER_REPORT_MAX,
  type ConversationCounts,
  type FunctionCodeCount,
  type ServiceCount,
} from '../../protocols/interval-report.ts';
import type { UnitSeen } from './asset-table.ts';
import {
  ANOMALIES,
  BYTES_MISSED,
  COUNTERS,
  EXCEPTIONS,
  FIRST_SEEN_US,
  INTERVAL_FIRST_US,
  LAST_SEEN_US,
  MOMENTS,
  REQUESTS,
  RESPONSES,
  RTT_MAX_US,
  RTT_SAMPLES,
  UNMATCHED_REQUESTS,
  WRITES,
} from './conversation-columns.ts';
import type { ConversationFacts, ConversationTable } from './conversation-table.ts';
import { percentileUs, RTT_BINS } from './rtt-histogram.ts';
import type { SubjectCount } from './subject-cells.ts';

export type Scope = 'interval' | 'total';

/** Name of an OPC UA service by its number in the cells. */
export type ServiceNames = readonly string[];

/** Unit ids that mean the server itself (TCP guide 4.4.1.2). */
const OWN_UNIT_IDS = [0, 255];

export interface ConversationList {
  /** Busiest first. */
  readonly conversations: readonly ConversationCounts[];
  /** Conversations with traffic that are not in the list, or had no row of their own. */
  readonly folded: number;
}

export function listConversations(
  table: ConversationTable,
  scope: Scope,
  services: ServiceNames,
  conversationsMax = CONVERSATIONS_PER_REPORT_MAX,
): ConversationList {
  table.settle();
  const busy: { row: number; messages: number }[] = [];
  for (let row = 1; row < table.rowsEnd; row++) {
    if (table.facts(row) === undefined) continue;
    if (scope === 'interval' && table.moments[row * MOMENTS + INTERVAL_FIRST_US] === 0) continue;
    const messages =
      countOf(table, row, REQUESTS, scope) +
      countOf(table, row, RESPONSES, scope) +
      countOf(table, row, EXCEPTIONS, scope);
    busy.push({ row, messages });
  }
  busy.sort((a, b) => b.messages - a.messages || a.row - b.row);
  const kept = busy.slice(0, conversationsMax);
  const conversations: ConversationCounts[] = [];
  for (const { row } of kept) {
    const facts = table.facts(row);
    if (facts !== undefined) conversations.push(describe(table, row, facts, scope, services));
  }
  const isFoldedBusy = table.moments[INTERVAL_FIRST_US] !== 0 ? 1 : 0;
  return { conversations, folded: busy.length - kept.length + isFoldedBusy };
}

/** When each address was last heard, and which units answered behind it. */
export function addressesOf(table: ConversationTable): {
  lastSeen: Map<string, number>;
  units: UnitSeen[];
} {
  table.settle();
  const lastSeen = new Map<string, number>();
  const units: UnitSeen[] = [];
  for (let row = 1; row < table.rowsEnd; row++) {
    const facts = table.facts(row);
    if (facts === undefined) continue;
    const firstSeenUs = table.moments[row * MOMENTS + FIRST_SEEN_US];
    const lastSeenUs = table.moments[row * MOMENTS + LAST_SEEN_US];
    for (const address of [facts.clientIpAddress, facts.serverIpAddress]) {
      lastSeen.set(address, Math.max(lastSeen.get(address) ?? 0, lastSeenUs));
    }
    const { unitId } = facts;
    if (unitId === undefined || OWN_UNIT_IDS.includes(unitId) || !table.hasAnswered(row)) continue;
    units.push({ address: facts.serverIpAddress, unitId, firstSeenUs, lastSeenUs });
  }
  return { lastSeen, units };
}

function describe(
  table: ConversationTable,
  row: number,
  facts: ConversationFacts,
  scope: Scope,
  services: ServiceNames,
): ConversationCounts {
  const count = (counter: number) => countOf(table, row, counter, scope);
  const moment = row * MOMENTS;
  const missedBefore = scope === 'total' ? table.bytesMissedTotal[row] : 0;
  const rttUs = percentilesOf(table, row);
  return {
    protocol: facts.protocol,
    transport: facts.transport,
    clientIpAddress: facts.clientIpAddress,
    serverIpAddress: facts.serverIpAddress,
    serverPort: facts.serverPort,
    ...(facts.unitId === undefined ? {} : { unitId: facts.unitId }),
    requests: count(REQUESTS),
    responses: count(RESPONSES),
    exceptions: count(EXCEPTIONS),
    unmatchedRequests: count(UNMATCHED_REQUESTS),
    writes: count(WRITES),
    anomalies: count(ANOMALIES),
    ...(rttUs === undefined ? {} : { rttUs }),
    ...subjectsOf(facts, table.cells.list(row, scope), services),
    bytesMissed: missedBefore + table.moments[moment + BYTES_MISSED],
    firstSeenUs: table.moments[moment + (scope === 'total' ? FIRST_SEEN_US : INTERVAL_FIRST_US)],
    lastSeenUs: table.moments[moment + LAST_SEEN_US],
    roleConfidence: facts.roleConfidence,
  };
}

function countOf(table: ConversationTable, row: number, counter: number, scope: Scope): number {
  const index = row * COUNTERS + counter;
  return table.counts[index] + (scope === 'total' ? table.totals[index] : 0);
}

/** Of this interval; a summary of a file has one interval, the whole file. */
function percentilesOf(table: ConversationTable, row: number): ConversationCounts['rttUs'] {
  const samples = table.counts[row * COUNTERS + RTT_SAMPLES];
  if (samples === 0) return undefined;
  const max = table.counts[row * COUNTERS + RTT_MAX_US];
  const percentile = (fraction: number) =>
    Math.min(max, percentileUs(table.rttBins, row * RTT_BINS, samples, fraction));
  return { p50: percentile(0.5), p95: percentile(0.95), max };
}

function subjectsOf(
  facts: ConversationFacts,
  subjects: readonly SubjectCount[],
  names: ServiceNames,
): { functionCodes?: readonly FunctionCodeCount[]; services?: readonly ServiceCount[] } {
  if (subjects.length === 0) return {};
  if (facts.protocol === 'modbus') {
    return {
      functionCodes: subjects.map(({ subject, ...counts }) => ({
        functionCode: subject,
        ...counts,
      })),
    };
  }
  return {
    services: subjects.map(({ subject, requests, responses, exceptions }) => ({
      service: names[subject] ?? 'unknown',
      count: requests + responses + exceptions,
    })),
  };
}
