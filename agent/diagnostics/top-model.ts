/** What `top` shows, gathered from the live stream: rates over the last intervals, newest facts. */
import type {
  ConversationCounts,
  DetectionChange,
  Observation,
} from '../../protocols/interval-report.ts';
import type { LiveInterval } from './live-feed.ts';

/** Rates are those of the last so many intervals, so that a slow poll doesn't blink. */
const INTERVALS_KEPT = 5;
const FACTS_KEPT = 50;
const ROWS_MAX = 200;
const MICROSECONDS = 1e6;

export interface ConversationRow {
  readonly protocol: string;
  readonly client: string;
  readonly server: string;
  readonly unitId: number | undefined;
  readonly requestsPerSecond: number;
  readonly writes: number;
  readonly exceptions: number;
  readonly rttUs: number | undefined;
}

export interface TopView {
  readonly seconds: number;
  readonly framesPerSecond: number;
  readonly framesDropped: number;
  readonly transactionsPerSecond: number;
  readonly bytesMissed: number;
  readonly linksDown: readonly string[];
  readonly missedIntervals: number;
  /** Busiest first. */
  readonly rows: readonly ConversationRow[];
  /** Newest first. */
  readonly observations: readonly Observation[];
  readonly alerts: readonly DetectionChange[];
}

export class TopModel {
  readonly #intervals: LiveInterval[] = [];
  readonly #observations: Observation[] = [];
  readonly #alerts: DetectionChange[] = [];
  #framesDropped = 0;
  #bytesMissed = 0;
  #missedIntervals = 0;

  add(interval: LiveInterval): void {
    const { report, missedIntervals } = interval;
    this.#missedIntervals += missedIntervals;
    this.#intervals.push(interval);
    if (this.#intervals.length > INTERVALS_KEPT) this.#intervals.shift();
    for (const { framesDropped } of report.coverage) this.#framesDropped += framesDropped;
    this.#bytesMissed += report.traffic.bytesMissed;
    keepNewest(this.#observations, report.observations);
    keepNewest(this.#alerts, report.detections);
  }

  view(): TopView {
    const reports = this.#intervals.map(({ report }) => report);
    const microseconds = reports.reduce((sum, { fromUs, toUs }) => sum + toUs - fromUs, 0);
    const seconds = Math.max(microseconds / MICROSECONDS, 0.001);
    const sum = (count: (report: LiveInterval['report']) => number): number =>
      reports.reduce((total, report) => total + count(report), 0);
    return {
      seconds,
      framesPerSecond: sum(({ traffic }) => traffic.frames) / seconds,
      transactionsPerSecond:
        sum(({ traffic }) => traffic.modbusTransactions + traffic.opcuaTransactions) / seconds,
      framesDropped: this.#framesDropped,
      bytesMissed: this.#bytesMissed,
      linksDown: (reports.at(-1)?.coverage ?? [])
        .filter(({ linkUp }) => !linkUp)
        .map(({ interfaceName }) => interfaceName),
      missedIntervals: this.#missedIntervals,
      rows: rowsOf(reports, seconds),
      observations: this.#observations.toReversed(),
      alerts: this.#alerts.toReversed(),
    };
  }
}

function keepNewest<T>(kept: T[], added: readonly T[]): void {
  kept.push(...added.slice(-FACTS_KEPT));
  if (kept.length > FACTS_KEPT) kept.splice(0, kept.length - FACTS_KEPT);
}

interface Sum {
  readonly last: ConversationCounts;
  requests: number;
  writes: number;
  exceptions: number;
}

function rowsOf(reports: readonly LiveInterval['report'][], seconds: number): ConversationRow[] {
  const sums = new Map<string, Sum>();
  for (const each of reports.flatMap(({ conversations }) => conversations)) {
    const { protocol, clientIpAddress, serverIpAddress, serverPort, unitId } = each;
    const key = `${protocol} ${clientIpAddress} ${serverIpAddress} ${serverPort} ${unitId}`;
    const before = sums.get(key);
    sums.set(key, {
      last: each,
      requests: (before?.requests ?? 0) + each.requests,
      writes: (before?.writes ?? 0) + each.writes,
      exceptions: (before?.exceptions ?? 0) + each.exceptions,
    });
  }
  return [...sums.values()]
    .sort((a, b) => b.requests - a.requests)
    .slice(0, ROWS_MAX)
    .map(({ last, requests, writes, exceptions }) => ({
      protocol: last.protocol,
      client: last.clientIpAddress,
      server: `${last.serverIpAddress}:${last.serverPort}`,
      unitId: last.unitId,
      requestsPerSecond: requests / seconds,
      writes,
      exceptions,
      rttUs: last.rttUs?.p50,
    }));
}
