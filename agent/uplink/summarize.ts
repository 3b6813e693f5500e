/**
 * Folds interval reports into the content of one summary. What could not be signed (a full disk)
 * stays in the fold, and the next summary covers the longer time: nothing is lost but resolution.
 */
import {
  CONVERSATIONS_PER_REPORT_MAX,
  DETECTIONS_PER_REPORT_MAX,
  type DetectionChange,
  type IntervalReport,
  type SourceCoverage,
  type TableUse,
  type TrafficCounts,
} from '../../protocols/interval-report.ts';
import type {
  AgentHealth,
  AssetChange,
  DetectionDigest,
  MessageIdentity,
  Summary,
} from '../../protocols/uplink/messages.ts';
import { BlindLog } from './blind-log.ts';
import { ConversationFold } from './fold-conversations.ts';
import type { SharingPolicy } from './sharing.ts';

/** Limits of the wire format (docs/wire-format). */
const INTERFACES_MAX = 16;
const TABLES_MAX = 64;

/** A summary without what the chain and the clock add when it is signed. */
export type SummaryContent = Omit<Summary, keyof MessageIdentity>;

/** What a summary says beside the reports. */
export interface SummaryContext {
  readonly siteName: string;
  readonly sector?: string;
  readonly programVersion: string;
  readonly health: Omit<AgentHealth, 'observationsFolded' | 'tables'>;
  /** Already in the words of the sharing level. */
  readonly assetChanges?: readonly AssetChange[];
  readonly assetChangesFolded?: number;
}

export class SummaryFold {
  readonly #blind = new BlindLog();
  #conversations = new ConversationFold();
  #traffic: TrafficCounts | undefined;
  readonly #coverage = new Map<string, SourceCoverage>();
  readonly #detections = new Map<string, DetectionDigest>();
  readonly #tables = new Map<string, TableUse>();
  #fromUs = 0;
  #toUs = 0;
  #observationsCount = 0;
  #observationsFolded = 0;

  get isEmpty(): boolean {
    return this.#traffic === undefined;
  }

  add(report: IntervalReport): void {
    this.#fromUs = this.isEmpty ? report.fromUs : Math.min(this.#fromUs, report.fromUs);
    this.#toUs = this.isEmpty ? report.toUs : Math.max(this.#toUs, report.toUs);
    this.#traffic = sum(this.#traffic, report.traffic);
    this.#blind.add(report);
    this.#conversations.add(report.conversations, report.conversationsFolded);
    this.#observationsCount += report.observations.length;
    this.#observationsFolded += report.observationsFolded;
    for (const coverage of report.coverage) this.#addCoverage(coverage);
    for (const change of report.detections) this.#addDetection(change);
    for (const table of report.tables) this.#addTable(table);
  }

  /** `conversationsMax`: fewer than the format's limit where the message would be too long. */
  content(
    policy: SharingPolicy,
    context: SummaryContext,
    conversationsMax: number = CONVERSATIONS_PER_REPORT_MAX,
  ): SummaryContent | undefined {
    if (this.#traffic === undefined) return undefined;
    const { siteName, sector, programVersion, health, assetChanges = [] } = context;
    return {
      kind: 'summary',
      sharing: policy.level,
      ...(policy.sharesNames && { siteName }),
      ...(sector !== undefined && { sector }),
      programVersion,
      fromUs: this.#fromUs,
      toUs: this.#toUs,
      coverage: [...this.#coverage.values()],
      traffic: this.#traffic,
      ...this.#conversations.shared(policy, conversationsMax),
      observationsCount: this.#observationsCount,
      detections: [...this.#detections.values()],
      health: {
        ...health,
        observationsFolded: this.#observationsFolded,
        tables: [...this.#tables.values()],
      },
      ...this.#blind.facts(),
      ...(assetChanges.length > 0 && { assetChanges }),
      ...(context.assetChangesFolded && { assetChangesFolded: context.assetChangesFolded }),
    };
  }

  /** After the content was signed. */
  clear(): void {
    this.#blind.clear();
    this.#conversations = new ConversationFold();
    this.#traffic = undefined;
    this.#coverage.clear();
    this.#detections.clear();
    this.#tables.clear();
    this.#observationsCount = 0;
    this.#observationsFolded = 0;
  }

  #addCoverage(coverage: SourceCoverage): void {
    const known = this.#coverage.get(coverage.interfaceName);
    if (known === undefined && this.#coverage.size >= INTERFACES_MAX) return;
    this.#coverage.set(coverage.interfaceName, {
      interfaceName: coverage.interfaceName,
      framesSeen: coverage.framesSeen + (known?.framesSeen ?? 0),
      framesDropped: coverage.framesDropped + (known?.framesDropped ?? 0),
      framesTruncated: coverage.framesTruncated + (known?.framesTruncated ?? 0),
      bytesSeen: coverage.bytesSeen + (known?.bytesSeen ?? 0),
      linkUp: coverage.linkUp,
      coveredMs: coverage.coveredMs + (known?.coveredMs ?? 0),
      intervalMs: coverage.intervalMs + (known?.intervalMs ?? 0),
      ...sumOptional('framesDuplicate', known, coverage),
      ...sumOptional('bytesNotFramed', known, coverage),
      ...sumOptional('bytesMissed', known, coverage),
    });
  }

  #addDetection({ detection }: DetectionChange): void {
    const { detectionId, code, severity, occurrencesCount, lastSeenUs } = detection;
    const isNew = !this.#detections.has(detectionId);
    if (isNew && this.#detections.size >= DETECTIONS_PER_REPORT_MAX) return;
    this.#detections.set(detectionId, {
      detectionId,
      code,
      severity,
      occurrencesCount,
      lastSeenUs,
    });
  }

  #addTable(table: TableUse): void {
    const known = this.#tables.get(table.table);
    if (known === undefined && this.#tables.size >= TABLES_MAX) return;
    this.#tables.set(table.table, {
      table: table.table,
      used: table.used,
      max: table.max,
      evicted: table.evicted + (known?.evicted ?? 0),
      refused: table.refused + (known?.refused ?? 0),
    });
  }
}

/** Counts that only some sources have: absent where neither has it. */
function sumOptional(
  name: 'framesDuplicate' | 'bytesNotFramed' | 'bytesMissed',
  a: SourceCoverage | undefined,
  b: SourceCoverage,
): Partial<SourceCoverage> {
  const [before, more] = [a?.[name], b[name]];
  return before === undefined && more === undefined ? {} : { [name]: (before ?? 0) + (more ?? 0) };
}

function sum(a: TrafficCounts | undefined, b: TrafficCounts): TrafficCounts {
  if (a === undefined) return b;
  return {
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    bytesMissed: a.bytesMissed + b.bytesMissed,
    gaps: a.gaps + b.gaps,
    modbusRequests: a.modbusRequests + b.modbusRequests,
    modbusResponses: a.modbusResponses + b.modbusResponses,
    modbusExceptions: a.modbusExceptions + b.modbusExceptions,
    modbusTransactions: a.modbusTransactions + b.modbusTransactions,
    modbusMalformed: a.modbusMalformed + b.modbusMalformed,
    opcuaTransportMessages: a.opcuaTransportMessages + b.opcuaTransportMessages,
    opcuaTransactions: a.opcuaTransactions + b.opcuaTransactions,
    opcuaMalformed: a.opcuaMalformed + b.opcuaMalformed,
    opcuaEncryptedMessages: a.opcuaEncryptedMessages + b.opcuaEncryptedMessages,
  };
}
