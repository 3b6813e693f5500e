/** Assets and MAC addresses as state rows, and back. */
import type { StateRow } from '../../protocols/interval-report.ts';
import { type AssetFact, type AssetFacts, FACTS_PER_ASSET_MAX } from './asset-facts.ts';
import type { AssetRow, AssetTable } from './asset-table.ts';
import type { MacRow } from './mac-table.ts';
import { isObject, itemsOf, numberOr, textOf } from './state-check.ts';
import { STATE_VERSION } from './state-version.ts';

const UNITS_MAX = 256;
const ADDRESSES_MAX = 64;

export function saveAsset(row: AssetRow): StateRow {
  const { address, isClient, isServer, macAddress, macChanges, formerMacAddress } = row;
  const units = new Set([...row.units.keys(), ...row.unitFacts.keys()]);
  const body = {
    isClient,
    isServer,
    macAddress,
    macChanges,
    formerMacAddress,
    firstSeenUs: row.firstSeenUs,
    lastSeenUs: row.lastSeenUs,
    isTold: row.isTold,
    toldMask: row.facts.toldMask,
    facts: row.facts.list(),
    units: [...units].map((unitId) => ({
      unitId,
      ...row.units.get(unitId),
      isTold: row.toldUnits.has(unitId),
      toldMask: row.unitFacts.get(unitId)?.toldMask,
      facts: row.unitFacts.get(unitId)?.list(),
    })),
  };
  return { kind: 'asset', key: address, version: STATE_VERSION, body: JSON.stringify(body) };
}

export function saveMac(row: MacRow): StateRow {
  const body = {
    behind: row.behind,
    claimed: row.claimed,
    behindRefused: row.behindRefused,
    firstSeenUs: row.firstSeenUs,
    lastSeenUs: row.lastSeenUs,
    facts: row.facts.list(),
  };
  const { macAddress: key } = row;
  return { kind: 'macAddress', key, version: STATE_VERSION, body: JSON.stringify(body) };
}

export function restoreAsset(assets: AssetTable, key: string, body: unknown): boolean {
  if (!isObject(body)) return false;
  const firstSeenUs = numberOr(body.firstSeenUs, 0);
  const wasKnown = assets.get(key) !== undefined;
  const row = assets.row(key, firstSeenUs);
  if (row === undefined) return false;
  row.isClient ||= body.isClient === true;
  row.isServer ||= body.isServer === true;
  row.macAddress ??= textOf(body.macAddress);
  row.formerMacAddress ??= textOf(body.formerMacAddress);
  row.macChanges += numberOr(body.macChanges, 0);
  row.firstSeenUs = Math.min(row.firstSeenUs, firstSeenUs);
  row.lastSeenUs = Math.max(row.lastSeenUs, numberOr(body.lastSeenUs, 0));
  // What earlier versions saved doesn't say what was told: all of it.
  row.isTold ||= body.isTold !== false;
  restoreFacts(row.facts, body);
  for (const unit of itemsOf(body.units, UNITS_MAX)) {
    if (!isObject(unit)) continue;
    const unitId = numberOr(unit.unitId, -1);
    if (!Number.isInteger(unitId) || unitId < 0 || unitId > 255) continue;
    if (typeof unit.firstSeenUs === 'number') {
      const lastSeenUs = numberOr(unit.lastSeenUs, unit.firstSeenUs);
      assets.unit({ address: key, unitId, firstSeenUs: unit.firstSeenUs, lastSeenUs });
    }
    if (Array.isArray(unit.facts)) restoreFacts(assets.unitFacts(row, unitId), unit);
    if (unit.isTold !== false) row.toldUnits = new Set([...row.toldUnits, unitId]);
  }
  assets.keepUntold(row);
  if (!wasKnown) {
    row.isNew = false;
    row.isChanged = false;
    row.savedUs = row.lastSeenUs;
  }
  return true;
}

export function restoreMac(assets: AssetTable, key: string, body: unknown): boolean {
  if (!isObject(body)) return false;
  const firstSeenUs = numberOr(body.firstSeenUs, 0);
  const lastSeenUs = numberOr(body.lastSeenUs, firstSeenUs);
  const wasKnown = assets.macs.get(key) !== undefined;
  const row = assets.macs.row(key, firstSeenUs);
  if (row === undefined) return false;
  for (const address of itemsOf(body.behind, ADDRESSES_MAX)) {
    if (typeof address === 'string') assets.macs.sawTraffic(key, address, lastSeenUs);
  }
  for (const address of itemsOf(body.claimed, ADDRESSES_MAX)) {
    if (typeof address === 'string') assets.macs.sawClaim(key, address, lastSeenUs);
  }
  row.behindRefused += numberOr(body.behindRefused, 0);
  row.lastSeenUs = Math.max(row.lastSeenUs, lastSeenUs);
  restoreFacts(row.facts, body);
  if (!wasKnown) row.isChanged = false;
  return true;
}

function restoreFacts(
  facts: AssetFacts,
  saved: { readonly facts?: unknown; readonly toldMask?: unknown },
): void {
  const toldMask = numberOr(saved.toldMask, -1);
  for (const [index, each] of itemsOf(saved.facts, FACTS_PER_ASSET_MAX).entries()) {
    const fact = factOf(each);
    if (fact !== undefined) facts.restore(fact, (toldMask & (1 << index)) !== 0);
  }
}

function factOf(saved: unknown): AssetFact | undefined {
  if (!isObject(saved)) return undefined;
  const name = textOf(saved.name, 64);
  const source = textOf(saved.source, 64);
  const { value } = saved;
  if (name === undefined || source === undefined) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const firstSeenUs = numberOr(saved.firstSeenUs, 0);
  return {
    name,
    value,
    source,
    firstSeenUs,
    lastSeenUs: numberOr(saved.lastSeenUs, firstSeenUs),
    confidence: numberOr(saved.confidence, 0),
  };
}
