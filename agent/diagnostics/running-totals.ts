/**
 * Sums the reports of the worker since start, and those of the last minute apart, for status,
 * doctor, metrics and the demo's screen.
 */

import {
  type DetectionChange,
  type IntervalReport,
  NO_TRAFFIC,
  type TableUse,
  type TrafficCounts,
} from '../../protocols/interval-report.ts';
import type { RecentFrames } from './agent-status.ts';

const DETECTIONS_KEPT = 20;
/** Reports of the last minute; one comes each second. */
const RECENT_REPORTS_MAX = 60;
const MICROSECONDS = 1e6;

export interface InterfaceTotals {
  readonly interfaceName: string;
  framesSeen: number;
  framesDropped: number;
  framesTruncated: number;
  bytesSeen: number;
  framesDuplicate: number;
  /** Serial lines only. */
  bytesNotFramed?: number;
  bytesMissed?: number;
  linkUp: boolean;
  /** Capture time of the last interval in which a frame came, UTC µs; 0 when none has. */
  lastFrameUs: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class RunningTotals {
  readonly traffic: Mutable<TrafficCounts> = { ...NO_TRAFFIC };
  readonly interfaces = new Map<string, InterfaceTotals>();
  observations = 0;
  observationsFolded = 0;
  alertsRaised = 0;
  reports = 0;
  lastReportUs = 0;
  tables: readonly TableUse[] = [];
  /** Newest last, at most DETECTIONS_KEPT. */
  readonly detections: DetectionChange[] = [];
  /** Oldest first. */
  readonly #recent: Pick<IntervalReport, 'fromUs' | 'toUs' | 'traffic' | 'coverage'>[] = [];

  add(report: IntervalReport): void {
    this.reports++;
    this.lastReportUs = report.toUs;
    this.observations += report.observations.length;
    this.observationsFolded += report.observationsFolded;
    this.tables = report.tables;
    const { fromUs, toUs, traffic, coverage } = report;
    this.#recent.push({ fromUs, toUs, traffic, coverage });
    if (this.#recent.length > RECENT_REPORTS_MAX) this.#recent.shift();
    for (const key of trafficKeys()) this.traffic[key] += report.traffic[key];
    for (const coverage of report.coverage) {
      const totals = this.#interface(coverage.interfaceName);
      totals.framesSeen += coverage.framesSeen;
      totals.framesDropped += coverage.framesDropped;
      totals.framesTruncated += coverage.framesTruncated;
      totals.bytesSeen += coverage.bytesSeen;
      totals.framesDuplicate += coverage.framesDuplicate ?? 0;
      totals.linkUp = coverage.linkUp;
      if (coverage.bytesNotFramed !== undefined) {
        totals.bytesNotFramed = (totals.bytesNotFramed ?? 0) + coverage.bytesNotFramed;
        totals.bytesMissed = (totals.bytesMissed ?? 0) + (coverage.bytesMissed ?? 0);
      }
      if (coverage.framesSeen > 0) totals.lastFrameUs = report.toUs;
    }
    for (const change of report.detections) {
      if (change.change === 'raised') this.alertsRaised++;
      this.detections.push(change);
      if (this.detections.length > DETECTIONS_KEPT) this.detections.shift();
    }
  }

  get framesDropped(): number {
    let sum = 0;
    for (const totals of this.interfaces.values()) sum += totals.framesDropped;
    return sum;
  }

  /** Traffic of the last minute; undefined before the first report. */
  get recentTraffic(): { readonly seconds: number; readonly traffic: TrafficCounts } | undefined {
    if (this.#recent.length === 0) return undefined;
    const traffic: Mutable<TrafficCounts> = { ...NO_TRAFFIC };
    let microseconds = 0;
    for (const report of this.#recent) {
      microseconds += report.toUs - report.fromUs;
      for (const key of trafficKeys()) traffic[key] += report.traffic[key];
    }
    return { seconds: Math.round(microseconds / MICROSECONDS), traffic };
  }

  /** Frames of one interface in the last minute. */
  recentFrames(interfaceName: string): RecentFrames {
    const sum = { framesSeen: 0, framesDropped: 0, framesTruncated: 0, framesDuplicate: 0 };
    for (const { coverage } of this.#recent) {
      const each = coverage.find((other) => other.interfaceName === interfaceName);
      if (each === undefined) continue;
      sum.framesSeen += each.framesSeen;
      sum.framesDropped += each.framesDropped;
      sum.framesTruncated += each.framesTruncated;
      sum.framesDuplicate += each.framesDuplicate ?? 0;
    }
    return sum;
  }

  #interface(interfaceName: string): InterfaceTotals {
    let totals = this.interfaces.get(interfaceName);
    if (totals === undefined) {
      totals = {
        interfaceName,
        framesSeen: 0,
        framesDropped: 0,
        framesTruncated: 0,
        bytesSeen: 0,
        framesDuplicate: 0,
        linkUp: true,
        lastFrameUs: 0,
      };
      this.interfaces.set(interfaceName, totals);
    }
    return totals;
  }
}

function trafficKeys(): readonly (keyof TrafficCounts)[] {
  // Object.keys widens to string[]; the object is ours and has exactly these keys.
  return Object.keys(NO_TRAFFIC) as (keyof TrafficCounts)[];
}
