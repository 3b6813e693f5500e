/**
 * What is there: one asset per address that spoke or answered, with what it told about itself. A
 * first form: units become devices of their own when a server answered for more than one.
 */
import type { Endpoint, FlowFacts, Protocol } from '../../protocols/flow.ts';

/** Addresses kept. Once full, further ones are only counted. */
export const ASSETS_MAX = 4096;
/** Facts of one asset; a device that changes its name each second must not make us grow. */
export const FACTS_PER_ASSET_MAX = 32;
/** Facts of all assets together. */
export const FACTS_MAX = 16_384;
const FACT_CHARACTERS_MAX = 256;

export interface AssetFact {
  readonly name: string;
  /** From the wire, not escaped. */
  readonly value: string | number;
  /** Where it was read: `opcua.GetEndpoints`, `traffic`. */
  readonly source: string;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  /** 0..1 */
  readonly confidence: number;
}

export type AssetRole = 'client' | 'server';

/** FIELDS.md section 0. */
export interface Asset {
  readonly assetId: string;
  readonly addresses: readonly string[];
  readonly macAddress?: string;
  readonly unitId?: number;
  readonly roles: readonly AssetRole[];
  readonly facts: readonly AssetFact[];
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
}

interface AssetRow {
  readonly address: string;
  macAddress: string | undefined;
  isClient: boolean;
  isServer: boolean;
  readonly firstSeenUs: number;
  readonly facts: Facts;
  /** What devices behind this address told about themselves. */
  readonly unitFacts: Map<number, Facts>;
}

type Facts = Map<string, { -readonly [Key in keyof AssetFact]: AssetFact[Key] }>;

/** A unit id that answered behind an address, as the conversations know it. */
export interface UnitSeen {
  readonly address: string;
  readonly unitId: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
}

export class AssetTable {
  readonly #rows = new Map<string, AssetRow>();
  refusedCount = 0;
  factsRefusedCount = 0;
  #factsCount = 0;

  get used(): number {
    return this.#rows.size;
  }

  get factsUsed(): number {
    return this.#factsCount;
  }

  /** Both ends of a new conversation; returns which of the two had not been seen before. */
  see(flow: FlowFacts, timeUs: number): { client: boolean; server: boolean } {
    const client = this.#seeEnd(flow.client, flow.protocol, 'client', flow, timeUs);
    const server = this.#seeEnd(flow.server, flow.protocol, 'server', flow, timeUs);
    return { client, server };
  }

  /** What a device told about itself. The same fact again only moves `lastSeenUs`. */
  fact(address: string, name: string, value: unknown, source: string, timeUs: number): void {
    if (typeof value !== 'string' && typeof value !== 'number') return;
    if (value === '') return;
    this.#addFact(this.#rows.get(address)?.facts, name, value, source, timeUs, 1);
  }

  /** The same of one device behind an address: a unit identifier is one byte. */
  unitFact(
    address: string,
    unitId: number,
    name: string,
    value: string | number,
    source: string,
    timeUs: number,
  ): void {
    const row = this.#rows.get(address);
    if (row === undefined || value === '') return;
    let facts = row.unitFacts.get(unitId);
    if (facts === undefined) {
      facts = new Map();
      row.unitFacts.set(unitId, facts);
    }
    this.#addFact(facts, name, value, source, timeUs, 1);
  }

  /** All assets; `lastSeen`: when each address was last heard, `units`: who answered behind it. */
  list(lastSeen: ReadonlyMap<string, number>, units: readonly UnitSeen[]): Asset[] {
    const unitsOf = new Map<string, Map<number, UnitSeen>>();
    for (const unit of units) {
      const known = unitsOf.get(unit.address) ?? new Map<number, UnitSeen>();
      unitsOf.set(unit.address, known.set(unit.unitId, widest(known.get(unit.unitId), unit)));
    }
    const assets: Asset[] = [];
    for (const row of this.#rows.values()) {
      const own = [...(unitsOf.get(row.address)?.values() ?? [])];
      assets.push(describe(row, lastSeen.get(row.address) ?? row.firstSeenUs, own));
      if (own.length < 2) continue;
      own.sort((a, b) => a.unitId - b.unitId);
      for (const unit of own) assets.push(describeUnit(row, unit));
    }
    return assets;
  }

  #seeEnd(
    end: Endpoint,
    protocol: Protocol,
    role: AssetRole,
    flow: FlowFacts,
    timeUs: number,
  ): boolean {
    let row = this.#rows.get(end.ipAddress);
    const isNew = row === undefined;
    if (row === undefined) {
      if (this.#rows.size >= ASSETS_MAX) {
        this.refusedCount++;
        return false;
      }
      row = {
        address: end.ipAddress,
        macAddress: end.macAddress,
        isClient: false,
        isServer: false,
        firstSeenUs: timeUs,
        facts: new Map(),
        unitFacts: new Map(),
      };
      this.#rows.set(end.ipAddress, row);
    }
    row.macAddress ??= end.macAddress;
    if (role === 'client') row.isClient = true;
    else row.isServer = true;
    this.#addFact(row.facts, 'protocol', protocol, 'traffic', timeUs, flow.roleConfidence);
    if (role === 'server') {
      this.#addFact(row.facts, `${protocol}Port`, end.port, 'traffic', timeUs, flow.roleConfidence);
    }
    return isNew;
  }

  #addFact(
    facts: Facts | undefined,
    name: string,
    value: string | number,
    source: string,
    timeUs: number,
    confidence: number,
  ): void {
    if (facts === undefined) return;
    const kept = typeof value === 'string' ? value.slice(0, FACT_CHARACTERS_MAX) : value;
    const key = `${name}=${kept}`;
    const known = facts.get(key);
    if (known !== undefined) {
      known.lastSeenUs = Math.max(known.lastSeenUs, timeUs);
      known.confidence = Math.max(known.confidence, confidence);
      return;
    }
    if (facts.size >= FACTS_PER_ASSET_MAX || this.#factsCount >= FACTS_MAX) {
      this.factsRefusedCount++;
      return;
    }
    const seen = { firstSeenUs: timeUs, lastSeenUs: timeUs };
    this.#factsCount++;
    facts.set(key, { name, value: kept, source, ...seen, confidence });
  }
}

function widest(known: UnitSeen | undefined, unit: UnitSeen): UnitSeen {
  if (known === undefined) return unit;
  return {
    ...unit,
    firstSeenUs: Math.min(known.firstSeenUs, unit.firstSeenUs),
    lastSeenUs: Math.max(known.lastSeenUs, unit.lastSeenUs),
  };
}

function describe(row: AssetRow, lastSeenUs: number, units: readonly UnitSeen[]): Asset {
  const roles: AssetRole[] = [];
  if (row.isClient) roles.push('client');
  if (row.isServer) roles.push('server');
  return {
    assetId: row.address,
    addresses: [row.address],
    ...(row.macAddress === undefined ? {} : { macAddress: row.macAddress }),
    ...(units.length === 1 ? { unitId: units[0].unitId } : {}),
    roles,
    facts: [...row.facts.values(), ...(units.length < 2 ? allUnitFacts(row) : [])],
    firstSeenUs: row.firstSeenUs,
    lastSeenUs,
  };
}

/** A server with one unit is that unit. */
function allUnitFacts(row: AssetRow): AssetFact[] {
  return [...row.unitFacts.values()].flatMap((facts) => [...facts.values()]);
}

/** A device behind a gateway shares the gateway's address; its MAC address is not its own. */
function describeUnit(row: AssetRow, unit: UnitSeen): Asset {
  const seen = { firstSeenUs: unit.firstSeenUs, lastSeenUs: unit.lastSeenUs };
  return {
    assetId: `${row.address}/${unit.unitId}`,
    addresses: [row.address],
    unitId: unit.unitId,
    roles: ['server'],
    facts: [
      { name: 'gatewayAddress', value: row.address, source: 'traffic', ...seen, confidence: 0.8 },
      ...(row.unitFacts.get(unit.unitId)?.values() ?? []),
    ],
    ...seen,
  };
}
