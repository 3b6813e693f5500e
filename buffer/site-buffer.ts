/**
 * What survives a power cut: the one door to the buffer. A disk that is full, read-only or failing
 * answers with a fault as a result, never with an exception: the caller keeps capturing, and the
 * buffer opens itself again once the cure is there.
 */
import type { Clock } from '../agent/platform/clock.ts';
import type { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Random } from '../agent/platform/random.ts';
import type { IntervalReport, Observation } from '../protocols/interval-report.ts';
import {
  type Receipt,
  STREAM_ALERTS,
  STREAM_SUMMARIES,
  type Stream,
} from '../protocols/uplink/messages.ts';
import { type BufferFailure, bufferFault, quotaFault, troubleOf } from './buffer-fault.ts';
import { BufferSession } from './buffer-session.ts';
import type {
  Appended,
  ChainPosition,
  ChainSigner,
  PendingMessage,
  RefusedEntry,
} from './outbox.ts';
import type { ReceiptOutcome } from './receipt-book.ts';
import type { DueAlert, StoredDetection } from './report-store.ts';
import type { BufferStatistics } from './statistics.ts';
import { WriterLock } from './writer-lock.ts';

/** After a failed disk: how long before the file is opened again. */
const REOPEN_AFTER_MS = 1000;
/** Damaged files one process sets aside; after that it only reports. */
const QUARANTINES_MAX = 3;
/** Troubles that pass, so that the agent starts without its buffer rather than not at all. */
const PASSING = [
  'BUFFER_DISK_FULL',
  'BUFFER_READ_ONLY',
  'BUFFER_DISK_ERROR',
  'BUFFER_DAMAGED',
  'BUFFER_BUSY',
];

export interface SiteBufferOptions {
  readonly path: string;
  readonly quotaMiB: number;
  readonly clock: Clock;
  readonly random: Random;
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
  #lock: WriterLock | undefined;
  #session: BufferSession | undefined;
  #signer: ChainSigner | undefined;
  #fault: OperatorFault | undefined;
  #reopenAtMs = 0;
  #quarantinesCount = 0;
  #lastQuarantinedPath: string | undefined;
  #isClosed = false;

  private constructor(options: SiteBufferOptions) {
    this.#options = options;
  }

  /**
   * Takes the writer's lock and opens or creates the file. Throws OperatorFault for what doesn't
   * pass by itself: BUFFER_IN_USE, BUFFER_SCHEMA_NEWER, BUFFER_UNOPENABLE. On a full, read-only or
   * failing disk it opens without the file, shows `fault`, and tries again with each call.
   */
  static open(options: SiteBufferOptions): SiteBuffer {
    const buffer = new SiteBuffer(options);
    try {
      buffer.#openSession();
    } catch (error) {
      const fault = buffer.#fail(error);
      if (!PASSING.includes(fault.code)) {
        buffer.close();
        throw fault;
      }
    }
    return buffer;
  }

  /** Why the last write failed; undefined while all is well. */
  get fault(): OperatorFault | undefined {
    return this.#fault;
  }

  /** Where the last damaged file was put by this process. */
  get lastQuarantinedPath(): string | undefined {
    return this.#lastQuarantinedPath;
  }

  /**
   * Says who signs from now on, and begins the streams of alerts and summaries where they are new.
   * A buffer that another key has signed begins a new epoch.
   */
  signAs(signer: ChainSigner): RecordResult {
    this.#signer = signer;
    return this.#attempt((session) => {
      session.signAs(signer, [STREAM_ALERTS, STREAM_SUMMARIES]);
      return { kind: 'recorded' };
    });
  }

  /** Observations and detections of one report, in one transaction; none when it has neither. */
  recordReport(report: IntervalReport): RecordResult {
    // Nothing to write proves nothing about the disk either.
    if (report.observations.length === 0 && report.detections.length === 0) {
      return { kind: 'recorded' };
    }
    return this.#attempt((session) => {
      session.recordReport(report);
      return { kind: 'recorded' };
    });
  }

  /** Cases whose alert is still to be signed, oldest first; survives a crash in between. */
  alertsDue(alertsMax: number): readonly DueAlert[] {
    const result = this.#look((session) => ({
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
  append(
    stream: Stream,
    make: (position: ChainPosition) => Uint8Array,
    alerted?: DueAlert,
  ): AppendResult {
    return this.#attempt((session) => {
      if (stream !== STREAM_ALERTS && !session.hasRoom()) {
        session.count('summariesRefused', 1);
        return {
          kind: 'fault',
          fault: quotaFault(this.#options.path, 'new summaries wait until there is room'),
        };
      }
      return { kind: 'appended', ...session.append(this.#chainSigner(), stream, make, alerted) };
    });
  }

  /** Messages without a receipt, oldest first; `afterId` 0 begins at the oldest. */
  pending(stream: Stream, afterId: number, messagesMax: number): readonly PendingMessage[] {
    const result = this.#look((session) => ({
      kind: 'pending' as const,
      messages: session.outbox.pending(stream, afterId, messagesMax),
    }));
    return result.kind === 'pending' ? result.messages : [];
  }

  /** The message of the stream that was signed last, while it has no receipt. */
  newest(stream: Stream): PendingMessage | undefined {
    const result = this.#look((session) => ({
      kind: 'newest' as const,
      message: session.outbox.newest(stream),
    }));
    return result.kind === 'newest' ? result.message : undefined;
  }

  /** False once the message is receipted, refused or set aside. */
  isPending(id: number): boolean {
    const result = this.#look((session) => ({
      kind: 'answer' as const,
      isPending: session.outbox.isPending(id),
    }));
    return result.kind === 'answer' && result.isPending;
  }

  /** The signed bytes, to be published; from here on the sequence counts as known outside. */
  read(id: number): ReadResult {
    return this.#look((session) => session.read(id));
  }

  /** `receipt`: of this agent, its signature verified. */
  applyReceipt(receipt: Receipt): ReceiptOutcome | BufferFailure {
    return this.#attempt((session) => session.applyReceipt(receipt, this.#signer));
  }

  /** Newest first. */
  refused(messagesMax: number): readonly RefusedEntry[] {
    const result = this.#look((session) => ({
      kind: 'refused' as const,
      messages: session.outbox.refused(messagesMax),
    }));
    return result.kind === 'refused' ? result.messages : [];
  }

  /** Newest first. */
  observations(observationsMax: number): readonly Observation[] {
    const result = this.#look((session) => ({
      kind: 'observations' as const,
      observations: session.observations(observationsMax),
    }));
    return result.kind === 'observations' ? result.observations : [];
  }

  /** Last seen first. */
  detections(detectionsMax: number): readonly StoredDetection[] {
    const result = this.#look((session) => ({
      kind: 'detections' as const,
      detections: session.detections(detectionsMax),
    }));
    return result.kind === 'detections' ? result.detections : [];
  }

  /** Undefined while the file can't be opened. */
  statistics(): BufferStatistics | undefined {
    const result = this.#look((session) => ({
      kind: 'statistics' as const,
      statistics: session.statistics(),
    }));
    return result.kind === 'statistics' ? result.statistics : undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.close();
    this.#session = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** As #attempt, for what only reads: on a full disk that goes well, yet the fault stands. */
  #look<T extends { readonly kind: string }>(
    work: (session: BufferSession) => T | BufferFailure,
  ): T | BufferFailure {
    const before = this.#fault;
    const result = this.#attempt(work);
    this.#fault ??= before;
    return result;
  }

  /** Runs `work` on the open file; what the disk refuses becomes a fault. */
  #attempt<T extends { readonly kind: string }>(
    work: (session: BufferSession) => T | BufferFailure,
  ): T | BufferFailure {
    if (this.#isClosed) throw new Error('the buffer is closed');
    try {
      const result = work(this.#sessionNow());
      this.#fault = result.kind === 'fault' && 'fault' in result ? result.fault : undefined;
      return result;
    } catch (error) {
      return { kind: 'fault', fault: this.#fail(error) };
    }
  }

  #sessionNow(): BufferSession {
    if (this.#session !== undefined) return this.#session;
    if (this.#options.clock.monotonicMs() < this.#reopenAtMs && this.#fault !== undefined) {
      throw this.#fault;
    }
    const session = this.#openSession();
    if (this.#signer !== undefined) {
      session.signAs(this.#signer, [STREAM_ALERTS, STREAM_SUMMARIES]);
    }
    return session;
  }

  #openSession(): BufferSession {
    this.#lock ??= new WriterLock(this.#options.path);
    const session = BufferSession.open(this.#options, this.#quarantinesCount < QUARANTINES_MAX);
    if (session.quarantinedPath !== undefined) {
      this.#quarantinesCount++;
      this.#lastQuarantinedPath = session.quarantinedPath;
    }
    this.#session = session;
    return session;
  }

  /** A handle that met a read-only or failing disk stays spoilt: it is closed and opened anew. */
  #fail(error: unknown): OperatorFault {
    const fault = bufferFault(error, this.#options.path);
    const trouble = troubleOf(error) ?? troubleOf(causeOf(error));
    if (trouble === 'readOnly' || trouble === 'input' || trouble === 'damaged') {
      this.#dropSession();
    }
    if (this.#session === undefined && fault !== this.#fault) {
      this.#reopenAtMs = this.#options.clock.monotonicMs() + REOPEN_AFTER_MS;
    }
    this.#fault = fault;
    return fault;
  }

  #dropSession(): void {
    const session = this.#session;
    this.#session = undefined;
    try {
      session?.close();
    } catch (error) {
      // A handle on a failed disk may refuse to close; what matters is that it is used no more.
      bufferFault(error, this.#options.path);
    }
  }

  #chainSigner(): ChainSigner {
    if (this.#signer === undefined) throw new Error('append needs signAs first');
    return this.#signer;
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
