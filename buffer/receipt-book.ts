/**
 * Applies the hub's receipts. The only place that deletes a message, and only under the hash of
 * the message itself: a receipt that names another hash is a fork, and deletes nothing.
 */
import { crc32 } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import type { Receipt, Stream } from '../protocols/uplink/messages.ts';
import { RECEIPT_RANGES_MAX } from '../protocols/uplink/receipt.ts';
import { DeletedRanges, type GoneRange, subtract, toldRanges } from './deleted-ranges.ts';
import { headOf, type StreamHeadRow, ZERO_SHA256 } from './epochs.ts';
import { messageId } from './message-id.ts';
import { type Outbox, sameBytes } from './outbox.ts';
import { preparedPluck } from './prepared.ts';

/** Superseded lives of the hub that are remembered; a receipt of one of them is old. */
const HUB_EPOCHS_MAX = 64;
/**
 * Receipts in a row, each with a higher serial, of a life that was taken for over: it lives. Lives
 * have no order that a late receipt can't turn round, and an agent that believed the wrong one
 * would delete nothing any more. What is late of a dead life is mixed with the new one's, and ends.
 */
const REVIVED_AFTER = 8;
const REASON_CHARACTERS_MAX = 64;
/**
 * What a former epoch still holds after a restore, and the hub has under a hash we don't know. Sent
 * again where a later receipt no longer claims it: the hub was restored as well.
 */
const UNPROVEN = 'storedUnproven';

export type ReceiptOutcome =
  | {
      readonly kind: 'applied';
      readonly deleted: number;
      /** Pending messages that are now kept for the operator instead of being sent. */
      readonly refused: number;
      /** The hub lives a new life: it may have lost what it had stored before. */
      readonly hubEpochChanged: boolean;
      /** It doesn't know so itself (a snapshot of the machine): other streams have to be asked. */
      readonly isHubUnaware: boolean;
      /** Sequences that the hub no longer has and we have deleted on its word. */
      readonly lostByHub: readonly GoneRange[];
    }
  /** A higher serial, or a newer life of the hub, has been applied before. */
  | { readonly kind: 'old' }
  /** The hub names another hash for a sequence of ours: somebody else signs with our identity. */
  | { readonly kind: 'fork'; readonly sequence: number }
  /** The hub has more than we have signed: this buffer came back from an older copy. */
  | { readonly kind: 'ahead'; readonly cumulative: number }
  /** Speaks of an epoch this buffer doesn't know, such as that of a set-aside file. */
  | { readonly kind: 'unknownEpoch' };

interface ReceiptRow {
  hubEpoch: number;
  serial: number;
  cumulative: number;
  cumulativeSha256: Uint8Array;
  /** Null in rows of schema 1. */
  crc32: number | null;
  /** What the last receipt claimed: the highest sequence, and how many. Null before schema 4. */
  claimedTo: number | null;
  claimedCount: number | null;
}

interface Claim {
  readonly from: number;
  readonly to: number;
  /** `other`: we know the message under another hash. `unknown`: we can't tell. */
  readonly verdict: 'match' | 'unknown' | 'other';
}

/** What a receipt says of a stream. */
interface Claimed {
  readonly highest: number;
  readonly count: number;
  /** False: it may have more than fits into a receipt. */
  readonly isWhole: boolean;
}

const NO_CLAIMS = { claimedTo: null, claimedCount: null } as const;

/** Every method is to be called inside a transaction. */
export class ReceiptBook {
  readonly #database: Database;
  readonly #outbox: Outbox;
  readonly #last: Statement<[number, number], ReceiptRow>;
  readonly #hash: Statement<[{ id: number }], Uint8Array>;
  readonly #keepHash: Statement<[number]>;
  readonly #dropHashes: Statement<[number, number]>;
  readonly #markedHash: Statement<[number, number, number], Uint8Array>;
  readonly #remember: Statement<(number | Uint8Array | null)[]>;
  readonly #deleted: DeletedRanges;
  /** Receipts of a superseded life since the last one of the newest life. */
  #superseded: { hubEpoch: number; serial: number; inARow: number } | undefined;

  constructor(database: Database, outbox: Outbox) {
    this.#database = database;
    this.#outbox = outbox;
    this.#deleted = new DeletedRanges(database);
    this.#last = database.prepare('SELECT * FROM receipt WHERE epoch = ? AND stream = ?');
    this.#hash = database
      .prepare<[{ id: number }], Uint8Array>(
        `SELECT sha256 FROM outbox WHERE id = @id
         UNION ALL SELECT sha256 FROM stored_hash WHERE id = @id
         UNION ALL SELECT sha256 FROM refused WHERE id = @id`,
      )
      .pluck();
    this.#keepHash = database.prepare(
      'INSERT OR REPLACE INTO stored_hash SELECT id, sha256 FROM outbox WHERE id = ?',
    );
    this.#dropHashes = database.prepare('DELETE FROM stored_hash WHERE id BETWEEN ? AND ?');
    this.#markedHash = database
      .prepare<[number, number, number], Uint8Array>(
        `SELECT previousSha256 FROM stream_head JOIN epoch USING (epoch)
         WHERE previousEpoch = ? AND stream = ? AND previousSequence = ?`,
      )
      .pluck();
    this.#remember = database.prepare(
      `INSERT OR REPLACE INTO receipt
         (epoch, stream, hubEpoch, serial, cumulative, cumulativeSha256, hubTimeMs, appliedMs,
          crc32, claimedTo, claimedCount)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** `currentEpoch`: the one that signs now; older ones only drain. */
  apply(receipt: Receipt, currentEpoch: number, nowMs: number): ReceiptOutcome {
    const { epoch, stream } = receipt;
    const head = headOf(this.#database, epoch, stream);
    if (head === undefined) return { kind: 'unknownEpoch' };
    const last = this.#lastReceipt(epoch, stream);
    const hubEpoch = this.#meetHub(receipt, nowMs);
    if (hubEpoch === 'superseded') return { kind: 'old' };
    const isSameHub = last?.hubEpoch === receipt.hubEpoch;
    if (isSameHub && receipt.receiptSerial <= last.serial) return { kind: 'old' };
    const claimed = claimedBy(receipt);
    if (claimed.highest > head.lastSequence && epoch === currentEpoch) {
      return { kind: 'ahead', cumulative: claimed.highest };
    }
    const claims = this.#judgeAll(receipt, last);
    const forked = claims.find((claim) => claim.verdict === 'other');
    if (forked !== undefined) return { kind: 'fork', sequence: forked.to };

    const isBehind = last !== undefined && (!isSameHub || claimsLess(claimed, last));
    const lostByHub = isBehind ? this.#lost(receipt, head, last) : [];
    const isFormer = epoch !== currentEpoch;
    if (isFormer) this.#outbox.takeBack(epoch, stream, UNPROVEN, unclaimedBy(receipt));
    let refused = 0;
    let deleted = 0;
    for (const each of receipt.refused) {
      const reason = each.reason.slice(0, REASON_CHARACTERS_MAX);
      refused += this.#outbox.refuse(epoch, stream, each.sequence, each.sequence, reason);
    }
    for (const { from, to, verdict } of claims) {
      if (verdict === 'match') deleted += this.#delete(receipt, from, to, head);
      else if (isFormer) refused += this.#outbox.refuse(epoch, stream, from, to, UNPROVEN);
    }
    this.#rememberReceipt(receipt, claims[0].verdict === 'match', claimed, last, nowMs);
    return {
      kind: 'applied',
      deleted,
      refused,
      hubEpochChanged: hubEpoch !== 'current',
      isHubUnaware: hubEpoch === 'revived' || (isSameHub && lostByHub.length > 0),
      lostByHub,
    };
  }

  /** Of `from`..`to`: what we have deleted on the hub's word, to be said when it asks for it. */
  gone(epoch: number, stream: Stream, from: number, to: number): GoneRange[] {
    const head = headOf(this.#database, epoch, stream);
    if (head === undefined) return [];
    const cumulative = this.#lastReceipt(epoch, stream)?.cumulative ?? 0;
    const place = { epoch, stream, ordinal: head.ordinal, cumulative };
    const range = { from, to: Math.min(to, head.lastSequence) };
    return toldRanges(this.#deleted.within(place, range, 'pending'));
  }

  /**
   * What was receipted once, we have deleted, and a later receipt doesn't claim: the hub came back
   * from an older copy, whether it knows so (another hubEpoch) or not.
   * A receipt with as many ranges as fit may have more: then the hub's own request names the holes.
   */
  #lost(receipt: Receipt, head: StreamHeadRow, last: ReceiptRow): readonly GoneRange[] {
    const { epoch, stream, cumulative, have, hubEpoch } = receipt;
    if (have.length >= RECEIPT_RANGES_MAX) return [];
    const place = { epoch, stream, ordinal: head.ordinal, cumulative: last.cumulative };
    const whole = { from: cumulative + 1, to: head.lastSequence };
    // What made room was never claimed by this life; another one may have lost the tombstone too.
    const tombstones = hubEpoch === last.hubEpoch ? 'all' : 'pending';
    return toldRanges(subtract(this.#deleted.within(place, whole, tombstones), have));
  }

  /** The cumulative claim first, then the ranges; a range that runs backwards proves nothing. */
  #judgeAll(receipt: Receipt, last: ReceiptRow | undefined): readonly Claim[] {
    const judge = (from: number, to: number, claimed: Uint8Array): Claim => {
      const known = this.#knownHash(receipt, to, last);
      if (known === undefined) return { from, to, verdict: 'unknown' };
      return { from, to, verdict: sameBytes(known, claimed) ? 'match' : 'other' };
    };
    const ranges = receipt.have.filter(({ from, to }) => from >= 1 && from <= to);
    return [
      judge(1, receipt.cumulative, receipt.cumulativeSha256),
      ...ranges.map((range) => judge(range.from, range.to, range.lastSha256)),
    ];
  }

  /** Deletes from..to; the last one leaves its hash, by which a later receipt is judged. */
  #delete(receipt: Receipt, from: number, claimedTo: number, head: StreamHeadRow): number {
    const { epoch, stream, cumulative } = receipt;
    const { ordinal, lastSequence } = head;
    const to = Math.min(claimedTo, lastSequence);
    // Hashes of former ends inside the range have served.
    const lastDropped = to > cumulative ? to - 1 : to;
    if (lastDropped >= from) {
      const lastId = messageId(stream, ordinal, lastDropped);
      this.#dropHashes.run(messageId(stream, ordinal, from), lastId);
    }
    if (to > cumulative) this.#keepHash.run(messageId(stream, ordinal, to));
    else this.#outbox.forgetTombstones(epoch, stream, to);
    return this.#outbox.delete(epoch, stream, from, to);
  }

  #knownHash(
    { epoch, stream }: Receipt,
    sequence: number,
    last: ReceiptRow | undefined,
  ): Uint8Array | undefined {
    if (sequence === 0) return ZERO_SHA256;
    const head = headOf(this.#database, epoch, stream);
    if (head === undefined) return undefined;
    if (sequence > head.lastSequence) return this.#markedHash.get(epoch, stream, sequence);
    const kept = this.#hash.get({ id: messageId(stream, head.ordinal, sequence) });
    if (kept !== undefined) return kept;
    if (last?.cumulative === sequence) return last.cumulativeSha256;
    return head.lastSequence === sequence ? head.lastSha256 : undefined;
  }

  /** An unproven or lower `cumulative` must not replace the hash by which we deleted. */
  #rememberReceipt(
    receipt: Receipt,
    isProven: boolean,
    claimed: Claimed,
    last: ReceiptRow | undefined,
    nowMs: number,
  ): void {
    const { epoch, stream, hubEpoch, receiptSerial, hubTimeMs } = receipt;
    const isHigher = isProven && receipt.cumulative >= (last?.cumulative ?? 0);
    const from = isHigher ? receipt : (last ?? { cumulative: 0, cumulativeSha256: ZERO_SHA256 });
    // A receipt that can't tell all leaves what the one before it claimed.
    const isSameHub = last?.hubEpoch === hubEpoch;
    const told = { claimedTo: claimed.highest, claimedCount: claimed.count };
    const claims = claimed.isWhole ? told : isSameHub ? last : NO_CLAIMS;
    this.#remember.run(
      epoch,
      stream,
      hubEpoch,
      receiptSerial,
      from.cumulative,
      from.cumulativeSha256,
      hubTimeMs,
      nowMs,
      checksumOf({ ...from, ...claims, hubEpoch, serial: receiptSerial }),
      claims.claimedTo,
      claims.claimedCount,
    );
  }

  /** A row with a flipped bit proves nothing; the hub sends the receipt again. */
  #lastReceipt(epoch: number, stream: number): ReceiptRow | undefined {
    const row = this.#last.get(epoch, stream);
    return row === undefined || row.crc32 === null || row.crc32 === checksumOf(row)
      ? row
      : undefined;
  }

  #meetHub(receipt: Receipt, nowMs: number): 'current' | 'changed' | 'revived' | 'superseded' {
    const { hubEpoch } = receipt;
    const newest = preparedPluck<[], number>(
      this.#database,
      'SELECT hubEpoch FROM hub_epoch ORDER BY ordinal DESC LIMIT 1',
    ).get();
    if (newest === hubEpoch) {
      this.#superseded = undefined;
      return 'current';
    }
    const isKnown = this.#database.prepare('SELECT 1 FROM hub_epoch WHERE hubEpoch = ?').pluck();
    const wasOver = isKnown.get(hubEpoch) !== undefined;
    if (wasOver && !this.#isRevived(receipt)) return 'superseded';
    this.#superseded = undefined;
    this.#database.prepare('DELETE FROM hub_epoch WHERE hubEpoch = ?').run(hubEpoch);
    this.#database
      .prepare('INSERT INTO hub_epoch (hubEpoch, firstSeenMs) VALUES (?, ?)')
      .run(hubEpoch, nowMs);
    this.#database
      .prepare('DELETE FROM hub_epoch WHERE ordinal <= (SELECT max(ordinal) FROM hub_epoch) - ?')
      .run(HUB_EPOCHS_MAX);
    if (wasOver) return 'revived';
    return newest === undefined ? 'current' : 'changed';
  }

  #isRevived({ hubEpoch, receiptSerial }: Receipt): boolean {
    const before = this.#superseded?.hubEpoch === hubEpoch ? this.#superseded : undefined;
    if (before !== undefined && receiptSerial <= before.serial) return false;
    const inARow = (before?.inARow ?? 0) + 1;
    this.#superseded = { hubEpoch, serial: receiptSerial, inARow };
    return inARow >= REVIVED_AFTER;
  }
}

/** Answers whether the receipt says nothing of a sequence. */
function unclaimedBy({ cumulative, have, refused }: Receipt): (sequence: number) => boolean {
  return (sequence) =>
    sequence > cumulative &&
    !have.some(({ from, to }) => from <= sequence && sequence <= to) &&
    !refused.some((each) => each.sequence === sequence);
}

function claimedBy({ cumulative, have }: Receipt): Claimed {
  return {
    highest: Math.max(cumulative, ...have.map((range) => range.to)),
    count: have.reduce((sum, { from, to }) => sum + Math.max(0, to - from + 1), cumulative),
    isWhole: have.length < RECEIPT_RANGES_MAX,
  };
}

/** Within one life of the hub's database, what it has only grows. */
function claimsLess({ highest, count, isWhole }: Claimed, last: ReceiptRow): boolean {
  const { claimedTo, claimedCount } = last;
  if (!isWhole || claimedTo === null || claimedCount === null) return false;
  return highest < claimedTo || count < claimedCount;
}

function checksumOf(row: Omit<ReceiptRow, 'crc32'>): number {
  const { hubEpoch, serial, cumulative, cumulativeSha256, claimedTo, claimedCount } = row;
  const claims = claimedTo === null ? '' : `${claimedTo} ${claimedCount} `;
  return crc32(`${hubEpoch} ${serial} ${cumulative} ${claims}`, crc32(cumulativeSha256));
}
