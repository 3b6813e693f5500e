/** Conversations with their polls and periods as state rows, and back. */
import type { FlowFacts, RoleSource } from '../../protocols/flow.ts';
import type { ConversationCounts, StateRow } from '../../protocols/interval-report.ts';
import {
  COMMUNITY_IDS_MAX,
  type ConversationRow,
  conversationKey,
  type PairFacts,
  pairOf,
} from './conversation-memory.ts';
import type { Knowledge } from './knowledge.ts';
import { REGULARITY_STATE_NUMBERS } from './periodic-rows.ts';
import { isNumbers, isObject, itemsOf, numberOr, textOf } from './state-check.ts';
import { STATE_VERSION } from './state-version.ts';

/** Polls of one conversation that are saved, the most frequent first. */
const POLLS_MAX = 4096;
const LIST_MAX = 256;
const ROLE_SOURCES: readonly RoleSource[] = ['syn', 'hello', 'port', 'pduShape', 'configured'];
const ORIGINATORS: readonly FlowFacts['originator'][] = ['client', 'server', 'unknown'];

/** Rows of the poll table by `pollKeyOf` of their conversation. */
export type PollRows = ReadonlyMap<string, readonly number[]>;

export function saveConversation(
  knowledge: Knowledge,
  row: ConversationRow,
  pollRows: PollRows,
): StateRow {
  const { counts } = row;
  const { conversationMemory, polls } = knowledge;
  const pair = pairOf(counts);
  const rows = counts.protocol === 'modbus' ? (pollRows.get(pollKeyOf(counts)) ?? []) : [];
  const frequent = [...rows].sort((a, b) => polls.rows.countOf(b) - polls.rows.countOf(a));
  const body = {
    counts,
    pair: conversationMemory.pair(pair),
    polls: frequent.slice(0, POLLS_MAX).map((poll) => {
      const facts = polls.facts(poll);
      const range = [facts?.functionCode, facts?.address ?? -1, facts?.quantity ?? -1];
      return [...range, ...polls.rows.state(poll)];
    }),
    services: (counts.services ?? []).flatMap(({ service }) => {
      const state = conversationMemory.periodState(pair, service);
      return state === undefined ? [] : [[service, state]];
    }),
  };
  const key = conversationKey(counts);
  return { kind: 'conversation', key, version: STATE_VERSION, body: JSON.stringify(body) };
}

export function restoreConversation(knowledge: Knowledge, body: unknown): boolean {
  if (!isObject(body)) return false;
  const counts = countsOf(body.counts);
  if (counts === undefined) return false;
  const { conversationMemory, polls } = knowledge;
  if (!conversationMemory.restore(counts, pairFactsOf(body.pair))) return false;
  const { clientIpAddress, serverIpAddress, serverPort, unitId } = counts;
  for (const saved of itemsOf(body.polls, POLLS_MAX)) {
    if (unitId === undefined || !isNumbers(saved, 3 + REGULARITY_STATE_NUMBERS)) continue;
    const [functionCode, address, quantity, ...state] = saved;
    const range = address < 0 ? {} : { address, quantity };
    const ends = { clientIpAddress, serverIpAddress, serverPort, unitId };
    polls.restore({ ...ends, functionCode, ...range }, state);
  }
  for (const saved of itemsOf(body.services, LIST_MAX)) {
    const [service, state] = itemsOf(saved, 2);
    if (typeof service !== 'string' || !isNumbers(state, REGULARITY_STATE_NUMBERS)) continue;
    conversationMemory.restorePeriod(pairOf(counts), service, state);
  }
  return true;
}

export function pollKeyOf(of: {
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
  readonly unitId?: number;
}): string {
  return `${of.clientIpAddress} ${of.serverIpAddress} ${of.serverPort} ${of.unitId ?? ''}`;
}

function countsOf(saved: unknown): ConversationCounts | undefined {
  if (!isObject(saved)) return undefined;
  const { protocol } = saved;
  const clientIpAddress = textOf(saved.clientIpAddress);
  const serverIpAddress = textOf(saved.serverIpAddress);
  const transport = textOf(saved.transport);
  const isKnown = protocol === 'modbus' || protocol === 'opcua';
  if (!isKnown || clientIpAddress === undefined || serverIpAddress === undefined) return undefined;
  if (transport === undefined) return undefined;
  const count = (name: string): number => numberOr(saved[name], 0);
  const { rttUs } = saved;
  return {
    protocol,
    transport,
    clientIpAddress,
    serverIpAddress,
    serverPort: count('serverPort'),
    ...(typeof saved.unitId === 'number' && { unitId: saved.unitId }),
    requests: count('requests'),
    responses: count('responses'),
    exceptions: count('exceptions'),
    unmatchedRequests: count('unmatchedRequests'),
    writes: count('writes'),
    anomalies: count('anomalies'),
    ...(isObject(rttUs) && {
      rttUs: {
        p50: numberOr(rttUs.p50, 0),
        p95: numberOr(rttUs.p95, 0),
        max: numberOr(rttUs.max, 0),
      },
    }),
    ...(Array.isArray(saved.functionCodes) && {
      functionCodes: itemsOf(saved.functionCodes, LIST_MAX)
        .filter(isObject)
        .map((row) => ({
          functionCode: numberOr(row.functionCode, 0),
          requests: numberOr(row.requests, 0),
          responses: numberOr(row.responses, 0),
          exceptions: numberOr(row.exceptions, 0),
        })),
    }),
    ...(Array.isArray(saved.services) && {
      services: itemsOf(saved.services, LIST_MAX)
        .filter(isObject)
        .map((row) => ({ service: textOf(row.service) ?? '', count: numberOr(row.count, 0) })),
    }),
    bytesMissed: count('bytesMissed'),
    firstSeenUs: count('firstSeenUs'),
    lastSeenUs: count('lastSeenUs'),
    roleConfidence: count('roleConfidence'),
  };
}

function pairFactsOf(saved: unknown): PairFacts | undefined {
  if (!isObject(saved)) return undefined;
  const clientMacAddress = textOf(saved.clientMacAddress);
  const serverMacAddress = textOf(saved.serverMacAddress);
  return {
    roleSource: ROLE_SOURCES.find((source) => source === saved.roleSource) ?? 'port',
    roleConfidence: numberOr(saved.roleConfidence, 0),
    originator: ORIGINATORS.find((originator) => originator === saved.originator) ?? 'unknown',
    hasMidstream: saved.hasMidstream === true,
    vlanIds: itemsOf(saved.vlanIds, 4).filter((id) => typeof id === 'number'),
    ...(clientMacAddress !== undefined && { clientMacAddress }),
    ...(serverMacAddress !== undefined && { serverMacAddress }),
    communityIds: itemsOf(saved.communityIds, COMMUNITY_IDS_MAX).filter(
      (id) => typeof id === 'string',
    ),
  };
}
