/**
 * A conversation as a person wants it: its counts, and beside them the roles and how sure they are,
 * the address ranges, what is asked for regularly, and the Community IDs of its flows.
 */
import type { FlowFacts, RoleSource } from '../../protocols/flow.ts';
import type { ConversationCounts } from '../../protocols/interval-report.ts';
import { type ConversationMemory, pairOf } from './conversation-memory.ts';
import type { Poll, PollTable } from './poll-table.ts';

/** Polls of one conversation that are listed, the most frequent first. */
export const POLLS_LISTED_MAX = 128;
/** Address ranges of one conversation that are listed. */
export const RANGES_LISTED_MAX = 256;

export interface AddressRange {
  readonly functionCode: number;
  /** 0-based. */
  readonly address: number;
  readonly quantity: number;
}

/** One request that comes again and again. */
export interface RegularRequest {
  readonly functionCode?: number;
  readonly service?: string;
  readonly address?: number;
  readonly quantity?: number;
  readonly count: number;
  readonly periodMs?: number;
  readonly periodJitterMs?: number;
}

export interface KnownConversation extends ConversationCounts {
  readonly roleSource?: RoleSource;
  readonly originator?: FlowFacts['originator'];
  /** At least one of its connections was joined in the middle. */
  readonly midstream?: boolean;
  readonly vlanIds?: readonly number[];
  readonly clientMacAddress?: string;
  readonly serverMacAddress?: string;
  /** Of its flows, newest last. */
  readonly communityIds?: readonly string[];
  readonly addressRanges?: readonly AddressRange[];
  readonly polls?: readonly RegularRequest[];
  /** Polls and ranges beyond what is listed. */
  readonly pollsFolded?: number;
}

/** Polls by conversation: (client, server, port, unitId). */
export function pollsByConversation(polls: PollTable): Map<string, Poll[]> {
  const byConversation = new Map<string, Poll[]>();
  for (let row = 0; row < polls.rowsEnd; row++) {
    const poll = polls.poll(row);
    if (poll === undefined) continue;
    const key = pollKey(poll);
    const list = byConversation.get(key);
    if (list === undefined) byConversation.set(key, [poll]);
    else list.push(poll);
  }
  return byConversation;
}

export function describeConversation(
  counts: ConversationCounts,
  memory: ConversationMemory,
  polls: ReadonlyMap<string, readonly Poll[]>,
): KnownConversation {
  const pairName = pairOf(counts);
  const pair = memory.pair(pairName);
  const own = counts.protocol === 'modbus' ? (polls.get(pollKey(counts)) ?? []) : [];
  const ranges = rangesOf(own);
  const requests =
    counts.protocol === 'modbus' ? regularOf(own) : regularServices(counts, memory, pairName);
  const folded =
    Math.max(0, requests.length - POLLS_LISTED_MAX) +
    Math.max(0, ranges.length - RANGES_LISTED_MAX);
  return {
    ...counts,
    ...(pair !== undefined && {
      roleSource: pair.roleSource,
      originator: pair.originator,
      ...(pair.hasMidstream && { midstream: true }),
      ...(pair.vlanIds.length > 0 && { vlanIds: pair.vlanIds }),
      ...(pair.clientMacAddress !== undefined && { clientMacAddress: pair.clientMacAddress }),
      ...(pair.serverMacAddress !== undefined && { serverMacAddress: pair.serverMacAddress }),
      ...(pair.communityIds.length > 0 && { communityIds: pair.communityIds }),
    }),
    ...(ranges.length > 0 && { addressRanges: ranges.slice(0, RANGES_LISTED_MAX) }),
    ...(requests.length > 0 && { polls: requests.slice(0, POLLS_LISTED_MAX) }),
    ...(folded > 0 && { pollsFolded: folded }),
  };
}

function pollKey(of: {
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
  readonly unitId?: number;
}): string {
  return `${of.clientIpAddress} ${of.serverIpAddress} ${of.serverPort} ${of.unitId ?? ''}`;
}

/** Neighbouring and overlapping ranges of a function are one. */
function rangesOf(polls: readonly Poll[]): AddressRange[] {
  const asked = polls
    .flatMap(({ functionCode, address, quantity }) =>
      address === undefined || quantity === undefined ? [] : [{ functionCode, address, quantity }],
    )
    .sort((a, b) => a.functionCode - b.functionCode || a.address - b.address);
  const ranges: AddressRange[] = [];
  for (const { functionCode, address, quantity } of asked) {
    const last = ranges[ranges.length - 1];
    const end = last === undefined ? 0 : last.address + last.quantity;
    if (last?.functionCode !== functionCode || address > end) {
      ranges.push({ functionCode, address, quantity });
    } else {
      const together = Math.max(end, address + quantity) - last.address;
      ranges[ranges.length - 1] = { ...last, quantity: together };
    }
  }
  return ranges;
}

/** What came at least three times, so that it has a period. */
function regularOf(polls: readonly Poll[]): RegularRequest[] {
  return polls
    .filter(({ periodMs }) => periodMs !== undefined)
    .sort((a, b) => b.count - a.count || (a.address ?? 0) - (b.address ?? 0))
    .map(({ functionCode, address, quantity, count, periodMs, periodJitterMs }) => ({
      functionCode,
      ...(address !== undefined && { address }),
      ...(quantity !== undefined && { quantity }),
      count,
      ...(periodMs !== undefined && { periodMs }),
      ...(periodJitterMs !== undefined && { periodJitterMs }),
    }));
}

function regularServices(
  counts: ConversationCounts,
  memory: ConversationMemory,
  pairName: string,
): RegularRequest[] {
  return (counts.services ?? []).flatMap(({ service }) => {
    const regularity = memory.regularity(pairName, service);
    if (regularity?.periodMs === undefined) return [];
    const { count, periodMs, periodJitterMs } = regularity;
    return [{ service, count, periodMs, ...(periodJitterMs !== undefined && { periodJitterMs }) }];
  });
}
