/**
 * Applies the hub's receipts. The only place that deletes a message, and only under the hash of
 * the message itself: a receipt that names another hash is a fork, and deletes nothing.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { headOf, ZERO_SHA256 } from './epochs.ts';
import { sameBytes } from './outbox.ts';

/** Superseded lives of the hub that are remembered; a receipt of one of them is old. */
const HUB_EPOCHS_MAX = 64;
const REASON_CHARACTERS_MAX = 64;
/** What a former epoch still holds after a restore, and the hub has under a hash we don't know. */
const UNPROVEN = 'storedUnproven';

export type ReceiptOutcome =
  | {
      readonly kind: 'applied';
      readonly deleted: number;
      readonly deletedBytes: number;
      /** Pending messages that are now kept for the operator instead of being sent. */
      readonly refused: number;
      readonly refusedBytes: number;
      /** The hub lives a new life: it may have lost what it had stored before. */
      readonly hubEpochChanged: boolean;
      /** Sequences that the hub no longer has and we have deleted on its word. */
      readonly lostByHub?: { readonly from: number; readonly to: number };
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
}

interface Claim {
  readonly from: number;
  readonly to: number;
  /** `other`: we know the message under another hash. `unknown`: we can't tell. */
  readonly verdict: 'match' | 'unknown' | 'other';
}

/** Every method is to be called inside a transaction. */
export class ReceiptBook {
  readonly #database: Database;
  readonly #last: Statement<[number, number], ReceiptRow>;
  readonly #hash: Statement<[number, number, number], Uint8Array>;
  readonly #range: Statement<number[], { count: number; bytes: number }>;
  readonly #deleteThrough: Statement<number[]>;
  readonly #keepHashOf: Statement<number[]>;
  readonly #refuse: Statement<[string, number, number, number, number]>;
  readonly #markedHash: Statement<[number, number, number], Uint8Array>;
  readonly #remember: Statement<(number | Uint8Array)[]>;

  constructor(database: Database) {
    const one = 'epoch = ? AND stream = ? AND sequence = ?';
    const range = 'epoch = ? AND stream = ? AND sequence BETWEEN ? AND ?';
    this.#database = database;
    this.#last = database.prepare('SELECT * FROM receipt WHERE epoch = ? AND stream = ?');
    this.#hash = database
      .prepare<[number, number, number], Uint8Array>(`SELECT sha256 FROM outbox WHERE ${one}`)
      .pluck();
    this.#range = database.prepare(
      `SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM outbox
       WHERE ${range} AND state = 'pending'`,
    );
    this.#deleteThrough = database.prepare(
      `DELETE FROM outbox WHERE ${range} AND state <> 'refused'`,
    );
    this.#keepHashOf = database.prepare(
      `UPDATE outbox SET state = 'stored', message = x'' WHERE ${one} AND state = 'pending'`,
    );
    this.#refuse = database.prepare(
      `UPDATE outbox SET state = 'refused', reason = ? WHERE ${range} AND state = 'pending'`,
    );
    this.#markedHash = database
      .prepare<[number, number, number], Uint8Array>(
        `SELECT previousSha256 FROM stream_head JOIN epoch USING (epoch)
         WHERE previousEpoch = ? AND stream = ? AND previousSequence = ?`,
      )
      .pluck();
    this.#remember = database.prepare(
      `INSERT OR REPLACE INTO receipt
         (epoch, stream, hubEpoch, serial, cumulative, cumulativeSha256, hubTimeMs, appliedMs)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** `currentEpoch`: the one that signs now; older ones only drain. */
  apply(receipt: Receipt, currentEpoch: number, nowMs: number): ReceiptOutcome {
    const { epoch, stream, cumulative } = receipt;
    const head = headOf(this.#database, epoch, stream);
    if (head === undefined) return { kind: 'unknownEpoch' };
    const last = this.#last.get(epoch, stream);
    const hubEpoch = this.#meetHub(receipt.hubEpoch, nowMs);
    if (hubEpoch === 'superseded') return { kind: 'old' };
    const isSameHub = last?.hubEpoch === receipt.hubEpoch;
    if (isSameHub && receipt.receiptSerial <= last.serial) return { kind: 'old' };
    const highest = Math.max(cumulative, ...receipt.have.map((range) => range.to));
    if (highest > head.lastSequence && epoch === currentEpoch) {
      return { kind: 'ahead', cumulative: highest };
    }
    const claims = this.#judgeAll(receipt, last);
    const forked = claims.find((claim) => claim.verdict === 'other');
    if (forked !== undefined) return { kind: 'fork', sequence: forked.to };

    const total = { deleted: 0, deletedBytes: 0, refused: 0, refusedBytes: 0 };
    for (const { sequence, reason } of receipt.refused) {
      this.#setAside(receipt, sequence, sequence, reason, total);
    }
    for (const { from, to, verdict } of claims) {
      if (verdict === 'match') this.#delete(receipt, from, to, total);
      else if (epoch !== currentEpoch) this.#setAside(receipt, from, to, UNPROVEN, total);
    }
    this.#rememberReceipt(receipt, claims[0].verdict === 'match', last, nowMs);
    const isShorter = last !== undefined && !isSameHub && cumulative < last.cumulative;
    return {
      kind: 'applied',
      ...total,
      hubEpochChanged: hubEpoch === 'changed',
      ...(isShorter && { lostByHub: { from: cumulative + 1, to: last.cumulative } }),
    };
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
  #delete(
    receipt: Receipt,
    from: number,
    to: number,
    total: { deleted: number; deletedBytes: number },
  ): void {
    const { epoch, stream } = receipt;
    const { count, bytes } = this.#range.get(epoch, stream, from, to) ?? { count: 0, bytes: 0 };
    total.deleted += count;
    total.deletedBytes += bytes;
    if (to > receipt.cumulative) {
      this.#keepHashOf.run(epoch, stream, to);
      this.#deleteThrough.run(epoch, stream, from, to - 1);
    } else {
      this.#deleteThrough.run(epoch, stream, from, to);
    }
  }

  /** Kept for the operator, and no longer sent. */
  #setAside(
    receipt: Receipt,
    from: number,
    to: number,
    reason: string,
    total: { refused: number; refusedBytes: number },
  ): void {
    const { epoch, stream } = receipt;
    const { count, bytes } = this.#range.get(epoch, stream, from, to) ?? { count: 0, bytes: 0 };
    if (count === 0) return;
    this.#refuse.run(reason.slice(0, REASON_CHARACTERS_MAX), epoch, stream, from, to);
    total.refused += count;
    total.refusedBytes += bytes;
  }

  #knownHash(
    { epoch, stream }: Receipt,
    sequence: number,
    last: ReceiptRow | undefined,
  ): Uint8Array | undefined {
    if (sequence === 0) return ZERO_SHA256;
    const kept = this.#hash.get(epoch, stream, sequence);
    if (kept !== undefined) return kept;
    if (last?.cumulative === sequence) return last.cumulativeSha256;
    const head = headOf(this.#database, epoch, stream);
    if (head?.lastSequence === sequence) return head.lastSha256;
    return this.#markedHash.get(epoch, stream, sequence);
  }

  /** An unproven or lower `cumulative` must not replace the hash by which we deleted. */
  #rememberReceipt(
    receipt: Receipt,
    isProven: boolean,
    last: ReceiptRow | undefined,
    nowMs: number,
  ): void {
    const { epoch, stream, hubEpoch, receiptSerial, hubTimeMs } = receipt;
    const isHigher = isProven && receipt.cumulative >= (last?.cumulative ?? 0);
    const from = isHigher ? receipt : (last ?? { cumulative: 0, cumulativeSha256: ZERO_SHA256 });
    this.#remember.run(
      epoch,
      stream,
      hubEpoch,
      receiptSerial,
      from.cumulative,
      from.cumulativeSha256,
      hubTimeMs,
      nowMs,
    );
  }

  #meetHub(hubEpoch: number, nowMs: number): 'current' | 'changed' | 'superseded' {
    const newest = this.#database
      .prepare<[], number>('SELECT hubEpoch FROM hub_epoch ORDER BY ordinal DESC LIMIT 1')
      .pluck()
      .get();
    if (newest === hubEpoch) return 'current';
    const isKnown = this.#database.prepare('SELECT 1 FROM hub_epoch WHERE hubEpoch = ?').pluck();
    if (isKnown.get(hubEpoch) !== undefined) return 'superseded';
    this.#database
      .prepare('INSERT INTO hub_epoch (hubEpoch, firstSeenMs) VALUES (?, ?)')
      .run(hubEpoch, nowMs);
    this.#database
      .prepare('DELETE FROM hub_epoch WHERE ordinal <= (SELECT max(ordinal) FROM hub_epoch) - ?')
      .run(HUB_EPOCHS_MAX);
    return newest === undefined ? 'current' : 'changed';
  }
}
