/**
 * What the running agent says of itself over the control socket: one object for `status`, `doctor`,
 * metrics and the page. Names are those of the records and summaries.
 */
import type { TableUse, TrafficCounts } from '../../protocols/interval-report.ts';

export interface InterfaceStatus {
  readonly interfaceName: string;
  readonly role: string;
  readonly linkUp: boolean;
  readonly framesSeen: number;
  readonly framesDropped: number;
  readonly framesTruncated: number;
  readonly bytesSeen: number;
  /** Serial lines only: bytes that belonged to no frame, and bytes that the driver lost. */
  readonly bytesNotFramed?: number;
  readonly bytesMissed?: number;
  /** Copies of other frames since start: a doubled mirror, PRP, HSR. Absent: none. */
  readonly framesDuplicate?: number;
  /** The last minute alone, for whoever asks what is wrong now. */
  readonly recent?: RecentFrames;
  /** Seconds since the last frame; absent when none has come. */
  readonly lastFrameAgeSeconds?: number;
}

export interface RecentFrames {
  readonly framesSeen: number;
  readonly framesDropped: number;
  readonly framesTruncated: number;
  readonly framesDuplicate: number;
}

export interface BufferStatus {
  readonly path: string;
  readonly databaseBytes: number;
  readonly quotaBytes: number;
  readonly observationsStored: number;
  /** To the storage, on this UTC day: what flash pays. */
  readonly bytesWrittenToday?: number;
  /** On the whole day before; 0 where nothing ran. */
  readonly bytesWrittenYesterday?: number;
  /** Signed and not receipted, and when the oldest of them was signed (wall clock). */
  readonly outboxMessages?: number;
  readonly outboxBytes?: number;
  readonly oldestPendingMs?: number;
  /** The life of the database, why it began and when. */
  readonly epoch?: number;
  readonly epochReason?: string;
  readonly epochBeganMs?: number;
  /** Wall time at which the last receipt was applied, and the hub's own time in it. */
  readonly lastReceipt?: { readonly appliedMs: number; readonly hubTimeMs: number };
  /** Where a damaged database was put. */
  readonly quarantinedPath?: string;
  /** What this process wrote to storage since start, as the kernel counts it. */
  readonly bytesWritten?: number;
  /** Why the hub refused messages: a few of the newest reasons, each once. */
  readonly refusedReasons?: readonly string[];
  /** Why the last write failed; absent while all is well. */
  readonly fault?: { readonly code: string; readonly problem: string; readonly remedy: string };
}

export interface UplinkStatus {
  readonly broker: string;
  readonly isConnected: boolean;
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly summariesSigned: number;
  readonly alertsSigned: number;
  readonly receiptsApplied: number;
  readonly refusedMessages: number;
  readonly reconnects: number;
  /** What the link carries, as measured; absent before the first answer. */
  readonly goodputBytesPerSecond?: number;
  /** Longest message that the link should get. */
  readonly messageBytesMax?: number;
  readonly messagesResent?: number;
  readonly requestsAnswered?: number;
  /** Foreign keys, broken rules, older revisions. */
  readonly advisoriesRefused?: number;
  /** Until the certificate of mutual TLS ends; absent without one. */
  readonly certificateDaysLeft?: number;
  /** Seconds since the hub's last verified receipt; absent when none has come. */
  readonly receiptAgeSeconds?: number;
  readonly fault?: { readonly code: string; readonly problem: string; readonly remedy: string };
}

export interface AdvisoryStatus {
  readonly advisoryId: string;
  readonly revision: number;
  readonly tlp: string;
  readonly headline: string;
  readonly expiresMs: number;
  readonly isExpired: boolean;
  readonly applicability: 'seenHere' | 'notApplicable';
  readonly acknowledged?: { readonly by?: string; readonly atMs: number };
}

/** One log server of the site (`diagnostics.syslog`). */
export interface SyslogStatus {
  readonly target: string;
  readonly sent: number;
  readonly dropped: number;
  readonly problem?: string;
}

export interface AlertStatus {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly lastSeenUs: number;
  readonly occurrencesCount: number;
}

export interface AgentStatus {
  readonly programVersion: string;
  readonly agentId?: string;
  readonly siteName: string;
  readonly sharing: string;
  readonly uptimeSeconds: number;
  /** Wall clock at start; with the uptime it tells whether the clock was stepped since. */
  readonly startedAtMs?: number;
  readonly residentBytes: number;
  readonly isCapturing: boolean;
  readonly workerRestarts: number;
  readonly captureFault?: { readonly code: string; readonly problem: string };
  readonly interfaces: readonly InterfaceStatus[];
  readonly traffic: TrafficCounts;
  /** The last minute alone. */
  readonly recent?: { readonly seconds: number; readonly traffic: TrafficCounts };
  readonly observations: number;
  readonly observationsFolded: number;
  readonly alertsRaised: number;
  /** Newest last. */
  readonly alerts: readonly AlertStatus[];
  readonly tables: readonly TableUse[];
  readonly buffer: BufferStatus;
  /** Absent where the site keeps everything to itself. */
  readonly uplink?: UplinkStatus;
  /** Newest first; absent without an uplink. */
  readonly advisories?: readonly AdvisoryStatus[];
  /** Absent where no log server is configured. */
  readonly syslog?: readonly SyslogStatus[];
}
