/**
 * The seam to the inventory: what is new, changed or gone since the last summary with a receipt.
 * The source keeps the list; a mark says how far the hub has it, and only a receipt moves it.
 */
import type { AssetChange } from '../../protocols/uplink/messages.ts';

export interface PendingAssetChanges {
  /** In clear; the uplink puts them into the words of the sharing level. New ones first. */
  readonly changes: readonly AssetChange[];
  /** Changes that are not among them. */
  readonly folded: number;
  /** Names this state of the list; rises. */
  readonly mark: number;
}

export interface AssetChangeSource {
  pending(changesMax: number): PendingAssetChanges;
  /** The hub has everything up to this mark. */
  receipted(mark: number): void;
}
