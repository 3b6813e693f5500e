/** Gives pages that nobody uses back to the disk, while no agent runs: one process writes. */
import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { bufferFault } from './buffer-fault.ts';
import { openDatabaseReadOnly } from './database.ts';
import { WriterLock } from './writer-lock.ts';

export interface CompactReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Throws OperatorFault: BUFFER_MISSING, BUFFER_IN_USE and what the disk says. */
export function compactFile(path: string): CompactReport {
  openDatabaseReadOnly(path).close();
  const lock = new WriterLock(path);
  try {
    const database = new Sqlite(path, { fileMustExist: true });
    try {
      const bytesBefore = bytesOf(path);
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.pragma('incremental_vacuum');
      database.pragma('wal_checkpoint(TRUNCATE)');
      return { bytesBefore, bytesAfter: bytesOf(path) };
    } finally {
      database.close();
    }
  } catch (error) {
    throw bufferFault(error, path);
  } finally {
    lock.release();
  }
}

function bytesOf(path: string): number {
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
}
