/**
 * What changed in the assets since it was told last: new devices first, then those that told
 * something new. For the summaries; in full they stand in the agent's own memory.
 */
import {
  ASSET_CHANGES_PER_REPORT_MAX,
  type AssetChange,
  FACTS_PER_CHANGE_MAX,
} from '../../protocols/interval-report.ts';
import type { AssetFacts } from './asset-facts.ts';
import type { AssetRow, AssetTable } from './asset-table.ts';

/** How many facts were told of a device itself and of each unit behind it. */
interface Told {
  facts: number;
  readonly units: Map<number, number>;
}

export class AssetChanges {
  readonly #assets: AssetTable;
  /** By address; facts are never taken back, so that a count tells which are new. */
  readonly #told = new Map<string, Told>();

  constructor(assets: AssetTable) {
    this.#assets = assets;
  }

  /** What is known of that address counts as told: it was restored. */
  forget(address: string): void {
    const row = this.#assets.forgetTouched(address);
    if (row !== undefined) this.#tell(row, Number.POSITIVE_INFINITY);
  }

  /** At most ASSET_CHANGES_PER_REPORT_MAX; the others wait for the next call. */
  take(): readonly AssetChange[] {
    const changes: AssetChange[] = [];
    for (const row of this.#assets.takeTouched(ASSET_CHANGES_PER_REPORT_MAX)) {
      const room = ASSET_CHANGES_PER_REPORT_MAX - changes.length;
      const told = this.#tell(row, room);
      changes.push(...told);
      if (told.length === room) this.#assets.touch(row);
    }
    return changes;
  }

  /** The changes of one row, at most `changesMax`, which count as told from now on. */
  #tell(row: AssetRow, changesMax: number): AssetChange[] {
    const known = this.#told.get(row.address);
    const told = known ?? { facts: 0, units: new Map<number, number>() };
    const changes: AssetChange[] = [];
    if (changesMax < 1) return changes;
    this.#told.set(row.address, told);
    if (known === undefined || told.facts < row.facts.size) {
      const facts = newFacts(row.facts, told.facts);
      told.facts += facts.length;
      changes.push({
        change: known === undefined ? 'new' : 'changed',
        assetId: row.address,
        address: row.address,
        ...(row.macAddress !== undefined && { macAddress: row.macAddress }),
        roles: [...(row.isClient ? ['client'] : []), ...(row.isServer ? ['server'] : [])],
        facts,
        lastSeenUs: row.lastSeenUs,
      });
    }
    for (const unitId of new Set([...row.units.keys(), ...row.unitFacts.keys()])) {
      if (changes.length >= changesMax) break;
      const toldBefore = told.units.get(unitId);
      const all = row.unitFacts.get(unitId);
      if (toldBefore !== undefined && toldBefore >= (all?.size ?? 0)) continue;
      const facts = all === undefined ? [] : newFacts(all, toldBefore ?? 0);
      told.units.set(unitId, (toldBefore ?? 0) + facts.length);
      changes.push({
        change: toldBefore === undefined ? 'new' : 'changed',
        assetId: `${row.address}/${unitId}`,
        address: row.address,
        unitId,
        roles: ['server'],
        facts,
        lastSeenUs: row.units.get(unitId)?.lastSeenUs ?? row.lastSeenUs,
      });
    }
    return changes;
  }
}

function newFacts(facts: AssetFacts, told: number): AssetChange['facts'] {
  return facts
    .list()
    .slice(told, told + FACTS_PER_CHANGE_MAX)
    .map(({ name, value, source, confidence }) => ({ name, value, source, confidence }));
}
