/**
 * What the hub doesn't know yet of the devices at this site: each device once, with everything that
 * is new of it, until a receipt says that the hub has it. First the new ones, then those heard
 * last.
 */
import type { AssetChange as ReportedChange } from '../protocols/interval-report.ts';
import type { AssetChange } from '../protocols/uplink/messages.ts';
import type { AssetChangeSource, PendingAssetChanges } from './uplink/asset-changes.ts';

/** Devices that wait; beyond it one heard longest ago makes room, and is counted. */
export const ASSETS_WAITING_MAX = 2048;
const FACTS_MAX = 16;
const ID_DIGITS = 16;

/** A keyed hash of text: at `minimal` the id of a device must not give its address away. */
export type Pseudonym = (text: string) => string;

interface Waiting {
  change: AssetChange;
  /** The state of the list in which it changed last. */
  mark: number;
}

export class AssetNews implements AssetChangeSource {
  readonly #pseudonym: Pseudonym;
  readonly #waiting = new Map<string, Waiting>();
  #mark = 0;
  /** Devices that left without being told. */
  #lost = 0;

  constructor(pseudonym: Pseudonym) {
    this.#pseudonym = pseudonym;
  }

  add(changes: readonly ReportedChange[]): void {
    if (changes.length === 0) return;
    this.#mark++;
    for (const change of changes) this.#merge(change);
  }

  pending(changesMax: number): PendingAssetChanges {
    const all = [...this.#waiting.values()].sort(
      (a, b) =>
        Number(b.change.change === 'new') - Number(a.change.change === 'new') ||
        b.change.lastSeenUs - a.change.lastSeenUs,
    );
    const told = all.slice(0, changesMax);
    // What doesn't fit waits: the mark must not say that the hub has it.
    const left = all.slice(changesMax).map(({ mark }) => mark);
    return {
      changes: told.map(({ change }) => change),
      folded: all.length - told.length + this.#lost,
      mark: left.length === 0 ? this.#mark : this.#markOf(told, left),
    };
  }

  receipted(mark: number): void {
    for (const [assetId, waiting] of this.#waiting) {
      if (waiting.mark <= mark) this.#waiting.delete(assetId);
    }
    if (this.#waiting.size === 0) this.#lost = 0;
  }

  /** Told ones get a mark below all that are left. */
  #markOf(told: readonly Waiting[], left: readonly number[]): number {
    const lowest = Math.min(...left);
    for (const waiting of told) waiting.mark = Math.min(waiting.mark, lowest - 1);
    return lowest - 1;
  }

  #merge(reported: ReportedChange): void {
    const { assetId, address, unitId, lastSeenUs, roles } = reported;
    const known = this.#waiting.get(assetId);
    const facts = [
      ...(known?.change.facts ?? []),
      ...roles.map((value) => ({ fact: 'role', value })),
      ...reported.facts.map(({ name, value }) => ({ fact: name, value: String(value) })),
    ];
    const byText = new Map(facts.map((fact) => [`${fact.fact}=${fact.value}`, fact]));
    if (known === undefined && this.#waiting.size >= ASSETS_WAITING_MAX) this.#makeRoom();
    this.#waiting.set(assetId, {
      mark: this.#mark,
      change: {
        assetId: known?.change.assetId ?? this.#pseudonym(`asset:${assetId}`).slice(0, ID_DIGITS),
        change: known?.change.change === 'new' ? 'new' : reported.change,
        address,
        ...(unitId !== undefined && { unitId }),
        lastSeenUs: Math.max(lastSeenUs, known?.change.lastSeenUs ?? 0),
        facts: [...byText.values()].slice(0, FACTS_MAX),
      },
    });
  }

  #makeRoom(): void {
    let oldest: string | undefined;
    let oldestUs = Number.POSITIVE_INFINITY;
    for (const [assetId, { change }] of this.#waiting) {
      if (change.lastSeenUs >= oldestUs) continue;
      oldest = assetId;
      oldestUs = change.lastSeenUs;
    }
    if (oldest !== undefined && this.#waiting.delete(oldest)) this.#lost++;
  }
}
