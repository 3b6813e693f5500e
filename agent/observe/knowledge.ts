/**
 * What is known of the plant: who talks to whom, what registers and nodes hold, which devices there
 * are. Fed by decode beside the observer; a function of what it is given, every table bounded.
 */
import type { DecodeSink, StreamGap } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type {
  AssetChange,
  ConversationCounts,
  StateRow,
  TableUse,
} from '../../protocols/interval-report.ts';
import { formatMac } from '../../protocols/link/addresses.ts';
import { ETHER_TYPE_ARP, readArp } from '../../protocols/link/arp.ts';
import { isVlanEtherType } from '../../protocols/link/ethernet.ts';
import { ETHER_TYPE_LLDP, readLldp } from '../../protocols/link/lldp.ts';
import { uint16At } from '../../protocols/link/network-order.ts';
import type { RegisterMap } from '../../protocols/modbus/register-map.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from '../../protocols/opcua/transaction.ts';
import { takeAssetChanges } from './asset-changes.ts';
import type { Asset } from './asset-list.ts';
import type { AssetRow, AssetTable } from './asset-table.ts';
import {
  describeConversation,
  type KnownConversation,
  pollsByConversation,
} from './conversation-list.ts';
import { ConversationMemory, type Sha1Base64 } from './conversation-memory.ts';
import { knowledgeTables } from './knowledge-tables.ts';
import { type KnownNode, listNodes } from './node-list.ts';
import { NodeMemory } from './node-memory.ts';
import { PollTable } from './poll-table.ts';
import { RegisterMemory } from './register-memory.ts';
import { listRegisters, type RegisterRange } from './register-report.ts';
import { SensorHonesty } from './sensor-honesty.ts';
import { type PollRows, pollKeyOf } from './state-conversations.ts';
import { type RestoreCounts, restoreRows, StateKeeper } from './state-keeper.ts';

/** Caches by flow slot: a power of two. */
const SLOTS = 8192;
const MAC_BYTES = 6;
const ETHER_TYPE_BYTES = 2;
const TAG_BYTES = 4;
const TAGS_MAX = 4;

export interface KnowledgeOptions {
  readonly digest: Digest;
  readonly assets: AssetTable;
  /** Makes the padded Base64 of a SHA-1; without it there are no Community IDs. */
  readonly sha1Base64?: Sha1Base64;
  readonly registerMap?: RegisterMap;
  /** Whether to remember polls and what registers held; true unless given. */
  readonly remembersRegisters?: boolean;
}

export interface Registers {
  readonly ranges: readonly RegisterRange[];
  readonly nodes: readonly KnownNode[];
  /** Ranges and nodes beyond what was asked for. */
  readonly folded: number;
}

export interface RegistersAsked {
  readonly server?: string;
  readonly unitId?: number;
  readonly rowsMax?: number;
}

export class Knowledge implements DecodeSink {
  readonly assets: AssetTable;
  readonly polls = new PollTable();
  readonly registers = new RegisterMemory(this.polls);
  readonly nodes: NodeMemory;
  readonly conversationMemory: ConversationMemory;
  readonly honesty = new SensorHonesty();
  readonly #registerMap: RegisterMap | undefined;
  readonly #remembersRegisters: boolean;
  readonly #state = new StateKeeper(this);
  readonly #flowNumbers = new Int32Array(SLOTS).fill(-1);
  /** Told in the report under way, so that its state says so. */
  #toldRows: readonly AssetRow[] = [];
  /** The state of before is still to come: nothing is told or saved against it. */
  #isExpectingState = false;
  /** Everything before was missed: the time of a restart, UTC µs. */
  #restartedUs: number | undefined;
  #nowUs = 0;

  constructor(options: KnowledgeOptions) {
    const { assets, digest } = options;
    this.assets = assets;
    this.#registerMap = options.registerMap;
    this.#remembersRegisters = options.remembersRegisters ?? true;
    this.conversationMemory = new ConversationMemory(options.sha1Base64);
    this.nodes = new NodeMemory(digest, (server, name, value, source, timeUs) =>
      assets.fact(server, name, value, source, timeUs),
    );
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    const { flow } = transaction;
    const slot = flow.slot & (SLOTS - 1);
    if (this.#flowNumbers[slot] !== flow.flowNumber) {
      const { requestTimeUs, responseTimeUs } = transaction;
      this.#newFlow(flow, slot, requestTimeUs >= 0 ? requestTimeUs : responseTimeUs);
    }
    if (transaction.matched) this.honesty.matched(flow.interfaceIndex);
    else this.honesty.unmatched(flow);
    if (this.#remembersRegisters) this.registers.see(transaction, this.polls.see(transaction));
  }

  opcuaTransaction(transaction: OpcuaTransaction): void {
    const { flow, request, response } = transaction;
    const slot = flow.slot & (SLOTS - 1);
    if (this.#flowNumbers[slot] !== flow.flowNumber) {
      this.#newFlow(flow, slot, request.present ? request.timeUs : response.timeUs);
    }
    if (transaction.matched) this.honesty.matched(flow.interfaceIndex);
    else this.honesty.unmatched(flow);
    this.honesty.opcua(
      transaction.bodyReadable === 'yes' || transaction.bodyReadable === 'assumedYes',
    );
    this.conversationMemory.service(transaction);
    this.nodes.see(transaction);
  }

  opcuaTransportMessage({ flow, timeUs }: OpcuaTransportMessage): void {
    const slot = flow.slot & (SLOTS - 1);
    if (this.#flowNumbers[slot] !== flow.flowNumber) this.#newFlow(flow, slot, timeUs);
  }

  malformed(): void {}

  gap({ flow, timeUs }: StreamGap): void {
    if (flow.protocol === 'modbus') this.registers.gap(flow.server.ipAddress, timeUs);
    else this.nodes.gap(flow.server.ipAddress, timeUs);
  }

  flowEnded(): void {}

  otherFrame(bytes: Uint8Array, sourceMac: number, end: number, timeUs: number): void {
    let position = sourceMac + MAC_BYTES;
    for (let tags = 0; tags < TAGS_MAX; tags++) {
      if (position + ETHER_TYPE_BYTES > end) return;
      const etherType = uint16At(bytes, position);
      if (etherType === ETHER_TYPE_ARP) {
        const claim = readArp(bytes, position + ETHER_TYPE_BYTES, end);
        if (claim !== undefined) this.assets.claim(claim, timeUs);
        return;
      }
      if (etherType === ETHER_TYPE_LLDP) {
        const neighbor = readLldp(bytes, position + ETHER_TYPE_BYTES, end);
        const sender = formatMac(bytes, sourceMac);
        if (neighbor !== undefined) this.assets.neighbor(sender, neighbor, timeUs);
        return;
      }
      if (!isVlanEtherType(etherType)) return;
      position += TAG_BYTES;
    }
  }

  /** Adds all conversations of an interval, and lets age what nobody hears any more. */
  endInterval(conversations: readonly ConversationCounts[], nowUs: number): void {
    this.#nowUs = nowUs;
    this.conversationMemory.fold(conversations);
    this.assets.heard(conversations);
    this.polls.age(nowUs);
    this.registers.age(nowUs);
    this.nodes.age(nowUs);
    this.conversationMemory.age(nowUs);
  }

  /** Devices that are new or told something new since the last call. */
  takeAssetChanges(): readonly AssetChange[] {
    if (this.#isExpectingState) return [];
    const { changes, rows } = takeAssetChanges(this.assets);
    this.#toldRows = rows;
    return changes;
  }

  /**
   * State that changed and is due to be saved; `isLast`: all that changed. Call it after
   * `takeAssetChanges` of the same report: what was told there is among it.
   */
  takeState(isLast: boolean): readonly StateRow[] {
    if (this.#isExpectingState) return [];
    const told = this.#toldRows;
    this.#toldRows = [];
    return this.#state.take(this.#nowUs, isLast, told);
  }

  /** From now on until `stateIsComplete`, `restore` is given what was known before. */
  expectState(): void {
    this.#isExpectingState = true;
  }

  stateIsComplete(): void {
    this.#isExpectingState = false;
  }

  /** Half of what was known before may still be missing. */
  get isExpectingState(): boolean {
    return this.#isExpectingState;
  }

  /** Puts saved state back; what was not heard since `nowUs` is told as stale. */
  restore(rows: readonly StateRow[], nowUs: number): RestoreCounts {
    const counts = restoreRows(this, rows);
    if (counts.restored > 0) this.#restartedUs ??= nowUs;
    return counts;
  }

  listAssets(): Asset[] {
    return this.assets.list();
  }

  /** Busiest first. */
  conversations(): KnownConversation[] {
    const polls = pollsByConversation(this.polls);
    return [...this.conversationMemory.rows()]
      .map(({ counts }) => describeConversation(counts, this.conversationMemory, polls))
      .sort(
        (a, b) =>
          b.requests + b.responses - (a.requests + a.responses) || a.firstSeenUs - b.firstSeenUs,
      );
  }

  /** The same beside counts that somebody else made. */
  describe(conversations: readonly ConversationCounts[]): KnownConversation[] {
    const polls = pollsByConversation(this.polls);
    return conversations.map((counts) =>
      describeConversation(counts, this.conversationMemory, polls),
    );
  }

  listRegisters(asked: RegistersAsked, nowUs: number): Registers {
    const { rowsMax, ...filter } = asked;
    const options = {
      ...filter,
      nowUs,
      ...(this.#restartedUs !== undefined && {
        blindUntilUs: this.#restartedUs,
        blindReason: 'restart' as const,
      }),
    };
    const registers = listRegisters(this.registers, this.polls, {
      ...options,
      ...(rowsMax !== undefined && { rangesMax: rowsMax }),
      ...(this.#registerMap !== undefined && { map: this.#registerMap }),
    });
    const nodes = listNodes(this.nodes, {
      ...options,
      ...(rowsMax !== undefined && { nodesMax: rowsMax }),
    });
    return {
      ranges: registers.ranges,
      nodes: asked.unitId === undefined ? nodes.nodes : [],
      folded: registers.folded + nodes.folded,
    };
  }

  /** Rows of the poll table by conversation, for saving them with it. */
  pollRows(): PollRows {
    const byConversation = new Map<string, number[]>();
    for (let row = 0; row < this.polls.rowsEnd; row++) {
      const facts = this.polls.facts(row);
      if (facts === undefined) continue;
      const key = pollKeyOf(facts);
      const rows = byConversation.get(key);
      if (rows === undefined) byConversation.set(key, [row]);
      else rows.push(row);
    }
    return byConversation;
  }

  /** When anything of it was heard last, UTC µs; 0: never. */
  lastHeardUs(): number {
    let heardUs = 0;
    for (const { lastSeenUs } of this.assets.rows()) heardUs = Math.max(heardUs, lastSeenUs);
    return heardUs;
  }

  /** How full its tables are. */
  tables(): TableUse[] {
    return knowledgeTables(this);
  }

  #newFlow(flow: FlowFacts, slot: number, timeUs: number): void {
    this.#flowNumbers[slot] = flow.flowNumber;
    this.conversationMemory.flow(flow);
    this.assets.seeFlow(flow, timeUs);
  }
}
