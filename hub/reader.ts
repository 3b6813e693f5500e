/**
 * What commands read of a hub's store, also while workers write to it: status, messages in the
 * order of their chains, and alerts in the order they came. Opened for SQLite or PostgreSQL.
 */
import type { HubConfig } from './config.ts';
import type { HubStatus } from './hub-status.ts';
import type { MessageKey } from './store.ts';

/** A message as it is stored; `bytes` are the signed ones. */
export interface StoredMessage extends MessageKey {
  readonly kind: string;
  readonly receivedAtMs: number;
  readonly bytes: Uint8Array;
}

/** One agent as the hub heard it. */
export interface AgentActivity {
  readonly agentId: string;
  readonly lastReceivedAtMs: number;
}

export interface HubReader {
  status(): Promise<HubStatus>;
  activity(): Promise<readonly AgentActivity[]>;
  /** All messages, or one agent's, by (agentId, epoch, stream, sequence); read page by page. */
  messages(agentId?: string): AsyncIterable<StoredMessage>;
  /** Of stream 1, received at `sinceMs` or later, the oldest first. */
  arrivals(sinceMs: number, messagesMax: number): Promise<readonly StoredMessage[]>;
  /** Of one agent's stream 3, received at `sinceMs` or later, the newest first. */
  evidence(agentId: string, sinceMs: number): Promise<readonly StoredMessage[]>;
  close(): Promise<void>;
}

/** Parts looked at at once: 16 detections of 64 KiB in parts for the slowest link. */
export const EVIDENCE_MESSAGES_MAX = 1024;

/** Messages fetched at once. */
export const PAGE_MESSAGES = 500;

/** Throws OperatorFault when there is no store yet, or none that can be reached. */
export async function openReader(database: HubConfig['database']): Promise<HubReader> {
  if ('url' in database && database.url !== undefined) {
    const { PostgresReader } = await import('./postgres-reader.ts');
    return await PostgresReader.open(database.url);
  }
  const { SqliteReader } = await import('./sqlite-reader.ts');
  return new SqliteReader(database.path);
}
