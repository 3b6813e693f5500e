/**
 * Keeps the file open: takes the writer's lock, opens it again after a trouble that passes, sets a
 * damaged one aside, and turns what the disk refuses into faults. The one place that decides when a
 * handle is no longer to be trusted.
 */
import type { OperatorFault } from '../agent/platform/operator-fault.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES } from '../protocols/uplink/messages.ts';
import { type BufferFailure, bufferFault, troubleOf } from './buffer-fault.ts';
import { BufferSession } from './buffer-session.ts';
import type { ChainSigner } from './outbox.ts';
import type { SiteBufferOptions } from './site-buffer.ts';
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

type Work<T> = (session: BufferSession) => T | BufferFailure;

export class SessionKeeper {
  readonly #options: SiteBufferOptions;
  readonly #dropBallast: () => boolean;
  #lock: WriterLock | undefined;
  #session: BufferSession | undefined;
  #signer: ChainSigner | undefined;
  #fault: OperatorFault | undefined;
  #reopenAtMs = 0;
  #quarantinesCount = 0;
  #lastQuarantinedPath: string | undefined;
  #isDamaged = false;
  #isClosed = false;

  /** `dropBallast`: true when it gave room back to a full disk. */
  constructor(options: SiteBufferOptions, dropBallast: () => boolean) {
    this.#options = options;
    this.#dropBallast = dropBallast;
  }

  /** Throws what doesn't pass by itself; everything else is shown as `fault` and tried again. */
  open(): void {
    try {
      this.#openSession();
    } catch (error) {
      const fault = this.#fail(error);
      if (!PASSING.includes(fault.code)) {
        this.close();
        throw fault;
      }
    }
  }

  get fault(): OperatorFault | undefined {
    return this.#fault;
  }

  get lastQuarantinedPath(): string | undefined {
    return this.#lastQuarantinedPath;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Signs also in files that are opened later. */
  set signer(signer: ChainSigner) {
    this.#signer = signer;
  }

  get signer(): ChainSigner | undefined {
    return this.#signer;
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.close();
    this.#session = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** As `attempt`, for what only reads: on a full disk that goes well, yet the fault stands. */
  look<T extends { readonly kind: string }>(work: Work<T>): T | BufferFailure {
    const before = this.#fault;
    const result = this.attempt(work);
    this.#fault ??= before;
    return result;
  }

  /** Runs `work` on the open file; what the disk refuses becomes a fault. */
  attempt<T extends { readonly kind: string }>(work: Work<T>): T | BufferFailure {
    if (this.#isClosed) throw new Error('the buffer is closed');
    try {
      return this.#done(work(this.#sessionNow()));
    } catch (error) {
      const fault = this.#fail(error);
      // The disk is full: the ballast is there for this moment, to delete and to try once more.
      if (fault.code !== 'BUFFER_DISK_FULL' || !this.#dropBallast()) {
        return { kind: 'fault', fault };
      }
    }
    try {
      const session = this.#sessionNow();
      session.shrink(this.#signer);
      return this.#done(work(session));
    } catch (error) {
      return { kind: 'fault', fault: this.#fail(error) };
    }
  }

  #done<T extends { readonly kind: string }>(result: T | BufferFailure): T | BufferFailure {
    this.#fault = result.kind === 'fault' && 'fault' in result ? result.fault : undefined;
    return result;
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
    const mayQuarantine = this.#quarantinesCount < QUARANTINES_MAX;
    const quarantine = this.#isDamaged ? 'must' : 'may';
    const session = BufferSession.open(this.#options, mayQuarantine ? quarantine : 'mayNot');
    this.#isDamaged = false;
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
      this.#isDamaged ||= trouble === 'damaged' && this.#session !== undefined;
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
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
