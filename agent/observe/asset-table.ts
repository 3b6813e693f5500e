/**
 * What is there: one row per address that spoke, answered or claimed itself, with what is known of
 * it, and the units behind it. `asset-list.ts` makes devices of the rows.
 */
import type { Endpoint, FlowFacts, Protocol } from '../../protocols/flow.ts';
import type { ConversationCounts } from '../../protocols/interval-report.ts';
import type { ArpClaim } from '../../protocols/link/arp.ts';
import type { LldpNeighbor } from '../../protocols/link/lldp.ts';
import { hasUntold } from './asset-changes.ts';
import { AssetFacts, FactBudget, type FactValue } from './asset-facts.ts';
import { type Asset, listAssets, type UnitSeen } from './asset-list.ts';
import { MacTable } from './mac-table.ts';
import type { MacVendor } from './mac-vendor.ts';

/** Addresses kept. Once full, further ones are only counted. */
export const ASSETS_MAX = 10_240;
/** Units of all addresses together. */
export const UNITS_MAX = 16_384;
export { FACTS_MAX } from './asset-facts.ts';
export type { Asset, UnitSeen } from './asset-list.ts';

const NO_UNIT_FACTS: AssetRow['unitFacts'] = new Map();
const NO_UNITS: AssetRow['units'] = new Map();
const NO_TOLD_UNITS: AssetRow['toldUnits'] = new Set();
const NOTHING: ReadonlyMap<string, number> = new Map();
/** What the loopback interface has. */
const NO_MAC = '00:00:00:00:00:00';
/** Unit ids that mean the server itself (TCP guide 4.4.1.2). */
const OWN_UNIT_IDS: readonly number[] = [0, 255];

export interface SeenUnit {
  firstSeenUs: number;
  lastSeenUs: number;
}

export interface AssetRow {
  readonly address: string;
  isClient: boolean;
  isServer: boolean;
  /** The MAC address seen last, and how often it changed. */
  macAddress: string | undefined;
  macChanges: number;
  formerMacAddress: string | undefined;
  firstSeenUs: number;
  lastSeenUs: number;
  readonly facts: AssetFacts;
  /** What devices behind this address told about themselves. */
  unitFacts: ReadonlyMap<number, AssetFacts>;
  units: ReadonlyMap<number, SeenUnit>;
  isChanged: boolean;
  /** Not saved yet. */
  isNew: boolean;
  /** It was announced as a device that is there; what it tells is told apart. */
  isTold: boolean;
  /** Units that were announced. */
  toldUnits: ReadonlySet<number>;
  savedUs: number;
}

export class AssetTable {
  readonly budget = new FactBudget();
  readonly macs = new MacTable(this.budget);
  readonly #rows = new Map<string, AssetRow>();
  /** Names the maker of a MAC address; set once the table is loaded. */
  macVendor: MacVendor | undefined;
  refusedCount = 0;
  unitsRefusedCount = 0;
  #unitsUsed = 0;
  /** Rows that changed since `takeTouched`. */
  #touched = new Set<AssetRow>();

  get used(): number {
    return this.#rows.size;
  }

  get unitsUsed(): number {
    return this.#unitsUsed;
  }

  get factsUsed(): number {
    return this.budget.used;
  }

  get factsRefusedCount(): number {
    return this.budget.refusedCount;
  }

  rows(): Iterable<AssetRow> {
    return this.#rows.values();
  }

  get(address: string): AssetRow | undefined {
    return this.#rows.get(address);
  }

  /** At most `rowsMax` rows that changed since they were taken last, new ones first. */
  takeTouched(rowsMax: number): readonly AssetRow[] {
    if (this.#touched.size === 0) return [];
    const all = [...this.#touched];
    const rows = all.filter(({ isTold }) => !isTold).slice(0, rowsMax);
    rows.push(...all.filter(({ isTold }) => isTold).slice(0, rowsMax - rows.length));
    for (const row of rows) this.#touched.delete(row);
    return rows;
  }

  /** The row has something to be told and saved. */
  touch(row: AssetRow): void {
    row.isChanged = true;
    this.#touched.add(row);
  }

  /** The row waits for `takeTouched` exactly when something of it was not told yet. */
  keepUntold(row: AssetRow): void {
    if (hasUntold(row)) this.#touched.add(row);
    else this.#touched.delete(row);
  }

  /** Both ends of a new conversation; returns which of the two had not been seen before. */
  see(flow: FlowFacts, timeUs: number): { client: boolean; server: boolean } {
    const client = this.#seeEnd(flow.client, flow.protocol, 'client', flow, timeUs);
    const server = this.#seeEnd(flow.server, flow.protocol, 'server', flow, timeUs);
    return { client, server };
  }

  /** A new flow, perhaps of known addresses: which MAC addresses they have now. */
  seeFlow({ client, server }: FlowFacts, timeUs: number): void {
    for (const { ipAddress, macAddress } of [client, server]) {
      if (macAddress === undefined || macAddress === NO_MAC) continue;
      this.macs.sawTraffic(macAddress, ipAddress, timeUs);
      const row = this.#rows.get(ipAddress);
      if (row !== undefined) this.#hasMac(row, macAddress);
    }
  }

  /** ARP: a device that perhaps speaks no protocol of ours. */
  claim({ macAddress, ipAddress, isReply }: ArpClaim, timeUs: number): void {
    this.macs.sawClaim(macAddress, ipAddress, timeUs);
    const row = this.row(ipAddress, timeUs);
    if (row === undefined) return;
    this.#hasMac(row, macAddress);
    const seen = { firstSeenUs: timeUs, lastSeenUs: timeUs };
    const source = isReply ? 'arp.reply' : 'arp.request';
    this.#add(row, { name: 'macAddress', value: macAddress, source, ...seen, confidence: 1 });
    row.lastSeenUs = Math.max(row.lastSeenUs, timeUs);
  }

  /** LLDP: what a device tells its neighbour; `macAddress` sent the frame. */
  neighbor(macAddress: string, neighbor: LldpNeighbor, timeUs: number): void {
    const mac = this.macs.row(neighbor.chassisMacAddress ?? macAddress, timeUs);
    if (mac === undefined) return;
    const { capabilities, chassisMacAddress: _, ...texts } = neighbor;
    const told = { ...texts, ...(capabilities && { capabilities: capabilities.join(' ') }) };
    for (const [name, value] of Object.entries(told)) {
      const fact = { name, value, source: 'lldp', firstSeenUs: timeUs, lastSeenUs: timeUs };
      if (mac.facts.add({ ...fact, confidence: 1 })) mac.isChanged = true;
    }
    if (neighbor.managementAddress !== undefined) {
      this.macs.sawClaim(mac.macAddress, neighbor.managementAddress, timeUs);
    }
  }

  /** What a device told about itself. The same fact again only moves `lastSeenUs`. */
  fact(
    address: string,
    name: string,
    value: unknown,
    source: string,
    timeUs: number,
    confidence = 1,
  ): void {
    if (typeof value !== 'string' && typeof value !== 'number') return;
    const row = this.#rows.get(address);
    if (row === undefined) return;
    const seen = { firstSeenUs: timeUs, lastSeenUs: timeUs };
    this.#add(row, { name, value, source, ...seen, confidence });
  }

  /** The same of one device behind an address: a unit identifier is one byte. */
  unitFact(
    address: string,
    unitId: number,
    name: string,
    value: FactValue,
    source: string,
    timeUs: number,
    confidence = 1,
  ): void {
    const row = this.#rows.get(address);
    if (row === undefined) return;
    const seen = { firstSeenUs: timeUs, lastSeenUs: timeUs };
    if (this.unitFacts(row, unitId).add({ name, value, source, ...seen, confidence })) {
      this.touch(row);
    }
  }

  unitFacts(row: AssetRow, unitId: number): AssetFacts {
    let facts = row.unitFacts.get(unitId);
    if (facts === undefined) {
      facts = new AssetFacts(this.budget);
      row.unitFacts = new Map([...row.unitFacts, [unitId, facts]]);
    }
    return facts;
  }

  /** What the conversations of an interval tell: who was heard, and which units answered. */
  heard(conversations: readonly ConversationCounts[]): void {
    for (const counts of conversations) {
      const { clientIpAddress, serverIpAddress, unitId, lastSeenUs, firstSeenUs } = counts;
      for (const address of [clientIpAddress, serverIpAddress]) {
        const row = this.#rows.get(address);
        if (row !== undefined) row.lastSeenUs = Math.max(row.lastSeenUs, lastSeenUs);
      }
      if (unitId === undefined || counts.responses === 0) continue;
      this.unit({ address: serverIpAddress, unitId, firstSeenUs, lastSeenUs });
    }
  }

  /** A unit answered behind an address. */
  unit({ address, unitId, firstSeenUs, lastSeenUs }: UnitSeen): void {
    const row = this.#rows.get(address);
    if (row === undefined || OWN_UNIT_IDS.includes(unitId)) return;
    const known = row.units.get(unitId);
    if (known !== undefined) {
      known.firstSeenUs = Math.min(known.firstSeenUs, firstSeenUs);
      known.lastSeenUs = Math.max(known.lastSeenUs, lastSeenUs);
      return;
    }
    if (this.#unitsUsed >= UNITS_MAX) {
      this.unitsRefusedCount++;
      return;
    }
    this.#unitsUsed++;
    row.units = new Map([...row.units, [unitId, { firstSeenUs, lastSeenUs }]]);
    this.touch(row);
  }

  /** All assets; `lastSeen`: when each address was last heard, `units`: who answered behind it. */
  list(lastSeen: ReadonlyMap<string, number> = NOTHING, units: readonly UnitSeen[] = []): Asset[] {
    for (const [address, timeUs] of lastSeen) {
      const row = this.#rows.get(address);
      if (row !== undefined) row.lastSeenUs = Math.max(row.lastSeenUs, timeUs);
    }
    for (const unit of units) this.unit(unit);
    return listAssets(this.#rows, this.macs, this.macVendor);
  }

  /** The row of an address, made where there is none; undefined: no room. */
  row(address: string, timeUs: number): AssetRow | undefined {
    const known = this.#rows.get(address);
    if (known !== undefined) return known;
    if (this.#rows.size >= ASSETS_MAX) {
      this.refusedCount++;
      return undefined;
    }
    const row: AssetRow = {
      address,
      isClient: false,
      isServer: false,
      macAddress: undefined,
      macChanges: 0,
      formerMacAddress: undefined,
      firstSeenUs: timeUs,
      lastSeenUs: timeUs,
      facts: new AssetFacts(this.budget),
      unitFacts: NO_UNIT_FACTS,
      units: NO_UNITS,
      isChanged: true,
      isNew: true,
      isTold: false,
      toldUnits: NO_TOLD_UNITS,
      savedUs: 0,
    };
    this.#rows.set(address, row);
    this.#touched.add(row);
    return row;
  }

  #seeEnd(
    end: Endpoint,
    protocol: Protocol,
    role: 'client' | 'server',
    flow: FlowFacts,
    timeUs: number,
  ): boolean {
    const known = this.#rows.get(end.ipAddress);
    const row = known ?? this.row(end.ipAddress, timeUs);
    if (row === undefined) return false;
    const isNew = known === undefined || !(known.isClient || known.isServer);
    if (end.macAddress !== undefined && end.macAddress !== NO_MAC) {
      this.#hasMac(row, end.macAddress);
      this.macs.sawTraffic(end.macAddress, end.ipAddress, timeUs);
    }
    if (role === 'client' ? !row.isClient : !row.isServer) this.touch(row);
    if (role === 'client') row.isClient = true;
    else row.isServer = true;
    const seen = { source: 'traffic', firstSeenUs: timeUs, lastSeenUs: timeUs };
    const confidence = flow.roleConfidence;
    this.#add(row, { name: 'protocol', value: protocol, ...seen, confidence });
    if (role === 'server') {
      this.#add(row, { name: `${protocol}Port`, value: end.port, ...seen, confidence });
    }
    return isNew;
  }

  #add(row: AssetRow, fact: Parameters<AssetFacts['add']>[0]): void {
    if (row.facts.add(fact)) this.touch(row);
  }

  #hasMac(row: AssetRow, macAddress: string): void {
    if (row.macAddress === macAddress) return;
    if (row.macAddress !== undefined) {
      row.macChanges++;
      row.formerMacAddress = row.macAddress;
    }
    row.macAddress = macAddress;
    this.touch(row);
  }
}
