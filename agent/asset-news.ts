/**
 * What the hub doesn't know yet of the devices at this site: each device once, with everything that
 * is new of it, until a message tells it. First the new ones, then those heard last. A change that
 * is in a signed message waits apart: told again only where that message is lost.
 *
 * All of it survives a restart as rows of the buffer: one for each device that waits, one for each
 * message under way.
 */
import type { MessageFate, NewsRow } from '../buffer/state-store.ts';
import type { AssetChange as ReportedChange } from '../protocols/interval-report.ts';
import type { AssetChange } from '../protocols/uplink/messages.ts';
import {
  changeOf,
  FACTS_KEPT_MAX,
  keyOfMessage,
  rowOfMessage,
  rowOfWaiting,
  savedNews,
  type UnderWay,
} from './asset-news-rows.ts';
import type {
  AssetChangeSource,
  MessagePlace,
  PendingAssetChanges,
} from './uplink/asset-changes.ts';

/** Devices that wait; beyond it one heard longest ago makes room, and is counted. */
export const ASSETS_WAITING_MAX = 2048;
/** Messages under way with changes; beyond it the oldest is trusted to arrive or be told lost. */
export const MESSAGES_UNDER_WAY_MAX = 64;
/** Facts of a change in one message (docs/wire-format.cddl); the rest follows in the next. */
const FACTS_TOLD_MAX = 16;
const ID_DIGITS = 16;

/** A keyed hash of text: at `minimal` the id of a device must not give its address away. */
export type Pseudonym = (text: string) => string;

export class AssetNews implements AssetChangeSource {
  readonly #pseudonym: Pseudonym;
  /** By the id under which the hub knows the device. */
  readonly #waiting = new Map<string, AssetChange>();
  #underWay: UnderWay[] = [];
  /** Devices that left without being told. */
  #lost = 0;

  constructor(pseudonym: Pseudonym) {
    this.#pseudonym = pseudonym;
  }

  /** Anything to ask `review` about. */
  get isUnderWay(): boolean {
    return this.#underWay.length > 0;
  }

  /** What a former process left; answers the rows that are of no use. */
  restore(rows: readonly NewsRow[]): readonly NewsRow[] {
    const { waiting, underWay, useless } = savedNews(rows);
    for (const change of waiting) this.#merge(change);
    const isKnown = new Set(this.#underWay.map(keyOfMessage));
    this.#underWay = [
      ...underWay.filter((each) => !isKnown.has(keyOfMessage(each))),
      ...this.#underWay,
    ].slice(-MESSAGES_UNDER_WAY_MAX);
    return useless;
  }

  /** Answers what is to be saved of it, with the state that says it was told. */
  add(changes: readonly ReportedChange[]): readonly NewsRow[] {
    return changes.flatMap((reported) => {
      const assetId = this.#pseudonym(`asset:${reported.assetId}`).slice(0, ID_DIGITS);
      return this.#merge(changeOf(reported, assetId));
    });
  }

  pending(changesMax: number): PendingAssetChanges {
    const all = [...this.#waiting.values()].sort(
      (a, b) =>
        Number(b.change === 'new') - Number(a.change === 'new') || b.lastSeenUs - a.lastSeenUs,
    );
    const told = all.slice(0, changesMax).map(toldOf);
    return { changes: told, folded: all.length - told.length + this.#lost };
  }

  telling(place: MessagePlace, changes: readonly AssetChange[]): readonly NewsRow[] {
    const waiting = this.#waitingOf(changes);
    if (waiting.length === 0) return [];
    return [
      ...waiting.map((change) => rowOfWaiting(change.assetId, restOf(change))),
      rowOfMessage(place, waiting.map(toldOf)),
    ];
  }

  told(place: MessagePlace, changes: readonly AssetChange[]): void {
    const waiting = this.#waitingOf(changes);
    for (const change of waiting) {
      const rest = restOf(change);
      if (rest === undefined) this.#waiting.delete(change.assetId);
      else this.#waiting.set(change.assetId, rest);
    }
    if (this.#waiting.size === 0) this.#lost = 0;
    if (waiting.length === 0) return;
    const { epoch, sequence } = place;
    this.#underWay.push({ epoch, sequence, changes: waiting.map(toldOf) });
  }

  /** Asks what has become of each message under way; answers what is to be saved of it. */
  review(fateOf: (place: MessagePlace) => MessageFate): readonly NewsRow[] {
    const rows: NewsRow[] = [];
    const excess = this.#underWay.length - MESSAGES_UNDER_WAY_MAX;
    this.#underWay = this.#underWay.filter((message, index) => {
      const fate = index < excess ? 'settled' : fateOf(message);
      if (fate === 'pending') return true;
      rows.push(rowOfMessage(message, []));
      if (fate === 'lost') {
        for (const change of message.changes) rows.push(...this.#merge(change));
      }
      return false;
    });
    return rows;
  }

  #waitingOf(changes: readonly AssetChange[]): readonly AssetChange[] {
    return changes.flatMap(({ assetId }) => this.#waiting.get(assetId) ?? []);
  }

  /** Answers the rows of what changed here. */
  #merge(change: AssetChange): readonly NewsRow[] {
    const { assetId } = change;
    const known = this.#waiting.get(assetId);
    const left = known === undefined ? this.#makeRoom() : [];
    const facts = [...(known?.facts ?? []), ...change.facts];
    const byText = new Map(facts.map((fact) => [`${fact.fact}=${fact.value}`, fact]));
    const merged: AssetChange = {
      ...change,
      change: known?.change === 'new' ? 'new' : change.change,
      lastSeenUs: Math.max(change.lastSeenUs, known?.lastSeenUs ?? 0),
      facts: [...byText.values()].slice(0, FACTS_KEPT_MAX),
    };
    this.#waiting.set(assetId, merged);
    return [...left, rowOfWaiting(assetId, merged)];
  }

  #makeRoom(): readonly NewsRow[] {
    if (this.#waiting.size < ASSETS_WAITING_MAX) return [];
    let oldest: string | undefined;
    let oldestUs = Number.POSITIVE_INFINITY;
    for (const [assetId, { lastSeenUs }] of this.#waiting) {
      if (lastSeenUs >= oldestUs) continue;
      oldest = assetId;
      oldestUs = lastSeenUs;
    }
    if (oldest === undefined || !this.#waiting.delete(oldest)) return [];
    this.#lost++;
    return [rowOfWaiting(oldest, undefined)];
  }
}

/** What one message tells of a change. */
function toldOf(change: AssetChange): AssetChange {
  return { ...change, facts: change.facts.slice(0, FACTS_TOLD_MAX) };
}

/** What is left to be told after it. */
function restOf(change: AssetChange): AssetChange | undefined {
  const facts = change.facts.slice(FACTS_TOLD_MAX);
  return facts.length === 0 ? undefined : { ...change, change: 'changed', facts };
}
