/**
 * What passes between the main thread and the capture worker. Worker to main is bounded by credits:
 * a report costs one, and the main thread gives it back once the report is on disk. Without credit
 * the worker keeps counting and folds what it can't send (`observationsFolded` tells how much).
 */
import type { IntervalReport, StateRow } from '../protocols/interval-report.ts';
import type { KnowledgeQuestion } from '../protocols/knowledge-question.ts';
import type { RegisterMapEntry } from '../protocols/modbus/register-map.ts';
import type { ProbedFacts } from './probed-facts.ts';

/** Reports that may be under way at once; four seconds of a stalled disk. */
export const REPORT_CREDITS = 4;

/** Interval of the reports; summaries fold whole intervals. */
export const REPORT_INTERVAL_MS = 1000;

/** Name under which the frames of `capture.file` are counted. */
export const FILE_INTERFACE = 'file';

export interface SerialLineSettings {
  readonly lineName: string;
  readonly port: string;
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
  readonly dataBits: 7 | 8;
  readonly framing: 'rtu' | 'ascii';
}

export interface WorkerSettings {
  readonly interfaces: readonly {
    readonly name: string;
    readonly role: 'mirror' | 'tapA' | 'tapB' | 'host';
  }[];
  /** Tapped serial lines; their interface numbers follow those of the interfaces. */
  readonly serialLines?: readonly SerialLineSettings[];
  /** A capture file that is played at its own pace, over and over, instead of interfaces. */
  readonly file?: string;
  readonly ringBytes: number;
  readonly evidenceBytes: number;
  readonly modbusPorts: readonly number[];
  readonly opcuaPorts: readonly number[];
  /** Points of the register maps (decode.registerMaps); the worker makes its map of them. */
  readonly registerPoints?: readonly RegisterMapEntry[];
  /** Our own uplink, which is no plant traffic. */
  readonly exclude: readonly { readonly ipAddress?: string; readonly port: number }[];
  /** The site's key for pseudonyms. */
  readonly siteKey: Uint8Array;
}

export interface InterfaceNotice {
  readonly interfaceName: string;
  readonly state: string;
  readonly detail?: string;
}

export type ToMain =
  | { readonly kind: 'capturing' }
  /** JSON of what was asked. */
  | { readonly kind: 'knowledge'; readonly questionNumber: number; readonly text: string }
  | { readonly kind: 'report'; readonly report: IntervalReport; readonly isLast: boolean }
  | { readonly kind: 'interfaceState'; readonly notice: InterfaceNotice }
  /** A batch of the state of before is taken; the next may come. */
  | { readonly kind: 'restored' }
  | {
      readonly kind: 'fault';
      readonly code: string;
      readonly problem: string;
      readonly remedy: string;
    };

export type ToWorker =
  /** Comes first, once. */
  | { readonly kind: 'begin'; readonly settings: WorkerSettings }
  | { readonly kind: 'credit' }
  | { readonly kind: 'stop' }
  /** State of before the start, in batches; sent once frames are captured. */
  | { readonly kind: 'restore'; readonly rows: readonly StateRow[]; readonly isLast: boolean }
  /** What `fieldtap probe` learned. */
  | { readonly kind: 'probed'; readonly probed: ProbedFacts }
  | {
      readonly kind: 'ask';
      readonly questionNumber: number;
      readonly question: KnowledgeQuestion;
    };
