/**
 * What changed in the assets since it was told last: new devices first, then those that told
 * something new. For the summaries; in full they stand in the agent's own memory.
 *
 * What was told is noted with the device and saved with it, in the report that tells it: a device
 * is announced once, whenever the power fails.
 */
import {
  ASSET_CHANGES_PER_REPORT_MAX,
  type AssetChange,
  FACTS_PER_CHANGE_MAX,
} from '../../protocols/interval-report.ts';
import type { AssetFacts } from './asset-facts.ts';
import type { AssetRow, AssetTable } from './asset-table.ts';

export interface TakenChanges {
  readonly changes: readonly AssetChange[];
  /** Devices whose state now says that it was told. */
  readonly rows: readonly AssetRow[];
}

/** At most ASSET_CHANGES_PER_REPORT_MAX; the others wait for the next call. */
export function takeAssetChanges(assets: AssetTable): TakenChanges {
  const changes: AssetChange[] = [];
  const rows = assets.takeTouched(ASSET_CHANGES_PER_REPORT_MAX);
  for (const row of rows) {
    changes.push(...tell(row, ASSET_CHANGES_PER_REPORT_MAX - changes.length));
    assets.keepUntold(row);
  }
  return { changes, rows };
}

/** Whether something of a row waits to be told. */
export function hasUntold(row: AssetRow): boolean {
  if (!row.isTold || row.facts.hasUntold) return true;
  for (const unitId of unitIdsOf(row)) if (isUnitUntold(row, unitId)) return true;
  return false;
}

/** The changes of one row, at most `changesMax`, which count as told from now on. */
function tell(row: AssetRow, changesMax: number): AssetChange[] {
  const changes: AssetChange[] = [];
  if (changesMax < 1) return changes;
  if (!row.isTold || row.facts.hasUntold) {
    changes.push({
      change: row.isTold ? 'changed' : 'new',
      assetId: row.address,
      address: row.address,
      ...(row.macAddress !== undefined && { macAddress: row.macAddress }),
      roles: [...(row.isClient ? ['client'] : []), ...(row.isServer ? ['server'] : [])],
      facts: untoldFacts(row.facts),
      lastSeenUs: row.lastSeenUs,
    });
    row.isTold = true;
  }
  for (const unitId of unitIdsOf(row)) {
    if (changes.length >= changesMax) break;
    if (!isUnitUntold(row, unitId)) continue;
    changes.push({
      change: row.toldUnits.has(unitId) ? 'changed' : 'new',
      assetId: `${row.address}/${unitId}`,
      address: row.address,
      unitId,
      roles: ['server'],
      facts: untoldFacts(row.unitFacts.get(unitId)),
      lastSeenUs: row.units.get(unitId)?.lastSeenUs ?? row.lastSeenUs,
    });
    row.toldUnits = new Set([...row.toldUnits, unitId]);
  }
  return changes;
}

function unitIdsOf(row: AssetRow): ReadonlySet<number> {
  return new Set([...row.units.keys(), ...row.unitFacts.keys()]);
}

function isUnitUntold(row: AssetRow, unitId: number): boolean {
  return !row.toldUnits.has(unitId) || row.unitFacts.get(unitId)?.hasUntold === true;
}

function untoldFacts(facts: AssetFacts | undefined): AssetChange['facts'] {
  const untold = facts?.takeUntold(FACTS_PER_CHANGE_MAX) ?? [];
  return untold.map(({ name, value, source, confidence }) => ({ name, value, source, confidence }));
}
