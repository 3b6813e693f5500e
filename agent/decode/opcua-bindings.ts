/**
 * What a server's exchanges teach about its later ones: the nodes behind client handles, the URIs
 * of its namespaces, the security modes that it offers. Kept by server, over all its connections.
 */
import {
  createdItems,
  mayReadNamespaces,
  modifiedItems,
  OFFERED_MODES,
  offeredModes,
  readNamespaces,
  registeredNodes,
} from '../../protocols/opcua/learned-bindings.ts';
import {
  CREATE_MONITORED_ITEMS_RESPONSE,
  GET_ENDPOINTS_RESPONSE,
  MODIFY_MONITORED_ITEMS_RESPONSE,
  READ_RESPONSE,
  REGISTER_NODES_RESPONSE,
} from '../../protocols/opcua/service-table.ts';
import type {
  MonitoredItemBindings,
  OpcuaTransaction,
  SecurityMode,
} from '../../protocols/opcua/transaction.ts';
import { MonitoredItemTable } from './opcua-monitored-items.ts';

/** Servers of which namespaces or modes are remembered; the one learned first makes room. */
const SERVERS_MAX = 256;
const NAMESPACES_PER_SERVER_MAX = 64;
/** Aliases of registered nodes over all servers; the one learned first makes room. */
const ALIASES_MAX = 4_096;

export class OpcuaBindings implements MonitoredItemBindings {
  readonly #handles: MonitoredItemTable;
  /** The same nodes by monitoredItemId, for ModifyMonitoredItems. */
  readonly #items: MonitoredItemTable;
  readonly #namespaces = new Map<number, readonly string[]>();
  readonly #modes = new Map<number, ReadonlyMap<string, number>>();

  /** By `server alias`. */
  readonly #aliases = new Map<string, string>();

  constructor(itemsMax: number) {
    this.#handles = new MonitoredItemTable(itemsMax);
    this.#items = new MonitoredItemTable(itemsMax);
  }

  /** Number of the server for which the answers are; set before each transaction. */
  set server(number: number) {
    this.#handles.server = number;
    this.#items.server = number;
  }

  get evictedCount(): number {
    return this.#handles.evictedCount;
  }

  /** A number for the server at `address`. */
  serverNumber(address: string): number {
    return this.#handles.serverNumber(address);
  }

  nodeId(subscriptionId: number, clientHandle: number): string | undefined {
    return this.#handles.nodeId(subscriptionId, clientHandle);
  }

  registeredNodeId(alias: string): string | undefined {
    return this.#aliases.size === 0 ? undefined : this.#aliases.get(this.#aliasKey(alias));
  }

  namespaceUri(index: number): string | undefined {
    return this.#namespaces.get(this.#handles.server)?.[index];
  }

  /** The mode that goes with a policy, where the server offers only one. */
  onlyMode(server: number, securityPolicyUri: string): SecurityMode | undefined {
    const mask = this.#modes.get(server)?.get(securityPolicyUri);
    const name = OFFERED_MODES[Math.log2(mask ?? 0)];
    return name === 'Sign' || name === 'SignAndEncrypt' ? name : undefined;
  }

  /** From a transaction with both its sides. */
  learn(transaction: OpcuaTransaction): void {
    const { request, response } = transaction;
    switch (response.typeId) {
      case CREATE_MONITORED_ITEMS_RESPONSE:
        this.#learnCreated(transaction);
        break;
      case MODIFY_MONITORED_ITEMS_RESPONSE:
        this.#learnModified(transaction);
        break;
      case REGISTER_NODES_RESPONSE:
        for (const [alias, nodeId] of registeredNodes(request.body, response.body)) {
          this.#aliases.set(this.#aliasKey(alias), nodeId);
          const [oldest] = this.#aliases.keys();
          if (this.#aliases.size > ALIASES_MAX) this.#aliases.delete(oldest);
        }
        break;
      case READ_RESPONSE: {
        if (!mayReadNamespaces(request.body)) break;
        const uris = readNamespaces(request.body, response.body);
        if (uris === undefined) break;
        this.#remember(this.#namespaces, uris.slice(0, NAMESPACES_PER_SERVER_MAX));
        break;
      }
      case GET_ENDPOINTS_RESPONSE: {
        const modes = offeredModes(response.body);
        if (modes.size > 0) this.#remember(this.#modes, modes);
        break;
      }
      default:
    }
  }

  #learnCreated({ request, response }: OpcuaTransaction): void {
    for (const item of createdItems(request.body, response.body)) {
      const { subscriptionId, clientHandle, monitoredItemId, nodeId: asked = '' } = item;
      const nodeId = this.registeredNodeId(asked) ?? asked;
      this.#handles.learn(subscriptionId, clientHandle, nodeId);
      this.#items.learn(subscriptionId, monitoredItemId, nodeId);
    }
  }

  #learnModified({ request, response }: OpcuaTransaction): void {
    for (const item of modifiedItems(request.body, response.body)) {
      const { subscriptionId, clientHandle, monitoredItemId } = item;
      const nodeId = this.#items.nodeId(subscriptionId, monitoredItemId);
      if (nodeId !== undefined) this.#handles.learn(subscriptionId, clientHandle, nodeId);
    }
  }

  #aliasKey(alias: string): string {
    return `${this.#handles.server} ${alias}`;
  }

  #remember<T>(byServer: Map<number, T>, facts: T): void {
    const { server } = this.#handles;
    byServer.delete(server);
    byServer.set(server, facts);
    const [oldest] = byServer.keys();
    if (byServer.size > SERVERS_MAX) byServer.delete(oldest);
  }
}
