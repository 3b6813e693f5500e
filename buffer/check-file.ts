/**
 * Looks at every page and every checksum of a buffer. SQLite's own check doesn't see a flipped bit
 * in a BLOB; the checksums of the rows do. Takes seconds on a large file: runs in a process of its
 * own beside a running agent (child.ts), one row a read transaction, so that the WAL can't grow.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import { troubleOf } from './buffer-fault.ts';
import { openDatabaseReadOnly } from './database.ts';
import { headChecksum } from './epochs.ts';
import { schemaVersionOf } from './migrations.ts';

/** Listed; more are only counted. */
const LISTED_MAX = 256;
const VERDICTS_MAX = 8;

export interface CheckReport {
  readonly kind: 'checked';
  readonly isGood: boolean;
  readonly schema: number;
  /** Of SQLite about its pages; empty when they are in order. */
  readonly pages: readonly string[];
  /** Heads of streams that are not what was written: the file can't go on. */
  readonly heads: number;
  /** Rows that were looked at, and rows that are no longer what was written. */
  readonly rows: Readonly<Record<string, { readonly count: number; readonly damaged: number }>>;
  /** Row ids of the damaged ones, for the agent, which takes them out. */
  readonly damaged: Readonly<Record<CheckedTable, readonly number[]>>;
}

export type CheckedTable = 'outbox' | 'observation_block' | 'evidence_block' | 'detection';

const TABLES = ['outbox', 'observation_block', 'evidence_block', 'detection'] as const;

interface Checked {
  id: number;
  content: Uint8Array;
  checksum: number | Uint8Array;
}

/** Throws OperatorFault where the file can't be opened. */
export function checkFile(path: string): CheckReport {
  const database = openDatabaseReadOnly(path);
  try {
    const pages = pagesOf(database);
    const rows: Record<string, { count: number; damaged: number }> = {};
    const damaged: Record<CheckedTable, number[]> = {
      outbox: [],
      observation_block: [],
      evidence_block: [],
      detection: [],
    };
    for (const table of TABLES) {
      if (table === 'evidence_block' && schemaVersionOf(database) < 2) continue;
      rows[table] = checkTable(database, table, damaged[table]);
    }
    const heads = headsDamaged(database);
    const isGood =
      pages.length === 0 && heads === 0 && Object.values(rows).every((row) => row.damaged === 0);
    return {
      kind: 'checked',
      isGood,
      schema: schemaVersionOf(database),
      pages,
      heads,
      rows,
      damaged,
    };
  } finally {
    database.close();
  }
}

function pagesOf(database: Database): string[] {
  try {
    // One row, named after the pragma, for each fault; one that says `ok` without any.
    const verdicts = database.pragma(`quick_check(${VERDICTS_MAX})`) as readonly Row[];
    return verdicts.map(({ quick_check: text }) => text).filter((text) => text !== 'ok');
  } catch (error) {
    if (troubleOf(error) === undefined) throw error;
    return [String(error)];
  }
}

interface Row {
  readonly quick_check: string;
}

function checkTable(
  database: Database,
  table: CheckedTable,
  damagedIds: number[],
): { count: number; damaged: number } {
  const columns = table === 'outbox' ? 'message, sha256' : 'body, crc32';
  const [content, checksum] = columns.split(', ');
  const next = database.prepare<[number], Checked>(
    `SELECT id, ${content} AS content, ${checksum} AS checksum FROM ${table}
     WHERE id > ? ORDER BY id LIMIT 1`,
  );
  let count = 0;
  let damaged = 0;
  try {
    for (let row = next.get(Number.MIN_SAFE_INTEGER); row !== undefined; row = next.get(row.id)) {
      count++;
      if (isWhatWasWritten(row)) continue;
      damaged++;
      if (damagedIds.length < LISTED_MAX) damagedIds.push(row.id);
    }
  } catch (error) {
    // A page that can't be read: SQLite's own check names it.
    if (troubleOf(error) === undefined) throw error;
    damaged++;
  }
  return { count, damaged };
}

function isWhatWasWritten({ content, checksum }: Checked): boolean {
  if (typeof checksum === 'number') return crc32(content) === checksum;
  return createHash('sha256').update(content).digest().equals(checksum);
}

function headsDamaged(database: Database): number {
  if (schemaVersionOf(database) < 2) return 0;
  try {
    return database
      .prepare<[], { lastSequence: number; lastSha256: Uint8Array; crc32: number }>(
        'SELECT lastSequence, lastSha256, crc32 FROM stream_head WHERE crc32 IS NOT NULL',
      )
      .all()
      .filter((head) => headChecksum(head.lastSequence, head.lastSha256) !== head.crc32).length;
  } catch (error) {
    if (troubleOf(error) === undefined) throw error;
    return 1;
  }
}
