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
  /** Seconds since the last frame; absent when none has come. */
  readonly lastFrameAgeSeconds?: number;
}

export interface BufferStatus {
  readonly path: string;
  readonly databaseBytes: number;
  readonly quotaBytes: number;
  readonly observationsStored: number;
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
  /** Seconds since the hub's last verified receipt; absent when none has come. */
  readonly receiptAgeSeconds?: number;
  readonly fault?: { readonly code: string; readonly problem: string; readonly remedy: string };
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
  readonly residentBytes: number;
  readonly isCapturing: boolean;
  readonly workerRestarts: number;
  readonly captureFault?: { readonly code: string; readonly problem: string };
  readonly interfaces: readonly InterfaceStatus[];
  readonly traffic: TrafficCounts;
  readonly observations: number;
  readonly observationsFolded: number;
  readonly alertsRaised: number;
  /** Newest last. */
  readonly alerts: readonly AlertStatus[];
  readonly tables: readonly TableUse[];
  readonly buffer: BufferStatus;
  /** Absent where the site keeps everything to itself. */
  readonly uplink?: UplinkStatus;
}
