/**
 * How far each stream is whole, kept from batch to batch: the cumulative sequence, and the ranges
 * beyond the first hole. A hole that stays (a refused message) must not keep later ones from being
 * receipted, so nothing here is scanned again from the hole upwards.
 */
import type { StoredRange } from '../protocols/uplink/messages.ts';
import { RECEIPT_RANGES_MAX } from '../protocols/uplink/receipt.ts';

/** Ranges kept of one stream; of more, the highest are looked for again as lower ones close. */
export const RANGES_KEPT_MAX = 512;
const ZERO_SHA256 = new Uint8Array(32);
/** from and to as 8 bytes each, then the hash of `to`. */
const PACKED_BYTES = 48;

export interface StoredSequence {
  readonly sequence: number;
  readonly sha256: Uint8Array;
}

/** Sequences that the agent had to drop, by its signed word. */
export interface TombstonedRange {
  readonly from: number;
  readonly to: number;
}

export interface StreamRanges {
  readonly cumulative: number;
  readonly cumulativeSha256: Uint8Array;
  /** Ascending, not touching, beyond the first hole. */
  readonly have: readonly StoredRange[];
  /** False: there may be stored sequences beyond the last of `have`. */
  readonly isComplete: boolean;
}

/** Of a stream from which nothing is stored yet. */
export const NO_RANGES: StreamRanges = {
  cumulative: 0,
  cumulativeSha256: ZERO_SHA256,
  have: [],
  isComplete: true,
};

/**
 * `stored`: newly stored sequences. A hole that tombstones cover is passed once the message behind
 * it is there, so that `cumulative` always is the hash of a message.
 */
export function extendRanges(
  before: StreamRanges,
  stored: readonly StoredSequence[],
  tombstones: readonly TombstonedRange[] = [],
): StreamRanges {
  const have = [...before.have];
  for (const one of stored.toSorted((a, b) => a.sequence - b.sequence)) {
    if (one.sequence > before.cumulative) insert(have, one);
  }
  let { cumulative, cumulativeSha256 } = before;
  while (have.length > 0 && isPassable(cumulative + 1, have[0].from, tombstones)) {
    ({ to: cumulative, lastSha256: cumulativeSha256 } = have[0]);
    have.shift();
  }
  const isComplete = before.isComplete && have.length <= RANGES_KEPT_MAX;
  return { cumulative, cumulativeSha256, have: have.slice(0, RANGES_KEPT_MAX), isComplete };
}

/**
 * What a receipt tells of `have`: the ranges of the messages just received, so that each resend is
 * answered, and then the lowest.
 */
export function rangesToTell(
  have: readonly StoredRange[],
  received: readonly number[],
): readonly StoredRange[] {
  if (have.length <= RECEIPT_RANGES_MAX) return have;
  const told = new Set<StoredRange>();
  for (const sequence of received.toSorted((a, b) => b - a)) {
    const range = have.find(({ from, to }) => from <= sequence && sequence <= to);
    if (range !== undefined && told.size < RECEIPT_RANGES_MAX) told.add(range);
  }
  for (const range of have) {
    if (told.size < RECEIPT_RANGES_MAX) told.add(range);
  }
  return [...told].sort((a, b) => a.from - b.from);
}

/** `have` as a database keeps it. */
export function packRanges(have: readonly StoredRange[]): Buffer {
  const packed = Buffer.alloc(have.length * PACKED_BYTES);
  have.forEach(({ from, to, lastSha256 }, index) => {
    const at = index * PACKED_BYTES;
    packed.writeBigUInt64BE(BigInt(from), at);
    packed.writeBigUInt64BE(BigInt(to), at + 8);
    packed.set(lastSha256, at + 16);
  });
  return packed;
}

/** What `packRanges` made. */
export function unpackRanges(packed: Buffer): StoredRange[] {
  const have: StoredRange[] = [];
  for (let at = 0; at + PACKED_BYTES <= packed.byteLength; at += PACKED_BYTES) {
    have.push({
      from: Number(packed.readBigUInt64BE(at)),
      to: Number(packed.readBigUInt64BE(at + 8)),
      lastSha256: packed.subarray(at + 16, at + PACKED_BYTES),
    });
  }
  return have;
}

function insert(have: StoredRange[], { sequence, sha256 }: StoredSequence): void {
  // From the end: what is new is nearly always the newest.
  let at = have.length;
  while (at > 0 && have[at - 1].from > sequence) at -= 1;
  const before = have[at - 1];
  if (before !== undefined && sequence <= before.to) return;
  const after = have[at];
  const from = before?.to === sequence - 1 ? before.from : sequence;
  const joined =
    after?.from === sequence + 1
      ? { from, to: after.to, lastSha256: after.lastSha256 }
      : { from, to: sequence, lastSha256: sha256 };
  const first = from === sequence ? at : at - 1;
  const end = joined.to === sequence ? at : at + 1;
  have.splice(first, end - first, joined);
}

/** Whether nothing is missing from `next` up to `from`, but for what was told as dropped. */
function isPassable(next: number, from: number, tombstones: readonly TombstonedRange[]): boolean {
  let at = next;
  while (at < from) {
    const covering = tombstones.find((dropped) => dropped.from <= at && at <= dropped.to);
    if (covering === undefined) return false;
    at = covering.to + 1;
  }
  return true;
}
