/**
 * The worker that owns capture, decode and observe for all interfaces: frames never cross a thread.
 * Once a second it hands the main thread one report, if it has a credit; else it goes on counting.
 */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { FrameBlockSink } from '../protocols/frame-block.ts';
import type { IntervalReport, SourceCoverage, StateRow } from '../protocols/interval-report.ts';
import type { KnowledgeQuestion } from '../protocols/knowledge-question.ts';
import { RegisterMap } from '../protocols/modbus/register-map.ts';
import { FrameHistory } from './capture/frame-history.ts';
import {
  type CaptureStateChange,
  type CaptureStatistics,
  InterfaceSource,
} from './capture/interface-source.ts';
import { PacedFileSource } from './capture/paced-file-source.ts';
import { SerialSource } from './capture/serial-source.ts';
import { TAP_HELD_BLOCKS_MAX, TapMerge } from './capture/tap-merge.ts';
import { CaptureTime } from './capture-time.ts';
import { answerText } from './knowledge-answer.ts';
import { QUESTIONS_MAX } from './knowledge-desk.ts';
import { Pipeline } from './pipeline.ts';
import { SystemClock } from './platform/clock.ts';
import { SiteDigest } from './platform/digest.ts';
import { silentLog } from './platform/log.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { SystemRandom } from './platform/random.ts';
import { learnProbed, type ProbedFacts } from './probed-facts.ts';
import { UrgentReports } from './urgent-reports.ts';
import {
  FILE_INTERFACE,
  REPORT_CREDITS,
  REPORT_INTERVAL_MS,
  type SerialLineSettings,
  type ToMain,
  type ToWorker,
  type WorkerSettings,
} from './worker-channel.ts';

/** How often the blocks of a tap that wait for the other port are looked at. */
const MERGE_INTERVAL_MS = 25;

interface FrameSource {
  start(sink: FrameBlockSink): void | Promise<void>;
  stop(): void;
  statistics(): SourceStatistics;
}

/** Of a serial line also what didn't become a frame. */
interface SourceStatistics extends CaptureStatistics {
  readonly bytesMissed?: number;
  readonly bytesNotFramed?: number;
}

class CaptureWorker {
  readonly #clock = new SystemClock();
  readonly #captureTime = new CaptureTime(this.#clock);
  readonly #pipeline: Pipeline;
  readonly #sources: FrameSource[];
  readonly #names: readonly string[];
  /** Of the network interfaces, which come first among the sources. */
  readonly #roles: readonly string[];
  readonly #tap: TapMerge | undefined;
  /** Into the pipeline, with a look at what a block has brought. */
  readonly #sink: FrameBlockSink;
  readonly #urgent: UrgentReports;
  #credits = REPORT_CREDITS;
  /** Asked before the state of before was here: half an answer would look like a whole one. */
  readonly #early: { questionNumber: number; question: KnowledgeQuestion }[] = [];
  /** Statistics of each source at the last report that was sent. */
  #reported: SourceStatistics[] = [];
  #reportedMs: number;

  constructor(settings: WorkerSettings) {
    this.#reportedMs = this.#clock.monotonicMs();
    const history =
      settings.evidenceBytes > 0 ? new FrameHistory(settings.evidenceBytes) : undefined;
    const serialLines = (settings.serialLines ?? []).map((line, at) => ({
      ...line,
      interfaceIndex: settings.interfaces.length + at,
    }));
    this.#pipeline = new Pipeline({
      interfaces: [
        ...settings.interfaces,
        ...serialLines.map(({ lineName }) => ({ name: lineName, role: 'serial' as const })),
      ],
      serialLines,
      modbusPorts: settings.modbusPorts,
      opcuaPorts: settings.opcuaPorts,
      digest: new SiteDigest(settings.siteKey),
      sha1Base64: (bytes) => createHash('sha1').update(bytes).digest('base64'),
      hashSeed: Math.floor(new SystemRandom().fraction() * 2 ** 32),
      ...(history && { evidence: history }),
      ...(settings.registerPoints && { registerMap: new RegisterMap(settings.registerPoints) }),
    });
    this.#pipeline.knowledge?.expectState();
    this.#roles = settings.interfaces.map(({ role }) => role);
    const isTap = this.#roles.includes('tapA') && this.#roles.includes('tapB');
    this.#urgent = new UrgentReports({
      clock: this.#clock,
      isWaiting: () => this.#pipeline.isDetectionWaiting,
      // Before the first statistics there is nothing to compare with.
      hasRoom: () => this.#credits > 1 && this.#reported.length === this.#sources.length,
      report: () => this.#spend(),
    });
    this.#sink = {
      block: (block) => {
        this.#pipeline.block(block);
        this.#captureTime.decoded(this.#pipeline.lastFrameUs);
        this.#urgent.look();
      },
    };
    this.#tap = isTap ? new TapMerge(this.#sink) : undefined;
    this.#names =
      settings.file === undefined
        ? [...settings.interfaces.map(nameOf), ...serialLines.map(({ lineName }) => lineName)]
        : [FILE_INTERFACE];
    this.#sources =
      settings.file === undefined
        ? [
            ...this.#interfaceSources(settings, history),
            ...serialLines.map((line) => this.#serialSource(line, history)),
          ]
        : [new PacedFileSource(settings.file, this.#clock)];
  }

  /** Throws the OperatorFault of the first interface that can't be heard. */
  async start(): Promise<void> {
    for (const [index, source] of this.#sources.entries()) await source.start(this.#sinkOf(index));
    this.#mergeLater();
    this.#reported = this.#statistics();
    post({ kind: 'capturing' });
    this.#tickLater();
  }

  /** One source can't be heard: the others let go too, or their polls would keep the thread. */
  abandon(): void {
    for (const source of this.#sources) source.stop();
  }

  addCredit(): void {
    this.#credits++;
  }

  restore(rows: readonly StateRow[], isLast: boolean): void {
    this.#pipeline.knowledge?.restore(rows, this.#nowUs());
    if (!isLast) {
      post({ kind: 'restored' });
      return;
    }
    this.#pipeline.knowledge?.stateIsComplete();
    for (const { questionNumber, question } of this.#early.splice(0)) {
      this.answer(questionNumber, question);
    }
  }

  learn(probed: ProbedFacts): void {
    const { knowledge } = this.#pipeline;
    if (knowledge !== undefined) learnProbed(knowledge.assets, probed);
  }

  answer(questionNumber: number, question: KnowledgeQuestion): void {
    const { knowledge } = this.#pipeline;
    if (knowledge === undefined) return;
    if (knowledge.isExpectingState) {
      if (this.#early.length < QUESTIONS_MAX) this.#early.push({ questionNumber, question });
      return;
    }
    answerText(knowledge, question, this.#nowUs()).then(
      (text) => post({ kind: 'knowledge', questionNumber, text }),
      () => post({ kind: 'knowledge', questionNumber, text: '{}' }),
    );
  }

  /** The last report goes out without a credit: the main thread waits for it. */
  stop(): void {
    for (const source of this.#sources) source.stop();
    this.#urgent.stop();
    this.#tap?.flush();
    this.#pipeline.end();
    this.#report(true);
  }

  #interfaceSources(
    settings: WorkerSettings,
    history: FrameHistory | undefined,
  ): InterfaceSource[] {
    return settings.interfaces.map(({ name, role }, interfaceIndex) => {
      const options = {
        interfaceName: name,
        interfaceIndex,
        role,
        ringBytes: settings.ringBytes,
        exclude: settings.exclude,
        onState: postState,
      };
      return new InterfaceSource(options, this.#clock, silentLog, history);
    });
  }

  #serialSource(
    line: SerialLineSettings & { readonly interfaceIndex: number },
    history: FrameHistory | undefined,
  ): SerialSource {
    return new SerialSource({ ...line, onState: postState }, this.#clock, silentLog, history);
  }

  /** Bytes of serial lines become frames in decode, so their frames are counted there. */
  #statistics(): SourceStatistics[] {
    return this.#sources.map((source, index) => {
      const statistics = source.statistics();
      if (!(source instanceof SerialSource)) return statistics;
      const { framesCount, bytesNotFramed } = this.#pipeline.serialLine(index);
      return { ...statistics, framesSeen: framesCount, bytesNotFramed };
    });
  }

  /** The two ports of a tap are merged; everything else goes straight to decode. */
  #sinkOf(sourceIndex: number): FrameBlockSink {
    const role = this.#roles[sourceIndex];
    if (this.#tap === undefined || (role !== 'tapA' && role !== 'tapB')) return this.#sink;
    return this.#tap.portSink(role === 'tapA' ? 0 : 1);
  }

  #mergeLater(): void {
    const tap = this.#tap;
    if (tap === undefined) return;
    this.#clock.after(MERGE_INTERVAL_MS, () => {
      tap.advance(this.#clock.monotonicMs());
      this.#mergeLater();
    });
  }

  #tickLater(): void {
    this.#clock.after(REPORT_INTERVAL_MS, () => {
      this.#pipeline.advance(this.#captureTime.nowUs());
      if (this.#credits > 0) this.#spend();
      this.#tickLater();
    });
  }

  #spend(): void {
    this.#credits--;
    this.#report(false);
  }

  #nowUs(): number {
    return Math.round(this.#clock.wallMs() * 1000);
  }

  /** What the tap's merge had to let go before the other port had caught up. */
  #withTap(report: IntervalReport): IntervalReport {
    if (this.#tap === undefined) return report;
    const { overflowed: evicted } = this.#tap;
    const row = { table: 'tapBlocks', used: 0, max: TAP_HELD_BLOCKS_MAX, evicted, refused: 0 };
    return { ...report, tables: [...report.tables, row] };
  }

  #report(isLast: boolean): void {
    const nowMs = this.#clock.monotonicMs();
    const intervalMs = nowMs - this.#reportedMs;
    const now = this.#statistics();
    const coverage = this.#names.map((name, index) =>
      coverageOf(name, this.#reported[index], now[index], intervalMs),
    );
    const toUs = this.#nowUs();
    const fromUs = toUs - Math.round(intervalMs * 1000);
    const report = this.#pipeline.report(fromUs, toUs, coverage, isLast);
    this.#reported = now;
    this.#reportedMs = nowMs;
    this.#urgent.reported();
    post({ kind: 'report', report: this.#withTap(report), isLast });
  }
}

function coverageOf(
  interfaceName: string,
  before: SourceStatistics,
  now: SourceStatistics,
  intervalMs: number,
): SourceCoverage {
  return {
    interfaceName,
    framesSeen: now.framesSeen - before.framesSeen,
    framesDropped: now.framesDropped - before.framesDropped,
    framesTruncated: now.framesTruncated - before.framesTruncated,
    bytesSeen: now.bytesSeen - before.bytesSeen,
    linkUp: now.linkUp,
    coveredMs: Math.min(intervalMs, Math.max(0, now.coveredMs - before.coveredMs)),
    intervalMs,
    ...(now.bytesNotFramed !== undefined && {
      bytesNotFramed: now.bytesNotFramed - (before.bytesNotFramed ?? 0),
      bytesMissed: (now.bytesMissed ?? 0) - (before.bytesMissed ?? 0),
    }),
  };
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function postState({ interfaceName, state, fault }: CaptureStateChange): void {
  const notice = { interfaceName, state, ...(fault && { detail: fault.message }) };
  post({ kind: 'interfaceState', notice });
}

function post(message: ToMain): void {
  parentPort?.postMessage(message);
}

// No top-level await: the built program carries this file as a classic script.
let worker: CaptureWorker | undefined;
parentPort?.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'begin':
      worker = begin(message.settings);
      break;
    case 'credit':
      worker?.addCredit();
      break;
    case 'stop':
      worker?.stop();
      break;
    case 'restore':
      worker?.restore(message.rows, message.isLast);
      break;
    case 'probed':
      worker?.learn(message.probed);
      break;
    case 'ask':
      worker?.answer(message.questionNumber, message.question);
      break;
    default:
      message satisfies never;
  }
});

function begin(settings: WorkerSettings): CaptureWorker {
  const started = new CaptureWorker(settings);
  started.start().catch((error: unknown) => {
    if (!(error instanceof OperatorFault)) throw error;
    const { code, problem, remedy } = error;
    started.abandon();
    post({ kind: 'fault', code, problem, remedy });
    parentPort?.close();
  });
  return started;
}
