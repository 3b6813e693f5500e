/**
 * Opens the SQLite file so that a commit survives a power cut: WAL with `synchronous=FULL` lost 0
 * of 1,500 acknowledged rows in 60 cuts where NORMAL lost up to 1,490 (docs/benchmarks).
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { bufferFault, DamagedDatabase, troubleOf } from './buffer-fault.ts';
import { currentEpoch, headOf, STREAMS_COUNT } from './epochs.ts';
import { migrate, refuseNewerSchema, schemaVersionOf } from './migrations.ts';

export const PAGE_BYTES = 4096;
/** The WAL lives beside the database and counts against the quota. */
export const WAL_BYTES_MAX = 4 * 1024 * 1024;
const WAL_AUTOCHECKPOINT_PAGES = 512;
const BUSY_TIMEOUT_MS = 50;
/** SQLite's own cache; the messages are read once, so a large one would only cost memory. */
const CACHE_KIB = 1024;
/** A larger file is checked by a child process later: 8 MiB take 20 ms, 1 GiB seconds. */
const CHECK_BYTES_MAX = 8 * 1024 * 1024;
const MODE_OWNER_ONLY = 0o600;

export interface OpenedDatabase {
  readonly database: Database;
  /** Where a damaged predecessor was put; absent when there was none. */
  readonly quarantinedPath?: string;
}

/** `must`: the damage was met at work, where an open may not see it. */
export type Quarantine = 'may' | 'must' | 'mayNot';

/** Greatest number of pages the quota allows, beside the WAL. */
export function pagesMaxOf(quotaMiB: number): number {
  return Math.floor((quotaMiB * 1024 * 1024 - WAL_BYTES_MAX) / PAGE_BYTES);
}

/**
 * Opens for writing, creates where there is none. A damaged file is renamed to
 * `PATH.quarantined-TIME` together with its WAL, and a new one begins. Throws OperatorFault.
 */
export function openDatabase(
  path: string,
  quotaMiB: number,
  nowMs: number,
  quarantine: Quarantine,
): OpenedDatabase {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    try {
      if (quarantine === 'must' && existsSync(path)) throw new DamagedDatabase('found at work');
      return { database: openChecked(path, quotaMiB) };
    } catch (error) {
      if (troubleOf(error) !== 'damaged' || quarantine === 'mayNot') throw error;
      const quarantinedPath = setAside(path, nowMs);
      return { database: openChecked(path, quotaMiB), quarantinedPath };
    }
  } catch (error) {
    throw bufferFault(error, path);
  }
}

/** For commands without a running agent. Throws OperatorFault. */
export function openDatabaseReadOnly(path: string): Database {
  checkReadable(path);
  try {
    const database = new Sqlite(path, { readonly: true, fileMustExist: true });
    try {
      database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
      refuseNewerSchema(database, path);
      if (schemaVersionOf(database) === 0) throw missingFault(path);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw bufferFault(error, path);
  }
}

/**
 * SQLite gives the WAL and the shared memory the mode of the database file. A file that exists is
 * not touched: closing any descriptor of it would drop the locks that this process holds on it.
 */
export function createOwnerOnly(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', MODE_OWNER_ONLY));
}

function openChecked(path: string, quotaMiB: number): Database {
  createOwnerOnly(path);
  const database = new Sqlite(path);
  try {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.pragma(`cache_size = -${CACHE_KIB}`);
    if (schemaVersionOf(database) === 0) {
      // Both only take effect before the first table.
      database.pragma(`page_size = ${PAGE_BYTES}`);
      database.pragma('auto_vacuum = INCREMENTAL');
    }
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma(`wal_autocheckpoint = ${WAL_AUTOCHECKPOINT_PAGES}`);
    database.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`);
    // Kept by the connection, not by the file: it has to be set at every open.
    database.pragma(`max_page_count = ${pagesMaxOf(quotaMiB)}`);
    refuseNewerSchema(database, path);
    check(database, path);
    migrate(database, path);
    checkHeads(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function check(database: Database, path: string): void {
  if (schemaVersionOf(database) === 0 || statSync(path).size > CHECK_BYTES_MAX) return;
  const verdict = database.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw new DamagedDatabase(String(verdict));
}

/** The heads decide what is signed next: a flipped bit in one of them is a damaged file. */
function checkHeads(database: Database): void {
  const epoch = currentEpoch(database);
  for (let stream = 1; epoch !== undefined && stream <= STREAMS_COUNT; stream++) {
    headOf(database, epoch.epoch, stream);
  }
}

function setAside(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(':', '').replace('.', '');
  const target = unusedPath(`${path}.quarantined-${stamp}`);
  renameSync(path, target);
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  }
  return target;
}

function unusedPath(wanted: string): string {
  let path = wanted;
  for (let number = 2; existsSync(path); number++) path = `${wanted}-${number}`;
  return path;
}

/** A folder that is closed to this user is not an empty one. */
function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'EACCES') throw missingFault(path);
    throw new OperatorFault({
      code: 'BUFFER_UNOPENABLE',
      problem: `This user may not read the buffer "${path}".`,
      remedy: 'Run it as the user of the agent, or as root.',
      cause,
    });
  }
}

function missingFault(path: string): OperatorFault {
  return new OperatorFault({
    code: 'BUFFER_MISSING',
    problem: `There is no buffer at "${path}".`,
    remedy: 'Check buffer.path in the configuration; "fieldtap run" makes the file.',
  });
}
