/** The news of the devices and the buffer that keeps them, so that what is told survives a kill. */
import type { NewsRow, StateStore } from '../buffer/state-store.ts';
import type { AssetChange, StateRow } from '../protocols/interval-report.ts';
import { STREAM_SUMMARIES } from '../protocols/uplink/messages.ts';
import { AssetNews } from './asset-news.ts';
import { SiteDigest } from './platform/digest.ts';

/** Runs on the open buffer; undefined while the disk refuses. */
export type WithState = <T>(work: (state: StateStore) => T) => T | undefined;

export class SiteNews {
  readonly assets: AssetNews;
  readonly #withState: WithState;
  /** The rows of the process before are taken; false while the disk refuses. */
  #isRestored = false;

  constructor(siteKey: Uint8Array, withState: WithState) {
    const digest = new SiteDigest(siteKey);
    const encoder = new TextEncoder();
    this.assets = new AssetNews((text) => {
      const bytes = encoder.encode(text);
      return digest.pseudonym(bytes, 0, bytes.length);
    });
    this.#withState = withState;
    this.#restore();
  }

  /** What a report brought, in one transaction: what is known, and what is to be told of it. */
  record(state: readonly StateRow[] = [], changes: readonly AssetChange[] = []): void {
    const news = this.assets.add(changes);
    const left = this.#restore();
    const isIdle = state.length + news.length + left.length === 0 && !this.assets.isUnderWay;
    if (isIdle) return;
    this.#withState((store) => {
      const settled = this.assets.review(({ epoch, sequence }) =>
        store.fateOf(epoch, STREAM_SUMMARIES, sequence),
      );
      const rows = [...news, ...left, ...settled];
      if (state.length + rows.length > 0) store.save(state, rows);
    });
  }

  #restore(): readonly NewsRow[] {
    if (this.#isRestored) return [];
    const saved = this.#withState((store) => store.news());
    if (saved === undefined) return [];
    this.#isRestored = true;
    return this.assets.restore(saved);
  }
}
