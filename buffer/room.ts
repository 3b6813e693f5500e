/**
 * Room in the file: who has to go when the quota, or the disk, is reached. Evidence first (blocks
 * of observations, then frames, then what was set aside), then evidence that the hub asked for,
 * then the oldest summaries, alerts last. Signed messages leave a signed tombstone.
 */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { STREAM_ALERTS, STREAM_SUMMARIES, type Stream } from '../protocols/uplink/messages.ts';
import { PAGE_BYTES, pagesMaxOf, WAL_BYTES_MAX } from './database.ts';
import type { Epoch } from './epochs.ts';
import type { ChainSigner, Outbox } from './outbox.ts';
import { pragmaNumber } from './prepared.ts';
import type { ReportStore } from './report-store.ts';

/** Share of the limit kept free for alerts and for SQLite's own work while it deletes. */
const RESERVE_FRACTION = 0.03;
const RESERVE_PAGES_MIN = 64;
/** Below this share of the reserve alerts make room for alerts. */
const ALERT_FRACTION = 0.25;
/** Rows one call evicts at most, so that it stays far below 100 ms. */
const EVICTED_ROWS_MAX = 64;
/** Of messages: a tombstone costs 300 bytes, so that it should stand for many. */
const EVICTED_MESSAGES_MAX = 128;
/** A file smaller than this can't work at all. */
const PAGES_MIN = 256;
/** Pages given back at once to a full disk. */
const PAGES_GIVEN_BACK = 1024;
const STREAM_REQUESTED = 3;

export class Room {
  readonly #database: Database;
  readonly #path: string;
  readonly #quotaPages: number;
  readonly #outbox: Outbox;
  readonly #reports: ReportStore;
  readonly #count: (name: string, amount: number) => void;
  readonly #nowMs: () => number;
  #pagesMax: number;

  constructor(
    database: Database,
    options: {
      readonly path: string;
      readonly quotaMiB: number;
      readonly clock: { wallMs(): number };
    },
    outbox: Outbox,
    reports: ReportStore,
    count: (name: string, amount: number) => void,
  ) {
    this.#database = database;
    this.#path = options.path;
    this.#quotaPages = pagesMaxOf(options.quotaMiB);
    this.#outbox = outbox;
    this.#reports = reports;
    this.#count = count;
    this.#nowMs = () => options.clock.wallMs();
    this.#pagesMax = this.#quotaPages;
    this.fitToDisk();
  }

  /**
   * A quota that is larger than the disk would end in a full disk, where SQLite can't even delete;
   * so the limit is what the file has and what the disk has left beside a whole WAL.
   */
  fitToDisk(): void {
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    const walBytes = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    const leftBytes = bavail * bsize - Math.max(0, WAL_BYTES_MAX - walBytes);
    const pages = this.#pages() + Math.floor(leftBytes / PAGE_BYTES);
    this.#pagesMax = Math.max(PAGES_MIN, Math.min(this.#quotaPages, pages));
    this.#database.pragma(`max_page_count = ${this.#pagesMax}`);
  }

  /** Observations make room for observations, never messages. */
  makeForObservations(): boolean {
    return this.#isEnough(1) || this.#evictEvidence(1);
  }

  /** True: a message of the stream may be appended. */
  makeFor(stream: Stream, epoch: Epoch, signer: ChainSigner): boolean {
    if (this.#isEnough(1) || this.#evictEvidence(1)) return true;
    for (const evicted of [STREAM_REQUESTED, STREAM_SUMMARIES] as const) {
      if (this.#evictMessages(evicted, epoch, signer, 1)) return true;
    }
    if (stream !== STREAM_ALERTS) return false;
    if (!this.#isEnough(ALERT_FRACTION)) {
      this.#evictMessages(STREAM_ALERTS, epoch, signer, ALERT_FRACTION);
    }
    return true;
  }

  /** Deletes, and gives the pages back to the disk, which is full. */
  shrink(epoch: Epoch, signer: ChainSigner | undefined): void {
    this.#database.pragma('wal_checkpoint(PASSIVE)');
    this.#transaction(() => {
      if (this.#evictOldestEvidence() === 0 && signer !== undefined) {
        this.#evictRun(STREAM_SUMMARIES, epoch, signer);
      }
    });
    this.#database.pragma(`incremental_vacuum(${PAGES_GIVEN_BACK})`);
    this.#database.pragma('wal_checkpoint(TRUNCATE)');
    this.fitToDisk();
  }

  #evictEvidence(share: number): boolean {
    let rows = 0;
    this.#transaction(() => {
      rows = this.#evictOldestEvidence();
    });
    return rows > 0 && this.#isEnough(share);
  }

  /** Answers how many rows went. */
  #evictOldestEvidence(): number {
    const evicted = this.#reports.evictBlocks(EVICTED_ROWS_MAX);
    if (evicted.blocks > 0) this.#count('observationsEvicted', evicted.observations);
    let rows = evicted.blocks;
    if (rows === EVICTED_ROWS_MAX) return rows;
    const frames = this.#reports.evictFrames(EVICTED_ROWS_MAX - rows);
    if (frames > 0) this.#count('evidenceEvicted', frames);
    rows += frames;
    if (rows === EVICTED_ROWS_MAX) return rows;
    const refused = this.#outbox.evictRefused(EVICTED_ROWS_MAX - rows);
    if (refused > 0) this.#count('refusedEvicted', refused);
    return rows + refused;
  }

  #evictMessages(stream: Stream, epoch: Epoch, signer: ChainSigner, share: number): boolean {
    let messages = 0;
    this.#transaction(() => {
      messages = this.#evictRun(stream, epoch, signer);
    });
    return messages > 0 && this.#isEnough(share);
  }

  #evictRun(stream: Stream, epoch: Epoch, signer: ChainSigner): number {
    const nowMs = this.#nowMs();
    const facts = this.#outbox.evictOldest(epoch, stream, signer, nowMs, EVICTED_MESSAGES_MAX);
    if (facts === undefined) return 0;
    this.#count('messagesEvicted', facts.messages);
    return facts.messages;
  }

  #transaction(work: () => void): void {
    this.#database.transaction(work)();
  }

  /** False: the reserve is reached. */
  isEnough(): boolean {
    return this.#isEnough(1);
  }

  #isEnough(shareOfReserve: number): boolean {
    const reserve = Math.max(RESERVE_PAGES_MIN, Math.ceil(this.#pagesMax * RESERVE_FRACTION));
    return this.#pagesMax - this.#pages() + this.#freePages() > reserve * shareOfReserve;
  }

  #pages(): number {
    return pragmaNumber(this.#database, 'page_count');
  }

  #freePages(): number {
    return pragmaNumber(this.#database, 'freelist_count');
  }
}
