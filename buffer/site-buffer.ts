/**
 * What survives a power cut: the one door to the buffer. A disk that is full, read-only or failing
 * answers with a fault as a result, never with an exception: the caller keeps capturing, and the
 * buffer opens itself again once the cure is there.
 */
import type { Clock } from '../agent/platform/clock.ts';
import type { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Random } from '../agent/platform/random.ts';
import type { Detection, IntervalReport, Observation } from '../protocols/interval-report.ts';
import {
  type Receipt,
  type ResendRange,
  STREAM_ALERTS,
  STREAM_SUMMARIES,
  type Stream,
} from '../protocols/uplink/messages.ts';
import { type BufferFailure, quotaFault } from './buffer-fault.ts';
import type { MakeMessage } from './buffer-session.ts';
import type { GoneRange } from './deleted-ranges.ts';
import type { Appended, ChainSigner, PendingMessage, RefusedEntry } from './outbox.ts';
import type { ReceiptOutcome } from './receipt-book.ts';
import type { DueAlert, StoredDetection } from './report-store.ts';
import { SessionKeeper } from './session-keeper.ts';
import { StagedReports } from './staged-reports.ts';
import type { StateStore } from './state-store.ts';
import type { BufferStatistics } from './statistics.ts';
import { Upkeep, type UpkeepNotice } from './upkeep.ts';
import { WearMeter } from './wear-meter.ts';

export interface SiteBufferOptions {
  readonly path: string;
  readonly quotaMiB: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Words of a process that checks and salvages (child.ts); without it neither is done. */
  readonly childWords?: readonly string[];
  /** What happened to the file by itself, for the log. */
  readonly onNotice?: (notice: UpkeepNotice) => void;
  /** After the start, the first look at the whole file; for tests. */
  readonly firstCheckMs?: number;
  /** Bytes this process has written to the storage; for tests. */
  readonly bytesWritten?: () => number;
}

export type RecordResult = { readonly kind: 'recorded' } | BufferFailure;
export type AppendResult = ({ readonly kind: 'appended' } & Appended) | BufferFailure;
export type ReadResult =
  | { readonly kind: 'message'; readonly message: Uint8Array }
  /** Receipted, refused or set aside in the meantime, or no longer what was signed. */
  | { readonly kind: 'gone' }
  | BufferFailure;

export class SiteBuffer {
  readonly #options: SiteBufferOptions;
  readonly #staged = new StagedReports();
  readonly #wear: WearMeter;
  readonly #upkeep: Upkeep;
  readonly #keeper: SessionKeeper;

  private constructor(options: SiteBufferOptions) {
    this.#options = options;
    this.#wear = new WearMeter(options.bytesWritten);
    this.#upkeep = new Upkeep(options);
    this.#keeper = new SessionKeeper(options, () => this.#upkeep.dropBallast());
  }

  /**
   * Takes the writer's lock and opens or creates the file. Throws OperatorFault for what doesn't
   * pass by itself: BUFFER_IN_USE, BUFFER_SCHEMA_NEWER, BUFFER_UNOPENABLE. On a full, read-only or
   * failing disk it opens without the file, shows `fault`, and tries again with each call.
   */
  static open(options: SiteBufferOptions): SiteBuffer {
    const buffer = new SiteBuffer(options);
    buffer.#keeper.open();
    return buffer;
  }

  /** Why the last write failed; undefined while all is well. */
  get fault(): OperatorFault | undefined {
    return this.#keeper.fault;
  }

  /** Where the last damaged file was put by this process. */
  get lastQuarantinedPath(): string | undefined {
    return this.#keeper.lastQuarantinedPath;
  }

  /**
   * Says who signs from now on, and begins the streams of alerts and summaries where they are new.
   * A buffer that another key has signed begins a new epoch.
   */
  signAs(signer: ChainSigner): RecordResult {
    this.#keeper.signer = signer;
    return this.#keeper.attempt((session) => {
      session.signAs(signer, [STREAM_ALERTS, STREAM_SUMMARIES]);
      return { kind: 'recorded' };
    });
  }

  /**
   * Takes a report. Detections are on the disk when it returns `recorded`; observations wait for a
   * block's worth, at most COMMIT_INTERVAL_MS, while they come, and are written before the next
   * signature. Call it each second, also with empty reports: the upkeep of the file hangs on it.
   */
  recordReport(report: IntervalReport): RecordResult {
    const nowMs = this.#options.clock.monotonicMs();
    this.#staged.add(report, nowMs);
    this.#tend();
    if (!this.#staged.isDue(nowMs)) return { kind: 'recorded' };
    return this.#flush();
  }

  /** Everything that was reported is on the disk when it returns `recorded`. */
  #flush(): RecordResult {
    if (this.#staged.isEmpty) return { kind: 'recorded' };
    return this.#keeper.attempt((session) => {
      session.record(this.#staged, this.#wear, this.#keeper.signer);
      this.#staged.clear();
      return { kind: 'recorded' };
    });
  }

  /** Looks after the file; what the disk refuses here is tried again a second later. */
  #tend(): void {
    if (this.#keeper.isClosed) return;
    this.#keeper.look((session) => {
      this.#upkeep.tend(session, this.#keeper.signer);
      return { kind: 'tended' };
    });
  }

  /** What is known of the plant; undefined while the disk refuses: the state of before stays. */
  state<T>(work: (state: StateStore) => T): T | undefined {
    const done = this.#keeper.attempt(({ state }) => ({
      kind: 'state' as const,
      value: work(state),
    }));
    return done.kind === 'state' ? done.value : undefined;
  }

  /** Cases whose alert is still to be signed, oldest first; survives a crash in between. */
  alertsDue(alertsMax: number): readonly DueAlert[] {
    const result = this.#keeper.look((session) => ({
      kind: 'due' as const,
      due: session.reports.alertsDue(alertsMax),
    }));
    return result.kind === 'due' ? result.due : [];
  }

  /**
   * Signs the next message of a stream: `make` gets its place in the chain and answers the signed
   * bytes. Message, sequence and chain head are one transaction, together with `alerted`, the case
   * whose alert this is. On the disk when it returns `appended`.
   */
  append(stream: Stream, make: MakeMessage, alerted?: DueAlert): AppendResult {
    return this.#keeper.attempt((session) => {
      const signer = this.#chainSigner();
      if (!session.makeRoomFor(stream, signer)) {
        session.count('summariesRefused', 1);
        return {
          kind: 'fault',
          fault: quotaFault(this.#options.path, 'new summaries wait until there is room'),
        };
      }
      const staged = this.#staged.isEmpty ? undefined : this.#staged;
      const appended = session.append(signer, stream, make, { alerted, staged, wear: this.#wear });
      this.#staged.clear();
      return { kind: 'appended', ...appended };
    });
  }

  /** Messages without a receipt, oldest first; `afterId` 0 begins at the oldest. */
  pending(stream: Stream, afterId: number, messagesMax: number): readonly PendingMessage[] {
    const result = this.#keeper.look((session) => ({
      kind: 'pending' as const,
      messages: session.outbox.pending(stream, afterId, messagesMax),
    }));
    return result.kind === 'pending' ? result.messages : [];
  }

  /** The message of the stream that was signed last, while it has no receipt. */
  newest(stream: Stream): PendingMessage | undefined {
    const result = this.#keeper.look((session) => ({
      kind: 'newest' as const,
      message: session.outbox.newest(stream),
    }));
    return result.kind === 'newest' ? result.message : undefined;
  }

  /** False once the message is receipted, refused or set aside. */
  isPending(id: number): boolean {
    const result = this.#keeper.look((session) => ({
      kind: 'answer' as const,
      isPending: session.outbox.isPending(id),
    }));
    return result.kind === 'answer' && result.isPending;
  }

  /** The signed bytes, to be published; from here on the sequence counts as known outside. */
  read(id: number): ReadResult {
    return this.#keeper.look((session) => session.read(id));
  }

  /** `receipt`: of this agent, its signature verified. */
  applyReceipt(receipt: Receipt): ReceiptOutcome | BufferFailure {
    return this.#keeper.attempt((session) => session.applyReceipt(receipt, this.#keeper.signer));
  }

  /** Of `from`..`to`: what was deleted on the hub's word and can't be sent again. */
  gone({ epoch, stream, from, to }: ResendRange): readonly GoneRange[] {
    const result = this.#keeper.look((session) => ({
      kind: 'gone' as const,
      ranges: session.gone(epoch, stream, from, to),
    }));
    return result.kind === 'gone' ? result.ranges : [];
  }

  /** Newest first. */
  refused(messagesMax: number): readonly RefusedEntry[] {
    const result = this.#keeper.look((session) => ({
      kind: 'refused' as const,
      messages: session.outbox.refused(messagesMax),
    }));
    return result.kind === 'refused' ? result.messages : [];
  }

  /** Newest first. */
  observations(observationsMax: number): readonly Observation[] {
    this.#flush();
    const result = this.#keeper.look((session) => ({
      kind: 'observations' as const,
      observations: session.observations(observationsMax),
    }));
    return result.kind === 'observations' ? result.observations : [];
  }

  /** Last seen first. */
  detections(detectionsMax: number): readonly StoredDetection[] {
    const result = this.#keeper.look((session) => ({
      kind: 'detections' as const,
      detections: session.detections(detectionsMax),
    }));
    return result.kind === 'detections' ? result.detections : [];
  }

  /** One case with its frames; undefined where it isn't known any more. */
  detection(detectionId: string): Detection | undefined {
    const result = this.#keeper.look((session) => ({
      kind: 'detection' as const,
      detection: session.detection(detectionId),
    }));
    return result.kind === 'detection' ? result.detection : undefined;
  }

  /** Undefined while the file can't be opened. */
  statistics(): BufferStatistics | undefined {
    const result = this.#keeper.look((session) => ({
      kind: 'statistics' as const,
      statistics: session.statistics(),
    }));
    if (result.kind !== 'statistics') return undefined;
    const { statistics } = result;
    return {
      ...statistics,
      observationsStored: statistics.observationsStored + this.#staged.observationsCount,
      bytesWrittenToday: statistics.bytesWrittenToday + this.#wear.unsaved(),
    };
  }

  /** Room kept for a full disk; grows in the first minute. */
  get ballastBytes(): number {
    return this.#upkeep.ballastBytes;
  }

  /** Writes what still waits, as far as the disk lets it. */
  close(): void {
    if (this.#keeper.isClosed) return;
    if (this.#keeper.isOpen) this.#flush();
    this.#upkeep.stop();
    this.#keeper.close();
  }

  #chainSigner(): ChainSigner {
    const { signer } = this.#keeper;
    if (signer === undefined) throw new Error('append needs signAs first');
    return signer;
  }
}
