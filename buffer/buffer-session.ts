/**
 * One opened file, from its opening to the trouble or the close that ends it. Everything that is
 * prepared, counted or known about the epoch lives and dies with it.
 */
import type { Database } from 'better-sqlite3';
import type { IntervalReport, Observation } from '../protocols/interval-report.ts';
import { type Receipt, STREAM_ALERTS, type Stream } from '../protocols/uplink/messages.ts';
import { openDatabase, pagesMaxOf } from './database.ts';
import { beginEpoch, currentEpoch, type Epoch, markOf, reasonForNewEpoch } from './epochs.ts';
import { type Appended, type ChainPosition, type ChainSigner, Outbox } from './outbox.ts';
import { ReceiptBook, type ReceiptOutcome } from './receipt-book.ts';
import {
  type DueAlert,
  ReportStore,
  readDetections,
  readObservations,
  type StoredDetection,
} from './report-store.ts';
import { SignedMark } from './signed-mark.ts';
import type { ReadResult, SiteBufferOptions } from './site-buffer.ts';
import { type BufferStatistics, readStatistics } from './statistics.ts';

/** Share of the quota kept free for alerts and for SQLite's own work while it deletes. */
const RESERVE_FRACTION = 0.03;
const RESERVE_PAGES_MIN = 64;
/** Rows one call evicts at most, so that it stays far below 100 ms. */
const EVICTED_ROWS_MAX = 64;
/** Set-aside reason of messages that another key has signed. */
const FOREIGN_AGENT = 'foreignAgent';
const DAMAGED_ON_DISK = 'damagedOnDisk';

export class BufferSession {
  readonly outbox: Outbox;
  readonly reports: ReportStore;
  readonly quarantinedPath: string | undefined;
  readonly #options: SiteBufferOptions;
  readonly #database: Database;
  readonly #book: ReceiptBook;
  readonly #mark: SignedMark;
  readonly #pagesMax: number;
  #epoch: Epoch;

  /** Throws what the disk says, or OperatorFault. */
  static open(options: SiteBufferOptions, mayQuarantine: boolean): BufferSession {
    const mark = new SignedMark(`${options.path}.signed`);
    try {
      return new BufferSession(options, mark, mayQuarantine);
    } catch (error) {
      mark.close();
      throw error;
    }
  }

  private constructor(options: SiteBufferOptions, mark: SignedMark, mayQuarantine: boolean) {
    const nowMs = options.clock.wallMs();
    const opened = openDatabase(options.path, options.quotaMiB, nowMs, mayQuarantine);
    this.#options = options;
    this.#mark = mark;
    this.#database = opened.database;
    this.quarantinedPath = opened.quarantinedPath;
    try {
      this.#pagesMax = pagesMaxOf(options.quotaMiB);
      this.outbox = new Outbox(opened.database);
      this.reports = new ReportStore(opened.database);
      this.#book = new ReceiptBook(opened.database, this.outbox);
      this.#epoch = this.#openEpoch();
    } catch (error) {
      opened.database.close();
      throw error;
    }
  }

  signAs(signer: ChainSigner, streams: readonly Stream[]): void {
    const former = this.#epoch.agentId;
    if (former !== undefined && former !== signer.agentId) {
      this.#beginEpoch('factoryReset', false);
    }
    this.#database.transaction(() => {
      this.#database
        .prepare('UPDATE epoch SET agentId = ? WHERE epoch = ?')
        .run(signer.agentId, this.#epoch.epoch);
      this.#setForeignAside(signer.agentId);
      for (const stream of streams) {
        this.outbox.begin(this.#epoch, stream, signer, this.#options.clock.wallMs());
      }
    })();
    this.#epoch = { ...this.#epoch, agentId: signer.agentId };
  }

  recordReport(report: IntervalReport): void {
    if (report.observations.length === 0 && report.detections.length === 0) return;
    const hasRoom = this.#makeRoom();
    this.#database.transaction(() => {
      if (hasRoom) this.reports.record(report);
      else {
        this.reports.record({ ...report, observations: [] });
        this.count('observationsEvicted', report.observations.length);
      }
    })();
  }

  append(
    signer: ChainSigner,
    stream: Stream,
    make: (position: ChainPosition) => Uint8Array,
    alerted: DueAlert | undefined,
  ): Appended {
    if (stream === STREAM_ALERTS) this.#makeRoom();
    const appended = this.#database.transaction(() => {
      if (alerted !== undefined) this.reports.markAlerted(alerted.rowId);
      return this.outbox.append(this.#epoch, stream, signer, this.#options.clock.wallMs(), make);
    })();
    return appended[appended.length - 1];
  }

  read(id: number): ReadResult {
    const row = this.outbox.read(id);
    if (row === undefined) return { kind: 'gone' };
    if (row.kind === 'damaged') {
      this.#database.transaction(() => {
        this.outbox.refuse(row.epoch, row.stream, row.sequence, row.sequence, DAMAGED_ON_DISK);
        this.count('messagesDamaged', 1);
      })();
      return { kind: 'gone' };
    }
    if (row.epoch === this.#epoch.epoch) this.#raiseMark(row.stream, row.sequence);
    return { kind: 'message', message: row.message };
  }

  applyReceipt(receipt: Receipt, signer: ChainSigner | undefined): ReceiptOutcome {
    const outcome = this.#database.transaction(() => {
      const nowMs = this.#options.clock.wallMs();
      const applied = this.#book.apply(receipt, this.#epoch.epoch, nowMs);
      if (applied.kind === 'fork') this.count('forks', 1);
      return applied;
    })();
    if (outcome.kind === 'ahead') {
      this.#beginEpoch('restored', false);
      if (signer !== undefined) this.signAs(signer, [receipt.stream]);
    }
    return outcome;
  }

  /** Evicts the oldest blocks, then frames, where the quota asks for it; true: there is room. */
  hasRoom(): boolean {
    return this.#makeRoom();
  }

  /** Adds to a counter that is kept in the file. */
  count(name: string, amount: number): void {
    this.#database
      .prepare(
        `INSERT INTO counter VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`,
      )
      .run(name, amount);
  }

  observations(observationsMax: number): readonly Observation[] {
    return readObservations(this.#database, observationsMax).observations;
  }

  detections(detectionsMax: number): StoredDetection[] {
    return readDetections(this.#database, detectionsMax);
  }

  statistics(): BufferStatistics {
    return readStatistics(this.#database, this.#options.path);
  }

  close(): void {
    try {
      this.#database.close();
    } finally {
      this.#mark.close();
    }
  }

  #openEpoch(): Epoch {
    const isQuarantined = this.quarantinedPath !== undefined;
    const reason = reasonForNewEpoch(this.#database, this.#mark.mark, isQuarantined);
    if (reason !== undefined) return this.#beginEpoch(reason, true);
    const epoch = currentEpoch(this.#database);
    if (epoch === undefined) throw new Error('a buffer without an epoch');
    if (this.#mark.mark?.epoch !== epoch.epoch) this.#writeMark();
    return epoch;
  }

  /** `byMark`: the mark knows better than the database what has left before. */
  #beginEpoch(reason: Epoch['reason'], byMark: boolean): Epoch {
    const left = byMark ? this.#mark.mark : undefined;
    this.#epoch = this.#database.transaction(() =>
      beginEpoch(this.#database, reason, left, this.#options.random, this.#options.clock.wallMs()),
    )();
    this.#writeMark();
    return this.#epoch;
  }

  #setForeignAside(agentId: string): void {
    const foreign = this.#database
      .prepare<[string], { epoch: number; stream: Stream; lastSequence: number }>(
        `SELECT epoch, stream, lastSequence FROM stream_head JOIN epoch USING (epoch)
         WHERE agentId <> ? AND pendingMessages > 0`,
      )
      .all(agentId);
    for (const { epoch, stream, lastSequence } of foreign) {
      this.outbox.refuse(epoch, stream, 1, lastSequence, FOREIGN_AGENT);
    }
  }

  /** Before the first publication of a message, its sequence is on the disk outside as well. */
  #raiseMark(stream: Stream, sequence: number): void {
    const marked = this.#mark.mark?.streams[stream - 1].sequence ?? 0;
    if (marked < sequence) this.#writeMark();
  }

  #writeMark(): void {
    const heads = markOf(this.#database);
    if (heads !== undefined) this.#mark.write(heads);
  }

  #makeRoom(): boolean {
    if (this.#pagesFree() > this.#reservePages()) return true;
    this.#database.transaction(() => {
      const evicted = this.reports.evictBlocks(EVICTED_ROWS_MAX);
      if (evicted.blocks > 0) this.count('observationsEvicted', evicted.observations);
      if (evicted.blocks < EVICTED_ROWS_MAX) {
        const frames = this.reports.evictFrames(EVICTED_ROWS_MAX);
        if (frames > 0) this.count('evidenceEvicted', frames);
      }
    })();
    return this.#pagesFree() > this.#reservePages();
  }

  #pagesFree(): number {
    const pages = Number(this.#database.pragma('page_count', { simple: true }));
    const free = Number(this.#database.pragma('freelist_count', { simple: true }));
    return this.#pagesMax - pages + free;
  }

  #reservePages(): number {
    return Math.max(RESERVE_PAGES_MIN, Math.ceil(this.#pagesMax * RESERVE_FRACTION));
  }
}
