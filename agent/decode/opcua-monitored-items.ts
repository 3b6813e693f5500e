/**
 * Which node a notification's client handle stands for (OPC 10000-4 §5.12.2): learned when items
 * are created, asked for each value that comes. Subscription ids belong to a server, so all flows
 * to one server share a row.
 */
import type { MonitoredItemBindings } from '../../protocols/opcua/transaction.ts';

/** Items remembered (docs/fields 2.7); the one not used longest makes room. */
export const MONITORED_ITEMS_MAX = 16_384;
const SERVERS_MAX = 4_096;
const NONE = -1;

export class MonitoredItemTable implements MonitoredItemBindings {
  readonly #itemsMax: number;
  readonly #heads: Int32Array;
  readonly #chained: Int32Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  readonly #servers: Uint32Array;
  readonly #subscriptionIds: Uint32Array;
  readonly #clientHandles: Uint32Array;
  readonly #nodeIds: string[] = [];
  readonly #serverNumbers = new Map<string, number>();
  #serversCount = 0;
  #newest = NONE;
  #oldest = NONE;
  #evictedCount = 0;
  /** Number of the server whose bindings `nodeId` answers for; set before each transaction. */
  server = 0;

  constructor(itemsMax: number = MONITORED_ITEMS_MAX) {
    this.#itemsMax = itemsMax;
    this.#heads = new Int32Array(hashRows(itemsMax)).fill(NONE);
    this.#chained = new Int32Array(itemsMax);
    this.#older = new Int32Array(itemsMax);
    this.#newer = new Int32Array(itemsMax);
    this.#servers = new Uint32Array(itemsMax);
    this.#subscriptionIds = new Uint32Array(itemsMax);
    this.#clientHandles = new Uint32Array(itemsMax);
  }

  get itemsUsed(): number {
    return this.#nodeIds.length;
  }

  get evictedCount(): number {
    return this.#evictedCount;
  }

  /** A number for the server at `address`; numbers are never used twice. */
  serverNumber(address: string): number {
    const known = this.#serverNumbers.get(address);
    if (known !== undefined) return known;
    if (this.#serverNumbers.size >= SERVERS_MAX) this.#serverNumbers.clear();
    this.#serverNumbers.set(address, ++this.#serversCount);
    return this.#serversCount;
  }

  nodeId(subscriptionId: number, clientHandle: number): string | undefined {
    const item = this.#find(subscriptionId, clientHandle);
    if (item === NONE) return undefined;
    this.#touch(item);
    return this.#nodeIds[item];
  }

  learn(subscriptionId: number, clientHandle: number, nodeId: string): void {
    let item = this.#find(subscriptionId, clientHandle);
    if (item === NONE) {
      item = this.#room();
      const row = this.#row(this.server, subscriptionId, clientHandle);
      this.#servers[item] = this.server;
      this.#subscriptionIds[item] = subscriptionId;
      this.#clientHandles[item] = clientHandle;
      this.#chained[item] = this.#heads[row];
      this.#heads[row] = item;
      this.#linkNewest(item);
    } else {
      this.#touch(item);
    }
    this.#nodeIds[item] = nodeId;
  }

  #find(subscriptionId: number, clientHandle: number): number {
    let item = this.#heads[this.#row(this.server, subscriptionId, clientHandle)];
    while (item !== NONE) {
      const isIt =
        this.#clientHandles[item] === clientHandle &&
        this.#subscriptionIds[item] === subscriptionId &&
        this.#servers[item] === this.server;
      if (isIt) return item;
      item = this.#chained[item];
    }
    return NONE;
  }

  #room(): number {
    if (this.#nodeIds.length < this.#itemsMax) {
      this.#nodeIds.push('');
      return this.#nodeIds.length - 1;
    }
    const item = this.#oldest;
    this.#evictedCount++;
    this.#unlink(item);
    this.#unchain(item);
    return item;
  }

  #unchain(item: number): void {
    const row = this.#row(
      this.#servers[item],
      this.#subscriptionIds[item],
      this.#clientHandles[item],
    );
    if (this.#heads[row] === item) {
      this.#heads[row] = this.#chained[item];
      return;
    }
    let before = this.#heads[row];
    while (this.#chained[before] !== item) before = this.#chained[before];
    this.#chained[before] = this.#chained[item];
  }

  #touch(item: number): void {
    if (item === this.#newest) return;
    this.#unlink(item);
    this.#linkNewest(item);
  }

  #unlink(item: number): void {
    const older = this.#older[item];
    const newer = this.#newer[item];
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #linkNewest(item: number): void {
    this.#older[item] = this.#newest;
    this.#newer[item] = NONE;
    if (this.#newest === NONE) this.#oldest = item;
    else this.#newer[this.#newest] = item;
    this.#newest = item;
  }

  #row(server: number, subscriptionId: number, clientHandle: number): number {
    let hash = Math.imul(clientHandle ^ 0x9e3779b9, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15) ^ subscriptionId, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 13) ^ server, 0x27d4eb2f);
    return (hash ^ (hash >>> 16)) & (this.#heads.length - 1);
  }
}

/** The power of two at or above twice the number of items. */
function hashRows(itemsMax: number): number {
  return 2 ** Math.ceil(Math.log2(itemsMax * 2));
}
