/**
 * Devices from rows: which addresses are one device, which are only behind a router, which units
 * are devices of their own, and what contradicts itself. Nothing is merged on a guess.
 */
import { type AssetFact, conflictsOf, type FactConflict, withoutDoubles } from './asset-facts.ts';
import type { AssetRow, SeenUnit } from './asset-table.ts';
import {
  forwardedBy,
  isRouter,
  type MacRow,
  type MacTable,
  mergedAddresses,
  virtualRouterOf,
} from './mac-table.ts';
import type { MacVendor } from './mac-vendor.ts';

export type AssetRole = 'client' | 'server' | 'router';

/** FIELDS.md section 0. */
export interface Asset {
  readonly assetId: string;
  readonly addresses: readonly string[];
  /** Its own; absent where only a router's is seen. */
  readonly macAddress?: string;
  readonly unitId?: number;
  readonly roles: readonly AssetRole[];
  readonly facts: readonly AssetFact[];
  /** Facts that can't all be true. */
  readonly conflicts?: readonly FactConflict[];
  /** MAC address of the router or NAT that it is behind. */
  readonly behindRouter?: string;
  /** Asset with the same identity, or the MAC address that takes turns with this one. */
  readonly redundantWith?: readonly string[];
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
}

/** A unit id that answered behind an address. */
export interface UnitSeen {
  readonly address: string;
  readonly unitId: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
}

/** A MAC address that changed so often goes to and fro: two devices share the IP address. */
const TURNS = 2;
/** Two devices with the same of these are a pair, or one device twice. */
const IDENTITY_FACTS = ['serialNumber', 'certificateSha256'] as const;
/** More with the same identity are copies of a default, and no pair. */
const REDUNDANT_MAX = 4;

export function listAssets(
  rows: ReadonlyMap<string, AssetRow>,
  macs: MacTable,
  macVendor: MacVendor | undefined,
): Asset[] {
  const mergedInto = mergedRows(rows, macs);
  const assets: Asset[] = [];
  for (const row of rows.values()) {
    const first = mergedInto.get(row.address)?.[0];
    if (first !== undefined && first !== row.address) continue;
    const together = (mergedInto.get(row.address) ?? [row.address]).flatMap(
      (address) => rows.get(address) ?? [],
    );
    assets.push(describe(row, together, macs, macVendor));
    if (row.units.size < 2) continue;
    const units = [...row.units].sort(([a], [b]) => a - b);
    for (const [unitId, seen] of units) assets.push(describeUnit(row, unitId, seen));
  }
  for (const mac of macs.rows()) {
    const isKnown = mac.claimed.some((address) => rows.has(address));
    if (isRouter(mac)) assets.push(describeMac(mac, ['router'], macVendor));
    else if (!isKnown && mac.facts.size > 0) assets.push(describeMac(mac, [], macVendor));
  }
  return withPairs(assets);
}

/** By each address of a device with several: all of them, the one seen first in front. */
function mergedRows(rows: ReadonlyMap<string, AssetRow>, macs: MacTable): Map<string, string[]> {
  const merged = new Map<string, string[]>();
  for (const mac of macs.rows()) {
    const addresses = mergedAddresses(mac).filter(
      (address) => rows.get(address)?.macAddress === mac.macAddress,
    );
    if (addresses.length < 2) continue;
    const order = [...rows.keys()].filter((address) => addresses.includes(address));
    for (const address of order) merged.set(address, order);
  }
  return merged;
}

function describe(
  row: AssetRow,
  together: readonly AssetRow[],
  macs: MacTable,
  macVendor: MacVendor | undefined,
): Asset {
  const mac = row.macAddress === undefined ? undefined : macs.get(row.macAddress);
  const router = mac !== undefined && isRouter(mac) && !mac.claimed.includes(row.address);
  const own = router ? undefined : row.macAddress;
  const facts = together.flatMap((each) => [
    ...each.facts.list(),
    // A server with one unit is that unit.
    ...(each.units.size < 2 ? [...each.unitFacts.values()].flatMap((unit) => unit.list()) : []),
  ]);
  if (own !== undefined && mac !== undefined) {
    facts.push(...macFacts(mac, macVendor));
    if (!facts.some(({ name, value }) => name === 'macAddress' && value === own)) {
      facts.push(macFact(own, mac));
    }
  }
  const isTakingTurns = row.macChanges >= TURNS && isSpare(row, macs);
  const conflicts = conflictsOf(facts);
  const known = conflicts.some(({ name }) => name === 'macAddress');
  if (!router && !known && row.formerMacAddress !== undefined && own !== undefined) {
    conflicts.push({ name: 'macAddress', values: [own, row.formerMacAddress] });
  }
  const [unitId] = row.units.size === 1 ? row.units.keys() : [undefined];
  return {
    assetId: row.address,
    addresses: together.map(({ address }) => address),
    ...(own !== undefined && { macAddress: own }),
    ...(unitId !== undefined && { unitId }),
    roles: rolesOf(together),
    facts: withoutDoubles(facts),
    ...(conflicts.length > 0 && { conflicts }),
    ...(router && row.macAddress !== undefined && { behindRouter: row.macAddress }),
    ...(isTakingTurns && !router && { redundantWith: [`mac:${row.formerMacAddress}`] }),
    firstSeenUs: Math.min(...together.map(({ firstSeenUs }) => firstSeenUs)),
    lastSeenUs: Math.max(...together.map(({ lastSeenUs }) => lastSeenUs)),
  };
}

/** Both MAC addresses have this address alone; one that claims others too is no spare device. */
function isSpare(row: AssetRow, macs: MacTable): boolean {
  return [row.macAddress, row.formerMacAddress].every((macAddress) => {
    const mac = macAddress === undefined ? undefined : macs.get(macAddress);
    return (
      mac !== undefined && [...mac.behind, ...mac.claimed].every((each) => each === row.address)
    );
  });
}

function rolesOf(rows: readonly AssetRow[]): AssetRole[] {
  const roles: AssetRole[] = [];
  if (rows.some(({ isClient }) => isClient)) roles.push('client');
  if (rows.some(({ isServer }) => isServer)) roles.push('server');
  return roles;
}

function macFact(macAddress: string, mac: MacRow): AssetFact {
  const seen = { firstSeenUs: mac.firstSeenUs, lastSeenUs: mac.lastSeenUs };
  return { name: 'macAddress', value: macAddress, source: 'ethernet', ...seen, confidence: 0.8 };
}

/** What LLDP told of a MAC address, and who made it. */
function macFacts(mac: MacRow, macVendor: MacVendor | undefined): AssetFact[] {
  const facts = mac.facts.list();
  const vendor = macVendor?.(mac.macAddress);
  if (vendor === undefined) return facts;
  const seen = { firstSeenUs: mac.firstSeenUs, lastSeenUs: mac.lastSeenUs };
  return [
    ...facts,
    { name: 'macVendor', value: vendor, source: 'ieee.oui', ...seen, confidence: 0.7 },
  ];
}

/** A device behind a gateway shares the gateway's address; its MAC address is not its own. */
function describeUnit(row: AssetRow, unitId: number, unit: SeenUnit): Asset {
  const seen = { firstSeenUs: unit.firstSeenUs, lastSeenUs: unit.lastSeenUs };
  const told = row.unitFacts.get(unitId)?.list() ?? [];
  const conflicts = conflictsOf(told);
  return {
    assetId: `${row.address}/${unitId}`,
    addresses: [row.address],
    unitId,
    roles: ['server'],
    facts: [
      { name: 'gatewayAddress', value: row.address, source: 'traffic', ...seen, confidence: 0.8 },
      ...told,
    ],
    ...(conflicts.length > 0 && { conflicts }),
    ...seen,
  };
}

/** A router, or a device that is known by LLDP alone. */
function describeMac(mac: MacRow, roles: AssetRole[], macVendor: MacVendor | undefined): Asset {
  const seen = { firstSeenUs: mac.firstSeenUs, lastSeenUs: mac.lastSeenUs };
  const forwarded = forwardedBy(mac).length + mac.behindRefused;
  const shared = virtualRouterOf(mac.macAddress);
  return {
    assetId: `mac:${mac.macAddress}`,
    addresses: roles.includes('router') ? [] : mac.claimed,
    macAddress: mac.macAddress,
    roles,
    facts: [
      ...(forwarded > 0
        ? [
            {
              name: 'addressesBehind',
              value: forwarded,
              source: 'traffic',
              ...seen,
              confidence: 0.8,
            },
          ]
        : []),
      ...(shared === undefined
        ? []
        : [{ name: 'redundancy', value: shared, source: 'ethernet', ...seen, confidence: 1 }]),
      ...macFacts(mac, macVendor),
    ],
    ...seen,
  };
}

/** Two devices with one identity are told of each other. */
function withPairs(assets: readonly Asset[]): Asset[] {
  const byIdentity = new Map<string, string[]>();
  for (const { assetId, facts } of assets) {
    for (const { name, value } of facts) {
      if (!IDENTITY_FACTS.some((identity) => identity === name)) continue;
      const key = `${name}=${value}`;
      byIdentity.set(key, [...(byIdentity.get(key) ?? []), assetId]);
    }
  }
  const pairs = new Map<string, Set<string>>();
  for (const ids of byIdentity.values()) {
    if (ids.length < 2 || ids.length > REDUNDANT_MAX) continue;
    for (const id of ids) {
      const others = pairs.get(id) ?? new Set<string>();
      for (const other of ids) if (other !== id) others.add(other);
      pairs.set(id, others);
    }
  }
  return assets.map((asset) => {
    const others = pairs.get(asset.assetId);
    if (others === undefined) return asset;
    return { ...asset, redundantWith: [...(asset.redundantWith ?? []), ...others].sort() };
  });
}
