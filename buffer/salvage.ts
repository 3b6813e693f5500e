/**
 * Copies what is still readable, and still what was written, from a damaged file into a new one of
 * the same schema. Takes as long as it takes: runs in a process of its own (child.ts).
 */
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import Sqlite, { type Database } from 'better-sqlite3';
import { STREAMS } from '../protocols/uplink/topics.ts';
import { troubleOf } from './buffer-fault.ts';
import { createOwnerOnly, PAGE_BYTES } from './database.ts';
import { headChecksum } from './epochs.ts';
import { messageId } from './message-id.ts';
import { migrate, SCHEMA_VERSION, schemaVersionOf } from './migrations.ts';
import { replacePageOne } from './page-one.ts';
import { scanRows } from './row-scan.ts';

type Row = Record<string, unknown>;

export interface TableSalvage {
  readonly table: string;
  readonly rows: number;
  /** Readable, but no longer what was written. */
  readonly damaged: number;
  /** Places that could not be read. */
  readonly holes: number;
}

export interface SalvageReport {
  readonly kind: 'salvaged';
  readonly tables: readonly TableSalvage[];
  readonly pageOneReplaced: boolean;
}

interface Copied {
  readonly table: string;
  readonly rowid: string;
  /** The row is what was written. */
  readonly isGood: (row: Row) => boolean;
}

// biome-ignore format: one table per line
const TABLES: readonly Copied[] = [
  { table: 'epoch',             rowid: 'ordinal', isGood: () => true },
  { table: 'outbox',            rowid: 'id',      isGood: isSignedMessage },
  { table: 'refused',           rowid: 'id',      isGood: isSignedMessage },
  { table: 'tombstone',         rowid: 'id',      isGood: () => true },
  { table: 'stored_hash',       rowid: 'id',      isGood: () => true },
  { table: 'hub_epoch',         rowid: 'ordinal', isGood: () => true },
  { table: 'detection',         rowid: 'id',      isGood: hasChecksum },
  { table: 'evidence_block',    rowid: 'id',      isGood: hasChecksum },
  { table: 'observation_block', rowid: 'id',      isGood: hasChecksum },
  { table: 'loss',              rowid: 'id',      isGood: () => true },
  { table: 'wear',              rowid: 'day',     isGood: () => true },
  { table: 'state',             rowid: 'id',      isGood: hasChecksum },
];

/** Their tables have no row id; small, so read whole or not at all. */
// biome-ignore format: one table per line
const KEYED: readonly Copied[] = [
  { table: 'stream_head', rowid: '', isGood: isHead },
  { table: 'receipt',     rowid: '', isGood: () => true },
  { table: 'counter',     rowid: '', isGood: () => true },
  { table: 'asset_note',  rowid: '', isGood: () => true },
];

/** `into` is made anew. Throws where nothing at all can be read, or `into` can't be written. */
export function salvageFile(path: string, into: string): SalvageReport {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(into + suffix, { force: true });
  createOwnerOnly(into);
  const target = new Sqlite(into);
  try {
    target.pragma(`page_size = ${PAGE_BYTES}`);
    target.pragma('auto_vacuum = INCREMENTAL');
    target.pragma('foreign_keys = OFF');
    migrate(target, into);
    const { source, pageOneReplaced } = openDamaged(path);
    try {
      const copyAll = target.transaction(() => [
        ...TABLES.map((copied) => copyTable(source, target, copied)),
        ...KEYED.map((copied) => copyKeyed(source, target, copied)),
      ]);
      const tables = copyAll();
      settleHeads(target);
      return { kind: 'salvaged', tables, pageOneReplaced };
    } finally {
      source.close();
    }
  } finally {
    target.close();
  }
}

/**
 * Each epoch gets its three heads, with what waits in it counted anew: here it may take long, in the
 * agent it must not. A head that could not be read is told by the highest message that could.
 */
function settleHeads(target: Database): void {
  const streams = STREAMS.map((stream) => `SELECT ${stream} AS stream`).join(' UNION ');
  target.exec(`
    INSERT OR IGNORE INTO stream_head (epoch, stream, lastSequence, lastSha256)
      SELECT epoch, stream, 0, zeroblob(32) FROM epoch, (${streams});
    CREATE TEMP TABLE waiting AS
      SELECT epoch, stream, count(*) AS messages, sum(bytes) AS bytes, max(sequence) AS highest
      FROM outbox GROUP BY epoch, stream;
    UPDATE stream_head SET pendingMessages = 0, pendingBytes = 0;
    UPDATE stream_head SET pendingMessages = messages, pendingBytes = bytes,
        lastSequence = max(lastSequence, highest), crc32 = NULL
      FROM waiting WHERE waiting.epoch = stream_head.epoch
        AND waiting.stream = stream_head.stream;
  `);
}

/** With a new first page where the file's own doesn't open; schemas from the newest down. */
function openDamaged(path: string): { source: Database; pageOneReplaced: boolean } {
  const found = tryOpen(path);
  if (found !== undefined) return { source: found, pageOneReplaced: false };
  for (let schema = SCHEMA_VERSION; schema > 0; schema--) {
    if (existsSync(`${path}-shm`)) rmSync(`${path}-shm`);
    replacePageOne(path, schema);
    const repaired = tryOpen(path);
    if (repaired !== undefined) return { source: repaired, pageOneReplaced: true };
  }
  throw new Error(`nothing in "${path}" can be read as a buffer`);
}

/** Undefined where no row of the table of epochs, which is never empty, can be read. */
function tryOpen(path: string): Database | undefined {
  let source: Database | undefined;
  try {
    source = new Sqlite(path, { fileMustExist: true });
    if (schemaVersionOf(source) > 0 && source.prepare('SELECT * FROM epoch').get() !== undefined) {
      return source;
    }
    source.close();
    return undefined;
  } catch (error) {
    source?.close();
    if (troubleOf(error) === undefined && !isMissingTable(error)) throw error;
    return undefined;
  }
}

/** A schema row that can't be read hides its table. */
function isMissingTable(error: unknown): boolean {
  return error instanceof Error && /no such (table|column)/.test(error.message);
}

function copyTable(source: Database, target: Database, copied: Copied): TableSalvage {
  const { table, rowid, isGood } = copied;
  const insert = insertInto(target, table);
  let rows = 0;
  let damaged = 0;
  try {
    const starts = table === 'outbox' || table === 'refused' ? messageStarts(target) : [];
    const { holes } = scanRows<Row>(source, table, rowid, starts, (row) => {
      if (isGood(row) && insert(row)) rows++;
      else damaged++;
    });
    return { table, rows, damaged, holes };
  } catch (error) {
    if (!isMissingTable(error)) throw error;
    return { table, rows, damaged, holes: 1 };
  }
}

/** Messages are numbered in runs, one for each stream and epoch; the epochs are copied first. */
function messageStarts(target: Database): number[] {
  const ordinals = target
    .prepare<[], number>('SELECT ordinal FROM epoch ORDER BY ordinal')
    .pluck()
    .all();
  return STREAMS.flatMap((stream) => ordinals.map((ordinal) => messageId(stream, ordinal, 1)));
}

function copyKeyed(source: Database, target: Database, copied: Copied): TableSalvage {
  const { table, isGood } = copied;
  const insert = insertInto(target, table);
  let rows = 0;
  let damaged = 0;
  try {
    for (const row of source.prepare<[], Row>(`SELECT * FROM ${table}`).iterate()) {
      if (isGood(row) && insert(row)) rows++;
      else damaged++;
    }
    return { table, rows, damaged, holes: 0 };
  } catch (error) {
    if (troubleOf(error) === undefined && !isMissingTable(error)) throw error;
    return { table, rows, damaged, holes: 1 };
  }
}

/** False where the row breaks a rule of the schema. Columns the schema doesn't know are left out. */
function insertInto(target: Database, table: string): (row: Row) => boolean {
  const columns = target
    .prepare<[], string>(`SELECT name FROM pragma_table_info('${table}')`)
    .pluck()
    .all();
  const marks = columns.map((column) => `@${column}`).join(', ');
  const insert = target.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`);
  return (row) => {
    try {
      insert.run(Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
      return true;
    } catch (error) {
      if (isConstraint(error)) return false;
      throw error;
    }
  };
}

function isConstraint(error: unknown): boolean {
  return (
    error instanceof Sqlite.SqliteError &&
    (error.code.startsWith('SQLITE_CONSTRAINT') || error.code === 'SQLITE_MISMATCH')
  );
}

function isSignedMessage({ message, sha256 }: Row): boolean {
  if (!(message instanceof Uint8Array && sha256 instanceof Uint8Array)) return false;
  return createHash('sha256').update(message).digest().equals(sha256);
}

function hasChecksum({ body, crc32: checksum }: Row): boolean {
  return body instanceof Uint8Array && crc32(body) === checksum;
}

function isHead({ lastSequence, lastSha256, crc32: checksum }: Row): boolean {
  if (checksum === null) return true;
  if (typeof lastSequence !== 'number' || !(lastSha256 instanceof Uint8Array)) return false;
  return headChecksum(lastSequence, lastSha256) === checksum;
}
