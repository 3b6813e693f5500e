/**
 * What `fieldtap probe` learned, as facts of a device: over the control socket to the agent that
 * runs, or into the state of one that doesn't. They stand beside what was heard, with the source
 * `probe`, so that a contradiction shows.
 */
import type { StateRow } from '../protocols/interval-report.ts';
import { savedKnowledge } from './knowledge-answer.ts';
import { ASKED_SOURCE } from './observe/asset-facts.ts';
import type { AssetTable } from './observe/asset-table.ts';
import { saveAsset } from './observe/state-assets.ts';
import { isObject, numberOr, textOf } from './observe/state-check.ts';

/** Facts of one probe. */
const FACTS_MAX = 64;
const ADDRESS_CHARACTERS_MAX = 64;
const NAME_CHARACTERS_MAX = 64;
const VALUE_CHARACTERS_MAX = 256;
/** Unit ids that mean the server itself (TCP guide 4.4.1.2). */
const OWN_UNIT_IDS: readonly number[] = [0, 255];

/** Survives a structured clone. */
export interface ProbedFacts {
  /** IP address of who answered; of a serial line, its name. */
  readonly address: string;
  /** The device behind it that answered. */
  readonly unitId?: number;
  /** UTC µs. */
  readonly timeUs: number;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

/** From the socket, whose group may write, not flood; undefined where nothing was learned. */
export function probedFacts(body: unknown, timeUs: number): ProbedFacts | undefined {
  if (!isObject(body) || !isObject(body.facts)) return undefined;
  const address = textOf(body.address, ADDRESS_CHARACTERS_MAX);
  const unitId = numberOr(body.unitId, -1);
  const facts = Object.entries(body.facts)
    .slice(0, FACTS_MAX)
    .flatMap(([name, told]) => {
      const value = textOf(told, VALUE_CHARACTERS_MAX);
      return value ? [{ name: name.slice(0, NAME_CHARACTERS_MAX), value }] : [];
    });
  if (!address || facts.length === 0) return undefined;
  const isUnit = Number.isInteger(unitId) && unitId >= 0 && unitId <= 255;
  return { address, ...(isUnit && { unitId }), timeUs, facts };
}

/** The device counts as seen: it answered. */
export function learnProbed(assets: AssetTable, probed: ProbedFacts): void {
  const { address, unitId, timeUs, facts } = probed;
  const row = assets.row(address, timeUs);
  if (row === undefined) return;
  row.lastSeenUs = Math.max(row.lastSeenUs, timeUs);
  const isOwn = unitId === undefined || OWN_UNIT_IDS.includes(unitId);
  if (!isOwn) assets.unit({ address, unitId, firstSeenUs: timeUs, lastSeenUs: timeUs });
  for (const { name, value } of facts) {
    if (isOwn) assets.fact(address, name, value, ASKED_SOURCE, timeUs);
    else assets.unitFact(address, unitId, name, value, ASKED_SOURCE, timeUs);
  }
}

/** The state of that device with what was learned; `rows`: what is saved of it. */
export function savedWithProbed(
  rows: readonly StateRow[],
  probed: ProbedFacts,
): readonly StateRow[] {
  const { assets } = savedKnowledge(
    rows.filter(({ kind, key }) => kind === 'asset' && key === probed.address),
  );
  learnProbed(assets, probed);
  const row = assets.get(probed.address);
  return row === undefined ? [] : [saveAsset(row)];
}
