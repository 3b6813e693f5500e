/**
 * What is stored, counted in the database itself and without a running hub: per stream how many
 * messages, which are missing, whether any is there twice; and what the operator should know.
 */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';

/** Holes shown of one stream, and findings shown in all. */
export const MISSING_SHOWN_MAX = 1000;
export const FINDINGS_SHOWN_MAX = 100;

export interface StreamStatus {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: number;
  /** Messages stored, each sequence once. */
  readonly stored: number;
  readonly highestSequence: number;
  /** Holes below the highest sequence, the lowest first; at most 1000. */
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Stored rows beyond one for each sequence. */
  readonly doubled: number;
}

export interface FindingStatus {
  readonly kind: string;
  readonly reason: string;
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: number;
  readonly sequence: number;
  readonly detail: string;
  readonly occurrencesCount: number;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  /** Only of a gap that was filled. */
  readonly closedAtMs: number | null;
}

export interface HubStatus {
  readonly streams: readonly StreamStatus[];
  /** The latest first; at most 100. */
  readonly findings: readonly FindingStatus[];
}

/** Reads a hub's SQLite database, also while a hub writes to it. Throws OperatorFault. */
export function readHubStatus(databasePath: string): HubStatus {
  const database = openForReading(databasePath);
  try {
    return statusOf(database);
  } finally {
    database.close();
  }
}

/** Throws OperatorFault when there is none yet. */
export function openForReading(databasePath: string): Database.Database {
  if (existsSync(databasePath)) return new Database(databasePath, { readonly: true });
  throw new OperatorFault({
    code: 'HUB_DATABASE_MISSING',
    problem: `There is no database "${databasePath}" yet.`,
    remedy: 'Start "fieldtap-hub run" with this configuration, or correct database.path.',
  });
}

/** One consistent view of streams and findings. */
export function statusOf(database: Database.Database): HubStatus {
  return database.transaction(() => ({
    streams: streamsOf(database),
    findings: findingsOf(database),
  }))();
}

/** Rows of one stream as a database counts them. */
export interface CountedStream {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: number;
  readonly stored: number;
  readonly highestSequence: number;
  readonly keys: number;
  readonly bodies: number;
}

function streamsOf(database: Database.Database): StreamStatus[] {
  const counted = database.prepare<[], CountedStream>(
    `SELECT agentId, epoch, stream, count(DISTINCT sequence) AS stored,
       max(sequence) AS highestSequence, count(*) AS keys,
       (SELECT count(*) FROM message_body AS body WHERE body.agentId = message_key.agentId
          AND body.epoch = message_key.epoch AND body.stream = message_key.stream) AS bodies
     FROM message_key GROUP BY agentId, epoch, stream ORDER BY agentId, epoch, stream`,
  );
  const missing = database.prepare<[string, number, number, number], { from: number; to: number }>(
    `SELECT previous + 1 AS "from", sequence - 1 AS "to" FROM (
       SELECT sequence, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS previous
       FROM message_key WHERE agentId = ? AND epoch = ? AND stream = ?)
     WHERE sequence > previous + 1 ORDER BY sequence LIMIT ?`,
  );
  return counted
    .all()
    .map((row) =>
      streamStatusOf(row, missing.all(row.agentId, row.epoch, row.stream, MISSING_SHOWN_MAX)),
    );
}

/** `missing`: the holes below the highest sequence. */
export function streamStatusOf(
  { agentId, epoch, stream, stored, highestSequence, keys, bodies }: CountedStream,
  missing: StreamStatus['missing'],
): StreamStatus {
  const doubled = Math.max(keys, bodies) - stored;
  return { agentId, epoch, stream, stored, highestSequence, missing, doubled };
}

function findingsOf(database: Database.Database): FindingStatus[] {
  return database
    .prepare<[number], FindingStatus>('SELECT * FROM finding ORDER BY lastSeenAtMs DESC LIMIT ?')
    .all(FINDINGS_SHOWN_MAX);
}
