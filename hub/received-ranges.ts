/**
 * From the stored sequences of one stream to what a receipt says: how far it is whole, and which
 * ranges lie beyond the first hole.
 */
import type { StoredRange } from '../protocols/uplink/messages.ts';
import { RECEIPT_RANGES_MAX } from '../protocols/uplink/receipt.ts';

export interface StoredSequence {
  readonly sequence: number;
  readonly sha256: Uint8Array;
}

export interface ReceivedRanges {
  readonly cumulative: number;
  readonly cumulativeSha256: Uint8Array;
  /** The lowest ones; what doesn't fit is told when holes below have closed. */
  readonly have: readonly StoredRange[];
}

/** `above`: stored sequences greater than `cumulative`, ascending. */
export function receivedRanges(
  cumulative: number,
  cumulativeSha256: Uint8Array,
  above: Iterable<StoredSequence>,
): ReceivedRanges {
  let whole: StoredSequence = { sequence: cumulative, sha256: cumulativeSha256 };
  const have: StoredRange[] = [];
  for (const stored of above) {
    const last = have.at(-1);
    if (last === undefined && stored.sequence === whole.sequence + 1) {
      whole = stored;
    } else if (last !== undefined && stored.sequence === last.to + 1) {
      have[have.length - 1] = { from: last.from, to: stored.sequence, lastSha256: stored.sha256 };
    } else {
      if (have.length === RECEIPT_RANGES_MAX) break;
      have.push({ from: stored.sequence, to: stored.sequence, lastSha256: stored.sha256 });
    }
  }
  return { cumulative: whole.sequence, cumulativeSha256: whole.sha256, have };
}
