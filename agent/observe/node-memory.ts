/**
 * OPC UA node memory (FIELDS.md section 4): for each (server, nodeId, attributeId) the last value
 * and status, its range, how often it was read, told and written, and by whom. Bodies are decoded
 * here within a budget: beyond it a message is counted as skipped, and the next one serves as well.
 */
import type { Digest } from '../../protocols/decoded.ts';
import { type BuildInfo, buildInfosIn, holdsBuildInfo } from '../../protocols/opcua/build-info.ts';
import { decodeRequest, decodeResponse } from '../../protocols/opcua/service-body.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import { valueText } from '../../protocols/opcua/value-text.ts';
import type { DataValueFields } from '../../protocols/opcua/variant.ts';
import { flatKey } from './flat-key.ts';
import { PeriodicRows, type Regularity } from './periodic-rows.ts';

/** Nodes kept; further ones are only counted. */
export const NODES_MAX = 16_384;
/** Browse names kept, also of nodes that nobody has read yet. */
export const NODE_NAMES_MAX = 16_384;
/** Messages decoded in a second of capture time. */
export const DECODES_PER_SECOND_MAX = 2000;
/** Nodes that were silent for a day make room, once nine of ten rows are taken. */
const AGED_US = 86_400_000_000;
const AGE_ABOVE = 0.9;
const ITEMS_PER_MESSAGE_MAX = 1024;
const TEXT_CHARACTERS_MAX = 256;
const US_A_SECOND = 1_000_000;
/** AttributeIds of OPC 10000-6 §A.1. */
const ATTRIBUTE_BROWSE_NAME = 3;
const ATTRIBUTE_VALUE = 13;
const GOOD = 0;

export type NodeValue = number | boolean | string;

/** Only what `NodeMemory` changes is not readonly. */
export interface NodeRow {
  readonly server: string;
  readonly nodeId: string;
  readonly attributeId: number;
  /** Row in the table of regularities. */
  readonly row: number;
  type?: string;
  value?: NodeValue;
  statusCode: number;
  statusName?: string;
  minimum?: number;
  maximum?: number;
  readsCount: number;
  notificationsCount: number;
  writesCount: number;
  changesCount: number;
  lastChangeUs?: number;
  lastWriter?: string;
  lastWriteUs?: number;
  /** Where the node is new, or has changed since it was saved last. */
  news: 'none' | 'changed' | 'new';
  savedUs: number;
}

/** What a server says of itself in well-known nodes. */
export type TellServer = (
  server: string,
  name: string,
  value: string,
  source: string,
  timeUs: number,
) => void;

/** Variables of BuildInfo (OPC 10000-5 §6.3.1; ids of namespace 0). */
const BUILD_INFO_VARIABLES: Readonly<Record<string, string>> = {
  'i=2261': 'productName',
  'i=2262': 'productUri',
  'i=2263': 'manufacturerName',
  'i=2264': 'softwareVersion',
  'i=2265': 'buildNumber',
  'i=2266': 'buildDate',
};
/** ServerStatus and its BuildInfo, whole. */
const BUILD_INFO_OBJECTS: readonly string[] = ['i=2256', 'i=2260'];
const BUILD_INFO_SOURCE = 'opcua.BuildInfo';

export class NodeMemory {
  readonly rows = new PeriodicRows(NODES_MAX);
  readonly #digest: Digest;
  readonly #tell: TellServer;
  readonly #nodes = new Map<string, NodeRow>();
  readonly #names = new Map<string, string>();
  readonly #gapUs = new Map<string, number>();
  readonly #free: number[] = [];
  #rowsEnd = 0;
  #second = 0;
  #decodes = 0;
  refusedCount = 0;
  namesRefusedCount = 0;
  evictedCount = 0;
  /** Messages that were not looked into, because a second had too many. */
  messagesSkippedCount = 0;

  constructor(digest: Digest, tell: TellServer) {
    this.#digest = digest;
    this.#tell = tell;
  }

  get used(): number {
    return this.#nodes.size;
  }

  get namesUsed(): number {
    return this.#names.size;
  }

  nodes(): Iterable<NodeRow> {
    return this.#nodes.values();
  }

  browseName(server: string, nodeId: string): string | undefined {
    return this.#names.get(`${server} ${nodeId}`);
  }

  /** When bytes of the server were missed last, UTC µs; 0: never. */
  gapUs(server: string): number {
    return this.#gapUs.get(server) ?? 0;
  }

  gap(server: string, timeUs: number): void {
    if (this.#gapUs.size < NODES_MAX || this.#gapUs.has(server)) this.#gapUs.set(server, timeUs);
  }

  see(transaction: OpcuaTransaction): void {
    const { service, matched, request, response } = transaction;
    switch (service) {
      case 'Read':
        if (matched && this.#mayDecode(response.timeUs)) this.#read(transaction);
        break;
      case 'Write':
        if (matched && this.#mayDecode(request.timeUs)) this.#written(transaction);
        break;
      case 'Publish':
        if (response.present && this.#mayDecode(response.timeUs)) this.#published(transaction);
        break;
      case 'Browse':
        if (response.present && this.#mayDecode(response.timeUs)) this.#browsed(transaction);
        break;
      default:
    }
  }

  /** The row of that node, made where there is none; undefined: no room. */
  node(server: string, nodeId: string, attributeId: number): NodeRow | undefined {
    const key = flatKey(server, attributeId, nodeId);
    let node = this.#nodes.get(key);
    if (node !== undefined) return node;
    if (this.#nodes.size >= NODES_MAX) {
      this.refusedCount++;
      return undefined;
    }
    const row = this.#free.pop() ?? this.#rowsEnd++;
    node = {
      server,
      nodeId: nodeId.slice(0, TEXT_CHARACTERS_MAX),
      attributeId,
      row,
      statusCode: GOOD,
      readsCount: 0,
      notificationsCount: 0,
      writesCount: 0,
      changesCount: 0,
      news: 'new',
      savedUs: 0,
    };
    this.#nodes.set(key, node);
    return node;
  }

  setName(server: string, nodeId: string, name: string): void {
    const key = flatKey(server, nodeId);
    if (this.#names.size >= NODE_NAMES_MAX && !this.#names.has(key)) {
      this.namesRefusedCount++;
      return;
    }
    this.#names.set(key, name.slice(0, TEXT_CHARACTERS_MAX));
  }

  /** End of an interval: what was silent for a day leaves, where room is short. */
  age(nowUs: number): void {
    if (this.#nodes.size < NODES_MAX * AGE_ABOVE) return;
    for (const [key, { row }] of this.#nodes) {
      if (nowUs - this.rows.lastSeenUsOf(row) < AGED_US) continue;
      this.#nodes.delete(key);
      this.rows.free(row);
      this.#free.push(row);
      this.evictedCount++;
    }
  }

  regularity(node: NodeRow): Regularity {
    return this.rows.of(node.row);
  }

  #mayDecode(timeUs: number): boolean {
    const second = Math.floor(timeUs / US_A_SECOND);
    if (second !== this.#second) {
      this.#second = second;
      this.#decodes = 0;
    }
    if (this.#decodes++ < DECODES_PER_SECOND_MAX) return true;
    this.messagesSkippedCount++;
    return false;
  }

  #read({ flow, request, response, bindings }: OpcuaTransaction): void {
    const asked = decodeRequest('Read', request.body, this.#digest)?.nodesToRead;
    const answered = decodeResponse('Read', response.body, this.#digest)?.results;
    if (asked === undefined || answered === undefined) return;
    const server = flow.server.ipAddress;
    const count = Math.min(asked.length, answered.length, ITEMS_PER_MESSAGE_MAX);
    let holdsServer = false;
    for (let index = 0; index < count; index++) {
      const { nodeId: alias, attributeId = ATTRIBUTE_VALUE, indexRange } = asked[index];
      if (alias === undefined || (indexRange ?? '') !== '') continue;
      const nodeId = bindings.registeredNodeId?.(alias) ?? alias;
      const result = answered[index];
      if (attributeId === ATTRIBUTE_BROWSE_NAME) this.#nameOf(server, nodeId, result);
      const told = attributeId === ATTRIBUTE_VALUE ? BUILD_INFO_VARIABLES[nodeId] : undefined;
      const value = result.value?.value;
      if (told !== undefined && typeof value === 'string') {
        this.#tell(server, told, value, BUILD_INFO_SOURCE, response.timeUs);
      }
      holdsServer ||= BUILD_INFO_OBJECTS.includes(nodeId) && holdsBuildInfo(result);
      // The other attributes describe the node; only its value changes with the plant.
      if (attributeId !== ATTRIBUTE_VALUE || isUnknownNode(result)) continue;
      const node = this.node(server, nodeId, attributeId);
      if (node === undefined) continue;
      node.readsCount++;
      this.#learn(node, result, response.timeUs);
    }
    if (!holdsServer) return;
    for (const { index, buildInfo } of buildInfosIn(response.body, this.#digest)) {
      const nodeId = asked[index]?.nodeId ?? '';
      if (BUILD_INFO_OBJECTS.includes(nodeId)) this.#tellServer(server, buildInfo, response.timeUs);
    }
  }

  #tellServer(server: string, buildInfo: BuildInfo, timeUs: number): void {
    for (const [name, value] of Object.entries(buildInfo)) {
      if (typeof value === 'string') this.#tell(server, name, value, BUILD_INFO_SOURCE, timeUs);
    }
  }

  #written({ flow, request, response, bindings }: OpcuaTransaction): void {
    const asked = decodeRequest('Write', request.body, this.#digest)?.nodesToWrite;
    const answered = decodeResponse('Write', response.body, this.#digest)?.results;
    if (asked === undefined || answered === undefined) return;
    const count = Math.min(asked.length, answered.length, ITEMS_PER_MESSAGE_MAX);
    for (let index = 0; index < count; index++) {
      const { nodeId: alias, attributeId = ATTRIBUTE_VALUE, indexRange } = asked[index];
      if (alias === undefined || (answered[index].code ?? GOOD) >>> 30 === 2) continue;
      const nodeId = bindings.registeredNodeId?.(alias) ?? alias;
      const node = this.node(flow.server.ipAddress, nodeId, attributeId);
      if (node === undefined) continue;
      const writer = flow.client.ipAddress;
      if (node.lastWriter !== writer) node.news = 'new';
      node.lastWriter = writer;
      node.lastWriteUs = response.timeUs;
      node.writesCount++;
      if (node.news === 'none') node.news = 'changed';
      if ((indexRange ?? '') === '') this.#learn(node, asked[index], response.timeUs);
    }
  }

  #published({ flow, response, bindings }: OpcuaTransaction): void {
    const told = decodeResponse('Publish', response.body, this.#digest);
    const { subscriptionId } = told ?? {};
    if (told?.dataChanges === undefined || subscriptionId === undefined) return;
    const server = flow.server.ipAddress;
    let holdsServer = false;
    for (const change of told.dataChanges.slice(0, ITEMS_PER_MESSAGE_MAX)) {
      if (change.clientHandle === undefined) continue;
      const nodeId = bindings.nodeId(subscriptionId, change.clientHandle);
      if (nodeId === undefined) continue;
      holdsServer ||= BUILD_INFO_OBJECTS.includes(nodeId) && holdsBuildInfo(change);
      const node = this.node(server, nodeId, ATTRIBUTE_VALUE);
      if (node === undefined) continue;
      node.notificationsCount++;
      this.#learn(node, change, response.timeUs);
    }
    if (!holdsServer) return;
    for (const { clientHandle, buildInfo } of buildInfosIn(response.body, this.#digest)) {
      if (clientHandle === undefined) continue;
      const nodeId = bindings.nodeId(subscriptionId, clientHandle) ?? '';
      if (!BUILD_INFO_OBJECTS.includes(nodeId)) continue;
      this.#tellServer(server, buildInfo, response.timeUs);
    }
  }

  #browsed({ flow, response }: OpcuaTransaction): void {
    const results = decodeResponse('Browse', response.body, this.#digest)?.results ?? [];
    for (const { references } of results.slice(0, ITEMS_PER_MESSAGE_MAX)) {
      for (const { nodeId, browseName } of references ?? []) {
        if (nodeId === undefined || browseName?.name === undefined) continue;
        this.setName(flow.server.ipAddress, String(nodeId), browseName.name);
      }
    }
  }

  #nameOf(server: string, nodeId: string, { value }: DataValueFields): void {
    const name = value?.value;
    if (typeof name !== 'object' || name === null || !('name' in name)) return;
    if (typeof name.name === 'string') this.setName(server, nodeId, name.name);
  }

  #learn(node: NodeRow, told: DataValueFields, timeUs: number): void {
    const isFirst = this.rows.countOf(node.row) === 0;
    this.rows.see(node.row, timeUs);
    const { value: variant, status } = told;
    const statusCode = status?.code ?? GOOD;
    const value = keptValue(variant?.value);
    const isChanged = value !== node.value || statusCode !== node.statusCode;
    if (variant !== undefined) node.type = variant.type;
    if (value === undefined) delete node.value;
    else node.value = value;
    node.statusCode = statusCode;
    if (statusCode === GOOD) delete node.statusName;
    else node.statusName = status?.name ?? String(statusCode);
    if (typeof value === 'number' && Number.isFinite(value)) {
      node.minimum = Math.min(node.minimum ?? value, value);
      node.maximum = Math.max(node.maximum ?? value, value);
    }
    if (isFirst || !isChanged) return;
    node.changesCount++;
    node.lastChangeUs = timeUs;
    if (node.news === 'none') node.news = 'changed';
  }
}

/** Such a node is not there, or has no value: a client that looks around asks for everything. */
function isUnknownNode({ status }: DataValueFields): boolean {
  return status?.name === 'BadAttributeIdInvalid' || status?.name === 'BadNodeIdUnknown';
}

/** What is not one number, truth value or short text is kept as a line of text. */
function keptValue(value: unknown): NodeValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return valueText(value).slice(0, TEXT_CHARACTERS_MAX);
}
