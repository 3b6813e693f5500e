/**
 * The seam to the inventory: what is new, changed or gone and not in a signed summary yet. A change
 * is told in one message, and again only where that message is lost before the hub has it.
 */
import type { NewsRow } from '../../buffer/state-store.ts';
import type { AssetChange } from '../../protocols/uplink/messages.ts';

export interface PendingAssetChanges {
  /** In clear; the uplink puts them into the words of the sharing level. New ones first. */
  readonly changes: readonly AssetChange[];
  /** Changes that are not among them. */
  readonly folded: number;
}

/** Of a message in the stream of summaries. */
export interface MessagePlace {
  readonly epoch: number;
  readonly sequence: number;
}

export interface AssetChangeSource {
  pending(changesMax: number): PendingAssetChanges;
  /** What goes to the disk in the transaction that signs a message with these changes. */
  telling(place: MessagePlace, changes: readonly AssetChange[]): readonly NewsRow[];
  /** That transaction is on the disk. */
  told(place: MessagePlace, changes: readonly AssetChange[]): void;
}
