/**
 * Conversations over the life of a site: the counts of all intervals since the first sight, who is
 * which side and how sure that is, and the names other tools give the flows. Kept through restarts.
 */
import type { FlowFacts, RoleSource } from '../../protocols/flow.ts';
import type {
  ConversationCounts,
  FunctionCodeCount,
  ServiceCount,
} from '../../protocols/interval-report.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import { communityId } from './community-id.ts';
import { flatKey } from './flat-key.ts';
import { PeriodicRows, type Regularity } from './periodic-rows.ts';

/** Conversations kept; a further one is only counted. */
export const CONVERSATIONS_KEPT_MAX = 4096;
/** Pairs of client and server whose flows are described. */
export const PAIRS_MAX = 4096;
/** Pairs of conversation and service with a period of their own. */
export const SERVICE_PERIODS_MAX = 8192;
/** Flows of a pair whose Community ID is kept, the newest ones. */
export const COMMUNITY_IDS_MAX = 4;
/** Conversations that were silent for a day make room, once nine of ten rows are taken. */
const AGED_US = 86_400_000_000;
const AGE_ABOVE = 0.9;
/** Caches by flow slot: a power of two. */
const SLOTS = 8192;

/** What flows tell beyond counts, by (client, server, server port, protocol). */
export interface PairFacts {
  roleSource: RoleSource;
  roleConfidence: number;
  originator: FlowFacts['originator'];
  /** At least one of its connections was joined in the middle. */
  hasMidstream: boolean;
  vlanIds: readonly number[];
  clientMacAddress?: string;
  serverMacAddress?: string;
  /** Oldest first. */
  communityIds: readonly string[];
}

export interface ConversationRow {
  counts: ConversationCounts;
  isChanged: boolean;
  isNew: boolean;
  savedUs: number;
}

/** Makes the padded Base64 of a SHA-1, for Community IDs; absent where nobody needs them. */
export type Sha1Base64 = (bytes: Uint8Array) => string;

interface FlowServices {
  readonly flowNumber: number;
  readonly rows: Map<string, number>;
}

export class ConversationMemory {
  readonly periods = new PeriodicRows(SERVICE_PERIODS_MAX);
  readonly #sha1Base64: Sha1Base64 | undefined;
  readonly #rows = new Map<string, ConversationRow>();
  readonly #pairs = new Map<string, PairFacts>();
  readonly #periodRow = new Map<string, number>();
  readonly #bySlot: (FlowServices | undefined)[] = [];
  refusedCount = 0;
  pairsRefusedCount = 0;
  periodsRefusedCount = 0;
  evictedCount = 0;

  constructor(sha1Base64?: Sha1Base64) {
    this.#sha1Base64 = sha1Base64;
  }

  get used(): number {
    return this.#rows.size;
  }

  get pairsUsed(): number {
    return this.#pairs.size;
  }

  rows(): Iterable<ConversationRow> {
    return this.#rows.values();
  }

  pair(key: string): PairFacts | undefined {
    return this.#pairs.get(key);
  }

  /** A flow that was not seen before. */
  flow(flow: FlowFacts): void {
    const key = pairKey(
      flow.protocol,
      flow.client.ipAddress,
      flow.server.ipAddress,
      flow.server.port,
    );
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      if (this.#pairs.size >= PAIRS_MAX) {
        this.pairsRefusedCount++;
        return;
      }
      pair = {
        roleSource: flow.roleSource,
        roleConfidence: flow.roleConfidence,
        originator: flow.originator,
        hasMidstream: flow.midstream,
        vlanIds: flow.vlanIds,
        communityIds: [],
      };
      this.#pairs.set(key, pair);
    }
    if (flow.roleConfidence >= pair.roleConfidence) {
      pair.roleSource = flow.roleSource;
      pair.roleConfidence = flow.roleConfidence;
      pair.originator = flow.originator;
    }
    if (flow.midstream) pair.hasMidstream = true;
    if (flow.vlanIds.length > 0) pair.vlanIds = flow.vlanIds;
    if (flow.client.macAddress !== undefined) pair.clientMacAddress = flow.client.macAddress;
    if (flow.server.macAddress !== undefined) pair.serverMacAddress = flow.server.macAddress;
    this.#addCommunityId(pair, flow);
  }

  /** The regularity of a service of the flow's conversation. */
  service({ flow, service, request, response }: OpcuaTransaction): void {
    const slot = flow.slot & (SLOTS - 1);
    let known = this.#bySlot[slot];
    if (known?.flowNumber !== flow.flowNumber) {
      known = { flowNumber: flow.flowNumber, rows: new Map() };
      this.#bySlot[slot] = known;
    }
    let row = known.rows.get(service);
    if (row === undefined) {
      const { client, server } = flow;
      const pair = pairKey(flow.protocol, client.ipAddress, server.ipAddress, server.port);
      row = this.periodRow(pair, service);
      known.rows.set(service, row);
    }
    if (row < 0) return;
    this.periods.see(row, request.present ? request.timeUs : response.timeUs);
  }

  /** Row of a service of a pair, made where there is none; -1: no room. */
  periodRow(pair: string, service: string): number {
    const key = flatKey(pair, service);
    const known = this.#periodRow.get(key);
    if (known !== undefined) return known;
    if (this.#periodRow.size >= SERVICE_PERIODS_MAX) {
      this.periodsRefusedCount++;
      return -1;
    }
    const row = this.#periodRow.size;
    this.#periodRow.set(key, row);
    return row;
  }

  regularity(pair: string, service: string): Regularity | undefined {
    const row = this.#periodRow.get(`${pair} ${service}`);
    return row === undefined ? undefined : this.periods.of(row);
  }

  periodState(pair: string, service: string): readonly number[] | undefined {
    const row = this.#periodRow.get(`${pair} ${service}`);
    return row === undefined ? undefined : this.periods.state(row);
  }

  /** Puts a saved period back, unless the service was seen since. */
  restorePeriod(pair: string, service: string, state: readonly number[]): void {
    const row = this.periodRow(pair, service);
    if (row >= 0 && this.periods.countOf(row) === 0) this.periods.restore(row, state);
  }

  /** Adds the counts of an interval. */
  fold(conversations: readonly ConversationCounts[]): void {
    for (const counts of conversations) {
      const key = conversationKey(counts);
      const known = this.#rows.get(key);
      if (known !== undefined) {
        known.counts = sum(known.counts, counts);
        known.isChanged = true;
      } else if (this.#rows.size < CONVERSATIONS_KEPT_MAX) {
        this.#rows.set(key, { counts, isChanged: true, isNew: true, savedUs: 0 });
      } else {
        this.refusedCount++;
      }
    }
  }

  /** Puts a saved conversation back; counts that were made since are added. */
  restore(counts: ConversationCounts, pair: PairFacts | undefined): boolean {
    const key = conversationKey(counts);
    const known = this.#rows.get(key);
    if (known === undefined && this.#rows.size >= CONVERSATIONS_KEPT_MAX) return false;
    const together = known === undefined ? counts : sum(counts, known.counts);
    this.#rows.set(key, { counts: together, isChanged: false, isNew: false, savedUs: 0 });
    const pairName = pairOf(counts);
    if (pair !== undefined && !this.#pairs.has(pairName) && this.#pairs.size < PAIRS_MAX) {
      this.#pairs.set(pairName, pair);
    }
    return true;
  }

  /** End of an interval. */
  age(nowUs: number): void {
    if (this.#rows.size < CONVERSATIONS_KEPT_MAX * AGE_ABOVE) return;
    for (const [key, { counts }] of this.#rows) {
      if (nowUs - counts.lastSeenUs < AGED_US) continue;
      this.#rows.delete(key);
      this.#pairs.delete(pairOf(counts));
      this.evictedCount++;
    }
  }

  #addCommunityId(pair: PairFacts, flow: FlowFacts): void {
    if (this.#sha1Base64 === undefined || flow.line !== undefined) return;
    const id = communityId(flow.client, flow.server, flow.ipProtocol, this.#sha1Base64);
    if (pair.communityIds.includes(id)) return;
    pair.communityIds = [...pair.communityIds, id].slice(-COMMUNITY_IDS_MAX);
  }
}

export function pairKey(
  protocol: string,
  clientIpAddress: string,
  serverIpAddress: string,
  serverPort: number,
): string {
  return flatKey(protocol, clientIpAddress, serverIpAddress, serverPort);
}

export function pairOf(counts: ConversationCounts): string {
  const { protocol, clientIpAddress, serverIpAddress, serverPort } = counts;
  return pairKey(protocol, clientIpAddress, serverIpAddress, serverPort);
}

export function conversationKey(counts: ConversationCounts): string {
  return flatKey(pairOf(counts), counts.transport, counts.unitId);
}

function sum(a: ConversationCounts, b: ConversationCounts): ConversationCounts {
  const functionCodes = sumOf(a.functionCodes, b.functionCodes, addFunctionCodes);
  const services = sumOf(a.services, b.services, addServices);
  return {
    ...b,
    requests: a.requests + b.requests,
    responses: a.responses + b.responses,
    exceptions: a.exceptions + b.exceptions,
    unmatchedRequests: a.unmatchedRequests + b.unmatchedRequests,
    writes: a.writes + b.writes,
    anomalies: a.anomalies + b.anomalies,
    ...(a.rttUs !== undefined && b.rttUs === undefined && { rttUs: a.rttUs }),
    ...(functionCodes !== undefined && { functionCodes }),
    ...(services !== undefined && { services }),
    bytesMissed: a.bytesMissed + b.bytesMissed,
    firstSeenUs: Math.min(a.firstSeenUs, b.firstSeenUs),
    lastSeenUs: Math.max(a.lastSeenUs, b.lastSeenUs),
  };
}

function addFunctionCodes(
  a: FunctionCodeCount,
  b: FunctionCodeCount,
): FunctionCodeCount | undefined {
  if (a.functionCode !== b.functionCode) return undefined;
  return {
    functionCode: a.functionCode,
    requests: a.requests + b.requests,
    responses: a.responses + b.responses,
    exceptions: a.exceptions + b.exceptions,
  };
}

function addServices(a: ServiceCount, b: ServiceCount): ServiceCount | undefined {
  return a.service === b.service ? { service: a.service, count: a.count + b.count } : undefined;
}

/** Rows that `add` can join become one; both lists are short. */
function sumOf<T>(
  a: readonly T[] | undefined,
  b: readonly T[] | undefined,
  add: (a: T, b: T) => T | undefined,
): readonly T[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const rows = [...a];
  for (const row of b) {
    const at = rows.findIndex((known) => add(known, row) !== undefined);
    const together = at < 0 ? undefined : add(rows[at], row);
    if (together === undefined) rows.push(row);
    else rows[at] = together;
  }
  return rows;
}
