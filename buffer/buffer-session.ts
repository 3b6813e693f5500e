/**
 * One opened file, from its opening to the trouble or the close that ends it. Everything that is
 * prepared, counted or known about the epoch lives and dies with it.
 */
import type { Database } from 'better-sqlite3';
import type { Detection, Observation } from '../protocols/interval-report.ts';
import { type Receipt, STREAM_ALERTS, type Stream } from '../protocols/uplink/messages.ts';
import type { CheckedTable } from './check-file.ts';
import { removeDamagedRows } from './damaged-rows.ts';
import { openDatabase, type Quarantine } from './database.ts';
import type { GoneRange } from './deleted-ranges.ts';
import {
  beginEpoch,
  currentEpoch,
  type Epoch,
  messagesBehind,
  reasonForNewEpoch,
} from './epochs.ts';
import { hubLostFacts, LossBook, type StatementFacts } from './losses.ts';
import { MarkedCommits } from './marked-commits.ts';
import { type Appended, type ChainPosition, type ChainSigner, Outbox } from './outbox.ts';
import { prepared } from './prepared.ts';
import { ReceiptBook, type ReceiptOutcome } from './receipt-book.ts';
import {
  type DueAlert,
  ReportStore,
  readDetection,
  readDetections,
  readObservations,
  type StoredDetection,
} from './report-store.ts';
import { Room } from './room.ts';
import { type Mark, SignedMark } from './signed-mark.ts';
import type { ReadResult, SiteBufferOptions } from './site-buffer.ts';
import type { StagedReports } from './staged-reports.ts';
import { StateStore } from './state-store.ts';
import { type BufferStatistics, readStatistics } from './statistics.ts';
import type { WearMeter } from './wear-meter.ts';

/** Set-aside reason of messages that another key has signed. */
const FOREIGN_AGENT = 'foreignAgent';
const DAMAGED_ON_DISK = 'damagedOnDisk';
const LOSSES_PER_PASS = 8;

/** Makes the signed bytes; what it writes to `state` is in the same transaction. */
export type MakeMessage = (position: ChainPosition, state: StateStore) => Uint8Array;

/** What goes to the disk in the same transaction as a message. */
export interface AppendedWith {
  readonly alerted: DueAlert | undefined;
  readonly staged: StagedReports | undefined;
  readonly wear: WearMeter;
}

export class BufferSession {
  readonly outbox: Outbox;
  readonly reports: ReportStore;
  readonly state: StateStore;
  readonly quarantinedPath: string | undefined;
  readonly #options: SiteBufferOptions;
  readonly #database: Database;
  readonly #book: ReceiptBook;
  readonly #mark: SignedMark;
  readonly #commits: MarkedCommits;
  readonly #losses: LossBook;
  readonly #room: Room;
  #epoch: Epoch;

  /** Throws what the disk says, or OperatorFault. */
  static open(options: SiteBufferOptions, quarantine: Quarantine): BufferSession {
    const mark = new SignedMark(`${options.path}.signed`);
    try {
      return new BufferSession(options, mark, quarantine);
    } catch (error) {
      mark.close();
      throw error;
    }
  }

  private constructor(options: SiteBufferOptions, mark: SignedMark, quarantine: Quarantine) {
    const nowMs = options.clock.wallMs();
    const opened = openDatabase(options.path, options.quotaMiB, nowMs, quarantine);
    this.#options = options;
    this.#mark = mark;
    this.#database = opened.database;
    this.quarantinedPath = opened.quarantinedPath;
    try {
      this.outbox = new Outbox(opened.database);
      this.reports = new ReportStore(opened.database);
      this.state = new StateStore(opened.database, () => this.hasRoom());
      this.#commits = new MarkedCommits(opened.database, this.outbox, mark);
      this.#losses = new LossBook(opened.database);
      this.#room = new Room(opened.database, options, this.outbox, this.reports, (name, amount) =>
        this.count(name, amount),
      );
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
    this.#commits.run(() => {
      this.#database
        .prepare('UPDATE epoch SET agentId = ? WHERE epoch = ?')
        .run(signer.agentId, this.#epoch.epoch);
      this.#setForeignAside(signer.agentId);
      for (const stream of streams) {
        this.outbox.begin(this.#epoch, stream, signer, this.#options.clock.wallMs());
      }
    });
    this.#epoch = { ...this.#epoch, agentId: signer.agentId };
    this.tellLosses(signer);
  }

  /** What waits, the loss of what could wait no longer, and the wear, in one transaction. */
  record(staged: StagedReports, wear: WearMeter, signer: ChainSigner | undefined): void {
    const hasRoom = this.#room.makeForObservations();
    this.#commits.run(() => {
      this.#recordStaged(staged, hasRoom);
      this.#saveWear(wear);
      this.#tellLosses(signer);
    });
  }

  append(
    signer: ChainSigner,
    stream: Stream,
    make: MakeMessage,
    { alerted, staged, wear }: AppendedWith,
  ): Appended {
    const hasRoom = staged === undefined || this.#room.makeForObservations();
    const appended = this.#commits.run(() => {
      if (staged !== undefined) this.#recordStaged(staged, hasRoom);
      if (alerted !== undefined) this.reports.markAlerted(alerted.rowId);
      const messages = this.outbox.append(this.#epoch, stream, signer, this.#nowMs(), (position) =>
        make(position, this.state),
      );
      this.#saveWear(wear);
      this.#tellLosses(signer);
      return messages;
    });
    return appended[appended.length - 1];
  }

  /** True: a message of the stream may be appended. What had to go is named by a tombstone. */
  makeRoomFor(stream: Stream, signer: ChainSigner): boolean {
    return this.#room.makeFor(stream, this.#epoch, signer);
  }

  /** A loss that somebody else has found. */
  recordLoss(facts: StatementFacts, signer: ChainSigner | undefined): void {
    this.#commits.run(() => {
      this.#losses.record(facts, this.#nowMs());
      this.#tellLosses(signer);
    });
  }

  /** Signs what is still to be told, where the signer can. */
  tellLosses(signer: ChainSigner): void {
    this.#commits.run(() => this.#tellLosses(signer));
  }

  read(id: number): ReadResult {
    const row = this.outbox.read(id);
    if (row === undefined) return { kind: 'gone' };
    if (row.kind === 'damaged') {
      this.#database.transaction(() => {
        this.outbox.refuse(row.epoch, row.stream, row.sequence, row.sequence, DAMAGED_ON_DISK);
        this.count('messagesDamaged', 1);
        const { epoch: epochOf, stream: streamOf, sequence } = row;
        const place = { epochOf, streamOf, from: sequence, to: sequence, count: 1 };
        const text = 'A signed message was no longer readable on the disk before it was sent.';
        this.#losses.record({ code: 'bufferLost', ...place, text }, this.#nowMs());
      })();
      return { kind: 'gone' };
    }
    if (row.epoch === this.#epoch.epoch) this.#commits.raise(row.stream, row.sequence);
    return { kind: 'message', message: row.message };
  }

  applyReceipt(receipt: Receipt, signer: ChainSigner | undefined): ReceiptOutcome {
    const outcome = this.#commits.run(() => {
      const nowMs = this.#nowMs();
      const applied = this.#book.apply(receipt, this.#epoch.epoch, nowMs);
      if (applied.kind === 'fork') this.count('forks', 1);
      const lost = applied.kind === 'applied' ? applied.lostByHub : [];
      for (const range of lost) this.#losses.record(hubLostFacts(receipt, range), nowMs);
      if (lost.length > 0) this.#tellLosses(signer);
      return applied;
    });
    if (outcome.kind === 'ahead') {
      this.#beginEpoch('restored', false);
      if (signer !== undefined) this.signAs(signer, [receipt.stream]);
    }
    return outcome;
  }

  gone(epoch: number, stream: Stream, from: number, to: number): readonly GoneRange[] {
    return this.#book.gone(epoch, stream, from, to);
  }

  /** Gives pages back to a disk that is full. */
  shrink(signer: ChainSigner | undefined): void {
    this.#room.shrink(this.#epoch, signer);
  }

  /** Adapts the limit of the file to what the disk has left; call now and then. */
  fitToDisk(): void {
    this.#room.fitToDisk();
  }

  /** Path of a file that was set aside and not looked at since. */
  salvageDue(): string | undefined {
    return this.#database
      .prepare<[], string>('SELECT path FROM salvage WHERE outcome IS NULL ORDER BY setAsideMs')
      .pluck()
      .get();
  }

  /** The end of a salvage and the word about it are one transaction. */
  endSalvage(
    path: string,
    outcome: string,
    losses: readonly StatementFacts[],
    signer: ChainSigner | undefined,
  ): void {
    this.#commits.run(() => {
      this.#database.prepare('UPDATE salvage SET outcome = ? WHERE path = ?').run(outcome, path);
      for (const facts of losses) this.#losses.record(facts, this.#nowMs());
      this.#tellLosses(signer);
    });
  }

  /** Rows that a check has found to be no longer what was written. */
  removeDamaged(
    damaged: Readonly<Record<CheckedTable, readonly number[]>>,
    signer: ChainSigner | undefined,
  ): void {
    for (const id of damaged.outbox) this.read(id);
    this.#commits.run(() => {
      const losses = removeDamagedRows(this.#database, damaged);
      for (const facts of losses) this.#losses.record(facts, this.#nowMs());
      this.#tellLosses(signer);
    });
  }

  /** Evicts old evidence where the quota asks for it; true: there is room for what isn't signed. */
  hasRoom(): boolean {
    return this.#room.makeForObservations();
  }

  hasRoomForSalvage(): boolean {
    return this.#room.isEnough();
  }

  /** The open file, for the upkeep alone. */
  get database(): Database {
    return this.#database;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  detection(detectionId: string): Detection | undefined {
    return readDetection(this.#database, detectionId);
  }

  /** Adds to a counter that is kept in the file. */
  count(name: string, amount: number): void {
    prepared<[string, number], never>(
      this.#database,
      `INSERT INTO counter VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`,
    ).run(name, amount);
  }

  observations(observationsMax: number): readonly Observation[] {
    return readObservations(this.#database, observationsMax).observations;
  }

  detections(detectionsMax: number): StoredDetection[] {
    return readDetections(this.#database, detectionsMax);
  }

  statistics(): BufferStatistics {
    return readStatistics(this.#database, this.#options.path, this.#nowMs());
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
    if (this.#mark.mark?.epoch !== epoch.epoch) this.#commits.write();
    return epoch;
  }

  /** An older copy: the hub may have what is no longer here, so that only it knows what is lost. */
  #recordBehind(mark: Mark): void {
    for (const { stream, from, to } of messagesBehind(this.#database, mark)) {
      const text =
        'The buffer is an older copy of itself: these messages are no longer in it, and lost ' +
        'unless the hub has stored them.';
      const facts = { epochOf: mark.epoch, streamOf: stream, from, to, count: to - from + 1, text };
      this.#losses.record({ code: 'bufferLost', ...facts }, this.#nowMs());
    }
  }

  /** `byMark`: the mark knows better than the database what has left before. */
  #beginEpoch(reason: Epoch['reason'], byMark: boolean): Epoch {
    const left = byMark ? this.#mark.mark : undefined;
    this.#epoch = this.#database.transaction(() => {
      if (reason === 'quarantined' && this.quarantinedPath !== undefined) {
        this.#database
          .prepare('INSERT OR IGNORE INTO salvage (path, setAsideMs) VALUES (?, ?)')
          .run(this.quarantinedPath, this.#nowMs());
      }
      if (reason === 'restored' && left !== undefined) this.#recordBehind(left);
      return beginEpoch(this.#database, reason, left, this.#options.random, this.#nowMs());
    })();
    this.#commits.write();
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

  #recordStaged(staged: StagedReports, hasRoom: boolean): void {
    const content = staged.content();
    if (hasRoom) this.reports.record(content);
    else {
      this.reports.record({ ...content, observations: [] });
      this.count('observationsEvicted', content.observations.length);
    }
    const { lost } = staged;
    if (lost === undefined) return;
    const { observations, detections, fromUs, toUs } = lost;
    this.count('observationsLost', observations);
    const count = observations + detections;
    const text =
      `${observations} observations and ${detections} changes of detections could not be ` +
      'written while the disk of the gateway refused.';
    this.#losses.record({ code: 'bufferLost', fromUs, toUs, count, text }, this.#nowMs());
  }

  /** Inside a transaction. */
  #tellLosses(signer: ChainSigner | undefined): void {
    if (signer?.statement === undefined || this.#epoch.agentId !== signer.agentId) return;
    const make = signer.statement.bind(signer);
    for (const { rowId, facts } of this.#losses.due(LOSSES_PER_PASS)) {
      const nowMs = this.#nowMs();
      const appended = this.outbox.append(this.#epoch, STREAM_ALERTS, signer, nowMs, (position) =>
        make(position, facts),
      );
      this.#losses.markTold(rowId, appended[appended.length - 1].id);
    }
  }

  #saveWear(wear: WearMeter): void {
    wear.save(this.#database, this.#nowMs(), this.#options.clock.monotonicMs());
  }

  #nowMs(): number {
    return this.#options.clock.wallMs();
  }
}
