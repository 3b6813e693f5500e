/**
 * The main thread's side of the capture worker: starts it, receives its reports, gives credit back,
 * and starts it again when it dies, since a sensor that stays blind after a crash is worse than one
 * that says it was blind for a second.
 */
import type { Worker } from 'node:worker_threads';
import type { IntervalReport } from '../protocols/interval-report.ts';
import { KnowledgeDesk, type ReadState } from './knowledge-desk.ts';
import type { Clock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { startWorker } from './platform/program-files.ts';
import type { InterfaceNotice, ToMain, ToWorker, WorkerSettings } from './worker-channel.ts';

const RESTART_DELAY_MS = 1000;
const RESTART_DELAY_MS_MAX = 30_000;
/** A worker that ran so long was well: the next restart is as quick as the first. */
const HEALTHY_MS = 60_000;
/** The worker gets so long to hand over its last report. */
const STOP_MS = 1000;
/** JavaScript heap of the worker; typed arrays and the ring lie outside it. */
const WORKER_YOUNG_MB = 4;
const WORKER_OLD_MB = 64;
const CAPTURE_WORKER = new URL('./capture-worker.ts', import.meta.url);
/** `Worker.threadId` of a thread that has ended. */
const ENDED_THREAD = -1;

/** Which worker; the program's own, started when it is needed, unless given. */
export interface CaptureThread {
  /** Another worker that speaks the same channel; for tests. */
  readonly url?: URL;
  /** Of `startCaptureThread`, without its settings yet. */
  readonly started?: Worker;
}

/**
 * Starts a worker that loads its code and then waits for its settings: `run` starts it first of
 * all, so that it loads while the configuration is read and the buffer is opened.
 */
export function startCaptureThread(url: URL = CAPTURE_WORKER): Worker {
  const worker = startWorker(url, {
    resourceLimits: {
      maxYoungGenerationSizeMb: WORKER_YOUNG_MB,
      maxOldGenerationSizeMb: WORKER_OLD_MB,
    },
  });
  // Nobody else may listen yet; who takes over a thread that has ended starts another, and logs.
  worker.on('error', () => {});
  return worker;
}

export interface CaptureHostSink {
  /** Returns once the report is on disk; only then is the credit given back. */
  report(report: IntervalReport): void;
  interfaceState(notice: InterfaceNotice): void;
  /** What was known before, in batches; asked for once frames are captured. */
  readonly knownState?: ReadState;
  /** The worker has ended and is started again: no standstill, but nothing is captured. */
  restarting?(): void;
}

export interface CaptureHostStatus {
  readonly isCapturing: boolean;
  readonly workerRestarts: number;
  /** Why the last start failed; absent once frames are captured again. */
  readonly lastFault?: { readonly code: string; readonly problem: string };
}

export class CaptureHost {
  /** Questions about what the worker knows. */
  readonly desk: KnowledgeDesk;
  readonly #settings: WorkerSettings;
  readonly #sink: CaptureHostSink;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #workerUrl: URL;
  /** Waits for its settings; the first one that is used. */
  #started: Worker | undefined;
  #worker: Worker | undefined;
  #isStopping = false;
  #isCapturing = false;
  #restarts = 0;
  #restartsInARow = 0;
  #capturingSinceMs = 0;
  #lastFault: OperatorFault | undefined;
  #cancelRestart = (): void => {};
  #lastReportArrived = (): void => {};

  constructor(
    settings: WorkerSettings,
    sink: CaptureHostSink,
    clock: Clock,
    log: Log,
    thread: CaptureThread = {},
  ) {
    this.#settings = settings;
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
    this.#workerUrl = thread.url ?? CAPTURE_WORKER;
    this.#started = thread.started;
    this.desk = new KnowledgeDesk(clock, (message) => this.#send(message));
  }

  /** Resolves when frames are being captured; rejects with the OperatorFault of the first start. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => this.#spawn(resolve, reject));
  }

  /** Takes the worker's last report, then ends it; never longer than STOP_MS. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelRestart();
    const worker = this.#worker;
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(STOP_MS, resolve);
      this.#lastReportArrived = () => {
        cancel();
        resolve();
      };
      this.#send({ kind: 'stop' });
    });
    await worker.terminate();
  }

  status(): CaptureHostStatus {
    return {
      isCapturing: this.#isCapturing,
      workerRestarts: this.#restarts,
      ...(this.#lastFault && {
        lastFault: { code: this.#lastFault.code, problem: this.#lastFault.problem },
      }),
    };
  }

  #spawn(started: () => void, failed: (fault: Error) => void): void {
    const worker = this.#takeThread();
    this.#worker = worker;
    let wasStarted = false;
    worker.on('message', (message: ToMain) => {
      if (message.kind === 'capturing') {
        wasStarted = true;
        this.#isCapturing = true;
        this.#capturingSinceMs = this.#clock.monotonicMs();
        this.#lastFault = undefined;
        this.desk.restore(this.#sink.knownState);
        started();
      } else {
        this.#receive(message);
      }
    });
    worker.on('error', (error) => {
      this.#log.error(
        { event: 'workerCrashed', error: error.stack ?? String(error) },
        'worker died',
      );
    });
    worker.postMessage({ kind: 'begin', settings: this.#settings } satisfies ToWorker);
    worker.on('exit', () => {
      this.#isCapturing = false;
      this.#worker = undefined;
      this.desk.abandon();
      this.#lastReportArrived();
      if (this.#isStopping) return;
      if (!wasStarted && this.#restarts === 0) {
        failed(this.#lastFault ?? new Error('the capture worker ended before it captured'));
        return;
      }
      const ranMs = wasStarted ? this.#clock.monotonicMs() - this.#capturingSinceMs : 0;
      if (ranMs >= HEALTHY_MS) this.#restartsInARow = 0;
      this.#restartLater();
    });
  }

  /** The one that was started beforehand, if it still lives; else a new one. */
  #takeThread(): Worker {
    const started = this.#started;
    this.#started = undefined;
    const hasEnded = started === undefined || started.threadId === ENDED_THREAD;
    return hasEnded ? startCaptureThread(this.#workerUrl) : started;
  }

  #receive(message: Exclude<ToMain, { kind: 'capturing' }>): void {
    switch (message.kind) {
      case 'report':
        this.#sink.report(message.report);
        this.#send({ kind: 'credit' });
        if (message.isLast) this.#lastReportArrived();
        break;
      case 'knowledge':
        this.desk.answer(message.questionNumber, message.text);
        break;
      case 'restored':
        this.desk.restoreNext();
        break;
      case 'interfaceState':
        this.#sink.interfaceState(message.notice);
        break;
      case 'fault':
        this.#lastFault = new OperatorFault(message);
        break;
      default:
        message satisfies never;
    }
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #restartLater(): void {
    this.#restarts++;
    this.#sink.restarting?.();
    const delayMs = Math.min(
      RESTART_DELAY_MS * 2 ** Math.min(this.#restartsInARow, 10),
      RESTART_DELAY_MS_MAX,
    );
    this.#restartsInARow++;
    const fields = { event: 'workerRestart', restarts: this.#restarts, delayMs };
    this.#log.error(fields, 'the capture worker ended and is started again');
    this.#cancelRestart = this.#clock.after(delayMs, () =>
      this.#spawn(
        () => this.#log.info({ event: 'workerRestarted' }, 'capturing again'),
        () => {},
      ),
    );
  }
}
